"""Many things at once from a sheet: what each row would change, or why it is refused; nothing is written here.

A row becomes one or more wishes (a thing of a form, and what its inputs hold). Each is read as its form reads it and held against the
shapes as it would be afterwards. What a good row changes is its `Delta`; `again` tells later whether it still would (see `forms.writing`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pyoxigraph import NamedNode, Quad

import shapes
from forms import changes, filled, shown
from forms.by_language import key_of
from forms.findings import field_of, inside_of
from forms.model import Field, Form, Names
from forms.sheets import Sheet
from forms.things import Thing, of_quads
from forms.told import say
from forms.world import World, parts_of
from ontology.names import RDF
from registry import naming
from registry.edits import Delta
from shapes import sentences
from shapes.words import said

_TYPE = str(RDF.type)
AT_ONCE = 25  # rows that are held against the shapes at once, between two reports
Told = Callable[[int, int], None]
Sentence = tuple[str, str]  # column of the sheet (empty: the whole row), and what is wrong there


class Outcome(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REFUSED = "refused"


@dataclass(frozen=True)
class Wish:
    """A thing as a row wants it.

    Attributes
    ----------
    form : of what
    place : where it is written, and its IRI
    data : texts by input name
    columns : input name → column of the sheet
    only : keys of the fields that the row asks of a thing that is there already; of a new one all are asked
    extra : statements beside the form
    """

    form: Form
    place: changes.Place
    data: Mapping[str, Sequence[str]]
    columns: Mapping[str, str]
    only: frozenset[str] | None = None
    extra: tuple[Quad, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row of the sheet as wishes, or why it can't be read."""

    number: int
    member: str
    wishes: tuple[Wish, ...] = ()
    errors: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class Change:
    """One field of one thing, before and after, as people read it; nothing before: it is new."""

    thing: str
    names: Names
    before: str
    after: str


@dataclass(frozen=True)
class Line:
    """One row, and what would become of it.

    Attributes
    ----------
    number : of the row, as a spreadsheet shows it
    member : key of whose it is; empty where that is not known
    things : IRIs it is about, the main one first
    errors : what is wrong, by column
    """

    number: int
    outcome: Outcome
    member: str = ""
    things: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    errors: tuple[Sentence, ...] = ()
    delta: Delta = field(default_factory=Delta, repr=False)

    @property
    def told(self) -> str:
        """All that is wrong, as one text."""
        return " ".join(f"{column}: {text}" if column else text for column, text in self.errors)


@dataclass(frozen=True)
class Preview:
    """What a sheet would change."""

    sheet: Sheet
    lines: tuple[Line, ...]

    def count(self, outcome: Outcome) -> int:
        """How many rows there are of one outcome."""
        return sum(line.outcome is outcome for line in self.lines)

    @property
    def refused(self) -> list[list[str]]:
        """The refused rows as they were sent, with what is wrong in a last column; once mended it can be sent again."""
        return mended(self.sheet, {line.number: line.told for line in self.lines if line.outcome is Outcome.REFUSED})


SENTENCES = "sentences"  # the column that is added to refused rows, and passed over when they come again


def mended(sheet: Sheet, told: Mapping[int, str]) -> list[list[str]]:
    """Some rows of a sheet with what is wrong with each in a last column, by number of the row."""
    kept = [position for position, name in enumerate(sheet.head) if name != SENTENCES]
    rows = ([*(cells[position] for position in kept), told[number]] for number, cells in sheet.rows if number in told)
    return [[*(sheet.head[position] for position in kept), SENTENCES], *rows]


@dataclass(frozen=True)
class _Judged:
    """A row that was read: its delta, and the things it is about before and after."""

    row: Row
    errors: tuple[Sentence, ...]
    delta: Delta
    before: Mapping[str, tuple[Quad, ...]]
    after: Mapping[str, tuple[Quad, ...]]


