"""Forget a member: in the graph, in what was refused, in what was looked up, in backups; the books keep a pseudonym without a key.

What stays is what the cooperative must account for: settlement results, payments, events and contracts, spoken of a random pseudonym.
Baselines keep their figures but lose their curves; readings, forecasts, facts, devices and instructions go.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyoxigraph as ox
from pyoxigraph import Literal, NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import RDF_JSON, instant
from ontology.names import FC, RDF
from privacy.errors import PrivacyError
from privacy.pseudonyms import PREFIX, Keys

Tell = Callable[[float, str], None]


def untold(share: float, sentence: str) -> None:
    """Tell nobody how far it is."""


KEPT = ("statements", "events", "contracts")
_GONE_TYPES = frozenset({str(FC.DispatchInstruction), str(FC.OptOut)})
_GONE_PROPERTIES = frozenset({str(FC.usedRevision)})
_AT_ONCE = 20_000


class Elsewhere(Protocol):
    """What holds something about members beside the graph, each told to forget; doing it again changes nothing."""

    def forget(self, keys: Keys, at: datetime) -> None:
        """Forget them."""
        ...


@dataclass(frozen=True)
class Erased:
    """What an erasure did.

    Attributes
    ----------
    pseudonym : whom the books speak of now
    kept, removed : triples
    backups : how many were rewritten
    """

    pseudonym: str
    kept: int
    removed: int
    backups: int


class Ledger:
    """Whom to forget again when an older backup is restored: salted hashes of their keys, from which nobody reads a key back.

    Keys are short, so whoever has this file and guesses a key can test the guess; each test costs some 50 ms (scrypt).
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, member: str) -> None:
        """Note a member."""
        known = self._read()
        if not self.holds(member):
            known["erased"].append(self._hash(known["salt"], member))
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(known))
            part.replace(self._path)

    def holds(self, member: str) -> bool:
        """Tell whether a member was erased once."""
        known = self._read()
        return bool(known["erased"]) and self._hash(known["salt"], member) in known["erased"]

    def _read(self) -> dict[str, Any]:
        if not self._path.is_file():
            return {"salt": secrets.token_hex(16), "erased": []}
        found: dict[str, Any] = json.loads(self._path.read_text())
        return found

    @staticmethod
    def _hash(salt: str, member: str) -> str:
        return hashlib.scrypt(member.encode(), salt=salt.encode(), n=1 << 14, r=8, p=1).hex()


def refuse_while_open(store: Store, keys: Keys) -> None:
    """Refuse while a campaign that the member takes part in is not settled: others' payments depend on it.

    Raises
    ------
    PrivacyError
        With the campaigns, and until when to wait.
    """
    rows = queries.rows(store, queries.load("privacy", "unsettled_of_member"), member=keys.iri)
    if rows:
        named = ", ".join(keys.iris.key(row["campaign"]) for row in rows)
        raise PrivacyError(
            f"{keys.member} takes part in {named}, which is not settled; opt out, or wait until it is (it ends {instant(rows[-1]['end'])}), and ask again"
        )


def erase(
    store: Store,
    keys: Keys,
    *,
    at: datetime,
    job: Path,
    ledger: Ledger,
    elsewhere: Iterable[Elsewhere] = (),
    backups: Path | None = None,
    tell: Tell = untold,
) -> Erased:
    """Forget a member. A kill at any moment loses nothing: `resume` goes on, and what was done already is done again without effect.

    The room on the disk is given back by a rebuild of the store, which is the caller's next step: until then the store's files still hold it.

    Parameters
    ----------
    job
        The file that says how far it is; it names the member, and is removed in the end.
    backups
        Directory of backups (`*.nq`) that are rewritten without the member.

    Raises
    ------
    PrivacyError
        If a campaign with the member is not settled.
    """
    refuse_while_open(store, keys)
    pseudonym = PREFIX + secrets.token_hex(8)
    _note(job, keys, pseudonym)
    return _carry_out(store, keys, pseudonym, at, job, ledger, elsewhere, backups, tell)


def resume(
    store: Store, iris: Iris, *, at: datetime, job: Path, ledger: Ledger, elsewhere: Iterable[Elsewhere] = (), backups: Path | None = None
) -> Erased | None:
    """Finish an erasure that a kill has interrupted, if there is one."""
    if not job.is_file():
        return None
    noted = json.loads(job.read_text())
    keys = Keys(iris, noted["member"], tuple(noted["boxes"]))
    return _carry_out(store, keys, noted["pseudonym"], at, job, ledger, elsewhere, backups, untold)


