"""Spell changes of the dataset as SPARQL Update: one text, one transaction, on every store."""

from collections.abc import Callable, Iterable, Sequence

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad, Triple

from kg.errors import QueryError
from kg.terms import iri

Spell = Callable[[NamedNode | BlankNode | Literal], NamedNode | BlankNode | Literal]


def quads_text(delete: Sequence[Quad], insert: Sequence[Quad], spell: Spell | None = None) -> str:
    """Spell deletions, then insertions; empty if there are none.

    Raises
    ------
    QueryError
        If a quad holds a blank node: it names nothing that a later change could find again.
    """
    refuse_blank_nodes((*delete, *insert))
    pairs = (("DELETE", delete), ("INSERT", insert))
    return " ;\n".join(f"{verb} DATA {{ {_by_graph(quads, spell)} }}" for verb, quads in pairs if quads)


def refuse_blank_nodes(quads: Iterable[Quad]) -> None:
    """Refuse quads that hold blank nodes.

    Raises
    ------
    QueryError
        If one does: it names nothing that a later change could find again.
    """
    for quad in quads:
        if isinstance(quad.subject, BlankNode) or isinstance(quad.object, BlankNode):
            raise QueryError(f"{quad} holds a blank node, which no later change could find; give the node an IRI")


def replacement_text(graph: str, triples: Iterable[Triple], spell: Spell | None = None) -> str:
    """Spell the replacement of everything in one named graph.

    Raises
    ------
    QueryError
        If the graph's name is no IRI.
    """
    name = graph_name(graph)
    body = "\n".join(_line(triple, spell) for triple in triples)
    drop = f"DROP SILENT GRAPH {name}"
    return f"{drop} ;\nINSERT DATA {{ GRAPH {name} {{\n{body}\n}} }}" if body else drop


def drop_text(graphs: Sequence[str]) -> str:
    """Spell the removal of whole named graphs; empty if there are none.

    Raises
    ------
    QueryError
        If a graph's name is no IRI.
    """
    return " ;\n".join(f"DROP SILENT GRAPH {graph_name(graph)}" for graph in graphs)


def graph_name(graph: str) -> NamedNode:
    """Check the name of a graph.

    Raises
    ------
    QueryError
        If it is no absolute IRI.
    """
    try:
        return iri(graph)
    except ValueError as error:
        raise QueryError(f"the name of a graph: {error}") from error


def _line(triple: Triple, spell: Spell | None) -> str:
    spelt = triple.object if spell is None or isinstance(triple.object, Triple) else spell(triple.object)
    return f"{triple.subject} {triple.predicate} {spelt} ."


def _by_graph(quads: Sequence[Quad], spell: Spell | None) -> str:
    graphs: dict[str | None, list[str]] = {}
    for quad in quads:
        name = None if isinstance(quad.graph_name, DefaultGraph) else str(quad.graph_name)
        graphs.setdefault(name, []).append(_line(quad.triple, spell))
    return "\n".join(" ".join(lines) if name is None else f"GRAPH {name} {{ {' '.join(lines)} }}" for name, lines in graphs.items())
