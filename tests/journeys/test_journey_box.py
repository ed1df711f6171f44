"""From an empty machine to a reading: files and commands of docs/osb.md, run as they stand but for the ports."""

import json
import os
import re
import shlex
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import paho.mqtt.client as mqtt
import pytest
from conftest import FLEX
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion
from patience import PATIENCE_S
from servers import ROOT, Child, free_port, listens, require, start

from devices.transports import open_device
from mappers.profile import load
from telemetry.authority import Authority
from telemetry.broker import mosquitto_program

pytestmark = pytest.mark.journey
MINUTE = timedelta(minutes=1)
DEVICES = ("sunspec_pv-inverter", "eastron_sdm630", "shelly_plus-plug-s", "generic_sgready-heat-pump")
PORTS = ("8080", "8883", "1502", "1503", "1504", "1884")
DOUBTFUL = "?flag fc:flagOf ?day ; fc:offset ?offset ; fc:reason ?reason"


class Page:
    """The section of docs/osb.md, with free ports in the place of its own."""

    def __init__(self) -> None:
        text = (ROOT / "docs" / "osb.md").read_text(encoding="utf-8")
        text = text.split("## From an empty machine to a reading")[1].split("\n## ")[0]
        self.ports = {port: free_port() for port in PORTS}
        text = re.sub("|".join(rf"\b{port}\b" for port in PORTS), lambda found: str(self.ports[found[0]]), text)
        self._blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
        self.commands = [line.split("  #")[0].strip() for kind, block in self._blocks if kind == "sh" for line in block.splitlines()]

    def file(self, kind: str) -> str:
        (found,) = (block for each, block in self._blocks if each == kind)
        return found

    def command(self, begin: str) -> list[str]:
        """The one command that begins so, as a list that can be started."""
        (found,) = (each for each in self.commands if each.startswith(begin))
        words = shlex.split(found.removesuffix("&"))
        programs = {"flex": FLEX, "python": [sys.executable], "mosquitto": [mosquitto_program() or "mosquitto"]}
        return [*programs[words[0]], *words[1:]]


class Journey:
    """What the test of this page has at hand."""

    def __init__(self, folder: Path, page: Page, flex: Callable, env: dict[str, str]) -> None:
        self.folder, self.page, self.env, self._flex = folder, page, env, flex
        self.children: list[Child] = []

    def flex(self, begin: str, *, expect: int = 0, **placeholders: str) -> dict:
        """Run a command of the page to its end."""
        words = [placeholders.get(word, word) for word in self.page.command(begin)[len(FLEX) :]]
        words = [str(self.folder / word) if word in ("facts.trig", "box.toml") else word for word in words]
        return self._flex(*words, env=self.env, expect=expect)

    def begin(self, begin: str) -> Child:
        """Start a command of the page in the background."""
        words = [str(self.folder / word) if word == "box.toml" else word for word in self.page.command(begin)]
        self.children.append(start(words, env=self.env))
        return self.children[-1]

    def slots(self, channel: str) -> dict[datetime, Decimal]:
        """What the store holds of a channel, by the beginning of the interval."""
        found = self.asked(
            f"SELECT ?date ?slot ?value WHERE {{ ?day fc:forProperty <{self.id(channel)}> ; fc:day ?date ; ?slot ?value "
            "FILTER STRSTARTS(STR(?slot), STR(slot:)) }"
        )
        return {_begin(row["date"], row["slot"].rsplit("/s", 1)[1]): Decimal(row["value"]) for row in found}

    def reasons(self, channel: str) -> dict[datetime, set[str]]:
        """What is doubted of a channel, by interval."""
        found = self.asked(
            f"SELECT ?date ?offset ?end ?reason WHERE {{ ?day fc:forProperty <{self.id(channel)}> ; fc:day ?date . {DOUBTFUL} "
            "OPTIONAL { ?flag fc:endOffset ?end } }"
        )
        doubts: dict[datetime, set[str]] = {}
        for row in found:
            begin, end = int(row["offset"]), int(row.get("end") or int(row["offset"]) + 60)
            for offset in range(begin, end, 60):
                doubts.setdefault(_begin(row["date"], str(offset)), set()).add(row["reason"].rsplit("/", 1)[1])
        return doubts

    @property
    def headers(self) -> dict[str, str]:
        """What the platform's operator carries."""
        return {"Authorization": f"Bearer {(self.folder / 'platform' / 'operator.token').read_text(encoding='ascii').strip()}"}

    def asked(self, query: str) -> list[dict[str, str]]:
        """Ask the endpoint as `flex query` does, in this process."""
        asked = urllib.request.Request(
            f"{self.env['FLEX_BASE']}/sparql?{urlencode({'query': query})}",
            headers={"Accept": "application/sparql-results+json", **self.headers},
        )
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
            bindings = json.load(answer)["results"]["bindings"]
        return [{name: cell["value"] for name, cell in row.items()} for row in bindings]

    def heard(self) -> bool:
        """Whether the platform knows the box's channels."""
        return bool(self.asked(f"SELECT ?at WHERE {{ <{self.id('osb/h01')}> fc:claimedBy ?owner . ?at a fc:Channel }} LIMIT 1"))

    def dispatch(self, limit_kw: float, seconds: int) -> None:
        """Send an instruction as a second process of the platform."""
        authority = Authority(self.folder / "platform" / "authority", now)
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="flexcoop-platform-1", protocol=mqtt.MQTTv311)
        client.tls_set_context(authority.platform_files("flexcoop-platform-1").client_context())
        authority.close()
        client.connect("127.0.0.1", self.page.ports["8883"])
        client.loop_start()
        begin = now()
        body = {
            "instruction": self.id("instruction/i1"),
            "event": self.id("event/e1"),
            "device": self.id("device/h01-pv"),
            "start": begin.isoformat(),
            "end": (begin + timedelta(seconds=seconds)).isoformat(),
            "step": "PT15M",
            "notAfter": (begin + timedelta(seconds=seconds)).isoformat(),
            "limit": [limit_kw],
        }
        client.publish("flexcoop/osb/osb-h01/dispatch", json.dumps(body), qos=1).wait_for_publish(20)
        client.disconnect()
        client.loop_stop()

    def id(self, path: str) -> str:
        return f"{self.env['FLEX_BASE']}/id/{path}"


