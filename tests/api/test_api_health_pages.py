"""The page of the data's health, the metrics, and the dead letters with their mending."""

import base64
import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import ApiSettings, Services, create_app
from api.refused import readable
from telemetry.health import Monitor
from telemetry.refused import Mending

NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)  # the clock of the fixtures
TOPIC = "flexcoop/osb/osb-h01/telemetry"
HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}
SAMPLE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\.)*",?)*\})? [-+0-9.eE]+')


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """What the pages asked to be done with dead letters."""
    return []


@pytest.fixture
def client(services: Services, asked: list[dict[str, Any]], tmp_path: Path, signed_in) -> FlaskClient:
    monitor = Monitor(
        services.store, services.iris, services.channels, services.readings, services.dead_letters,
        data_dir=tmp_path, store_dir=tmp_path, now=lambda: NOW,
    )  # fmt: skip

    def refused(given: dict[str, Any]) -> dict[str, Any]:
        asked.append(given)
        return {}

    whole = replace(services, monitor=monitor, commands={**services.commands, "refused": refused})
    return signed_in(create_app(ApiSettings(shown_settings=()), whole))


@pytest.mark.parametrize("page", ["/-/health", "/-/refused", "/-/refused?state=all&source=h01&reason=no-unit&since=2016-08-30T18:00Z"])
def test_page_is_shown_to_people_and_programs(client: FlaskClient, page: str) -> None:
    person, program = client.get(page, headers=HTML), client.get(page, headers=JSON)

    assert (person.status_code, program.status_code) == (200, 200)
    assert "<script>" not in person.text
    assert program.is_json


def test_health_names_each_box_and_what_to_look_at(client: FlaskClient) -> None:
    found = client.get("/-/health", headers=JSON).json
    page = client.get("/-/health", headers=HTML).text

    assert {box["osb"] for box in found["boxes"]} >= {"osb-h01", "osb-h02"}
    assert found["ok"] == (not found["alarms"])
    assert all(alarm["sentence"] in page for alarm in found["alarms"])
    assert "No ingest runs here" in page


def test_chart_of_the_last_day_has_its_quarter_hours(client: FlaskClient) -> None:
    found = client.get("/api/health/day").json

    assert len(found["t"]) == 96
    assert [line["label"] for line in found["series"]] == ["Readings stored", "Without gaps"]
    assert all(have <= whole for have, whole in zip(*(line["values"] for line in found["series"]), strict=True))


def test_metrics_are_valid_and_hold_what_the_page_says(client: FlaskClient, services: Services) -> None:
    services.dead_letters.add(NOW, "flexcoop/osb/osb-h01/telemetry", b"{}", "a: b has no unit; c")
    answer = client.get("/metrics")

    lines = answer.text.splitlines()
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert all(line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line) for line in lines), lines
    assert 'flexcoop_dead_letters{reason="no-unit"} 1' in lines
    assert 'flexcoop_box_dead_letters{osb="osb-h01"} 1' in lines
    assert any(line.startswith("flexcoop_disk_free_bytes ") for line in lines)
    assert "flexcoop_telemetry_accepted 3.0" in lines
    assert not any(line.startswith("flexcoop_backlog_messages ") for line in lines)  # not known without an ingest
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_without_a_survey_the_page_says_so(services: Services, signed_in) -> None:
    client = signed_in(create_app(ApiSettings(shown_settings=()), services))

    assert client.get("/-/health").status_code == 404
    assert client.get("/metrics").status_code == 200


def test_a_letter_shows_its_payload_readably_and_its_history(client: FlaskClient, services: Services) -> None:
    number = services.dead_letters.add(NOW, TOPIC, b'{"a":[1.5,"<script>alert(1)</script>"]}', "why it is wrong")
    services.dead_letters.record(number, Mending(NOW + timedelta(hours=1), b"{}", 2, "still wrong"))

    page = client.get(f"/-/refused/{number}", headers=HTML).text

    assert "why it is wrong" in page
    assert "still wrong" in page
    assert "<script>alert" not in page
    assert client.get(f"/-/refused/{number}", headers=JSON).json["mendings"][0]["accepted"] == 2
    assert client.get(f"/-/refused/{number}/payload").data == b'{"a":[1.5,"<script>alert(1)</script>"]}'


def test_replay_without_mending_sends_the_letter_as_it_came(client: FlaskClient, services: Services, asked: list[dict[str, Any]]) -> None:
    number = services.dead_letters.add(NOW, TOPIC, b'{"a":1,"b":[2]}', "why")
    shown = (readable(b'{"a":1,"b":[2]}') or "").replace("\n", "\r\n")  # as a browser sends it

    answer = client.post(f"/-/refused/{number}/replay", data={"payload": shown})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/-/refused/{number}")
    assert asked == [{"replay": number}]


def test_replay_of_a_mended_letter_sends_what_was_written(client: FlaskClient, services: Services, asked: list[dict[str, Any]]) -> None:
    number = services.dead_letters.add(NOW, "file x.csv", b"channel,timestamp\na,b\n", "why")

    client.post(f"/-/refused/{number}/replay", data={"payload": "channel,timestamp\r\na,c\r\n"})

    assert [(each["replay"], base64.b64decode(each["payload64"])) for each in asked] == [(number, b"channel,timestamp\na,c\n")]


def test_a_letter_is_set_aside(client: FlaskClient, services: Services, asked: list[dict[str, Any]]) -> None:
    number = services.dead_letters.add(NOW, TOPIC, b"{}", "why")

    assert client.post(f"/-/refused/{number}/drop").headers["Location"] == "/-/refused"
    assert asked == [{"drop": number}]


@pytest.mark.parametrize("path", ["/-/refused/99", "/-/refused/99/payload"])
def test_a_letter_that_is_not_there_is_said_to_be_missing(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("query", ["state=lost", "since=yesterday", "until=2016-08-30T18:00"])
def test_a_filter_that_is_none_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/-/refused?{query}")

    assert answer.status_code == 422
    assert query.partition("=")[2] in answer.json["detail"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_foreign_page_replays_and_drops_nothing(client: FlaskClient, services: Services, asked: list, headers: dict[str, str]) -> None:
    number = services.dead_letters.add(NOW, TOPIC, b"{}", "why")

    for verb in ("replay", "drop"):
        assert client.post(f"/-/refused/{number}/{verb}", headers=headers).status_code == 403
    assert asked == []


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b'{"a":1.50}', '{"a":1.50}'),  # indenting would spell the number anew
        (b'{"a":1.5}', '{\n  "a": 1.5\n}'),
        (gzip.compress(b"[1]", mtime=0), "[\n  1\n]"),
        (gzip.compress(b"x" * (2 << 20), mtime=0), None),
        (b"\x1f\x8bbroken", None),
        (b"\xff\xfe", None),
        (b"plain\0", None),
        (b"a,b\n", "a,b\n"),
    ],
)
def test_a_payload_is_readable_or_it_is_said_that_it_is_not(payload: bytes, text: str | None) -> None:
    assert readable(payload) == text
