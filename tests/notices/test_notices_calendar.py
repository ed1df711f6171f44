"""The calendar as RFC 5545 has it: who it names, in which state, at which times."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from notices_world import BASE, END, HOUR, MINUTE, PLANNED_AT, START, called, cancelled, part, settled, standby

from notices.calendar import calendar, digest, opens
from ontology.names import FCV


def events(*parts, language: str = "en"):
    return Calendar.from_ical(calendar(parts, base=BASE, member="h01", language=language)).walk("VEVENT")


def test_an_event_has_what_rfc_5545_wants_of_it() -> None:
    text = calendar([part()], base="https://coop.example", member="h01", language="en")
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
    ("found", "status", "sequence", "begin", "end", "summary"),
    [
        (part(), "CONFIRMED", 0, START, END, "Flexibility event"),
        (standby(), "TENTATIVE", 0, START, END, "Standing by for a flexibility event"),
        (called(), "CONFIRMED", 1, START + 45 * MINUTE, END, "Flexibility event (called)"),
        (cancelled(), "CANCELLED", 1, START, END, "Flexibility event (cancelled)"),
        (cancelled(activated=START, released=START + HOUR), "CANCELLED", 2, START, START + HOUR, "Flexibility event (cancelled)"),
        (part(status=str(FCV.EventOptedOut)), "CANCELLED", 1, START, END, "Flexibility event (opted out)"),
        (part(campaign_status=str(FCV.CampaignPaused)), "TENTATIVE", 0, START, END, "Flexibility event (paused)"),
        (settled(), "CONFIRMED", 1, START, END, "Flexibility event"),
    ],
)
def test_each_state_is_one_that_calendars_know(found, status: str, sequence: int, begin: datetime, end: datetime, summary: str) -> None:
    (event,) = events(found)

    assert (event["STATUS"], event["SEQUENCE"], event["DTSTART"].dt, event["DTEND"].dt) == (status, sequence, begin, end)
    assert str(event["SUMMARY"]) == summary


def test_the_same_event_keeps_its_name_through_all_its_states() -> None:
    assert {str(events(found)[0]["UID"]) for found in (part(), standby(), called(), cancelled(), settled())} == {"c1-h01@127.0.0.1"}


def test_the_same_events_give_the_same_bytes() -> None:
    assert calendar([part(), called()], base=BASE, member="h01", language="nl") == calendar(
        [part(), called()], base=BASE, member="h01", language="nl"
    )


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