def preview(world: World, sheet: Sheet, rows: Sequence[Row], language: str, zone: str = "UTC", told: Told | None = None) -> Preview:
    """Say what the rows of a sheet would change.

    Parameters
    ----------
    language
        In which numbers are written in the sheet, and sentences are told.
    zone
        IANA zone of instants.
    told
        Told how many rows were looked at, of how many; what it raises ends the work.
    """
    _expect(world, rows)
    judged = [_judge(world, row, language, zone) for row in _without_doubles(rows, language)]
    judged = _without_orphans(judged, language)
    found: list[Line] = []
    for start in range(0, len(judged), AT_ONCE):
        if told is not None:
            told(start, len(judged))
        part = judged[start : start + AT_ONCE]
        part = [_not_brought_back(world, each, language) for each in part]
        wrong = _held_against_shapes(world, [each for each in part if not each.errors], language)
        found += [_line(world, replace(each, errors=each.errors or wrong.get(each.row.number, ())), language, zone) for each in part]
    return Preview(sheet, tuple(found))


def again(world: World, rows: Sequence[Row], language: str, zone: str = "UTC") -> dict[int, tuple[Delta, str]]:
    """Read rows once more, as things are now: what each would change, or what is wrong with it; the shapes are left to the gate."""
    _expect(world, rows)
    judged = [_judge(world, row, language, zone) for row in rows]
    return {each.row.number: (each.delta, _line(world, each, language, zone).told if each.errors else "") for each in judged}


def _expect(world: World, rows: Sequence[Row]) -> None:
    wishes = [wish for row in rows for wish in row.wishes]
    world.expect({*(wish.place.iri for wish in wishes), *(_iri(quad.subject) for wish in wishes for quad in wish.extra)})


def _without_doubles(rows: Sequence[Row], language: str) -> list[Row]:
    """Refuse a row about a thing that an earlier row is about."""
    first: dict[str, int] = {}
    found = []
    for row in rows:
        about = [iri for wish in row.wishes for iri in (wish.place.iri, *sorted({_iri(quad.subject) for quad in wish.extra}))]
        double = next((first[iri] for iri in about if iri in first), None)
        for iri in about:
            first.setdefault(iri, row.number)
        found.append(row if double is None else replace(row, errors=(*row.errors, ("", say("row-twice", language, row=double)))))
    return found


def _not_brought_back(world: World, each: _Judged, language: str) -> _Judged:
    """Refuse a new member with the key of one who was erased: a restored backup would forget them again."""
    key = each.row.member
    if each.errors or not key or world.has_member(key) or not world.was_erased(key):
        return each
    return replace(each, errors=(("", naming.Refusal("member", {"key": key}).said(language)),))


def _judge(world: World, row: Row, language: str, zone: str) -> _Judged:
    errors = list(row.errors)
    delete: set[Quad] = set()
    insert: set[Quad] = set()
    before: dict[str, tuple[Quad, ...]] = {}
    for wish in row.wishes:
        own = world.quads(row.member, wish.place.iri)
        before[wish.place.iri] = own
        thing = of_quads(wish.form, wish.place.iri, own) if own else None
        described = thing is not None and any(quad.predicate.value == _TYPE for quad in own)
        only = None if thing is None or not described or wish.only is None else _asked(wish, wish.only, thing)
        given = filled.read(wish.form, wish.data, language, zone, thing, lookup=world.lookup, only=only)
        errors += [(_column(wish, name), sentence) for name, sentence in given.errors.items()]
        if not given.errors:
            delta = changes.delta(world.iris, thing, given, changes.place_of(world.iris, thing) if thing is not None else wish.place)
            delete |= delta.delete
            insert |= delta.insert | (set(wish.extra) - set(world.home(row.member)))
    after = {iri: tuple(quad for quad in (*own, *insert) if quad not in delete) for iri, own in before.items()}
    after = {iri: tuple(dict.fromkeys(quad for quad in quads if parts_of(iri, quad))) for iri, quads in after.items()}
    return _Judged(row, tuple(errors), Delta(frozenset(delete), frozenset(insert)), before, after)


def _asked(wish: Wish, only: Set[str], thing: Thing) -> frozenset[str]:
    """The fields that a row asks of a thing: what is empty in both is not asked, even if it should not be empty."""
    filled_in = {key_of(name) for name, texts in wish.data.items() if any(texts)}
    return frozenset(only & (filled_in | set(thing.values)))