def now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _begin(date: str, offset: str) -> datetime:
    return datetime.fromisoformat(date).replace(tzinfo=UTC) + timedelta(seconds=int(offset))


@pytest.fixture
def page() -> Page:
    require(mosquitto_program() is not None, "mosquitto is not installed")
    return Page()


@pytest.fixture
def journey(tmp_path: Path, page: Page, flex, serve) -> Iterator[Journey]:
    settings = {
        "FLEX_BASE": f"http://127.0.0.1:{page.ports['8080']}",
        "FLEX_HTTP_PORT": str(page.ports["8080"]),
        "FLEX_BROKER_SECURITY": "tls",
        "FLEX_BROKER_PORT": str(page.ports["8883"]),
        "FLEX_BROKER_CERTIFICATE_DAYS": "1",  # so that the first one is due for renewal at once
    }
    (tmp_path / "facts.trig").write_text(page.file("trig"), encoding="utf-8")
    (tmp_path / "box.toml").write_text(page.file("toml"), encoding="utf-8")
    site = serve(folder=tmp_path / "platform", **settings)
    site.wait_until(lambda state: bool(state["telemetry"].get("connected")), 60)
    made = Journey(tmp_path, page, flex, site.env)
    yield made
    for child in made.children:
        if child.process.poll() is None:
            child.process.send_signal(signal.SIGCONT)  # one that was halted could not end
    for child in reversed(made.children):
        child.stop()


def until(done: Callable[[], bool], what: str | Callable[[], str], timeout_s: float = PATIENCE_S) -> None:
    """Wait for something; asked no more than twice a second, as a device has others to answer, too."""
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.5)


def serial(file: Path) -> int:
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def restart_platform(journey: Journey, serve, **settings: str) -> None:
    """Have the platform end in good order, and start it with other settings."""
    ports, folder = journey.page.ports, journey.folder / "platform"
    os.kill(json.loads((folder / "platform.json").read_text())["pid"], signal.SIGTERM)
    until(lambda: not listens(ports["8080"]) and not listens(ports["8883"]), "the platform and its broker did not stop")
    journey.env |= settings
    site = serve(folder=folder, **{name: value for name, value in journey.env.items() if name != "FLEX_DATA_DIR"})
    site.wait_until(lambda state: bool(state["telemetry"].get("connected")), 60)


