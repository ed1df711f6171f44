"""How values look on a page: local times, numbers with units, links from IRIs."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask

from api.services import services
from kg.prefixes import prefixes
from kg.terms import parse_duration


def when(at: datetime, zone: str = "UTC") -> str:
    """An instant in a site's zone: `Tue 30 Aug 2016, 18:00`."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %Y, %H:%M}"


def clock(at: datetime, zone: str = "UTC") -> str:
    """The time of day in a site's zone: `18:00`."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def number(value: float | Decimal | None, digits: int = 2) -> str:
    """A figure for people; a dash where it is missing."""
    return "—" if value is None or value != value else f"{value:,.{digits}f}".replace("-", "−")


def euro(value: Decimal | None) -> str:
    """Money to the cent."""
    return "—" if value is None else f"€ {value:,.2f}".replace("-", "−")


def span(value: timedelta) -> str:
    """A time span: `2 h`, `1 h 30 min`, `1 d`."""
    minutes = int(value.total_seconds() // 60)
    parts = ((minutes // 1440, "d"), (minutes % 1440 // 60, "h"), (minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"


def term(iri: str) -> str:
    """The last part of a vocabulary term, in words: `EventOptedOut` → `Event opted out`."""
    name = iri.rsplit("#", 1)[-1].rsplit("/", 1)[-1]
    words = "".join(f" {letter.lower()}" if letter.isupper() and index else letter for index, letter in enumerate(name))
    return words.strip()


def status(iri: str, prefix: str) -> str:
    """A status without the class it repeats: `EventOptedOut` → `opted out`."""
    return term(iri.rsplit("/", 1)[-1].removeprefix(prefix)).lower()


def href(iri: str) -> str:
    """Where a page links to for an IRI: a path on this host if it is ours, nothing if it is not http."""
    base = services().iris.base
    if iri.startswith(base + "/"):
        return iri[len(base) :]
    return iri if iri.startswith(("http://", "https://")) else ""


def short(iri: str) -> str:
    """An IRI as people read it: ours without the base, known vocabularies with their prefix."""
    base = services().iris.base
    if iri.startswith(base):
        return iri[len(base) :].removeprefix("/id/")
    for prefix, namespace in prefixes().items():
        if iri.startswith(namespace):
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri


def plainly(text: str, zone: str) -> str:
    """A sentence with its IRIs shortened and its instants in a site's zone."""
    text = re.sub(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", lambda found: when(datetime.fromisoformat(found[0]), zone), text)
    text = re.sub(r"https?://[^\s,;:()]+(?::\d+)?[^\s,;:()]*", lambda found: short(found[0]), text)
    return re.sub(r"sha256:([0-9a-f]{8})[0-9a-f]+", r"sha256:\1…", text)


def readable(text: str, datatype: str | None) -> str:
    """A literal of a result as people read it: instants in UTC without a T, spans in words; anything else as it stands."""
    match (datatype or "").rsplit("#", 1)[-1]:
        case "dateTime":
            return text.replace("T", " ").removesuffix("Z") + (" UTC" if text.endswith("Z") else "")
        case "dayTimeDuration":
            return span(parse_duration(text))
    return text


def install_filters(app: Flask) -> None:
    """Make these known to the templates, and every page the platform's time and state."""
    app.jinja_env.filters.update(
        when=when,
        clock=clock,
        number=number,
        euro=euro,
        span=span,
        term=term,
        plainly=plainly,
        status=status,
        href=href,
        short=short,
        readable=readable,
    )

    @app.context_processor
    def _page() -> dict[str, Any]:
        return {"now": services().now(), "platform": services().status()}
