"""The authority when things go wrong around it: races, clocks, damaged files, backups that are older than the world."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from tls_requests import WallClock, key, request

from telemetry.authority import Authority
from telemetry.errors import BrokerError, ClaimCodeError, TelemetryError, ThrottledError

H01, H02 = "osb-h01", "osb-h02"


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "authority"


@pytest.fixture
def authority(folder: Path, clock: WallClock) -> Iterator[Authority]:
    made = Authority(folder, clock)
    yield made
    made.close()


def crl(folder: Path) -> x509.CertificateRevocationList:
    return x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())


def listed(folder: Path) -> set[str]:
    return {f"{each.serial_number:x}" for each in crl(folder)}


def enrol(authority: Authority, osb: str = H01) -> str:
    """Enrol a box; returns the serial of its certificate."""
    given = authority.enrol(osb, authority.claim(osb).code, request(osb))
    return f"{x509.load_pem_x509_certificate(given.certificate.encode()).serial_number:x}"


# --- claim codes


def test_of_many_who_come_with_one_code_at_once_one_is_given_a_certificate(authority: Authority) -> None:
    code = authority.claim(H01).code
    requests = [request(H01) for _ in range(8)]

    def come(asked: bytes) -> bool:
        try:
            authority.enrol(H01, code, asked)
        except (ClaimCodeError, ThrottledError):
            return False
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(come, requests)) == 1
    assert len(authority.certificates()) == 1


def test_a_code_that_is_replaced_while_it_is_used_does_not_use_up_the_new_one(folder: Path, clock: WallClock) -> None:
    meanwhile: list[Callable[[], None]] = []
    codes: list[str] = []

    def claimed(_: str) -> None:  # asked between the look at the code and its use
        if meanwhile:
            meanwhile.pop()()

    authority = Authority(folder, clock, claimed=claimed)
    first = authority.claim(H01).code
    meanwhile.append(lambda: codes.append(authority.claim(H01).code))

    with pytest.raises(ClaimCodeError, match="was used or replaced a moment ago"):
        authority.enrol(H01, first, request(H01))

    assert authority.certificates() == []
    assert authority.enrol(H01, codes[0], request(H01))
    authority.close()


def test_a_code_that_nobody_has_used_yet_can_be_revoked(authority: Authority) -> None:
    code = authority.claim(H01).code

    assert authority.revoke(H01) == []

    with pytest.raises(ClaimCodeError):
        authority.enrol(H01, code, request(H01))


def test_a_code_of_what_is_no_character_is_a_wrong_code(authority: Authority) -> None:
    authority.claim(H01)

    with pytest.raises(ClaimCodeError):
        authority.enrol(H01, "\ud800", request(H01))


def test_who_is_replaced_has_its_certificate_even_if_the_broker_fails(folder: Path, clock: WallClock) -> None:
    def fails(_: str) -> None:
        raise BrokerError("the broker is away")

    authority = Authority(folder, clock, on_revoked=fails)
    old = enrol(authority)

    assert enrol(authority)
    assert listed(folder) == {old}
    authority.close()


# --- clocks


def test_many_lists_in_a_moment_are_none_of_the_future(authority: Authority, folder: Path, clock: WallClock) -> None:
    """OpenSSL refuses everybody by a list from the future: two hundred boxes revoked at once are four hundred lists."""
    enrol(authority)
    for _ in range(400):
        authority.revoke(H01)

    assert crl(folder).last_update_utc < clock()


def test_a_list_written_before_the_clock_was_set_back_locks_nobody_out(authority: Authority, folder: Path, clock: WallClock) -> None:
    serial = enrol(authority)
    clock.ahead = timedelta(days=30)
    authority.revoke(H01)
    clock.ahead = timedelta(0)
    assert crl(folder).last_update_utc > clock()

    other = enrol(authority, H02)
    authority.revoke(H02)

    assert crl(folder).last_update_utc < clock()
    assert listed(folder) == {serial, other}


@pytest.mark.parametrize("days", [-3, 3651])
def test_an_authority_outside_its_time_says_so(authority: Authority, folder: Path, clock: WallClock, days: int) -> None:
    """Founded while the clock was wrong, or ten years ago: nobody would believe it, and TLS doesn't say why."""
    del authority
    clock.ahead = timedelta(days=days)

    with pytest.raises(BrokerError, match=r"ca\.pem holds from .* and the clock of this machine says .*; set the clock right"):
        Authority(folder, clock)


def test_failures_noted_before_the_clock_was_set_back_hold_nobody_up(authority: Authority, clock: WallClock) -> None:
    clock.ahead = timedelta(days=1)
    for _ in range(5):
        with pytest.raises(ClaimCodeError):
            authority.enrol(H01, "GUESS", request(H01))
    clock.ahead = timedelta(0)

    with pytest.raises(ClaimCodeError):  # not throttled
        authority.enrol(H01, "GUESS", request(H01))


# --- files