def test_from_an_empty_machine_to_a_reading_and_to_the_revocation(journey: Journey, page: Page, serve, tmp_path: Path) -> None:
    begun = time.monotonic()
    home = journey.begin("mosquitto")
    home.wait_until(lambda: listens(page.ports["1884"]))
    devices = {name: journey.begin(f"python -m devices.simulators.wire {name}") for name in DEVICES}
    assert journey.flex("flex load")["ok"]
    until(
        lambda: all("listens at" in device.output for device in devices.values()), lambda: str([each.output for each in devices.values()])
    )

    code = journey.flex("flex claim")["code"]
    enrolled = journey.flex("flex osb --config box.toml --enrol", CODE=code)
    assert "remedy" not in enrolled, enrolled
    assert (tmp_path / "box" / "box.key").stat().st_mode & 0o777 == 0o600
    rows = journey.flex("flex osb --config box.toml --check")["rows"]
    shown = {(row["device"], row["point"]): row["value"] for row in rows}
    assert (shown["pv", "activePower"], shown["meter", "activePower"]) == ("6000", "-4200")

    # The platform gives longer certificates from now on, so that the box's is nearly over; it renews, and stops in good order.
    certificate = tmp_path / "box" / "box.pem"
    first = serial(certificate)
    restart_platform(journey, serve, FLEX_BROKER_CERTIFICATE_DAYS="90")
    devices["generic_sgready-heat-pump"].process.send_signal(signal.SIGSTOP)  # it hangs: takes connections, and says nothing
    box = journey.begin("flex osb --config box.toml &")
    until(lambda: serial(certificate) != first, lambda: f"no renewal:\n{box.output}")
    box.stop(20)
    assert box.process.returncode == 0, box.output
    assert "the certificate is renewed" in box.output

    # It starts again within the minute, with the new certificate, and obeys.
    box = journey.begin("flex osb --config box.toml &")
    inverter = open_device(
        load(ROOT / "devices" / "profiles" / "sunspec_pv-inverter").fitted({"ratedPower": Decimal(10)}),
        {"host": "127.0.0.1", "port": page.ports["1502"]},
    )
    box.wait_until(lambda: journey.heard())
    journey.dispatch(limit_kw=2.5, seconds=15)
    until(lambda: inverter.read_back("powerLimit") == Decimal("2.5"), lambda: f"no limit:\n{box.output}")
    limited = now()
    until(lambda: inverter.read_back("powerLimit") == Decimal(10), lambda: f"no rest:\n{box.output}")
    inverter.close()

    # The first minute that nothing disturbs.
    whole = now().replace(second=0, microsecond=0) + MINUTE
    power = ("device/h01-pv#activePower", "connection/h01#activePower", "device/h01-plug#activePower")
    hung = "device/h01-heatpump#activePower"
    until(lambda: all(whole in journey.slots(channel) for channel in power), lambda: f"no readings of {whole}:\n{box.output}")

    assert [journey.slots(channel)[whole] for channel in power] == [Decimal(6), Decimal("-4.2"), Decimal("0.35")]
    fed_in = journey.slots("connection/h01#exportedEnergy")[whole]
    assert 0 < fed_in <= Decimal("4.2") * Decimal(time.monotonic() - begun) / 3600  # kWh
    assert 0 < journey.slots("device/h01-pv#producedEnergy")[whole] <= 6 * Decimal(time.monotonic() - begun) / 3600
    assert journey.slots("connection/h01#frequency")[whole] == 50
    assert [whole in journey.reasons(channel) for channel in power] == [False] * 3
    until(lambda: whole in journey.reasons(hung), lambda: f"no flag of {whole}:\n{box.output}")  # said a little later: it was waited for
    assert journey.reasons(hung)[whole] == {"DeviceUnreachable"}
    assert whole not in journey.slots(hung)
    produced = journey.slots(power[0])
    assert min(value for at, value in produced.items() if limited - MINUTE < at < whole) < 6, (limited, produced, box.output)
    assert journey.asked("SELECT ?flag WHERE { ?flag fc:reason fcv:Superseded }") == []
    assert "report/i1/Succeeded" in box.output  # and refused, as the platform knows no such campaign

    (shown_box,) = journey.flex("flex health")["boxes"]
    assert (shown_box["osb"], shown_box["channels"]) == ("osb-h01", 26)
    assert shown_box["last_seen"] is not None
    assert shown_box["flags"]["DeviceUnreachable"] > 0
    latest = {row["channel"]: row["value"] for row in journey.flex("flex query")["rows"]}
    assert latest[journey.id("device/h01-pv#activePower")] == "6"

    journey.flex("flex revoke")
    until(lambda: "refuses the certificate (certificate revoked)" in box.output, lambda: box.output)
    assert box.process.poll() is None  # it goes on measuring: its owner may have it enrolled again
