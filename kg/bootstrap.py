"""Put what is everybody's into the graph: our terms, the slots of a day, the shapes."""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

import pyoxigraph as ox
from pyoxigraph import Literal, NamedNode, Triple

from kg.iris import Iris
from kg.store import Store
from kg.terms import literal
from ontology.names import DCTERMS, FC, RDF, RDFS, SLOT

SLOT_STEP_S = 60
DAY_S = 86_400


def load_public(store: Store, iris: Iris) -> list[str]:
    """Bring the graphs `ontology` and `shapes` up to the Turtle files of this version.

    A digest of the files stands in each graph; a graph whose digest is the same is left alone.

    Returns
    -------
    list of str
        The graphs that were replaced, each in one transaction.
    """
    replaced = []
    for part, slots in (("ontology", True), ("shapes", False)):
        sources = _sources(part)
        graph = iris.graph(part)
        mark = _mark(graph, sources)
        if _marked(store, mark):
            continue
        triples = [mark, *_parsed(sources), *(slot_triples() if slots else ())]
        store.replace_graph(graph, triples)
        replaced.append(graph)
    return replaced


def slot_triples() -> Iterator[Triple]:
    """Describe the predicates of the open day, `slot:s0`, `slot:s60` … `slot:s86340`, with their offsets [s]."""
    kind, offset, parent = NamedNode(RDF.type), NamedNode(FC.offset), NamedNode(RDFS.subPropertyOf)
    for seconds in range(0, DAY_S, SLOT_STEP_S):
        slot = NamedNode(SLOT[f"s{seconds}"])
        yield Triple(slot, kind, NamedNode(RDF.Property))
        yield Triple(slot, parent, NamedNode(FC.slotValue))
        yield Triple(slot, offset, literal(seconds))


def _sources(package: str) -> list[tuple[str, bytes]]:
    found: list[Traversable] = [file for file in files(package).iterdir() if file.name.endswith(".ttl") and file.name != "prefixes.ttl"]
    return [(file.name, file.read_bytes()) for file in sorted(found, key=lambda file: file.name)]


def _mark(graph: str, sources: list[tuple[str, bytes]]) -> Triple:
    digest = hashlib.sha256(f"slots every {SLOT_STEP_S} s".encode())
    for name, text in sources:
        digest.update(f"\n{name} {len(text)}\n".encode() + text)
    return Triple(NamedNode(graph), NamedNode(DCTERMS.identifier), Literal(f"sha256:{digest.hexdigest()}"))


def _marked(store: Store, mark: Triple) -> bool:
    return store.ask(f"ASK {{ GRAPH {mark.subject} {{ {mark} }} }}")


def _parsed(sources: list[tuple[str, bytes]]) -> Iterator[Triple]:
    for name, text in sources:
        try:
            parsed = ox.parse(text, format=ox.RdfFormat.TURTLE, rename_blank_nodes=True)
            yield from (quad.triple for quad in parsed)
        except SyntaxError as error:
            raise ValueError(f"{name} is not valid Turtle: {error}; correct the file") from error
