"""What can't be right is refused with its sentence, listed, and nothing else is disturbed."""

import json
import threading

import paho.mqtt.client as mqtt
import pytest
from patience import PATIENCE_S, wait_for

pytestmark = pytest.mark.journey
CONTEXT = ["https://w3id.org/flexcoop/context/v1.jsonld", {"@base": "http://127.0.0.1:8080/id/"}]
AT = "2016-08-17T07:00:00Z"


class Box:
    """A plain MQTT client that speaks for one home's box."""

    def __init__(self, port: int, identifier: str) -> None:
        self.identifier, self.acks, self._news = identifier, {}, threading.Condition()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"test-{identifier}")
        self.client.on_message = self._heard
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(f"flexcoop/osb/{identifier}/ack", qos=1)
        self.client.loop_start()

    def _heard(self, _client, _data, message) -> None:
        ack = json.loads(message.payload)
        with self._news:
            self.acks[ack["message"]] = ack
            self._news.notify_all()

    def send(self, number: int, readings: list[dict] | None = None, payload: bytes | None = None, context: object = CONTEXT) -> dict:
        """Publish and wait for the acknowledgement."""
        name = f"http://127.0.0.1:8080/id/message/{self.identifier}/test-{number}"
        body = {
            "@context": context,
            "@id": name,
            "@type": "Message",
            "madeBy": "osb/" + self.identifier.removeprefix("osb-"),
            "readings": readings,
        }
        self.client.publish(f"flexcoop/osb/{self.identifier}/telemetry", payload or json.dumps(body), qos=1)
        with self._news:
            assert self._news.wait_for(lambda: name in self.acks, PATIENCE_S), "no acknowledgement"
        return self.acks[name]

    def close(self) -> None:
        self.client.loop_stop()
        self.client.disconnect()


@pytest.fixture
def box(site):
    config = json.loads((site.folder / "demo" / "neighbourhood.json").read_text())
    made = Box(config["broker"]["port"], "osb-h01")
    yield made
    made.close()


def _reading(**changes: object) -> dict:
    return {"@type": "Observation", "observes": "connection/h01#activePower", "at": AT, "value": "1.25", "unit": "unit:KiloW"} | changes


@pytest.mark.parametrize(
    ("number", "changes", "words"),
    [
        (1, {"unit": "unit:DEG_C"}, "DEG_C"),
        (2, {"at": "2016-08-17T07:15:00"}, "2016-08-17T07:15:00"),
        (3, {"observes": "connection/h01#nothing"}, "is not a channel that any OSB has described"),
        (4, {"value": "much"}, "much"),
        (5, {"observes": "connection/h02#activePower"}, "h02"),
    ],
    ids=["unit", "naive", "unknown", "garbage", "foreign"],
)
def test_reading_that_cannot_be_is_refused_and_listed(site, box, number, changes, words):
    good = _reading(at=f"2016-08-17T08:{15 * (number % 4):02d}:00Z", observes="site/h01#loadPower")
    ack = box.send(number, [good, _reading(**changes)])

    assert len(ack["refused"]) == 1
    assert words in ack["refused"][0]["sentence"]
    assert ack["accepted"] <= 1  # the good one, unless another case has sent that quarter-hour before
    assert any(ack["refused"][0]["sentence"] in row["sentence"] for row in site.get("/-/refused"))


def test_remote_context_is_refused_unfetched(site, box):
    before = len(site.get("/-/refused"))
    body = {"@context": "http://127.0.0.1:9/evil.jsonld", "@id": "http://127.0.0.1:8080/id/message/osb-h01/evil", "readings": []}
    box.client.publish("flexcoop/osb/osb-h01/telemetry", json.dumps(body), qos=1)
    wait_for(lambda: len(site.get("/-/refused")) > before, "not listed")

    assert "http://127.0.0.1:9/evil.jsonld" in site.get("/-/refused")[0]["sentence"]


def test_contract_that_ends_before_it_starts_is_refused_with_its_sentence(flex, tmp_path):
    from kg.iris import Iris
    from scenario.cooperative import contract, plan

    quads = contract(plan(1, 1)[0], Iris("http://127.0.0.1:8080"))
    file = tmp_path / "contract.nt"
    text = "\n".join(f"{quad.triple} ." for quad in quads)
    file.write_text(text.replace("2017-07-31", "2016-07-31") + "\n")

    answer = flex("validate", str(file), expect=1)

    assert answer["ok"] is False
    assert any("2016-07-31" in sentence for sentence in answer["files"][0]["findings"])


def test_platform_is_well_after_all_that(site):
    health = site.health()

    assert health["ok"] is True
    assert health["telemetry"]["store_failures"] == 0
