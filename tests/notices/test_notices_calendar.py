"""The calendar as RFC 5545 has it: who it names, in which state, at which times."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from notices_world import BASE, END, HOUR, MINUTE, PLANNED_AT, START, called, cancelled, part, settled, standby

from notices.calendar import calendar, digest, opens
from notices.database import Database
from notices.feeds import Feeds, Revision
from ontology.names import FCV


def first(faces):
    """Nothing was shown before."""
    return {name: Revision(0, face.known) for name, face in faces.items()}


def written(*parts, base: str = BASE, language: str = "en", revised=first) -> bytes:
    return calendar(parts, base=base, member="h01", language=language, revised=revised)


def events(*parts, **how):
    return Calendar.from_ical(written(*parts, **how)).walk("VEVENT")


@pytest.fixture
def shows(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Show a part at a time to whoever reads the feed: sequence, last change and status."""
    database = Database(tmp_path / "notices.sqlite")
    feeds = Feeds(database)

    def show(found, at: datetime, **how):
        (event,) = events(found, revised=lambda faces: feeds.revisions("h01", faces, at), **how)
        assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt
        return int(event["SEQUENCE"]), event["LAST-MODIFIED"].dt, str(event["STATUS"])

    yield show
    database.close()


def test_an_event_has_what_rfc_5545_wants_of_it() -> None:
    text = written(part(), base="https://coop.example")
    lines = text.decode().split("\r\n")

    assert lines[0] == "BEGIN:VCALENDAR"
    assert {
        "VERSION:2.0",
        "PRODID:-//FLEXCoop//events//EN",
        "METHOD:PUBLISH",
        "UID:c1-h01@coop.example",
        "SEQUENCE:0",
        "STATUS:CONFIRMED",
    } <= set(lines)
    assert {"DTSTART:20160831T010000Z", "DTEND:20160831T030000Z", "DTSTAMP:20160830T190000Z", "TRANSP:TRANSPARENT"} <= set(lines)
    assert max(len(line.encode()) for line in lines) <= 75


@pytest.mark.parametrize(
    ("found", "status", "begin", "end", "summary"),
    [
        (part(), "CONFIRMED", START, END, "Flexibility event"),
        (standby(), "TENTATIVE", START, END, "Standing by for a flexibility event"),
        (called(), "CONFIRMED", START + 45 * MINUTE, END, "Flexibility event (called)"),
        (cancelled(), "CANCELLED", START, END, "Flexibility event (cancelled)"),
        (cancelled(activated=START, released=START + HOUR), "CANCELLED", START, START + HOUR, "Flexibility event (cancelled)"),
        (part(status=str(FCV.EventOptedOut)), "CANCELLED", START, END, "Flexibility event (opted out)"),
        (part(campaign_status=str(FCV.CampaignPaused)), "TENTATIVE", START, END, "Flexibility event (paused)"),
        (settled(), "CONFIRMED", START, END, "Flexibility event"),
    ],
)
def test_each_state_is_one_that_calendars_know(found, status: str, begin: datetime, end: datetime, summary: str) -> None:
    (event,) = events(found)

    assert (event["STATUS"], event["DTSTART"].dt, event["DTEND"].dt) == (status, begin, end)
    assert str(event["SUMMARY"]) == summary


def test_a_pause_its_end_and_another_pause_are_each_a_new_revision_that_calendars_take(shows) -> None:
    paused, hour = part(campaign_status=str(FCV.CampaignPaused)), PLANNED_AT + HOUR

    assert shows(part(), PLANNED_AT + MINUTE) == (0, PLANNED_AT, "CONFIRMED")
    assert shows(part(), hour) == (0, PLANNED_AT, "CONFIRMED")  # nothing is new
    assert shows(paused, hour) == (1, hour, "TENTATIVE")
    assert shows(paused, hour + MINUTE) == (1, hour, "TENTATIVE")
    assert shows(part(), hour + 2 * MINUTE) == (2, hour + 2 * MINUTE, "CONFIRMED")
    assert shows(paused, hour + 3 * MINUTE) == (3, hour + 3 * MINUTE, "TENTATIVE")
    assert shows(cancelled(), hour + 4 * MINUTE) == (4, hour + 4 * MINUTE, "CANCELLED")