def _carry_out(
    store: Store,
    keys: Keys,
    pseudonym: str,
    at: datetime,
    job: Path,
    ledger: Ledger,
    elsewhere: Iterable[Elsewhere],
    backups: Path | None,
    tell: Tell,
) -> Erased:
    ledger.add(keys.member)  # first: from now on no restore brings the member back
    for number, each in enumerate(elsewhere):
        tell(0.1 + number / 100, "accounts, records and messages")
        each.forget(keys, at)
    tell(0.2, "the graph")
    kept, removed = _rewrite(store, keys, pseudonym)
    tell(0.8, "backups")
    files = sorted(backups.glob("*.nq")) if backups is not None and backups.is_dir() else []
    for file in files:
        _rewrite_backup(file, keys)
    job.unlink(missing_ok=True)
    return Erased(pseudonym, kept, removed, len(files))


def _note(job: Path, keys: Keys, pseudonym: str) -> None:
    job.parent.mkdir(parents=True, exist_ok=True)
    part = job.with_suffix(".part")
    part.write_text(json.dumps({"member": keys.member, "boxes": keys.boxes, "pseudonym": pseudonym}))
    part.replace(job)


def _rewrite(store: Store, keys: Keys, pseudonym: str) -> tuple[int, int]:
    """Say of the pseudonym what the books need, then drop the member's graphs, then clean what others say."""
    own = [graph for graph in store.graphs() if graph.startswith(keys.family)]
    kept = keys.pseudonymised(_needed(store, keys, own), pseudonym)
    store.apply(insert=kept)
    removed = sum(len(store.graph(graph)) for graph in own)
    store.drop(own)
    speaks = keys.mentioned()
    people = keys.iris.graph("people")
    for graph in store.graphs():
        if "/telemetry/" in graph or graph in (keys.iris.graph("ontology"), keys.iris.graph("shapes")):
            continue
        name = NamedNode(graph)
        said = [Quad(triple.subject, triple.predicate, triple.object, name) for triple in store.graph(graph) if speaks(triple)]
        for begin in range(0, len(said), _AT_ONCE):
            part = said[begin : begin + _AT_ONCE]
            store.apply(delete=part, insert=[] if graph == people else keys.pseudonymised(part, pseudonym))
    return len(kept), removed


def _needed(store: Store, keys: Keys, own: Iterable[str]) -> list[Quad]:
    """What the books need of the member's graphs: no curve, no instruction."""
    found: list[Quad] = []
    for part in KEPT:
        graph = keys.family + part
        if graph not in own:
            continue
        triples = store.graph(graph)
        types: dict[str, set[str]] = {}
        for triple in triples:
            if str(triple.predicate.value) == str(RDF.type):
                types.setdefault(triple.subject.value, set()).add(triple.object.value)  # type: ignore[union-attr]
        gone = {subject for subject, kinds in types.items() if kinds & _GONE_TYPES}
        for triple in triples:
            subject, predicate = triple.subject.value, triple.predicate.value  # type: ignore[union-attr]
            if subject.split("#")[0] in gone or predicate in _GONE_PROPERTIES:
                continue
            if getattr(triple.object, "value", "").split("#")[0] in gone:
                continue
            found.append(Quad(triple.subject, triple.predicate, _without_curve(triple.object), NamedNode(graph)))
    return found


def _without_curve(term: Any) -> Any:  # noqa: ANN401  (any term)
    """An array keeps its length and loses its values: missing is null, not zero."""
    if isinstance(term, Literal) and term.datatype == RDF_JSON and term.value.startswith("["):
        return Literal("[" + ",".join(["null"] * len(json.loads(term.value))) + "]", datatype=RDF_JSON)
    return term


def _rewrite_backup(file: Path, keys: Keys) -> None:
    """Leave out of a backup what speaks of the member; the file appears whole or not at all."""
    speaks = keys.mentioned()
    part = file.with_name(file.name + ".part")
    with file.open("rb") as source, part.open("wb") as target:
        kept = (quad for quad in ox.parse(source, format=ox.RdfFormat.N_QUADS) if not (speaks(quad) or _lies_in(quad, keys)))
        ox.serialize(kept, target, format=ox.RdfFormat.N_QUADS)
        target.flush()
        os.fsync(target.fileno())
    part.replace(file)


def _lies_in(quad: Quad, keys: Keys) -> bool:
    return isinstance(quad.graph_name, NamedNode) and quad.graph_name.value.startswith(keys.family)
