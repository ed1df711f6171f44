"""The process in which an Update is evaluated: `python -m registry.update_worker MEMORY_MB`, asked by `registry.updates`.

It works on a copy of the store, and answers what the text would delete and insert. Each operation is evaluated on what those before it
have left, as SPARQL 1.1 Update §3 has it; the pattern of an operation is matched once, and its templates are filled from what was found.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyoxigraph as ox
from pyoxigraph import BlankNode, DefaultGraph, NamedNode, Quad, Triple

from registry.errors import UpdateError
from registry.update_text import Operation, Part, blanks, makes_blanks, statements, variables
from sparql.errands import Head, serve

_FILLED_AT_ONCE = 500


@dataclass
class Work:
    """One update in the making."""

    store: ox.Store
    default: NamedNode
    base: str
    prefixes: dict[str, str]
    most: int
    genid: str
    using: list[NamedNode] | None
    using_named: list[NamedNode]
    delete: set[Quad] = field(default_factory=set)
    insert: set[Quad] = field(default_factory=set)
    minted: dict[str, NamedNode] = field(default_factory=dict)

    def run(self, operation: Operation) -> None:
        """Evaluate one operation, and make what it changes the state for the next."""
        match operation.verb:
            case "INSERT DATA" | "DELETE DATA":
                quads = self._data(operation)
                gone, come = (set(), quads) if operation.verb == "INSERT DATA" else (quads, set())
            case "MODIFY":
                gone, come = self._modified(operation)
            case _:
                gone, come = self._whole_graphs(operation)
        for quad in gone - come:
            self.store.remove(quad)
        self.store.extend(come)
        self.delete = (self.delete | gone) - come
        self.insert = (self.insert - gone) | come
        if len(self.delete) + len(self.insert) > self.most:
            raise UpdateError(413, f"The update touches more than {self.most} triples, the most that is checked at once; make it in parts")
        self.minted.clear()

    def _data(self, operation: Operation) -> set[Quad]:
        """Let the engine read ground quads: inserted into nothing, they are all that is there."""
        empty = ox.Store()
        empty.update(_joined(operation.prologue, "INSERT", "DATA", operation.data), base_iri=self.base, prefixes=self.prefixes)
        return {self._named(quad.triple, quad.graph_name) for quad in empty}

    def _modified(self, operation: Operation) -> tuple[set[Quad], set[Quad]]:
        labels = [blanks(part) for part in operation.insert]
        if len(labels) > 1 and sum(map(len, labels)) > len(set().union(*labels)):
            raise UpdateError(400, "A blank node stands in two graphs of one INSERT; give it an IRI, as the store keeps no blank nodes")
        found = self._query(_joined(operation.prologue, "SELECT", "*", "WHERE", operation.where), **self._dataset(operation))
        names = [variable.value for variable in found.variables]
        rows: list[dict[str, Any]] = []
        for solution in found:
            rows.append({name: self._iri_of(term) for name in names if (term := solution[name]) is not None})
            if len(rows) > self.most:
                raise UpdateError(
                    413, f"The pattern has more than {self.most} solutions, the most that is worked through at once; narrow it"
                )
        place = self._resolved(operation, operation.with_graph) if operation.with_graph else self.default
        gone = {quad for part in operation.delete for quad in self._filled(operation, part, rows, place)}
        come = {quad for part in operation.insert for quad in self._filled(operation, part, rows, place)}
        return gone, come

    def _dataset(self, operation: Operation) -> dict[str, Any]:
        if self.using is not None:
            return {"default_graph": self.using, "named_graphs": self.using_named}
        if operation.using or operation.using_named:
            return {
                "default_graph": [self._resolved(operation, each) for each in operation.using],
                "named_graphs": [self._resolved(operation, each) for each in operation.using_named],
            }
        if operation.with_graph:
            return {"default_graph": [self._resolved(operation, operation.with_graph)]}
        return {"use_default_graph_as_union": True}

    def _filled(self, operation: Operation, part: Part, rows: Sequence[dict[str, Any]], place: NamedNode) -> Iterator[Quad]:
        """Fill one part of a template from the solutions, those of one graph together."""
        if part.graph is None:
            yield from self._instances(operation, part, rows, place)
        elif part.graph[0] not in "?$":
            yield from self._instances(operation, part, rows, self._resolved(operation, part.graph))
        else:
            by_graph: dict[NamedNode, list[dict[str, Any]]] = {}
            for row in rows:
                if isinstance(graph := row.get(part.graph[1:]), NamedNode):
                    by_graph.setdefault(graph, []).append(row)
            for graph, own in by_graph.items():
                yield from self._instances(operation, part, own, graph)

    def _instances(self, operation: Operation, part: Part, rows: Sequence[dict[str, Any]], graph: NamedNode) -> Iterator[Quad]:
        wanted = sorted(variables(part))
        lines = [" ".join(str(row[name]) if name in row else "UNDEF" for name in wanted) for row in rows]
        kept = lines if makes_blanks(part) else list(dict.fromkeys(lines))
        head = " ".join(f"?{name}" for name in wanted)
        for start in range(0, len(kept), _FILLED_AT_ONCE):
            table = " ".join(f"({line})" for line in kept[start : start + _FILLED_AT_ONCE])
            filled = _joined("{", part.triples, "}", "WHERE", "{", "VALUES", f"({head})", "{", table, "}", "}")
            for triple in self._query(_joined(operation.prologue, "CONSTRUCT", filled)):
                yield self._named(triple, graph)

    def _whole_graphs(self, operation: Operation) -> tuple[set[Quad], set[Quad]]:
        if operation.verb in ("CLEAR", "DROP"):
            return {quad for graph in self._meant(operation, operation.graphs[0]) for quad in self._content(graph)}, set()
        if operation.verb == "CREATE":
            (graph,) = self._meant(operation, operation.graphs[0])
            if self._content(graph) and not operation.silent:
                raise UpdateError(400, f"{graph.value} exists already; leave CREATE out, or say CREATE SILENT")
            return set(), set()
        (source,), (target,) = (self._meant(operation, each) for each in operation.graphs)
        if source == target:
            return set(), set()
        given = self._content(source)
        if not given and not operation.silent:
            raise UpdateError(
                400, f"{source.value} holds nothing that could be taken to {target.value}; correct its name, or say {operation.verb} SILENT"
            )
        come = {Quad(quad.subject, quad.predicate, quad.object, target) for quad in given}
        gone = self._content(target) if operation.verb in ("COPY", "MOVE") else set()
        return gone | (given if operation.verb == "MOVE" else set()), come

    def _meant(self, operation: Operation, graph: str) -> list[NamedNode]:
        if graph == "DEFAULT":
            return [self.default]
        if graph in ("ALL", "NAMED"):
            every = [each for each in self.store.named_graphs() if isinstance(each, NamedNode)]
            return [each for each in every if graph == "ALL" or each != self.default]
        return [self._resolved(operation, graph)]

    def _content(self, graph: NamedNode) -> set[Quad]:
        found: set[Quad] = set()
        for quad in self.store.quads_for_pattern(None, None, None, graph):
            found.add(quad)
            if len(found) > self.most:
                raise UpdateError(
                    413, f"{graph.value} holds more than {self.most} triples, the most that is checked at once; edit it in parts"
                )
        return found

    def _resolved(self, operation: Operation, written: str) -> NamedNode:
        """Let the engine say which IRI a name as written stands for."""
        found = next(iter(self._query(_joined(operation.prologue, "SELECT", "*", "WHERE", "{", "BIND", f"({written} AS ?graph)", "}"))))[
            "graph"
        ]
        if not isinstance(found, NamedNode):
            raise UpdateError(400, f"{written} is no IRI, and only IRIs name graphs; correct it")
        return found

    def _query(self, text: str, **dataset: Any) -> Any:  # noqa: ANN401 - solutions or triples
        return self.store.query(text, base_iri=self.base, prefixes=self.prefixes, **dataset)

    def _named(self, triple: Triple, graph: Any) -> Quad:  # noqa: ANN401 - any name of a graph
        if isinstance(triple.object, Triple):
            raise UpdateError(400, f"{triple} is a statement about a statement, which is not kept here; give the statement an IRI")
        where = self.default if isinstance(graph, DefaultGraph) else graph
        return Quad(self._iri_of(triple.subject), triple.predicate, self._iri_of(triple.object), where)

    def _iri_of(self, term: Any) -> Any:  # noqa: ANN401 - any term
        """Give a blank node an IRI: the same one as long as the operation lasts."""
        if not isinstance(term, BlankNode):
            return term
        if term.value not in self.minted:
            self.minted[term.value] = NamedNode(f"{self.genid}-{len(self.minted)}-{term.value}")
        return self.minted[term.value]


def _joined(*pieces: str) -> str:
    """Put keywords around pieces of the operator's own text: what no query file can hold."""
    return "\n".join(pieces)


