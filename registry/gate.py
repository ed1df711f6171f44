"""The one gate that edits pass: graphs that may be edited, names, shapes, provenance, one transaction."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from urllib.parse import quote

from pyoxigraph import DefaultGraph, Literal, NamedNode, Quad, Triple

import shapes
from kg.iris import Iris, stamp
from kg.provenance import activity
from kg.store import Store
from kg.terms import Lang, canonical, describe
from ontology.names import FC, RDFS
from registry import agreed, claims, naming_checks, record
from registry.edits import Delta, Receipt, Seen, Skolem, etag
from registry.errors import RefusedEditError, StaleEditError
from registry.owners_word import settled

OWN = ("ontology", "shapes", "audit", "catalogue", record.EDITS, "imports")
OWN_FAMILIES = ("aggregates/",)
MOST_QUADS = 200_000
Along = Callable[[str], Delta]
Names = Callable[[], Sequence[str]]


class Gate:
    """Lets an edit into the graph, or says why not.

    Parameters
    ----------
    now
        The platform's time.
    mint
        A key that was never used before.
    written
        Called after an edit with the graphs that it touched, so that what is derived from them can be looked at again.
    erased
        Whether a member with this key was erased once.
    certified
        Whether the box with this identifier (`osb-h01`) has a certificate, or a code for which it is given one.
    """

    def __init__(
        self,
        store: Store,
        iris: Iris,
        now: Callable[[], datetime],
        mint: Callable[[], str],
        written: Callable[[Sequence[str]], None] | None = None,
        *,
        erased: Callable[[str], bool] = lambda _key: False,
        certified: Callable[[str], bool] = lambda _identifier: False,
    ) -> None:
        self._store = store
        self._iris = iris
        self._now = now
        self._mint = mint
        self._written = written
        self._erased = erased
        self._certified = certified
        self._one_at_a_time = threading.RLock()
        self.skolem = Skolem(iris)

    @property
    def default_graph(self) -> str:
        """The named graph that stands for the default graph: what is written to none in particular."""
        return self._iris.graph("default")

    def new_graph(self) -> str:
        """Name a graph that was never there."""
        return self._iris.graph("posted", self._mint())

    def refusal(self, graph: str) -> str | None:
        """Say why a graph is not to be edited; nothing where it may be."""
        ours = self._iris.graph("")
        place = graph.removeprefix(ours)
        if graph.startswith(ours) and not all(part.strip(".") for part in place.split("/")):
            return f"{graph} has an empty part or one of dots alone, so that it looks like another graph; name it without."
        place = place.lower()  # nor by letters of another case
        own = place in OWN or place.startswith(OWN_FAMILIES) or "/telemetry/" in place or place.endswith(("/latest", f"/{record.EDITS}"))
        if graph.startswith(ours) and own:
            return (
                f"{graph} is written by the platform itself and not edited; use {self._iris.graph('registry')}, "
                f"{self._iris.graph('member', '{key}', 'facts')} and the like (docs/data-model.md §2)."
            )
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other edits out for as long as one is thought of."""
        with self._one_at_a_time:
            yield

    def tag(self, graph: str, subject: str | None = None) -> str:
        """Name the content of a graph, or what it says of one thing; compare `Seen.tag`."""
        return etag(triple for triple in self._store.graph(graph) if subject is None or triple.subject == NamedNode(subject))

    def apply(self, delta: Delta, *, by: str, why: str, if_match: Seen | None = None, along: Along | None = None) -> Receipt:
        """Make an edit: all of it, with who, when and why in graph `audit` and what it changed (see `record`), in one transaction.

        Quads without a graph go to `default_graph`; blank nodes are given IRIs. Where a member's facts now say what a box says, too, the
        box's word gives way in the same transaction (see `owners_word`).

        Parameters
        ----------
        by
            Key of the principal who wants it.
        why
            In words, for whoever reads the audit; may be empty.
        if_match
            What was seen when the edit was thought of.
        along
            Given the IRI of the activity, what the platform itself notes in the same transaction; not asked where nothing changes.

        Raises
        ------
        RefusedEditError
            If a graph is not to be edited, something can't be called so, or would break its shape; nothing is written then.
        StaleEditError
            If what was seen has changed.
        """
        wanted = self._placed(delta)
        refused = [sentence for graph in wanted.graphs if (sentence := self.refusal(graph))]
        if refused:
            raise RefusedEditError(refused)
        if len(wanted.delete) + len(wanted.insert) > MOST_QUADS:
            raise RefusedEditError([f"The edit has more than {MOST_QUADS} triples, the most that is checked at once; make it in parts."])
        with self._one_at_a_time:
            if if_match is not None and self.tag(if_match.graph, if_match.subject) != if_match.tag:
                raise StaleEditError(
                    f"{if_match.subject or if_match.graph} has changed since it was read; read it again and repeat the edit"
                )
            return self._apply(settled(self._store, self._iris, wanted), by, why, along)

    def replace(self, graph: str, triples: Iterable[Triple], *, by: str, why: str, if_match: Seen | None = None) -> Receipt:
        """Make a graph hold these triples and no others; see `apply`."""
        with self._one_at_a_time:
            name = NamedNode(graph)
            before = {Quad(triple.subject, triple.predicate, triple.object, name) for triple in self._store.graph(graph)}
            after = {Quad(triple.subject, triple.predicate, triple.object, name) for triple in triples}
            return self.apply(Delta(frozenset(before), frozenset(after)), by=by, why=why, if_match=if_match)

    def _placed(self, delta: Delta) -> Delta:
        """Give quads without graph the graph that stands for the default, blank nodes IRIs, and literals the spelling that stores give back."""
        default = NamedNode(self.default_graph)

        def placed(quads: Iterable[Quad]) -> frozenset[Quad]:
            return frozenset(
                Quad(
                    quad.subject,
                    quad.predicate,
                    canonical(quad.object) if isinstance(quad.object, Literal) else quad.object,
                    default if isinstance(quad.graph_name, DefaultGraph) else quad.graph_name,
                )
                for quad in quads
            )

        return Delta(placed(delta.delete), placed(self.skolem.named(delta.insert, self._mint)))

    def _apply(self, wanted: Delta, by: str, why: str, along: Along | None) -> Receipt:
        at = self._now()
        before = {graph: set(self._store.graph(graph)) for graph in wanted.graphs}
        delete, insert, after = self._effective(wanted, before)
        if not delete and not insert:
            return Receipt(None, at, 0, 0, {graph: etag(content) for graph, content in before.items()})
        graphs = cache(self._store.graphs)  # all their names, at most once an edit: there are many
        told = [*self._misnamed(before, delete, insert, graphs), *self._invalid(before, after, graphs)]
        if told:
            raise RefusedEditError([finding.sentence for finding in told], told)
        run = record.Run(
            self._iris.id("run", f"edit-{stamp(at)}-{self._mint()}"), at, self._iris.id("agent", quote(by, safe="")), why.strip()
        )
        kept = record.records(self._store, self._iris, run, delete, insert)
        noted = along(run.iri) if along is not None else Delta()
        account = self._account(run, delete, insert)
        self._store.apply(delete=[*delete, *noted.delete], insert=[*insert, *account, *kept, *noted.insert])
        touched = sorted({quad.graph_name.value for quad in (*delete, *insert)})  # type: ignore[union-attr]
        if self._written is not None:
            self._written(touched)
        return Receipt(run.iri, at, len(delete), len(insert), {graph: etag(content) for graph, content in after.items()})

    @staticmethod
    def _effective(wanted: Delta, before: dict[str, set[Triple]]) -> tuple[list[Quad], list[Quad], dict[str, set[Triple]]]:
        """Find what really changes: what is there already need not come, and what is not there can't go."""
        delete: list[Quad] = []
        insert: list[Quad] = []
        after: dict[str, set[Triple]] = {}
        for graph, content in before.items():
            goes, comes = wanted.within(graph)
            after[graph] = (content - goes) | comes
            name = NamedNode(graph)
            delete += [Quad(each.subject, each.predicate, each.object, name) for each in content - after[graph]]
            insert += [Quad(each.subject, each.predicate, each.object, name) for each in after[graph] - content]
        return delete, insert, after

    def _misnamed(
        self, before: dict[str, set[Triple]], delete: Sequence[Quad], insert: Sequence[Quad], graphs: Names
    ) -> list[shapes.Finding]:
        """Hold what changes against the rules for keys, claims of boxes against those of others, and all of it against what was agreed."""
        told = agreed.findings(self._store, self._iris, before, delete, insert)
        told += naming_checks.findings(self._store, self._iris, before, insert, graphs, self._erased)
        return told + claims.findings(self._store, self._iris, delete, insert, self._certified)

    def _invalid(self, before: dict[str, set[Triple]], after: dict[str, set[Triple]], graphs: Names) -> list[shapes.Finding]:
        """Hold what changed, and what refers to it, against the shapes; what was wrong before and is elsewhere does not count."""
        touched = {graph: {triple.subject for triple in content ^ before[graph]} for graph, content in after.items()}
        around = self._around(set(after), graphs)
        found = _findings(after, touched, around)
        if not found:
            return []
        names = {getattr(subject, "value", "") for subjects in touched.values() for subject in subjects}
        known = _findings(before, touched, around)
        return [finding for finding in sorted(found) if finding.focus in names or finding not in known]

    def _around(self, graphs: set[str], listed: Names) -> list[Triple]:
        """What the graphs may refer to: the registry, and their owners' other small graphs."""
        members = self._iris.graph("member", "")
        owners = {graph[len(members) :].partition("/")[0] for graph in graphs if graph.startswith(members)}
        near = {self._iris.graph("registry")} | {
            self._iris.graph("member", owner, part) for owner in owners for part in ("facts", "contracts", "events")
        }
        for graph in listed() if owners else ():
            owner, _, part = graph[len(members) :].partition("/") if graph.startswith(members) else ("", "", "")
            if owner in owners and part.startswith("osb/"):
                near.add(graph)
        return [triple for graph in near - graphs for triple in self._store.graph(graph)]

    def _account(self, run: record.Run, delete: Sequence[Quad], insert: Sequence[Quad]) -> list[Quad]:
        """State who did what: counts and graphs, not the triples, so that what is erased there does not live on here."""
        audit = self._iris.graph("audit")
        graphs = sorted({quad.graph_name.value for quad in (*delete, *insert)})  # type: ignore[union-attr]
        return [
            *activity(self._iris, audit, run.iri, at=run.at, on_behalf_of=run.agent),
            *describe(
                audit,
                run.iri,
                {
                    str(RDFS.comment): Lang(run.why) if run.why else None,
                    str(FC.editedGraph): [NamedNode(graph) for graph in graphs],
                    str(FC.deletedTriples): len(delete),
                    str(FC.insertedTriples): len(insert),
                },
            ),
        ]


def _findings(contents: Mapping[str, set[Triple]], touched: Mapping[str, Set[object]], around: Sequence[Triple]) -> set[shapes.Finding]:
    """What the shapes find in the things that were touched: of all graphs at once, as what they look at is the union of graphs."""
    judged = {graph: _judged(content, touched[graph]) for graph, content in contents.items()}
    looked_at = set().union(*judged.values())
    if not looked_at:
        return set()
    rest = [triple for graph, content in contents.items() for triple in content - judged[graph] if triple not in looked_at]
    return set(shapes.validate(looked_at, context=[*rest, *around]).findings)


def _judged(content: set[Triple], touched: Set[object]) -> set[Triple]:
    """All statements of the things that were touched, and of those in the same graph that refer to them."""
    referring = {triple.subject for triple in content if triple.object in touched and not isinstance(triple.object, Literal)}
    return {triple for triple in content if triple.subject in touched or triple.subject in referring}
