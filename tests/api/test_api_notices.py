"""A member's calendar opens by its secret alone; operators see who was not told in time."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from api import ApiSettings, create_app
from api.languages import LANGUAGES
from notices import Clocks, Desk, Office, Status
from notices.due import Kind, Notice, Phase, State
from notices.events import of_member
from notices.post import New

NOW_H01 = "http://127.0.0.1:8080/id/member/h01"


@pytest.fixture
def desk(services, tmp_path: Path) -> Iterator[Desk]:
    numbers = itertools.count(1)
    made = Desk(
        services.store,
        services.iris,
        tmp_path / "notices.sqlite",
        Clocks(services.now, services.now),
        Office(services.iris.base, "Cooperative <events@coop.example>", "events@coop.example"),
        None,
        lambda: f"{next(numbers):043}",
    )
    yield made
    made.close()


@pytest.fixture
def told(services, desk: Desk):
    return create_app(ApiSettings(shown_settings=()), replace(services, notices=desk))


@pytest.fixture
def operator(told, signed_in) -> FlaskClient:
    return signed_in(told)


def test_a_calendar_is_given_to_whoever_has_its_secret_without_sign_in(told, desk: Desk) -> None:
    secret = desk.renew_calendar(NOW_H01)

    answer = told.test_client().get(f"/members/h01/calendar.ics?key={secret}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    (event,) = Calendar.from_ical(answer.data).walk("VEVENT")
    assert (event["UID"], event["STATUS"]) == ("c1-h01@127.0.0.1", "CANCELLED")  # h01 opted out in the data set


def test_a_calendar_that_did_not_change_is_not_sent_again(told, desk: Desk) -> None:
    address = f"/members/h01/calendar.ics?key={desk.renew_calendar(NOW_H01)}"
    first = told.test_client().get(address)

    again = told.test_client().get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("key", ["", "x", "0" * 43, "1" * 5000])
def test_without_the_secret_there_is_no_calendar_not_even_for_those_who_are_signed_in(
    told, desk: Desk, operator: FlaskClient, key: str
) -> None:
    desk.renew_calendar(NOW_H01)
    answers = [client.get("/members/h01/calendar.ics", query_string={"key": key}) for client in (told.test_client(), operator)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert [client.get("/members/h99/calendar.ics?key=" + key).status_code for client in (told.test_client(), operator)] == [404, 404]


def test_the_secret_of_one_member_opens_no_other(told, desk: Desk) -> None:
    secret = desk.renew_calendar(NOW_H01)

    assert told.test_client().get(f"/members/h02/calendar.ics?key={secret}").status_code == 404


def test_an_earlier_secret_opens_nothing_any_more(told, desk: Desk) -> None:
    first = desk.renew_calendar(NOW_H01)
    desk.renew_calendar(NOW_H01)

    assert told.test_client().get(f"/members/h01/calendar.ics?key={first}").status_code == 404


def test_without_a_desk_there_are_no_calendars_and_no_notices(client: FlaskClient, anonymous: FlaskClient) -> None:
    assert anonymous.get("/members/h01/calendar.ics?key=x").status_code == 404
    assert client.get("/-/notices").status_code == 200


def test_operators_see_who_was_not_told_in_time(services, desk: Desk, operator: FlaskClient, as_member) -> None:
    (part,) = of_member(services.store, services.iris, NOW_H01, services.now() - timedelta(days=60))
    state = State(Phase.PLANNED, part.start, part.end)
    desk.post.note([New(Notice(part, Kind.PLANNED, state, part.start, part.start), Status.MISSED, "Flexibility event")], services.now())

    page = operator.get("/-/notices").get_data(as_text=True)

    assert "not told in time" in page
    assert "c1-h01" in page
    assert "no letter leaves this machine" in page
    assert as_member("h01").get("/-/notices").status_code == 403


@pytest.mark.parametrize(("language", "says"), [("es", "Avisos a los miembros"), ("nl", "Meldingen aan leden")])
def test_the_page_of_notices_speaks_the_readers_language(operator: FlaskClient, language: str, says: str) -> None:
    page = operator.get(f"/-/notices?lang={language}").get_data(as_text=True)

    assert language in LANGUAGES
    assert f"<h1>{says}</h1>" in page
    assert "There is none." not in page