def evaluate(head: Head, parts: Iterable[bytes]) -> tuple[Head, bytes]:
    """Evaluate one text; answers the quads that go, then those that come, as N-Quads."""
    text = b"".join(parts).decode()
    try:
        work = _work(head)
        said = statements(text)
        for each in said:
            _check_syntax(_joined(each.prologue, each.text), work)
        wanted = [each.operation for each in said]
        if work.using is not None and any(each.with_graph or each.using or each.using_named for each in wanted):
            told = (
                "The graphs are named twice: by using-graph-uri or using-named-graph-uri, and by WITH or USING in the text; do one of them"
            )
            raise UpdateError(400, told)
        for operation in wanted:
            work.run(operation)
    except UpdateError as error:
        return {"status": error.status, "sentence": str(error)}, b""
    except SyntaxError as error:
        return {"status": 400, "sentence": f"This is not SPARQL 1.1 Update: {error}; correct it"}, b""
    except (ValueError, RuntimeError, OSError) as error:
        return {"status": 400, "sentence": f"This update can't be evaluated: {error}; correct it"}, b""
    deleted, inserted = (ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b"" for quads in (work.delete, work.insert))
    return {"status": 200, "deleted_bytes": len(deleted)}, deleted + inserted


def _work(head: Head) -> Work:
    if head["is_dump"]:
        store = ox.Store()
        store.bulk_load(path=head["path"], format=ox.RdfFormat.N_QUADS)
    else:
        store = ox.Store(head["path"])
    has_dataset = bool(head["using"] or head["using_named"])
    return Work(
        store,
        default=NamedNode(head["default"]),
        base=head["base"],
        prefixes=dict(head["prefixes"]),
        most=head["most"],
        genid=head["genid"],
        using=[NamedNode(each) for each in head["using"]] if has_dataset else None,
        using_named=[NamedNode(each) for each in head["using_named"]],
    )


def _check_syntax(text: str, work: Work) -> None:
    """Let the engine read an operation before it is taken apart; what it does to an empty store is of no interest."""
    with contextlib.suppress(RuntimeError, OSError):  # it refers to graphs that are not there
        ox.Store().update(text, base_iri=work.base, prefixes=work.prefixes)


if __name__ == "__main__":
    serve(evaluate)
