"""Ask HermiT whether the ontology holds together: alone, with the ontologies it aligns to, and with data.

Needs Java; takes seconds, so it belongs in tests and in `flex check`, never in a request.
"""

import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import owlready2
from rdflib import OWL, RDF, RDFS, BNode, Graph, Literal, URIRef
from rdflib.namespace import XSD

# OWL 2 structural specification, section 4: what a reasoner must know; HermiT refuses ranges outside this map
SUPPORTED = frozenset(
    {
        OWL.rational, OWL.real, RDF.PlainLiteral, RDF.XMLLiteral, RDFS.Literal,
        XSD.anyURI, XSD.base64Binary, XSD.boolean, XSD.byte, XSD.dateTime, XSD.dateTimeStamp, XSD.decimal,
        XSD.double, XSD.float, XSD.hexBinary, XSD.int, XSD.integer, XSD.language, XSD.long, XSD.Name, XSD.NCName,
        XSD.negativeInteger, XSD.NMTOKEN, XSD.nonNegativeInteger, XSD.nonPositiveInteger, XSD.normalizedString,
        XSD.positiveInteger, XSD.short, XSD.string, XSD.token, XSD.unsignedByte, XSD.unsignedInt,
        XSD.unsignedLong, XSD.unsignedShort,
    }
)  # fmt: skip


@dataclass(frozen=True)
class External:
    """An ontology of others, as files below a folder: those that match `pattern`, without those that match `without`."""

    name: str
    pattern: str
    without: tuple[str, ...] = ()

    def read(self, folder: Path) -> Graph:
        """Parse its files.

        Raises
        ------
        FileNotFoundError
            If no file matches.
        """
        paths = sorted(path for path in folder.glob(self.pattern) if not any(map(path.match, self.without)))
        if not paths:
            raise FileNotFoundError(f"no {self.pattern} below {folder}; fetch {self.name} there or leave the check out")
        graph = Graph()
        for path in paths:
            graph.parse(path)
        return graph


# Left out, and why: SAREF core 3.1.1, SAREF4ENER 1.1.2 and SAREF4BLDG 1.0 are earlier editions than those that we align to (their
# saref:Measurement, saref:Property and old namespaces are gone); BIGG 2.0.4 is not aligned to, and has ranges of GeoSPARQL's
# literals, which HermiT refuses.
EXTERNAL = (
    External("saref-v4-register", "saref-v4-register/*.ttl"),
    # StreetLightSystemOntology: six of its classes can have no instance even without us (seas:RecessedFloorLightSupport, …);
    # seas-1.1.ttl: the hub, imports and metadata only
    External("seas-1.1", "seas-1.1/*.ttl", ("StreetLightSystemOntology-*.ttl", "seas-1.1.ttl")),
    # celine.shacl.ttl: shapes, no axioms
    External("celine-0.10", "celine-0.10/celine.ttl"),
)


@dataclass(frozen=True)
class Verdict:
    """What the reasoner says: `consistent`, and the classes that can have no instance."""

    consistent: bool
    unsatisfiable: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return self.consistent and not self.unsatisfiable


def check(*graphs: Graph, memory_mb: int = 1000) -> Verdict:
    """Classify the union of the graphs with HermiT.

    Parameters
    ----------
    graphs
        Ontologies and data; `owl:imports` are left out, nothing is fetched.
    memory_mb
        Most memory of the Java process [MB].

    Raises
    ------
    FileNotFoundError
        If there is no Java on the path.
    """
    owlready2.reasoning.JAVA_MEMORY = memory_mb
    world = owlready2.World()
    with tempfile.NamedTemporaryFile(suffix=".nt") as file:
        Path(file.name).write_text(reasonable(graphs).serialize(format="nt"), encoding="utf-8")
        with Path(file.name).open("rb") as source, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # owlready2 warns of each term that two vocabularies share
            world.get_ontology("https://w3id.org/flexcoop/check#").load(fileobj=source)
    try:
        owlready2.sync_reasoner_hermit(world, debug=0)
    except owlready2.OwlReadyInconsistentOntologyError:
        return Verdict(False, ())
    return Verdict(True, tuple(sorted(cls.iri for cls in world.inconsistent_classes() if cls is not owlready2.Nothing)))


def reasonable(graphs: Iterable[Graph]) -> Graph:
    """Merge graphs and leave out what OWL 2 DL gives no meaning to.

    Left out are imports, and ranges in datatypes outside the OWL 2 datatype map (`xsd:date`, `rdf:JSON`, …),
    and literals of such datatypes. What remains entails no more than the whole does.
    """
    merged = Graph()
    for graph in graphs:
        # blank nodes of different files must not meet
        renamed: dict[BNode, BNode] = {}
        for triple in graph:
            if triple[1] == OWL.imports or _beyond_owl(triple[1], triple[2]):
                continue
            subject, predicate, value = (renamed.setdefault(term, BNode()) if isinstance(term, BNode) else term for term in triple)
            merged.add((subject, predicate, value))
    return merged


def _beyond_owl(predicate: object, value: object) -> bool:
    if isinstance(value, Literal):
        return value.datatype is not None and value.datatype not in SUPPORTED
    foreign = isinstance(value, URIRef) and (value.startswith(str(XSD)) or value == RDF.JSON)
    return foreign and predicate == RDFS.range and value not in SUPPORTED
