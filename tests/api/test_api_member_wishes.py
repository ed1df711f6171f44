"""What members set themselves: comfort by weekday and hour, and how they hear of events; without script."""

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from api import ApiSettings, create_app
from api.member_week import days_in_words, week
from notices import Clocks, Desk, Office, wishes
from registry import comfort
from registry.comfort import Band, Profile
from registry.gate import Gate

HTML = {"Accept": "text/html"}
NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)
NIGHT = {"days": "all", "start": "22:00", "end": "06:00", "minimum": "18.5", "maximum": "28"}


@pytest.fixture
def desk(store, iris, tmp_path):
    numbers = itertools.count(1)
    office = Office(iris.base, "FLEXCoop <notices@localhost>", "notices@localhost")
    opened = Desk(
        store, iris, tmp_path / "notices.sqlite", Clocks(lambda: NOW, lambda: NOW), office, None, lambda: f"secret-{next(numbers)}"
    )
    yield opened
    opened.close()


@pytest.fixture
def app(services, desk):
    numbers = itertools.count(1)
    gate = Gate(services.store, services.iris, services.now, lambda: f"w{next(numbers)}")
    return create_app(ApiSettings(shown_settings=()), replace(services, gate=gate, notices=desk))


@pytest.fixture
def room(as_member):
    """Send a change of the living room's comfort as h01; the page's own hidden fields go with it."""
    member = as_member("h01")

    def send(action: str, language: str = "en", **values: object):
        page = member.get("/members/h01/comfort", headers=HTML).text
        hidden = {"room": "h01-living", "seen": re.search(r'name="seen" value="(\w+)"', page)[1], "action": action}
        return member.post("/members/h01/comfort", data={**hidden, **values}, headers=HTML | {"Accept-Language": language})

    return send


def profile(store, iris) -> Profile:
    (found,) = comfort.profiles(store, iris, iris.id("member", "h01"))
    return found


def bands(store, iris) -> list[tuple[list[int], str, str, str, str]]:
    return [
        (sorted(band.weekdays), f"{band.start:%H:%M}", f"{band.end:%H:%M}", str(band.minimum), str(band.maximum))
        for band in profile(store, iris).bands
    ]


def test_hours_are_added_and_taken_away_and_nights_are_kept_as_two(room, store, iris):
    assert room("add", **NIGHT).headers["Location"] == "/members/h01/comfort#h01-living"
    assert bands(store, iris) == [(list(range(7)), "00:00", "06:00", "18.5", "28"), (list(range(7)), "22:00", "00:00", "18.5", "28")]

    name = profile(store, iris).bands[0].iri.partition("#")[2]
    assert room("remove", band=name).status_code == 303
    assert bands(store, iris) == [(list(range(7)), "22:00", "00:00", "18.5", "28")]


def test_a_band_is_changed_and_keeps_its_node(room, store, iris):
    room("add", days="chosen", day=["5", "6"], start="08:00", end="10:00", minimum="22", maximum="24")
    before = profile(store, iris).bands[0].iri
    room("change", band=before.partition("#")[2], days="workdays", start="07:00", end="09:30", minimum="22,5", maximum="24")

    assert bands(store, iris) == [([0, 1, 2, 3, 4], "07:00", "09:30", "22.5", "24")]
    assert profile(store, iris).bands[0].iri == before


