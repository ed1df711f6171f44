"""What a thing has one value of at most, read from the shapes: where two say it differently, one of them must give way."""

from dataclasses import dataclass
from functools import cache

from rdflib import RDFS, SH, URIRef
from rdflib.term import Node

from shapes.catalogue import graph


@dataclass(frozen=True)
class Single:
    """Properties by how many values they may have.

    Attributes
    ----------
    plain : IRIs of predicates of which a thing, whatever it is, has one value at most; a name counts as one, whatever the languages it is in
    by_kind : IRIs of predicates that link to values, of which a thing has one of each kind at most (rated power, storage capacity)
    """

    plain: frozenset[str]
    by_kind: frozenset[str]


@cache
def single() -> Single:
    """Read the shapes, once a process."""
    shapes = graph()
    plain = {path for shape in shapes.subjects(SH.maxCount) for path in shapes.objects(shape, SH.path) if int(_most(shape)) == 1}
    # a field that says how many there are at least, or of what nature, and not how many at most; a mere limit of the number says neither
    counted = {shape for said in (SH.minCount, SH.nodeKind) for shape in shapes.subjects(said)}
    several = {path for shape in counted if _most(shape) == "None" for path in shapes.objects(shape, SH.path)}
    by_kind = {path for shape in shapes.subjects(SH.qualifiedMaxCount) for path in shapes.objects(shape, SH.path)}
    return Single(
        frozenset(str(path) for path in {*(plain - several), RDFS.label} if isinstance(path, URIRef)),
        frozenset(str(path) for path in by_kind if isinstance(path, URIRef)),
    )


def _most(shape: Node) -> str:
    return str(graph().value(shape, SH.maxCount))
