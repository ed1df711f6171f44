"""Values of fields for people: numbers by the reader's decimal sign, times by the clock of the site, things and terms by their names."""

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import rdflib
from babel.dates import format_date, format_datetime
from pyoxigraph import Literal

from forms import typed
from forms.by_language import called, tag_of
from forms.model import Field, Kind, Names
from forms.things import Entry
from forms.vocabulary import vocabulary
from forms.words import word
from kg import terms
from shapes.words import said


def text(field: Field, entry: Entry, language: str, zone: str = "UTC") -> str:
    """Write an entry for people; `zone` is the IANA zone of the site, for instants. A text in another language says in which."""
    if field.kind == Kind.VALUE:
        return _value(field, entry, language)
    if field.kind == Kind.PART and field.part is not None:
        inside = (
            f"{said(each.names, language)}: {', '.join(text(each, sub, language, zone) for sub in found)}"
            for each in field.part.fields
            if not each.fixed and (found := (entry.part or {}).get(each.key))
        )
        return "; ".join(inside)
    if not isinstance(entry.term, Literal):
        return _called(field, entry, language)
    try:
        written = _literal(field, entry.term, language, zone)
    except (ValueError, ArithmeticError):
        written = entry.term.value  # somebody wrote it past the forms: shown as it stands
    if (tag := tag_of(entry.term)) not in ("", language):
        return f"{written} ({called(tag, language)})"
    unit = said(field.unit_names, language)
    return f"{written} {unit}" if unit else written


def _value(field: Field, entry: Entry, language: str) -> str:
    if entry.number is None:
        return "—"
    try:
        number = typed.decimal_text(Decimal(entry.number.term.value), language)
    except ArithmeticError:
        number = entry.number.term.value
    stated = [unit.term.value for unit in (entry.part or {}).get("unit", ())]
    names = field.unit_names if not stated or stated == [field.unit] else vocabulary().symbol(rdflib.URIRef(stated[0]))
    return f"{number} {said(names, language)}".strip()


def _called(field: Field, entry: Entry, language: str) -> str:
    names: Names = next((choice.names for choice in field.choices if choice.value == entry.term.value), {}) or entry.names
    return said(names, language) or said(vocabulary().names(rdflib.URIRef(entry.term.value)), language) or key(entry.term.value)


def key(iri: str) -> str:
    """A thing that has no name: what follows `/id/` in its IRI, else the whole."""
    return iri.partition("/id/")[2] or iri


def _literal(field: Field, term: Literal, language: str, zone: str) -> str:
    if field.kind == Kind.CHOICE:
        names = next((choice.names for choice in field.choices if choice.value == term.value), {})
        return said(names, language) or term.value
    match terms.python(term):
        case bool() as yes:
            return word("yes" if yes else "no", language)
        case Decimal() as number:
            return typed.decimal_text(number, language)
        case datetime() as at:
            return format_datetime(at.astimezone(ZoneInfo(zone)), "d MMM y, HH:mm", locale=language) if at.tzinfo else term.value
        case date() as day:
            return format_date(day, "d MMM y", locale=language)
        case time() as clock:
            return f"{clock:%H:%M}" if not (clock.second or clock.microsecond) else term.value
        case timedelta() as span:
            return span_text(span, language)
    return term.value


def span_text(span: timedelta, language: str) -> str:
    """Write a time span: `1 d 2 h 15 min`."""
    sign = "−" if span < timedelta(0) else ""
    seconds = Decimal(abs(span) // timedelta(microseconds=1)) / 1_000_000
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        count, seconds = divmod(seconds, length)
        parts += [f"{count:f} {unit}"] if count else []
    parts += [f"{typed.decimal_text(seconds, language)} s"] if seconds else []
    return sign + (" ".join(parts) or "0 min")


def short(text_: str, most: int = 80) -> str:
    """Cut a long text for lists and titles, at a blank where there is one."""
    if len(text_) <= most:
        return text_
    return re.sub(r"\s+\S*$", "", text_[:most]) + "…"
