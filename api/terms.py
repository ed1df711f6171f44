"""The vocabulary as people read it: every term of the Turtle modules, with its labels, comment, place and use."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import pyoxigraph as ox
from pyoxigraph import Literal, NamedNode, Quad

from api.languages import later
from kg.prefixes import prefixes
from ontology.names import DCAM, DCTERMS, FC, OWL, QUDT, RDF, RDFS, SKOS

NS, VOCAB, SLOTS, SHAPES = (f"https://w3id.org/flexcoop/{part}" for part in ("ns#", "vocab/", "slot/", "shapes#"))
ALTOGETHER = "flexcoop"  # the module that imports the others
_SKOS = str(SKOS)
KINDS = (  # type → what it is called and where it stands on the page; the first that fits
    (str(OWL.Class), later("Class")),
    (str(OWL.ObjectProperty), later("Object property")),
    (str(OWL.DatatypeProperty), later("Datatype property")),
    (str(RDF.Property), later("Property")),
    (str(OWL.AnnotationProperty), later("Annotation property")),
    (_SKOS + "ConceptScheme", later("List")),
    (_SKOS + "Concept", later("Concept")),
    (str(OWL.Ontology), later("Module")),
)
ROWS = (  # property → heading on the page
    (str(RDFS.subClassOf), later("Kind of")),
    (str(RDFS.subPropertyOf), later("Narrower than")),
    (str(RDFS.domain), later("Stands on")),
    (str(DCAM.domainIncludes), later("Stands on, among others")),
    (str(RDFS.range), later("Value")),
    (str(DCAM.rangeIncludes), later("Value, among others")),
    (str(OWL.inverseOf), later("Inverse of")),
    (str(OWL.disjointWith), later("Is never a")),
    (_SKOS + "inScheme", later("In the list")),
    (_SKOS + "broader", later("Broader")),
    (str(QUDT.applicableUnit), later("Unit")),
    (str(FC.resampling), later("A longer interval has")),
    (str(OWL.equivalentClass), later("Same as")),
    (str(OWL.equivalentProperty), later("Same as")),
    (_SKOS + "exactMatch", later("Same meaning")),
    (_SKOS + "closeMatch", later("Close to")),
    (_SKOS + "broadMatch", later("Narrower than")),
    (_SKOS + "narrowMatch", later("Wider than")),
    (_SKOS + "relatedMatch", later("Related, not the same")),
    (str(DCTERMS.source), later("After")),
    (_SKOS + "editorialNote", later("Why it is ours")),
)
_LABELS = (str(RDFS.label), _SKOS + "prefLabel", "http://purl.org/dc/terms/title")
_COMMENTS = (str(RDFS.comment), _SKOS + "definition", "http://purl.org/dc/terms/description")


@dataclass
class Term:
    """One term and all that the modules say of it.

    Attributes
    ----------
    anchor : its place on the page of its module
    used_by : names of the shape files that speak of it
    below : terms that name it as theirs: kinds of a class, narrower properties, concepts of a list
    has : properties that stand on a class
    """

    iri: str
    module: str
    facts: dict[str, list[NamedNode | Literal]] = field(default_factory=dict)
    used_by: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    has: list[str] = field(default_factory=list)

    @property
    def curie(self) -> str:
        """Its short name: `fc:Site`."""
        return curie(self.iri)

    @property
    def anchor(self) -> str:
        """The last part of its IRI; of others' terms with their prefix, as there are several of one name."""
        return re.split(r"[#/]", self.iri)[-1] if self.own else self.curie.replace(":", "-", 1)

    @property
    def kind(self) -> str:
        """What it is, in words."""
        types = {value.value for value in self.facts.get(str(RDF.type), ())}
        return next((words for iri, words in KINDS if iri in types), later("Individual"))

    @property
    def own(self) -> bool:
        """Whether it is one of ours."""
        return self.iri.startswith((NS, VOCAB))

    @property
    def page(self) -> str:
        """Its address on this host."""
        home = f"/ontology/{self.module}" if self.iri.startswith(VOCAB) or not self.own else "/ontology"
        return f"{home}#{self.anchor}"

    def label(self, language: str) -> str:
        """Its label in a language, else in English; empty if it has none."""
        return _text(self.facts, _LABELS, language)

    def comment(self, language: str) -> str:
        """What it means."""
        return _text(self.facts, _COMMENTS, language)

    def comment_languages(self) -> set[str]:
        """The languages that say what it means."""
        return {value.language or "" for name in _COMMENTS for value in self.facts.get(name, ()) if isinstance(value, Literal)}

    def labels(self) -> list[tuple[str, str]]:
        """All its labels, by language."""
        found = {value for name in _LABELS for value in self.facts.get(name, ()) if isinstance(value, Literal)}
        return sorted((value.language or "", value.value) for value in found)

    def rows(self) -> list[tuple[str, list[NamedNode | Literal]]]:
        """What else is said of it, under headings."""
        return [(heading, self.facts[name]) for name, heading in ROWS if name in self.facts]


