"""A member's events as a calendar that any program can subscribe to, by a secret in its address.

References
----------
RFC 5545 (iCalendar), RFC 7986 §5 (NAME, REFRESH-INTERVAL).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from notices.due import Phase, state_of
from notices.events import Part
from notices.feeds import Face, Revision
from notices.texts import TEXTS

KEPT = timedelta(days=60)  # past events stay in the calendar so long
REFRESH = timedelta(minutes=15)
PRODUCT = "-//FLEXCoop//events//EN"
STATUSES = {
    Phase.STANDBY: "TENTATIVE",
    Phase.PAUSED: "TENTATIVE",
    Phase.CANCELLED: "CANCELLED",
    Phase.LEFT: "CANCELLED",
    Phase.OVER: "CANCELLED",
}


def digest(secret: str) -> str:
    """What is kept of a secret; it is random and long, so that a quick hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def opens(secret: str, kept: str | None) -> bool:
    """Whether a secret is the one whose digest was kept; takes the same time whichever it is."""
    return hmac.compare_digest(digest(secret), kept or "0" * 64) and kept is not None


def calendar(
    parts: Sequence[Part], *, base: str, member: str, language: str, revised: Callable[[Mapping[str, Face]], Mapping[str, Revision]]
) -> bytes:
    """Write events as a calendar: the same bytes for the same events.

    Parameters
    ----------
    base
        The platform's address, without slash at its end.
    member
        Key of the member.
    revised
        Says which revision of each event its face is; see `notices.feeds.Feeds.revisions`.
    """
    words = TEXTS[language]
    made = Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("name", words.calendar)
    made.add("x-wr-calname", words.calendar)
    made.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    made.add("x-published-ttl", REFRESH)
    shown = {part.event: _event(part, base, member, language) for part in parts}
    revisions = revised({part.event: Face(hashlib.sha256(shown[part.event].to_ical()).hexdigest(), _known(part)) for part in parts})
    for name, event in shown.items():
        event.add("sequence", revisions[name].sequence)
        event.add("dtstamp", revisions[name].changed)
        event.add("last-modified", revisions[name].changed)
        made.add_component(event)
    return bytes(made.to_ical())


def _event(part: Part, base: str, member: str, language: str) -> Event:
    """What people see of a part; a calendar program takes it for news where its revision is higher than what it has."""
    state, words = state_of(part), TEXTS[language]
    made = Event()
    made.add("uid", f"{part.event.rsplit('/', 1)[-1]}@{_host(base)}")
    made.add("dtstart", state.begin)
    made.add("dtend", _end(part, state.begin))
    made.add("summary", words.summaries[state.phase])
    made.add("description", f"{words.events} {base}/members/{member}/events")
    made.add("url", f"{base}/members/{member}/events")
    made.add("status", STATUSES.get(state.phase, "CONFIRMED"))
    made.add("transp", "TRANSPARENT")  # nobody is busy because their devices are
    made.add("categories", ["FLEXCoop"])
    return made


def _end(part: Part, begin: datetime) -> datetime:
    """When it ended, where it ended early; RFC 5545 wants an end after the beginning."""
    return part.released if part.released is not None and begin < part.released < part.end else part.end


def _known(part: Part) -> datetime:
    return max(at for at in (part.notified, _reached(part.activated, part), _reached(part.released, part)) if at is not None)


def _reached(at: datetime | None, part: Part) -> datetime | None:
    """A change is known when it was made, not when it takes effect later."""
    return at if at is not None and at >= part.notified else None


def _host(base: str) -> str:
    return base.partition("://")[2].partition("/")[0].partition(":")[0]
