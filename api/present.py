"""How values look on a page: local times, numbers with units, links from IRIs; in the language of the page.

English is written by Python's own formats, as logs and files are; Spanish and Dutch take the signs and names of the Unicode locale data.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol
from flask import Flask

from api.languages import language, said
from api.services import services
from kg.prefixes import prefixes
from kg.terms import parse_duration
from shapes.words import labels

_UNITS: Mapping[str, tuple[str, str, str]] = {"en": ("d", "h", "min"), "es": ("d", "h", "min"), "nl": ("d", "u", "min")}


def when(at: datetime, zone: str = "UTC") -> str:
    """An instant in a site's zone: `Tue 30 Aug 2016, 18:00`, `mar 30 ago 2016, 18:00`, `di 30 aug 2016, 18:00`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local, zone)}, {local:%H:%M}"


def clock(at: datetime, zone: str = "UTC") -> str:
    """The time of day in a site's zone: `18:00`."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def day(at: date | datetime, zone: str = "UTC") -> str:
    """A day, or that of an instant in a site's zone: `Tue 30 Aug 2016`, `mar 30 ago 2016`, `di 30 aug 2016`."""
    local = at.astimezone(ZoneInfo(zone)).date() if isinstance(at, datetime) else at
    if language() == "en":
        return f"{local:%a %d %b %Y}"
    return format_date(local, "EEE d MMM y", locale=language()).replace(".", "")


def number(value: float | Decimal | None, digits: int = 2) -> str:
    """A figure for people, `1,234.50` or `1.234,50`; a dash where it is missing."""
    return "—" if value is None or value != value else _spelt(f"{value:,.{digits}f}")


def euro(value: Decimal | None) -> str:
    """Money to the cent: `€ 5.84`, `5,84 €`, `€ 5,84`."""
    if value is None:
        return "—"
    amount = _spelt(f"{value:,.2f}")
    return f"{amount} €" if language() == "es" else f"€ {amount}"


def _spelt(figure: str) -> str:
    """Give a figure that Python wrote the signs of the page's language, and a minus as long as a plus."""
    point, comma = _signs(language())
    return figure.translate({ord("."): point, ord(","): comma, ord("-"): "−"})


@cache
def _signs(code: str) -> tuple[str, str]:
    return get_decimal_symbol(code), get_group_symbol(code)


def figure(value: float) -> str:
    """A reading with the digits it has, up to twelve; a dash where it is missing."""
    return "—" if value != value else _spelt(f"{value:.12g}")


def size(count: int) -> str:
    """How large a file is: `12.3 kB`, `12,3 kB`."""
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= least:
            return f"{number(count / least, 1)} {unit}"
    return f"{count} B"


def span(value: timedelta) -> str:
    """A time span: `2 h`, `1 h 30 min`, `1 d`; in Dutch `1 u 30 min`."""
    minutes = int(value.total_seconds() // 60)
    parts = zip((minutes // 1440, minutes % 1440 // 60, minutes % 60), _UNITS[language()], strict=True)
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"


def term(iri: str) -> str:
    """A term of the vocabulary by its label in the page's language; one that is not known by the last part of its IRI, in words."""
    return said(labels().get(iri, {})) or _split(iri)


def _split(iri: str) -> str:
    """Take the last part of an IRI apart into words: `EventOptedOut` → `Event opted out`."""
    name = iri.rsplit("#", 1)[-1].rsplit("/", 1)[-1]
    words = "".join(f" {letter.lower()}" if letter.isupper() and index else letter for index, letter in enumerate(name))
    return words.strip()


def status(iri: str, prefix: str) -> str:
    """A status for people, within a sentence or a tag: its label, else as `state`; `EventOptedOut` → `opted out`."""
    label = said(labels().get(iri, {}))
    return label[:1].lower() + label[1:] if label else state(iri, prefix)


def state(iri: str, prefix: str) -> str:
    """A status for style sheets and comparisons, the same in every language and without the class it repeats: `EventOptedOut` → `opted out`."""
    return _split(iri.rsplit("/", 1)[-1].removeprefix(prefix)).lower()


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
        day=day,
        number=number,
        figure=figure,
        size=size,
        euro=euro,
        span=span,
        term=term,
        plainly=plainly,
        status=status,
        state=state,
        href=href,
        short=short,
        readable=readable,
    )

    @app.context_processor
    def _page() -> dict[str, Any]:
        return {"now": services().now(), "platform": services().status()}