def test_limits_for_all_the_time_are_set(room, store, iris):
    assert room("limits", "es", minimum="20,5", maximum="25").status_code == 303
    assert (profile(store, iris).minimum, profile(store, iris).maximum) == (Decimal("20.5"), Decimal(25))


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"days": "weekend", "start": "05:00", "end": "07:00"}, "start", "On Saturday there are other hours from 00:00 to 06:00 already"),
        ({"days": "chosen"}, "day", "Choose at least one day."),
        ({"start": "7", "end": "08:00"}, "start", "Write the time like 06:30"),
        ({"start": "08:00", "end": "08:00"}, "end", "From and to are the same"),
        ({"start": "08:00", "end": "09:00", "minimum": "25", "maximum": "24"}, "maximum", "must be above the lowest"),
        ({"start": "08:00", "end": "09:00", "minimum": "4"}, "minimum", "4 °C is out of the range"),
        ({"start": "08:00", "end": "09:00", "maximum": "warm"}, "maximum", "warm"),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_is_written(room, store, iris, values, field, sentence):
    room("add", **NIGHT)
    before = bands(store, iris)
    answer = room("add", **(NIGHT | values))

    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'<a href="#{field}">' in answer.text
    assert f'aria-describedby="error-{field}"' in answer.text
    assert f'id="error-{field}"' in answer.text
    assert len(re.findall(rf'id="{field}"', answer.text)) == 1
    assert bands(store, iris) == before


def test_who_saw_an_older_state_is_told_so_and_writes_nothing(room, store, iris):
    answer = room("add", **NIGHT, seen="0" * 16)

    assert answer.status_code == 412
    assert "Somebody has changed this in the meantime." in answer.text
    assert bands(store, iris) == []


def test_a_suggestion_is_a_beginning_that_nobody_has_saved(as_member, store, iris):
    page = as_member("h01").get("/members/h01/comfort?room=h01-living&preset=night", headers=HTML).text

    assert 'name="start" required value="22:00"' in page
    assert 'name="minimum" inputmode="decimal" size="5" required value="18"' in page  # three degrees below the 21 of all the time
    assert bands(store, iris) == []


def test_a_week_is_laid_out_without_holes():
    night = Band(frozenset({0}), time(22), time(0), Decimal(16), Decimal(20))
    laid = week(Profile("c", "z", Decimal(21), Decimal(26), (night,)))

    assert [(piece.start, piece.end, piece.level) for piece in laid.days()[0]] == [("00:00", "22:00", 0), ("22:00", "24:00", 1)]
    assert all(sum(piece.width for piece in day) == pytest.approx(24 * 27) for day in laid.days())
    assert days_in_words(frozenset({0, 1, 2, 4, 6})) == "Mon–Wed, Fri, Sun"


def test_where_and_of_what_to_be_told_is_saved_and_a_wrong_address_is_not(as_member, store, iris):
    member, h01 = as_member("h01"), iris.id("member", "h01")
    wanted = {"address": " h01@example.org ", "language": "nl", "kind": ["planned", "settled"]}

    assert member.post("/members/h01/notices", data=wanted).status_code == 303
    saved = wishes.of(store, h01)
    assert (saved.address, saved.language, sorted(saved.kinds)) == ("h01@example.org", "nl", ["planned", "settled"])

    refused = member.post("/members/h01/notices", data=wanted | {"address": "nobody"}, headers=HTML | {"Accept-Language": "es"})
    assert refused.status_code == 422
    assert "“nobody” no es una dirección de correo" in refused.text
    assert 'value="nobody"' in refused.text
    assert wishes.of(store, h01).address == "h01@example.org"
    assert "h01@example.org" not in as_member("h02").get("/members/h01/notices", headers=HTML).text


def test_the_calendars_address_is_shown_once_and_a_new_one_ends_it(as_member, anonymous, iris):
    member = as_member("h01")

    def made() -> str:
        page = member.post("/members/h01/notices/calendar", headers=HTML)
        assert page.headers["Cache-Control"] == "no-store"
        return re.search(r"/members/h01/calendar\.ics\?key=[\w-]+", page.text)[0]

    first = made()
    assert anonymous.get(first).mimetype == "text/calendar"
    assert "calendar.ics" not in member.get("/members/h01/notices", headers=HTML).text
    second = made()
    assert (anonymous.get(first).status_code, anonymous.get(second).status_code) == (404, 200)
    member.post("/members/h01/notices/calendar", data={"end": "1"})
    assert anonymous.get(second).status_code == 404
