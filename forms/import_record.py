"""The record of an import: who sent what, which of its rows are in the graph, and those that are not, as they were sent.

It lies in graph `imports` (docs/data-model.md §2), so that a platform that was killed in the middle still knows it. A row that is not written
is one statement with the key of its member in it: whoever is erased goes from there as well, and after `KEPT` all such rows do.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote

from pyoxigraph import Literal, NamedNode, Quad

from forms.bulk import mended
from forms.sheets import Sheet
from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import describe, iri
from ontology.names import DCTERMS, FC, PROV, RDF, RDFS
from registry.edits import Delta

GRAPH = "imports"
KEPT = timedelta(days=30)
_KEY = re.compile(r"[\w-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Unwritten:
    """A row that is not in the graph.

    Attributes
    ----------
    number : of the row, as a spreadsheet shows it
    member : key of whose it is; empty where that is not known
    cells : by column, as they were sent
    told : why it was not written; empty: its turn has not come
    """

    number: int
    member: str
    cells: Mapping[str, str]
    told: str = ""

    @property
    def text(self) -> str:
        """As it is stored."""
        return json.dumps({"row": self.number, "member": self.member, "cells": self.cells, "told": self.told}, ensure_ascii=False)

    @staticmethod
    def of(text: str) -> "Unwritten":
        """As it was stored."""
        said = json.loads(text)
        return Unwritten(said["row"], said["member"], said["cells"], said["told"])


@dataclass(frozen=True)
class Import:
    """One import.

    Attributes
    ----------
    key : what follows `{BASE}/id/import/`
    slug : of the class, or `home`
    file : its name, as it was sent; empty where it named somebody who was erased
    by, why : key of who wanted it, and the reason in words
    begun, ended : without an end it is under way, or was interrupted
    back : when it was taken back, as far as it could be (see `forms.taking_back`)
    written : numbers of the rows that are in the graph
    rest : the other rows, by number
    """

    key: str
    slug: str
    file: str
    by: str
    why: str
    begun: datetime
    ended: datetime | None = None
    back: datetime | None = None
    written: frozenset[int] = frozenset()
    rest: tuple[Unwritten, ...] = ()

    @property
    def waiting(self) -> int:
        """How many rows had no turn."""
        return sum(not each.told for each in self.rest)

    @property
    def sheet(self) -> Sheet:
        """The rest as a sheet, its rows numbered as before."""
        return Sheet(self._head, tuple((each.number, tuple(each.cells.get(name, "") for name in self._head)) for each in self.rest))

    @property
    def mended(self) -> list[list[str]]:
        """The rest as it was sent, with what is wrong in a last column; it can be sent again."""
        return mended(self.sheet, {each.number: each.told for each in self.rest})

    @property
    def _head(self) -> tuple[str, ...]:
        return tuple(self.rest[0].cells) if self.rest else ()


@dataclass(frozen=True)
class Summary:
    """One import in a list; `unwritten`: how many rows are still kept that are not in the graph."""

    key: str
    slug: str
    file: str
    by: str
    begun: datetime
    ended: datetime | None
    written: int
    unwritten: int


class Records:
    """The records of all imports."""

    def __init__(self, store: Store, iris: Iris) -> None:
        self._store, self._iris = store, iris
        self._graph = iris.graph(GRAPH)

    def iri(self, key: str) -> str:
        """What an import is called in the graph."""
        return self._iris.id("import", key)

    def begin(self, begun: Import) -> None:
        """Put an import on record, before its first row is written."""
        stated = describe(
            self._graph,
            self.iri(begun.key),
            {
                str(RDF.type): [iri(str(FC.Import)), iri(str(PROV.Activity))],
                str(DCTERMS.title): begun.file,
                str(RDFS.comment): begun.why,
                str(FC.importedInto): begun.slug,
                str(FC.writtenRows): spans(begun.written),
                str(PROV.startedAtTime): begun.begun,
                str(PROV.wasAssociatedWith): iri(self._iris.id("agent", quote(begun.by, safe=""))),
                str(FC.unwrittenRow): [each.text for each in begun.rest],
            },
        )
        self._store.apply(insert=stated)

    def find(self, key: str) -> Import | None:
        """What is known of an import."""
        if _KEY.fullmatch(key) is None:
            return None
        said: dict[str, list[Any]] = {}
        for row in queries.rows(self._store, queries.load("registry", "statements_of"), subject=self.iri(key)):
            if row["graph"] == self._graph:
                said.setdefault(row["predicate"], []).append(row["object"])
        if str(FC.importedInto) not in said:
            return None
        first = {name: values[0] for name, values in said.items()}
        rest = map(Unwritten.of, said.get(str(FC.unwrittenRow), ()))
        return Import(
            key,
            first[str(FC.importedInto)],
            first.get(str(DCTERMS.title), ""),
            unquote(self._iris.key(first[str(PROV.wasAssociatedWith)])),
            first.get(str(RDFS.comment), ""),
            first[str(PROV.startedAtTime)],
            first.get(str(PROV.endedAtTime)),
            first.get(str(PROV.invalidatedAtTime)),
            numbers(first[str(FC.writtenRows)]),
            tuple(sorted(rest, key=lambda each: each.number)),
        )

    def listed(self) -> list[Summary]:
        """The last imports, newest first."""
        return [
            Summary(
                self._iris.key(row["import"]),
                row["slug"],
                row.get("file", ""),
                unquote(self._iris.key(row["agent"])),
                row["at"],
                row.get("ended"),
                len(numbers(row["written"])),
                row["unwritten"],
            )
            for row in queries.rows(self._store, queries.load("forms", "imports_made"))
        ]

    def written(self, now: Import, rows: Iterable[Unwritten], run: str = "") -> tuple[Import, Delta]:
        """What is on record once some of the rest is written, and the change that says so; `run`: IRI of the edit that wrote it."""
        gone = {each.number: each for each in rows}
        after = replace(now, written=now.written | set(gone), rest=tuple(each for each in now.rest if each.number not in gone))
        edit = self.part(now, run).insert if run else ()
        return after, Delta(
            frozenset([self._row(now, each) for each in gone.values()] + [self._said(now, FC.writtenRows, spans(now.written))]),
            frozenset([*edit, self._said(now, FC.writtenRows, spans(after.written))]),
        )

    def part(self, of: Import, run: str, end: str = "") -> Delta:
        """State that an edit is part of an import, or, with `end` as `#undo`, of taking it back."""
        part = Quad(NamedNode(run), NamedNode(str(DCTERMS.isPartOf)), iri(self.iri(of.key) + end), NamedNode(self._graph))
        return Delta(insert=frozenset({part}))

    def taken_back(self, of: Import, at: datetime) -> None:
        """Note when an import was taken back; the first time counts."""
        if of.back is None:
            self._store.apply(insert=describe(self._graph, self.iri(of.key), {str(PROV.invalidatedAtTime): at}))

    def told(self, now: Import, sentences: Mapping[int, str]) -> Import:
        """Say of rows why they are not written; of rows that an erasure took away meanwhile nothing is said any more."""
        kept = self.find(now.key) or now
        before = {each.number: each for each in kept.rest if each.number in sentences}
        after = {number: replace(each, told=sentences[number]) for number, each in before.items()}
        self._store.apply(
            delete=[self._row(now, each) for each in before.values()], insert=[self._row(now, each) for each in after.values()]
        )
        return replace(kept, rest=tuple(after.get(each.number, each) for each in kept.rest))

    def end(self, now: Import, at: datetime) -> Import:
        """Note that nobody is writing it any more."""
        self._store.apply(insert=describe(self._graph, self.iri(now.key), {str(PROV.endedAtTime): at}))
        return replace(now, ended=at)

    def discard(self, now: Import) -> None:
        """Keep the rest no longer; what was written, by whom and when stays on record."""
        self._store.apply(delete=[self._row(now, each) for each in now.rest])

    def discard_old(self, at: datetime) -> None:
        """Keep no rest of imports that began longer ago than `KEPT`."""
        for row in queries.rows(self._store, queries.load("forms", "imports_outdated"), before=at - KEPT):
            if (old := self.find(self._iris.key(row["import"]))) is not None:
                self.discard(old)

    def _row(self, of: Import, row: Unwritten) -> Quad:
        return self._said(of, FC.unwrittenRow, row.text)

    def _said(self, of: Import, name: str, text: str) -> Quad:
        return Quad(NamedNode(self.iri(of.key)), NamedNode(str(name)), Literal(text), NamedNode(self._graph))


def spans(rows: Iterable[int]) -> str:
    """Write numbers of rows as short as they can be: `2-11, 13`."""
    ordered = sorted(rows)
    breaks = [0, *(at for at, (one, next_) in enumerate(pairwise(ordered), 1) if next_ != one + 1), len(ordered)]
    parts: Sequence[Sequence[int]] = [ordered[start:end] for start, end in pairwise(breaks) if start < end]
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)


def numbers(text: str) -> frozenset[int]:
    """Read what `spans` wrote."""
    found: set[int] = set()
    for part in filter(None, text.split(", ")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