def _column(wish: Wish, name: str) -> str:
    """The column of an input; of one that no column fills, the name of its field."""
    for known in (name, key_of(name), *(each for each in wish.columns if key_of(each) == key_of(name))):
        if known in wish.columns:
            return wish.columns[known]
    return name


def _without_orphans(judged: Sequence[_Judged], language: str) -> list[_Judged]:
    """Refuse what needs a new thing of a refused row, and what needs that, and so on."""
    found = list(judged)
    while True:
        gone = {iri for each in found if each.errors for iri, own in each.before.items() if not own}
        orphans = {
            number
            for number, each in enumerate(found)
            if not each.errors and any(isinstance(quad.object, NamedNode) and quad.object.value in gone for quad in each.delta.insert)
        }
        if not orphans:
            return found
        for number in orphans:
            found[number] = replace(found[number], errors=(("", say("row-depends", language)),))


def _held_against_shapes(world: World, judged: Sequence[_Judged], language: str) -> dict[int, tuple[Sentence, ...]]:
    """Hold what the things of some rows would be against the shapes, all at once; sentences by number of the row."""
    changed = [each for each in judged if each.delta.delete or each.delta.insert]
    stated = {quad.triple for each in changed for quads in each.after.values() for quad in quads}
    if not stated:
        return {}
    gone = {quad for each in changed for quad in each.delta.delete}
    near = {quad.triple for each in changed for quad in (*world.home(each.row.member), *world.home("")) if quad not in gone}
    come = {quad.triple for each in changed for quad in each.delta.insert}
    owner = {iri: (each, wish) for each in changed for iri, wish in zip(each.before, each.row.wishes, strict=True)}
    inside = inside_of(stated)
    found: dict[int, list[Sentence]] = {}
    for finding in shapes.validate(stated, context=(near | come) - stated).findings:
        thing, part, _ = finding.focus.partition("#")
        if finding.severity == "Violation" and thing in owner:
            each, wish = owner[thing]
            asked = field_of(wish.form, finding, inside.get(finding.focus, set()) if part else None)
            sentence = sentences.field(finding, language)
            if (column := _column(wish, asked.key) if asked is not None else "") == (asked.key if asked is not None else ""):
                sentence = sentences.for_people(finding, language)  # no column of the sheet says it, so the thing is named
            found.setdefault(each.row.number, []).append((column, sentence))
    return {number: tuple(dict.fromkeys(told)) for number, told in found.items()}


def _line(world: World, each: _Judged, language: str, zone: str) -> Line:
    things = tuple(each.before)
    if each.errors:
        return Line(each.row.number, Outcome.REFUSED, each.row.member, things, errors=each.errors)
    if not each.delta.delete and not each.delta.insert:
        return Line(each.row.number, Outcome.SAME, each.row.member, things)
    told: list[Change] = []
    for wish in each.row.wishes:
        iri = wish.place.iri
        old, new = (of_quads(wish.form, iri, quads[iri], world.names_in(quads[iri])) for quads in (each.before, each.after))
        told += _differences(iri, old, new, language, zone)
        told += [_beside(world, quad, language) for quad in wish.extra if quad in each.delta.insert]
    outcome = Outcome.CHANGED if each.before[things[0]] else Outcome.NEW
    return Line(each.row.number, outcome, each.row.member, things, tuple(told), (), each.delta)


def _beside(world: World, quad: Quad, language: str) -> Change:
    """What a row says beside its forms: whose a box is, and where."""
    other = _iri(quad.object)
    called_ = said(world.index.names(other), language) or world.iris.local(other)
    return Change(_iri(quad.subject), world.index.names(quad.predicate.value), "", called_)


def _differences(iri: str, old: Thing, new: Thing, language: str, zone: str) -> Iterable[Change]:
    for each in old.form.fields:
        before, after = (_written(each, thing, language, zone) for thing in (old, new))
        if before != after:
            yield Change(iri, each.names, before, after)


def _written(each: Field, thing: Thing, language: str, zone: str) -> str:
    return ", ".join(shown.text(each, entry, language, zone) for entry in thing.values.get(each.key, ()))


def _iri(term: object) -> str:
    return term.value if isinstance(term, NamedNode) else ""


def called(form: Form, language: str) -> str:
    """What the things of a form are called."""
    return said(form.names, language)
