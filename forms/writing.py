"""Write what a preview showed: slice by slice, each one transaction of whole rows that also says which rows it wrote.

Between two slices nothing is held, so that other people's edits and the boxes' announcements wait for one slice at most. A row is written
only if it would still change exactly what was shown; if not, it is told and stays in the rest. A row comes after those that it needs.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter

from pyoxigraph import NamedNode

from forms.bulk import SENTENCES, Line, Outcome, Preview, Row, Told, again
from forms.import_record import Import, Records, Unwritten
from forms.sheets import Sheet
from forms.told import say
from forms.world import World
from kg.store import Store
from ontology.names import RDF
from registry import naming
from registry.edits import Delta
from registry.errors import RefusedEditError
from registry.gate import Gate
from shapes import sentences
from telemetry.jobs import JobStoppedError

AT_ONCE = 5  # rows of a slice, unless rows that need one another are more; of homes some 0.2 s
# A lock is not handed over in order: without a moment in which it is free, whoever writes slice after slice would keep it.
BREATH_S = 0.02
_TYPE = str(RDF.type)
Unit = tuple[Line, ...]  # rows that are written together or not at all


@dataclass(frozen=True)
class Desk:
    """What writing needs of the platform.

    Attributes
    ----------
    world : looks at what is there anew
    rows : reads rows of the sheet in such a look
    language, zone : as the preview was made with
    """

    gate: Gate
    store: Store
    records: Records
    now: Callable[[], datetime]
    world: Callable[[], World]
    rows: Callable[[World, Sheet], list[Row]]
    language: str
    zone: str


def rest_of(preview: Preview) -> tuple[Unwritten, ...]:
    """The rows that are in the graph of no import yet: the good ones, which wait, and the refused ones with what is wrong."""
    cells = dict(preview.sheet.rows)
    told = [line for line in preview.lines if line.outcome is not Outcome.SAME]
    return tuple(Unwritten(line.number, line.member, _by_column(preview.sheet.head, cells[line.number]), line.told) for line in told)


def _by_column(head: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {name: cell for name, cell in zip(head, cells, strict=True) if name and name != SENTENCES}


def write(desk: Desk, begun: Import, preview: Preview, told: Told) -> Import:
    """Write the good rows of a preview, and answer with what is on record then.

    Parameters
    ----------
    begun
        On record already (`Records.begin`).
    told
        Told how many rows had their turn, of how many.

    Raises
    ------
    JobStoppedError
        If `told` raised it; the slices that were written stay, and the record says which.
    """
    writer = _Writer(desk, begun, preview)
    units = in_order(preview.lines)
    total, done = sum(map(len, units)), 0
    try:
        for slice_ in sliced(units):
            told(done, total)
            writer.write(slice_)
            done += sum(map(len, slice_))
            time.sleep(BREATH_S)
    except JobStoppedError:
        desk.records.end(writer.now, desk.now())
        raise
    return desk.records.end(writer.now, desk.now())


def in_order(lines: Iterable[Line]) -> list[Unit]:
    """The rows that change something, each after the rows whose new things it refers to; those that need one another in one unit."""
    good = {line.number: line for line in lines if line.outcome in (Outcome.NEW, Outcome.CHANGED)}
    makes = {thing: line.number for line in good.values() for thing in _new(line)}
    sorter = TopologicalSorter({number: needed(line, makes) for number, line in good.items()})
    with suppress(CycleError):  # it still gives all that is in no circle and needs none
        sorter.prepare()
    found: list[Unit] = []
    while ready := sorter.get_ready():
        found += [(good.pop(number),) for number in ready]
        sorter.done(*ready)
    return [*found, tuple(good.values())] if good else found


def sliced(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Put units together until a slice has enough rows."""
    now: list[Unit] = []
    for unit in units:
        now.append(unit)
        if sum(map(len, now)) >= AT_ONCE:
            yield now
            now = []
    if now:
        yield now