@dataclass(frozen=True)
class Module:
    """One Turtle file of the ontology."""

    name: str
    iri: str
    title: str
    description: str
    version: str
    licence: str
    source: bytes = field(repr=False)
    quads: tuple[Quad, ...] = field(repr=False)


@dataclass(frozen=True)
class Vocabulary:
    """All modules and terms."""

    modules: Mapping[str, Module]
    terms: Mapping[str, Term]

    @property
    def version(self) -> str:
        """The version of the whole."""
        return self.modules[ALTOGETHER].version

    def of(self, module: str) -> list[Term]:
        """The terms that a module defines, by kind and name; without those of other vocabularies where it has its own."""
        order = [words for _, words in KINDS]
        terms = [term for term in self.terms.values() if term.module == module and term.kind != "Module"]
        return sorted(terms, key=lambda term: (order.index(term.kind) if term.kind in order else len(order), term.curie.lower()))


def curie(iri: str) -> str:
    """Shorten an IRI by the project's prefixes; the IRI itself if none fits."""
    fits = [(namespace, prefix) for prefix, namespace in prefixes().items() if iri.startswith(namespace)]
    namespace, prefix = max(fits, default=("", ""), key=lambda pair: len(pair[0]))
    return f"{prefix}:{iri[len(namespace) :]}" if prefix else iri


@cache
def vocabulary() -> Vocabulary:
    """Read the modules, once a process."""
    modules = {name: _module(name, source) for name, source in sources("ontology").items() if name != "prefixes"}
    terms: dict[str, Term] = {}
    for name, module in modules.items():
        for quad in module.quads:
            if isinstance(quad.subject, NamedNode) and quad.predicate.value == str(RDF.type):
                terms.setdefault(quad.subject.value, Term(quad.subject.value, name))
    for module in modules.values():  # another module may say more of a term, as the alignment does
        for quad in module.quads:
            if isinstance(quad.subject, NamedNode) and quad.subject.value in terms and isinstance(quad.object, (NamedNode, Literal)):
                terms[quad.subject.value].facts.setdefault(quad.predicate.value, []).append(quad.object)
    _link(terms)
    for thing, text in sources("shapes").items():
        for iri in sorted({quad.object.value for quad in _parsed(thing, text) if isinstance(quad.object, NamedNode)} & terms.keys()):
            terms[iri].used_by.append(thing)
    return Vocabulary(modules, terms)


def sources(package: str) -> dict[str, bytes]:
    """The Turtle files of a package: name without ending → bytes."""
    found = sorted((file.name, file) for file in files(package).iterdir() if file.name.endswith(".ttl"))
    return {name.removesuffix(".ttl"): file.read_bytes() for name, file in found}


def _parsed(name: str, source: bytes) -> list[Quad]:
    try:
        return list(ox.parse(source, format=ox.RdfFormat.TURTLE, rename_blank_nodes=True))
    except SyntaxError as error:
        raise ValueError(f"{name}.ttl is not valid Turtle: {error}; correct the file") from error


def _module(name: str, source: bytes) -> Module:
    quads = _parsed(name, source)
    heads = [quad.subject for quad in quads if quad.predicate.value == str(RDF.type) and quad.object == NamedNode(OWL.Ontology)]
    iri = heads[0].value if heads and isinstance(heads[0], NamedNode) else f"https://w3id.org/flexcoop/ns/{name}"
    said: dict[str, list[NamedNode | Literal]] = {}
    for quad in quads:
        if quad.subject == NamedNode(iri) and isinstance(quad.object, (NamedNode, Literal)):
            said.setdefault(quad.predicate.value, []).append(quad.object)
    title, description, version, licence = (
        _text(said, (prop,), "en")
        for prop in (
            "http://purl.org/dc/terms/title",
            "http://purl.org/dc/terms/description",
            str(OWL.versionInfo),
            "http://purl.org/dc/terms/license",
        )
    )
    return Module(name, iri, title or name, description, version, licence, source, tuple(quads))


def _link(terms: dict[str, Term]) -> None:
    upward = (str(RDFS.subClassOf), str(RDFS.subPropertyOf), _SKOS + "inScheme")
    for term in terms.values():
        for name in upward:
            for value in term.facts.get(name, ()):
                if value.value in terms and term.iri not in terms[value.value].below:
                    terms[value.value].below.append(term.iri)
        for name in (str(RDFS.domain), str(DCAM.domainIncludes)):
            for value in term.facts.get(name, ()):
                if value.value in terms and term.iri not in terms[value.value].has:
                    terms[value.value].has.append(term.iri)


def _text(facts: Mapping[str, list[NamedNode | Literal]], names: Iterable[str], language: str) -> str:
    texts = [value for name in names for value in facts.get(name, ())]
    order = {language: 0, "en": 1}
    return min(texts, key=lambda text: order.get(getattr(text, "language", None) or "", 2)).value if texts else ""
