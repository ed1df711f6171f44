"""What somebody filled in: the data of a form to terms, with a sentence beside each input that is wrong.

Inputs are named by the key of their field; of fields with several values `key.0`, `key.1` …; of what is inside a part
`key.0.subkey`, with `key.0.id` for the IRI of a part that is there already and `key.0.remove` to take it away. A duration has
`.days`, `.hours` and `.minutes`, an instant `.fold` for the hour that a clock shows twice; a text has an input for each language
(`by_language`).
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyoxigraph import Literal, NamedNode

from forms import by_language, typed
from forms.errors import UnreadableError
from forms.given import Filled, Given
from forms.model import Field, Form, Kind
from forms.placed import place_findings
from forms.things import Entry, Thing
from forms.typed import decimal_of
from forms.words import say
from kg.store import Term
from ontology.names import XSD
from shapes.words import said

__all__ = ["Filled", "Given", "Lookup", "decimal_of", "input_of", "place_findings", "raw", "raws", "read"]

MOST_ROWS = 200
SUFFIXES = ("", ".days", ".hours", ".minutes", ".fold")
_NUMBERS = {str(XSD.decimal), str(XSD.integer)}
_ROW = re.compile(r"([0-9]{1,4})(?:\.|$)")

Lookup = Callable[[Field, str], Sequence[str]]
Data = Mapping[str, Sequence[str]]


def read(
    form: Form,
    data: Data,
    language: str,
    zone: str = "UTC",
    existing: Thing | None = None,
    *,
    lookup: Lookup | None = None,
    only: Collection[str] | None = None,
) -> Filled:
    """Read what was filled in.

    Parameters
    ----------
    data
        Texts by input name, as `request.form.to_dict(flat=False)`; where one name comes several times, each is a value.
    zone
        IANA zone of the site, for instants.
    existing
        The thing as it is: what was not changed keeps its exact term, and is not looked up again.
    lookup
        Finds the things that a field may refer to by what was typed, their name or IRI (`forms.options.exact`); without it only IRIs
        are accepted, and not looked up.
    only
        Keys of the fields that were asked; all where not given. The others stay as they are.
    """
    reading = _Reading({name: _texts(given) for name, given in data.items()}, language, zone, lookup)
    entries = existing.values if existing is not None else {}
    asked = [each for each in form.fields if only is None or each.key in only]
    values = reading.fields(asked, "", entries)
    return Filled(form, values, reading.errors, {name: given[0] for name, given in reading.data.items() if given}, language)


def input_of(field: Field, *parts: str | int) -> str:
    """Name an input: `input_of(field, 0, "WindowTerm-start")`."""
    return ".".join((field.key, *map(str, parts)))


# --- from the graph to inputs


def raw(field: Field, entry: Entry, language: str, zone: str = "UTC", name: str | None = None) -> dict[str, str]:
    """What an entry looks like in its inputs, by input name.

    Parameters
    ----------
    name
        Of the input; the field's key where not given, with `.0` where a field is repeated or has parts, or with the text's language.
    """
    if name is None and field.kind == Kind.NAME:
        name = next(iter(by_language.inputs(field.key, [entry], language)))
    called = name if name is not None else field.key + (".0" if field.repeated or field.kind == Kind.PART else "")
    if field.kind == Kind.PART and field.part is not None:
        inside = {
            key: text for each in field.part.fields for key, text in _raw_field(each, entry.part or {}, language, zone, called).items()
        }
        return {f"{called}.id": entry.term.value, **inside}
    if field.kind == Kind.VALUE:
        shown = {} if entry.number is None else typed.write(field, entry.number.term, language, zone)
        identity = {f"{called}.id": entry.term.value} if field.repeated else {}
        return identity | {called + suffix: text for suffix, text in shown.items()}
    return {called + suffix: text for suffix, text in typed.write(field, entry.term, language, zone).items()}


def raws(thing: Thing, language: str, zone: str = "UTC") -> dict[str, str]:
    """What a thing looks like in the inputs of its form, by input name."""
    return {name: text for each in thing.form.fields for name, text in _raw_field(each, thing.values, language, zone, "").items()}


def _raw_field(field: Field, entries: Mapping[str, Sequence[Entry]], language: str, zone: str, within: str) -> dict[str, str]:
    found = list(entries.get(field.key, ()))
    if not found or field.fixed or field.computed:
        return {}
    name = f"{within}.{field.key}" if within else field.key
    if field.kind == Kind.NAME:
        own = by_language.inputs(name, found, language)
        return {key: text for each, entry in own.items() for key, text in raw(field, entry, language, zone, each).items()}
    if not field.repeated:
        return raw(field, found[0], language, zone, f"{name}.0" if field.kind == Kind.PART else name)
    return {key: text for row, entry in enumerate(found) for key, text in raw(field, entry, language, zone, f"{name}.{row}").items()}


# --- from inputs to terms


@dataclass
class _Reading:
    """Reads one form; gathers what is wrong."""

    data: dict[str, list[str]]
    language: str
    zone: str
    lookup: Lookup | None
    errors: dict[str, str] = field(default_factory=dict)

    def fields(self, asked: Iterable[Field], within: str, entries: Mapping[str, Sequence[Entry]]) -> dict[str, tuple[Given, ...]]:
        found: dict[str, tuple[Given, ...]] = {}
        for each in asked:
            if each.fixed or each.computed:
                continue
            name = f"{within}.{each.key}" if within else each.key
            found[each.key] = tuple(self._field(each, name, entries.get(each.key, ())))
        return found

    def _field(self, asked: Field, name: str, entries: Sequence[Entry]) -> list[Given]:
        if asked.kind == Kind.PART:
            return self._parts(asked, name, entries)
        if asked.kind == Kind.NAME:
            return self._in_languages(asked, name, entries)
        if not asked.repeated:
            given = self._one(asked, name, entries[:1])
            if given is None:
                self._missing(asked, name)
            return [given] if given is not None else []
        return self._several(asked, name, entries)

    def _in_languages(self, asked: Field, name: str, entries: Sequence[Entry]) -> list[Given]:
        """A text for each language that was asked for; those that were not asked for stay as they are."""
        known = by_language.inputs(name, entries, self.language)
        if name in known and name not in self.data and (spelt := f"{name}@{self.language}") in self.data:
            known[spelt] = known.pop(name)
        found: dict[Term | None, Given] = {}
        for each in dict.fromkeys([*known, *self.data]):
            tag = by_language.language_of(each, name, self.language)
            entry = known.get(each)
            if tag is None:
                continue
            given = Given(each, entry.term) if entry is not None and each not in self.data else self._text_in(asked, each, tag, entry)
            if given is not None:
                found.setdefault(given.term, given)
        beside = by_language.shown(asked, name, self.data, self.language)
        return self._counted(asked, name, beside, list(found.values()))

    def _text_in(self, asked: Field, name: str, tag: str, entry: Entry | None) -> Given | None:
        given = self._one(asked, name, [entry] if entry is not None else [])
        if given is None or not isinstance(given.term, Literal) or by_language.tag_of(given.term) == tag:
            return given
        return replace(given, term=Literal(given.term.value, language=tag) if tag else Literal(given.term.value))

    def _several(self, asked: Field, name: str, entries: Sequence[Entry]) -> list[Given]:
        names = [f"{name}.{row}" for row in self._rows(name)]
        loose = self.data.get(name, [])
        for place, text in enumerate(loose):  # one name several times, as lists and check boxes send it
            spare = f"{name}.{MOST_ROWS + place}"
            self.data[spare] = [text]
            names.append(spare)
        found: dict[Term | None, Given] = {}
        for each in names:
            given = None if self._removed(each) else self._one(asked, each, entries)
            if given is not None:
                found.setdefault(given.term, given)
        for place in range(len(loose)):
            spare = f"{name}.{MOST_ROWS + place}"
            del self.data[spare]
            if spare in self.errors:
                self.errors.setdefault(name, self.errors.pop(spare))
        return self._counted(asked, name, names, list(found.values()))

    def _parts(self, asked: Field, name: str, entries: Sequence[Entry]) -> list[Given]:
        by_iri = {entry.term.value: entry for entry in entries}
        rows = self._rows(name) if asked.repeated else [0]
        found: list[Given] = []
        for row in rows:
            within = f"{name}.{row}"
            if self._removed(within) or (self._blank(within) and (asked.repeated or not asked.required)):
                continue
            was = self._text(f"{within}.id")
            entry = by_iri.get(was) or (entries[0] if entries and not asked.repeated else None)
            found.append(self._part(asked, within, entry))
        if not found and asked.required:
            found.append(self._part(asked, f"{name}.0", None))  # says of each field that it is missing
        return self._counted(asked, name, [f"{name}.{row}" for row in rows], found)

    def _part(self, asked: Field, within: str, entry: Entry | None) -> Given:
        fields = asked.part.fields if asked.part is not None else ()
        inside = self.fields(fields, within, (entry.part if entry is not None else None) or {})
        return Given(within, None, inside, entry.term.value if entry is not None else None)

    def _counted(self, asked: Field, name: str, names: Sequence[str], found: list[Given]) -> list[Given]:
        beside = names[0] if names else f"{name}.0"
        wrong = self._is_wrong(name)
        if asked.maximum_count is not None and len(found) > asked.maximum_count:
            self.errors.setdefault(beside, self._say("too-many", count=len(found), most=asked.maximum_count))
        elif not found and asked.required and not wrong:
            self._missing(asked, beside)
        elif len(found) < asked.minimum_count and not wrong:
            self.errors.setdefault(beside, self._say("too-few", count=len(found), least=asked.minimum_count))
        return found

    def _one(self, asked: Field, name: str, entries: Sequence[Entry]) -> Given | None:
        """One value; of one that was not changed the term that it has."""
        inputs = {suffix: text for suffix in SUFFIXES if (text := self._text(name + suffix))}
        if not inputs:
            return None
        for entry in entries:
            if self._same(asked, entry, inputs):
                return Given(name, self._term(asked, entry), None, entry.term.value if asked.kind == Kind.VALUE else None)
        try:
            term = self._referred(asked, inputs) if asked.kind == Kind.REFERENCE else typed.read(asked, inputs, self.language, self.zone)
        except UnreadableError as error:
            self.errors[name] = self._wrong(asked, error)
            return None
        if term is None:
            return None
        was = next((entry.term.value for entry in entries), None) if asked.kind == Kind.VALUE and not asked.repeated else None
        return Given(name, term, None, was)

    def _same(self, asked: Field, entry: Entry, inputs: Mapping[str, str]) -> bool:
        """Tell whether an entry is what was typed, and may stay as it is."""
        term = self._term(asked, entry)
        if term is None or not _fits(asked, term):
            return False
        shown = {suffix: text for suffix, text in typed.write(asked, term, self.language, self.zone).items() if text.strip()}
        if {suffix: text.strip() for suffix, text in shown.items()} == dict(inputs):
            return self._allowed(asked, term, inputs)
        return False

    def _allowed(self, asked: Field, term: Term, inputs: Mapping[str, str]) -> bool:
        if asked.kind in (Kind.REFERENCE, Kind.CHOICE, Kind.IRI):
            return asked.kind != Kind.CHOICE or term.value in {choice.value for choice in asked.choices}
        try:
            typed.read(asked, inputs, self.language, self.zone)
        except UnreadableError:
            return False
        return True

    @staticmethod
    def _term(asked: Field, entry: Entry) -> Term | None:
        if asked.kind != Kind.VALUE:
            return entry.term
        return None if entry.number is None else entry.number.term

    def _referred(self, asked: Field, inputs: Mapping[str, str]) -> Term:
        text = inputs.get("", "")
        if self.lookup is None:
            return typed.iri_of(text, self.language)
        found = list(dict.fromkeys(self.lookup(asked, text)))
        if len(found) != 1:
            raise UnreadableError("several-things" if found else "unknown-thing", self.language, text=text[:80])
        return NamedNode(found[0])

    def _wrong(self, asked: Field, error: UnreadableError) -> str:
        """Say what is wrong, then what the shape has to say about it."""
        beyond = error.key in ("above", "below", "least", "most")
        if not beyond and error.key != "refused":
            return error.sentence
        why = said(asked.messages, self.language)
        first = self._say("refused", text=error.values.get("text", "")) if beyond else error.sentence
        return f"{first} {why or error.sentence}" if beyond or why else first

    def _missing(self, asked: Field, name: str) -> None:
        if asked.required and not self._is_wrong(name):
            key = "missing-boolean" if asked.kind == Kind.BOOLEAN else "missing"
            self.errors[name] = self._say(key, name=said(asked.names, self.language))

    def _is_wrong(self, name: str) -> bool:
        return any(each == name or each.startswith((f"{name}.", f"{name}@")) for each in self.errors)

    def _say(self, key: str, **values: object) -> str:
        return say(key, self.language, **values)

    # --- the data

    def _rows(self, name: str) -> list[int]:
        found = (_ROW.match(each, len(name) + 1) for each in self.data if each.startswith(f"{name}."))
        return sorted({int(row[1]) for row in found if row})[:MOST_ROWS]

    def _text(self, name: str) -> str:
        return next(iter(self.data.get(name, [])), "").strip()

    def _removed(self, name: str) -> bool:
        return bool(self._text(f"{name}.remove"))

    def _blank(self, within: str) -> bool:
        own = (name for name in self.data if name.startswith(f"{within}.") and name != f"{within}.id")
        return not any(self._text(name) for name in own)


def _fits(asked: Field, term: Term) -> bool:
    """Tell whether a term is of the type that its field has: one that is not is written anew."""
    if not isinstance(term, Literal):
        return asked.kind in (Kind.REFERENCE, Kind.IRI, Kind.CHOICE)
    if asked.kind in (Kind.DECIMAL, Kind.VALUE):
        return term.datatype.value in _NUMBERS
    if asked.kind == Kind.NAME:
        return term.language is not None or term.datatype == NamedNode(str(XSD.string))
    return term.datatype.value == (asked.datatype or str(XSD.string))


def _texts(given: Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