def test_a_folder_into_which_others_can_write_is_refused(folder: Path, clock: WallClock) -> None:
    folder.mkdir()
    folder.chmod(0o770)

    with pytest.raises(BrokerError, match=r"other users can put files into .*authority \(mode 770\); close it with: chmod 700"):
        Authority(folder, clock)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ca.pem", r"ca\.pem holds no certificate .*; restore it from a backup"),
        ("ca.key", r"ca\.key holds no private key that can be read .*; restore it from a backup"),
        ("issued.sqlite", r"the register of certificates .*issued\.sqlite can't be read .*; restore it from a backup"),
    ],
)
def test_a_damaged_file_is_named(folder: Path, clock: WallClock, name: str, sentence: str) -> None:
    Authority(folder, clock).close()
    (folder / name).write_bytes(b"damaged " * 1000)

    with pytest.raises(BrokerError, match=sentence):
        Authority(folder, clock)


def test_a_damaged_list_is_written_anew_from_the_register(folder: Path, clock: WallClock) -> None:
    authority = Authority(folder, clock)
    serial = enrol(authority)
    authority.revoke(H01)
    authority.close()
    (folder / "crl.pem").write_bytes(b"damaged")

    Authority(folder, clock).close()

    assert listed(folder) == {serial}


def test_a_link_in_the_place_of_a_file_is_replaced_and_what_it_points_to_left_alone(
    authority: Authority, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (folder / "crl.pem").unlink()
    (folder / "crl.pem").symlink_to(outside)

    enrol(authority)
    authority.revoke(H01)

    assert outside.read_text() == "mine"
    assert not (folder / "crl.pem").is_symlink()


def test_what_a_killed_process_left_half_written_is_swept_away(folder: Path, clock: WallClock) -> None:
    Authority(folder, clock).close()
    child = subprocess.Popen(["true"])
    child.wait()
    dead, alive = folder / f".ca.key.{child.pid}", folder / f".crl.pem.{os.getppid()}"
    for each in (dead, alive):
        each.write_bytes(b"half")

    Authority(folder, clock).close()

    assert (dead.exists(), alive.exists()) == (False, True)


# --- backups


def test_a_copy_of_the_register_while_it_is_open_holds_everything(authority: Authority, folder: Path, tmp_path: Path) -> None:
    serial = enrol(authority)

    shutil.copy(folder / "issued.sqlite", tmp_path / "copy.sqlite")

    copy = sqlite3.connect(tmp_path / "copy.sqlite")
    assert copy.execute("select serial from certificate").fetchall() == [(serial,)]
    copy.close()


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "older"])
def test_what_is_revoked_stays_so_with_a_register_that_does_not_know_it(
    folder: Path, clock: WallClock, tmp_path: Path, lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(folder, clock)
    shutil.copy(folder / "issued.sqlite", tmp_path / "backup.sqlite")
    serial = enrol(authority)
    authority.revoke(H01)
    authority.close()
    (folder / "issued.sqlite").unlink()
    if not lost:
        shutil.copy(tmp_path / "backup.sqlite", folder / "issued.sqlite")

    again = Authority(folder, clock)
    other = enrol(again, H02)
    again.revoke(H02)

    assert listed(folder) == {serial, other}
    assert ("is gone and begun anew" in caplog.text) is lost
    again.close()


def test_the_list_of_another_authority_is_not_carried_over(folder: Path, clock: WallClock, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", clock)
    enrol(other)
    other.revoke(H01)
    other.close()
    Authority(folder, clock).close()
    shutil.copy(tmp_path / "other" / "crl.pem", folder / "crl.pem")

    Authority(folder, clock).close()

    assert listed(folder) == set()


def test_a_canary_is_on_every_list_from_then_on_and_among_no_boxes_certificates(
    authority: Authority, folder: Path, tmp_path: Path, clock: WallClock
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = authority.canary(tmp_path / "a")
    serial = f"{x509.load_pem_x509_certificate(first.certificate.read_bytes()).serial_number:x}"
    authority.canary(tmp_path / "b")

    assert serial in listed(folder)
    assert authority.certificates() == []
    clock.ahead = timedelta(minutes=11)
    enrol(authority)
    authority.revoke(H01)
    assert serial not in listed(folder)


def test_the_server_certificate_follows_the_names_and_does_not_change_without_need(authority: Authority, clock: WallClock) -> None:
    names = ["2001:db8::7", "MQTT.Coop.Example", "::1", "0:0:0:0:0:0:0:1"]
    first = authority.server_files(names).certificate.read_bytes()

    assert authority.server_files(list(reversed(names))).certificate.read_bytes() == first
    assert authority.server_files(names[:2]).certificate.read_bytes() != first


def test_an_unclaimed_box_keeps_its_code(folder: Path, clock: WallClock) -> None:
    """A refusal after the code was looked at must not use it up."""
    free = [False]

    def claimed(osb: str) -> None:
        if not free[0]:
            raise TelemetryError(f"{osb}: nobody has claimed it")

    authority = Authority(folder, clock, claimed=claimed)
    free[0] = True
    code = authority.claim(H01).code
    free[0] = False
    with pytest.raises(TelemetryError, match="nobody has claimed it"):
        authority.enrol(H01, code, request(H01, key()))
    free[0] = True

    assert authority.enrol(H01, code, request(H01))
    authority.close()