@pytest.mark.parametrize(
    "change",
    [
        *({"start": START + HOUR}, {"end": END + HOUR}, {"released": START + HOUR, "activated": START}),
        *({"role": str(FCV.Backup), "activated": START + 45 * MINUTE}, {"status": str(FCV.EventOptedOut)}),
    ],
    ids=["begins later", "ends later", "ended early", "called", "left"],
)
def test_whatever_people_see_change_raises_the_revision(shows, change) -> None:
    shows(part(), PLANNED_AT)

    sequence, changed, _ = shows(part(**change), PLANNED_AT + HOUR)

    assert (sequence, changed) == (1, PLANNED_AT + HOUR)


def test_a_change_that_nobody_sees_is_no_revision(shows) -> None:
    shows(part(), PLANNED_AT)

    assert shows(part(status=str(FCV.EventActive), activated=START), START)[0] == 0
    assert shows(settled(), END + HOUR)[0] == 0


def test_a_revision_never_goes_back_where_the_platforms_clock_does(shows) -> None:
    shows(part(), PLANNED_AT)
    shows(part(end=END + HOUR), START)

    assert shows(part(), PLANNED_AT + MINUTE) == (2, START, "CONFIRMED")


@pytest.mark.parametrize("language", ["en", "es", "nl"])
def test_lines_end_and_fold_as_rfc_5545_wants_and_text_is_escaped(language: str) -> None:
    base = "https://a-cooperative-with-a-very-long-name.energy.example"
    text = written(part(), base=base, language=language)
    lines = text.split(b"\r\n")

    assert b"\n" not in text.replace(b"\r\n", b"")
    assert max(len(line) for line in lines) <= 75  # octets, without the line break (§3.1)
    unfolded = text.replace(b"\r\n ", b"").decode()
    (description,) = [line for line in unfolded.split("\r\n") if line.startswith("DESCRIPTION:")]
    assert re.search(r"(?<!\\)[,;]", description.partition(":")[2]) is None  # §3.3.11
    assert f"{base}/members/h01/events" in description
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    assert str(event["DESCRIPTION"]).endswith(f"{base}/members/h01/events")
    assert {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "LAST-MODIFIED", "STATUS"} <= set(event)
    assert event.errors == []


def test_the_same_event_keeps_its_name_through_all_its_states() -> None:
    assert {str(events(found)[0]["UID"]) for found in (part(), standby(), called(), cancelled(), settled())} == {"c1-h01@127.0.0.1"}


def test_the_same_events_give_the_same_bytes() -> None:
    assert written(part(), called(), language="nl") == written(part(), called(), language="nl")


def test_an_event_without_length_is_none_that_calendars_take_so_it_keeps_its_planned_end() -> None:
    (event,) = events(called(activated=START + HOUR, released=START + HOUR, status=str(FCV.EventOptedOut)))

    assert event["DTEND"].dt > event["DTSTART"].dt


@pytest.mark.parametrize(("language", "summary"), [("es", "Evento de flexibilidad"), ("nl", "Flexibiliteitsgebeurtenis")])
def test_a_calendar_speaks_the_members_language(language: str, summary: str) -> None:
    (event,) = events(part(), language=language)

    assert str(event["SUMMARY"]) == summary


def test_times_are_the_same_instants_over_a_clock_change() -> None:
    begin, end = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=UTC)
    (event,) = events(part(start=begin, end=end, notified=PLANNED_AT, zone="Europe/Madrid"))

    assert (event["DTSTART"].dt, event["DTEND"].dt) == (begin, end)


@given(st.text(max_size=60), st.text(max_size=60))
def test_only_the_secret_itself_opens(secret: str, other: str) -> None:
    assert opens(secret, digest(secret))
    assert opens(other, digest(secret)) == (other == secret)
    assert not opens(secret, None)
