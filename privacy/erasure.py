"""Forget a member: in the graph, in what was refused, in what was looked up, in backups; the books keep a pseudonym without a key.

What stays is what the cooperative must account for: settlement results, payments, events and contracts, spoken of a random pseudonym.
Baselines keep their figures but lose their curves; readings, forecasts, facts, devices and instructions go.
"""

import hashlib
import json
import secrets
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pyoxigraph import Literal, NamedNode, Quad

from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.store import Store
from kg.terms import RDF_JSON, instant
from ontology.names import FC, RDF
from privacy import aggregates
from privacy.errors import PrivacyError
from privacy.pseudonyms import PREFIX, Keys, Pseudonym, things_of

LEDGER = "erased.json"  # the name of the file, beside the store
Tell = Callable[[float, str], None]


def nothing() -> None:
    """Do nothing."""


def at_once(change: Callable[[], None]) -> None:
    """Run a change as nobody else is there."""
    change()


Alone = Callable[[Callable[[], None]], object]


def untold(share: float, sentence: str) -> None:
    """Tell nobody how far it is."""


KEPT = ("statements", "events", "contracts")
_GONE_TYPES = frozenset({str(FC.DispatchInstruction), str(FC.OptOut)})
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

    def add(self, member: str, accounts: Iterable[str] = ()) -> None:
        """Note a member, and the accounts that acted for them."""
        known = self._read()
        hashes = [self._hash(known["salt"], each) for each in (member, *(_acting(member, account) for account in accounts))]
        if new := [each for each in hashes if each not in known["erased"]]:
            known["erased"] += new
            _write(self._path, known)

    def accounts(self, member: str, names: Iterable[str]) -> list[str]:
        """Tell which of these accounts acted for a member who was erased."""
        if not self.holds(member):
            return []
        known = self._read()
        return [name for name in names if self._hash(known["salt"], _acting(member, name)) in known["erased"]]

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


def _acting(member: str, account: str) -> str:
    return f"{member}/{account}"  # no member's key has a slash


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


@dataclass(frozen=True)
class Place:
    """Where somebody is forgotten.

    Attributes
    ----------
    at : the platform's time
    job : the file that says how far an erasure is; it names the member, and is removed in the end
    elsewhere : what holds something about members beside the graph
    backups : directory of backups (`*.nq`) that are rewritten likewise
    alone : runs the rewriting of the graph while nobody else writes
    rebuild : writes the store's files anew, so that they hold nothing of the member either
    """

    store: Store
    at: datetime
    job: Path
    ledger: Ledger
    elsewhere: Sequence[Elsewhere] = ()
    backups: Path | None = None
    alone: Alone = at_once
    rebuild: Callable[[], object] = nothing


def erase(place: Place, keys: Keys, *, tell: Tell = untold, while_open: bool = False) -> Erased:
    """Forget a member. A kill at any moment loses nothing: `resume` goes on, and what was done already is done again without effect.

    Parameters
    ----------
    while_open
        Also where a campaign with the member is not settled: for a backup that is restored.

    Raises
    ------
    PrivacyError
        If a campaign with the member is not settled, or another erasure is unfinished.
    """
    if place.job.is_file():
        raise PrivacyError("an erasure was interrupted and is not finished; start the platform again, which goes on with it")
    if not while_open:
        refuse_while_open(place.store, keys)
    task = _Task(keys, PREFIX + secrets.token_hex(8), secrets.token_hex(16))
    task.note(place.job)
    return _carry_out(place, task, tell)


def resume(place: Place, iris: Iris) -> Erased | None:
    """Finish an erasure that was interrupted, if there is one; see `erase`."""
    return _carry_out(place, _Task.noted(iris, place.job), untold) if place.job.is_file() else None


@dataclass(frozen=True)
class _Task:
    """An erasure under way: whom, and into what; the secret goes with its file."""

    keys: Keys
    pseudonym: str
    secret: str

    def note(self, job: Path) -> None:
        keys = self.keys
        job.parent.mkdir(parents=True, exist_ok=True)
        noted = {
            "member": keys.member,
            "things": sorted(keys.things),
            "boxes": keys.boxes,
            "accounts": keys.accounts,
            "pseudonym": self.pseudonym,
            "secret": self.secret,
        }
        _write(job, noted)

    @staticmethod
    def noted(iris: Iris, job: Path) -> "_Task":
        noted = json.loads(job.read_text())
        keys = Keys(
            iris, noted["member"], frozenset(noted["things"]), tuple(noted["boxes"]), tuple(noted.get("accounts", ()))
        )  # one begun before accounts were noted has none
        return _Task(keys, noted["pseudonym"], noted["secret"])


def _carry_out(place: Place, task: _Task, tell: Tell) -> Erased:
    keys = task.keys
    place.ledger.add(keys.member, keys.accounts)  # first: from now on no restore brings the member back
    for number, each in enumerate(place.elsewhere):
        tell(0.1 + number / 100, "accounts, records and messages")
        each.forget(keys, place.at)
    tell(0.2, "the graph")
    counts = [0, 0]

    def rewrite() -> None:
        counts[:] = rewritten(place.store, keys, Pseudonym(keys, task.pseudonym, task.secret), place.at)

    place.alone(rewrite)
    tell(0.6, "backups")
    files = sorted(place.backups.glob("*.nq")) if place.backups is not None and place.backups.is_dir() else []
    for file in files:
        _rewrite_backup(file, task, place.at)
    tell(0.8, "the files of the store")
    place.rebuild()
    place.job.unlink(missing_ok=True)
    return Erased(task.pseudonym, counts[0], counts[1], len(files))


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file of JSON that is there whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.replace(path)


def rewritten(store: Store, keys: Keys, pseudonym: Pseudonym, at: datetime) -> tuple[int, int]:
    """Say of the pseudonym what the books need, drop the member's graphs, and clean what others say; returns triples kept and removed."""
    aggregates.forget(store, keys.iri, at)  # rosters know a member by IRI
    own = [graph for graph in store.graphs() if graph.startswith(keys.family)]
    kept = pseudonym.quads(_needed(store, keys, own))
    store.apply(insert=kept)
    removed = sum(len(store.graph(graph)) for graph in own)
    store.drop(own)
    personal = (keys.iris.graph("people"), keys.iris.graph("imports"))
    for graph in store.graphs():
        if "/telemetry/" in graph or graph in (keys.iris.graph("ontology"), keys.iris.graph("shapes")):
            continue
        name = NamedNode(graph)
        said = [Quad(triple.subject, triple.predicate, triple.object, name) for triple in store.graph(graph) if keys.speaks(triple)]
        for begin in range(0, len(said), _AT_ONCE):
            part = said[begin : begin + _AT_ONCE]
            store.apply(delete=part, insert=[] if graph in personal else pseudonym.quads(part))
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
            if triple.subject.value.split("#")[0] in gone:  # type: ignore[union-attr]
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


def _rewrite_backup(file: Path, task: _Task, at: datetime) -> None:
    """Do in a backup what was done in the store; the file appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        scratch = EmbeddedStore(Path(folder) / "store")
        try:
            scratch.restore(file)
            keys = replace(task.keys, things=task.keys.things | things_of(scratch, task.keys.iris, task.keys.member))
            rewritten(scratch, keys, Pseudonym(keys, task.pseudonym, task.secret), at)
            scratch.backup(file)
        finally:
            scratch.close()