def needed(line: Line, makes: Mapping[str, int]) -> set[int]:
    """The other rows whose new things a row refers to."""
    referred = {quad.object.value.partition("#")[0] for quad in line.delta.insert if isinstance(quad.object, NamedNode)}
    return {makes[thing] for thing in referred if thing in makes} - {line.number}


def _new(line: Line) -> set[str]:
    typed = (quad.subject for quad in line.delta.insert if quad.predicate.value == _TYPE)
    return {node.value for node in typed if isinstance(node, NamedNode) and "#" not in node.value}


class _Writer:
    def __init__(self, desk: Desk, begun: Import, preview: Preview) -> None:
        self.now = begun
        self._desk, self._sheet = desk, preview.sheet
        self._cells = dict(preview.sheet.rows)
        self._makes = {thing: line.number for line in preview.lines for thing in _new(line)}
        self._why = f"{begun.why} ({desk.records.iri(begun.key).rpartition('/id/')[2]})"

    def write(self, units: Sequence[Unit]) -> None:
        """Write a slice; if the gate refuses it, unit by unit, so that one row keeps no other out."""
        told = self._erased(units)
        with self._desk.gate.held():
            told = self._objections(units, told)
            good = [unit for unit in units if not any(line.number in told for line in unit)]
            refused = self._apply(good) if good else None
        if refused is not None and len(good) > 1:
            for unit in good:
                time.sleep(BREATH_S)
                self.write([unit])
        elif refused is not None:
            told |= dict.fromkeys((line.number for line in good[0]), self._spoken(refused))
        if told:
            self.now = self._desk.records.told(self.now, told)

    def _erased(self, units: Iterable[Unit]) -> dict[int, str]:
        """The rows of new members with the key of one who was erased; asked before anything is held, as it takes its time."""
        world = self._desk.world()
        lines = [line for unit in units for line in unit if line.member and not world.has_member(line.member)]
        gone = (line for line in lines if world.was_erased(line.member))
        return {line.number: naming.Refusal("member", {"key": line.member}).said(self._desk.language) for line in gone}

    def _objections(self, units: Sequence[Unit], known: Mapping[int, str]) -> dict[int, str]:
        """Why rows can't be written as they were shown, `known` among them; with one row of a unit the others are held up."""
        desk, told = self._desk, dict(known)
        lines = [line for unit in units for line in unit]
        world = desk.world()
        part = Sheet(self._sheet.head, tuple((line.number, self._cells[line.number]) for line in lines))
        found = again(world, desk.rows(world, part), desk.language, desk.zone)
        here = {line.number for line in lines}
        for unit in units:
            for line in unit:
                delta, wrong = found[line.number]
                if needed(line, self._makes) - self.now.written - (here - set(told)):
                    told[line.number] = say("row-depends", desk.language)
                elif wrong:
                    told[line.number] = wrong
                elif delta != line.delta and (delta.delete or delta.insert):
                    told[line.number] = say("row-changed", desk.language)
            if any(line.number in told for line in unit):
                told |= {line.number: say("row-depends", desk.language) for line in unit if line.number not in told}
        return told

    def _apply(self, units: Iterable[Unit]) -> RefusedEditError | None:
        lines = [line for unit in units for line in unit]
        delta = Delta(frozenset().union(*(line.delta.delete for line in lines)), frozenset().union(*(line.delta.insert for line in lines)))
        numbers = {line.number for line in lines}
        rows = [each for each in self.now.rest if each.number in numbers]
        after = self.now

        def along(run: str) -> Delta:
            nonlocal after
            after, noted = self._desk.records.written(self.now, rows, run)
            return noted

        try:
            receipt = self._desk.gate.apply(delta, by=self.now.by, why=self._why, along=along)
        except RefusedEditError as error:
            return error
        if receipt.activity is None:  # somebody else has made the very same changes
            noted = along("")
            self._desk.store.apply(delete=noted.delete, insert=noted.insert)
        self.now = after
        return None

    def _spoken(self, refused: RefusedEditError) -> str:
        language = self._desk.language
        return " ".join(sentences.for_people(each, language) for each in refused.findings) or str(refused)
