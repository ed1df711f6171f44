"""A box from its claim code to its revocation, as installer and operator see it; and the demo over TLS."""

import shutil
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from patience import PATIENCE_S
from servers import require
from tls_clients import Guest
from tls_requests import WallClock, key, request, save

import settings
from service import Platform
from telemetry.authority import Authority
from telemetry.broker import mosquitto_program, start_broker
from telemetry.revocation import knock
from telemetry.tls import ServerTls, TlsFiles

pytestmark = pytest.mark.journey
SAME = ("readings", "triples", "asked_kwh", "promised_kwh", "delivered_kwh", "paid_eur", "income_eur", "members_paid", "refused")


@pytest.fixture(autouse=True)
def _mosquitto() -> None:
    require(mosquitto_program() is not None, "mosquitto is not installed")


def test_a_box_is_claimed_enrolled_and_revoked(played, serve, flex, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(played.folder, folder)
    site = serve(folder=folder, FLEX_BROKER_SECURITY="tls")
    site.wait_until(lambda state: bool(state["telemetry"].get("connected")))
    private = key()

    code = flex("claim", "osb-h01", env=site.env)["code"]
    body = {"osb": "osb-h01", "code": code, "csr": request("osb-h01", private).decode()}
    given = httpx.post(f"{site.url}/api/enrol", json=body, timeout=PATIENCE_S).json()
    again = httpx.post(f"{site.url}/api/enrol", json=body, timeout=PATIENCE_S)
    (tmp_path / "ca.pem").write_text(given["ca"])
    files: TlsFiles = save(tmp_path / "box", tmp_path / "ca.pem", private, given["certificate"])
    port = given["broker"]["port"]
    guest = Guest(port, files)
    listed = flex("certificates", env=site.env)["certificates"]

    assert (again.status_code, given["broker"]["host"], guest.let_in) == (403, "127.0.0.1", True)
    assert [(each["osb"], each["state"]) for each in listed] == [("osb-h01", "valid")]
    assert listed[0]["notAfter"] == given["notAfter"]

    answer = flex("revoke", "osb-h01", env=site.env)

    assert guest.ended.wait(PATIENCE_S)
    assert (answer["revoked"], answer["effective"]) == ([listed[0]["serial"]], "now")
    assert not knock("127.0.0.1", port, files, "osb-h01")
    assert flex("certificates", env=site.env)["certificates"][0]["state"] == "revoked"
    assert site.health()["telemetry"]["connected"]
    guest.stop()


def test_a_box_that_nobody_has_claimed_gets_no_code(played, flex, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(played.folder, folder)
    env = {"FLEX_DATA_DIR": str(folder), "FLEX_BROKER_SECURITY": "tls"}

    assert "nobody has claimed it" in flex("claim", "osb-h99", env=env, expect=1)["error"]
    assert "is not the identifier of an OSB" in flex("claim", "osb-#", env=env, expect=1)["error"]
    assert "FLEX_BROKER_SECURITY=loopback" in flex("claim", "osb-h01", env={"FLEX_DATA_DIR": str(folder)}, expect=1)["error"]


def test_the_demo_has_the_same_figures_over_tls(played, flex, tmp_path: Path) -> None:
    given = ("--days", str(played.figures["days"]), "--homes", str(played.figures["homes"]), "--seed", str(played.figures["seed"]))

    figures = flex("demo", *given, "--keep", str(tmp_path), env={"FLEX_BROKER_SECURITY": "tls"})

    assert {name: figures[name] for name in SAME} == {name: played.figures[name] for name in SAME}
    boxes = sorted(file.stem for file in (tmp_path / "demo" / "certificates").glob("osb-*.pem"))
    assert len(boxes) == played.figures["homes"] + 1  # the feed, too
    assert ssl.PEM_cert_to_DER_cert((tmp_path / "authority" / "ca.pem").read_text())


def test_a_broker_of_ones_own_has_a_certificate_for_its_names_and_boxes_are_told_the_first(played, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(played.folder, folder)
    authority = Authority(folder / "authority", WallClock())
    own = start_broker("127.0.0.1", 0, tmp_path / "own", tls=ServerTls(authority.server_files(), authority.crl))
    authority.close()
    given = {"FLEX_BROKER": f"127.0.0.1:{own.port}", "FLEX_BROKER_SECURITY": "tls", "FLEX_BROKER_NAMES": "mqtt.coop.example"}
    platform = Platform(settings.load(given | {"FLEX_DATA_DIR": str(folder)}), WallClock())
    try:
        platform.connect()
        _, host, port = platform.boxes.enrol("osb-h01", platform.boxes.claim("osb-h01").code, request("osb-h01"))
        revoked, effective = platform.boxes.revoke("osb-h01")
        san = x509.load_pem_x509_certificate((folder / "authority" / "server.pem").read_bytes()).extensions
        names = {str(each.value) for each in san.get_extension_for_class(x509.SubjectAlternativeName).value}
    finally:
        platform.close()
        own.stop()

    assert (host, port, len(revoked)) == ("mqtt.coop.example", own.port, 1)
    assert effective == f"when the broker at 127.0.0.1 has read {folder / 'authority' / 'crl.pem'} again"
    assert names == {"mqtt.coop.example", "127.0.0.1", "localhost", "::1"}
