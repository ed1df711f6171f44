"""From shapes to forms: one form a class, of all node shapes that look at things of that class."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache, cached_property

import rdflib
from rdflib import RDFS, SH
from rdflib.term import Node

import shapes
from forms.errors import UnknownFormError
from forms.fields import Reader
from forms.model import Field, Form, Group, Kind
from forms.vocabulary import Vocabulary, texts, vocabulary
from kg import queries
from kg.store import Store
from ontology.names import FCSH, QUDT, SAREF

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNITS = {str(QUDT.hasUnit), str(SAREF.isMeasuredIn)}


class Maker:
    """Makes forms of a graph of shapes; each is made once."""

    def __init__(self, shapes_graph: rdflib.Graph, terms: Vocabulary) -> None:
        self._shapes = shapes_graph
        self._terms = terms
        self._made: dict[Node, Form] = {}
        self._under_way: list[Node] = []
        self._reader = Reader(shapes_graph, terms, self._part)

    def form(self, cls_or_slug: str) -> Form:
        """The form of a class, by its IRI or by the slug that stands for it in addresses.

        Raises
        ------
        UnknownFormError
            If no shape targets that class.
        """
        cls = self._slugs.get(cls_or_slug, rdflib.URIRef(cls_or_slug))
        if cls not in self._made and not self._node_shapes(cls):
            raise UnknownFormError(f"No shape describes things of class {cls_or_slug!r}; add one with sh:targetClass.")
        return self._of(cls)

    def forms(self) -> tuple[Form, ...]:
        """The forms by which things are entered by hand, by slug."""
        return tuple(form for slug in sorted(self._slugs) if (form := self._of(self._slugs[slug])).stored_in)

    def of_types(self, types: frozenset[str]) -> Form | None:
        """The form of a thing that has these types: that of the most special class, one that is entered by hand before others."""
        known = [rdflib.URIRef(each) for each in types if self._node_shapes(rdflib.URIRef(each))]
        special = [each for each in known if not any(each in self._terms.above(other) for other in known if other != each)]
        found = sorted(map(self._of, special), key=lambda form: (not form.stored_in, form.slug))
        return found[0] if found else None

    @cached_property
    def _slugs(self) -> Mapping[str, rdflib.URIRef]:
        classes = sorted(each for each in set(self._shapes.objects(None, SH.targetClass)) if isinstance(each, rdflib.URIRef))
        return {slug(str(each)): each for each in reversed(classes)}

    def _of(self, cls: Node) -> Form:
        if cls not in self._made:
            self._under_way.append(cls)
            try:
                self._made[cls] = self._make(cls)
            finally:
                self._under_way.pop()
        return self._made[cls]

    def _part(self, cls: Node) -> Form | None:
        if cls in self._under_way or not self._node_shapes(cls):
            return None
        return self._of(cls)

    def _make(self, cls: Node) -> Form:
        nodes = self._node_shapes(cls)
        fields = tuple(sorted(self._fields(nodes), key=self._position))
        own = self._own(cls, nodes)
        return Form(
            slug=slug(str(cls)),
            cls=str(cls),
            shapes=tuple(map(str, nodes)),
            names=(texts(self._shapes, own, RDFS.label) if own is not None else {}) or self._terms.names(cls),
            help=(texts(self._shapes, own, SH.description) if own is not None else {}) or self._terms.help(cls),
            fields=_with_units(fields),
            groups=tuple(self._group(iri) for iri in dict.fromkeys(field.group for field in fields if field.group)),
            id_type=self._annotation(own, FCSH.idType),
            stored_in=self._annotation(own, FCSH.storedIn),
            suffix=self._annotation(own, FCSH.suffix),
        )

    def _node_shapes(self, cls: Node) -> tuple[Node, ...]:
        """The node shapes of a class, the most special first, then those of what is said of such things (their owner's word)."""
        found: list[Node] = []
        lineage = [each for each in self._terms.above(cls) if each not in self._extra_types(cls)]
        for each in lineage:
            targeting = set(self._shapes.subjects(SH.targetClass, each))
            found += sorted(targeting - set(found), key=lambda node: (len(list(self._shapes.objects(node, SH.targetClass))), str(node)))
        if found:
            said = self._shapes.subject_objects(SH.targetSubjectsOf)
            found += sorted({node for node, path in said if self._terms.domains(path) & set(lineage)} - set(found), key=str)
        return tuple(found)

    def _extra_types(self, cls: Node) -> set[Node]:
        """Types that are demanded beside a class: they limit its fields and add none."""
        own = (shape for node in self._shapes.subjects(SH.targetClass, cls) for shape in self._shapes.objects(node, SH.property))
        return {type_ for shape in own if (type_ := self._reader.extra_type(shape)) is not None}

    def _own(self, cls: Node, nodes: tuple[Node, ...]) -> Node | None:
        """The shape of this class and no other, which says how it is called and where such things are stored."""
        alone = [node for node in nodes if list(self._shapes.objects(node, SH.targetClass)) == [cls]]
        said = [node for node in alone if (node, FCSH.storedIn, None) in self._shapes]
        return next(iter(said or alone), None)

    def _annotation(self, node: Node | None, predicate: Node) -> str:
        return "" if node is None else str(self._shapes.value(node, predicate) or "")

    def _fields(self, nodes: tuple[Node, ...]) -> list[Field]:
        gathered: dict[tuple[Node, Node | None], list[Node]] = {}
        types: dict[Node, Node] = {}
        for node in nodes:
            for shape in sorted(self._shapes.objects(node, SH.property), key=str):
                if (type_ := self._reader.extra_type(shape)) is not None:
                    types.setdefault(type_, shape)
                elif (identity := self._reader.identity(shape)) is not None:
                    gathered.setdefault(identity, []).append(shape)
        asked = {identity: given for identity, given in gathered.items() if any(map(self._reader.is_field, given))}
        for type_ in types:
            for node in self._shapes.subjects(SH.targetClass, type_):
                for shape in sorted(self._shapes.objects(node, SH.property), key=str):
                    if (identity := self._reader.identity(shape)) in asked:  # what else a value may have is not asked for in a term
                        asked[identity].append(shape)
        return [self._reader.fixed_type(shape, type_) for type_, shape in types.items()] + [
            self._reader.field(list(dict.fromkeys(given))) for given in asked.values()
        ]

    def _position(self, field: Field) -> tuple[float, str, float, str]:
        return (self._group(field.group).order if field.group else 0, field.group, field.order, field.key)

    def _group(self, iri: str) -> Group:
        node = rdflib.URIRef(iri)
        return Group(iri, texts(self._shapes, node, RDFS.label), float(str(self._shapes.value(node, SH.order) or 0)))


def _with_units(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Give the numbers of a thing that states one unit that unit."""
    stated = [field for field in fields if field.path in _UNITS and field.fixed]
    if len(stated) != 1:
        return fields
    unit, names = stated[0].fixed, vocabulary().symbol(rdflib.URIRef(stated[0].fixed or ""))
    return tuple(replace(field, unit=unit, unit_names=names) if field.kind == Kind.DECIMAL else field for field in fields)


def slug(cls: str) -> str:
    """How a class is called in addresses: `battery-system`."""
    return "-".join(_WORDS.split(re.split(r"[#/]", cls)[-1])).lower()


def said_of(classes: Collection[Node]) -> list[str]:
    """The properties that owners state of things of some classes, also before anybody says what they are: `fc:claimedBy` of a box."""
    paths = {path for path in shapes.graph().objects(None, SH.targetSubjectsOf) if vocabulary().domains(path) & set(classes)}
    return sorted(map(str, paths))


@cache
def maker() -> Maker:
    """The forms of the platform's own shapes."""
    return Maker(shapes.graph(), vocabulary())


def form(cls_or_slug: str) -> Form:
    """The form of a class, by its IRI or by its slug (`battery-system`).

    Raises
    ------
    UnknownFormError
        If no shape targets that class.
    """
    return maker().form(cls_or_slug)


def forms() -> tuple[Form, ...]:
    """The forms by which things are entered by hand, by slug."""
    return maker().forms()


def form_of(store: Store, iri: str) -> Form | None:
    """The form of a thing, by the types that any graph gives it; of one without a type, by its IRI where that tells."""
    types = frozenset(row["type"].value for row in store.select(queries.load("forms", "types").bind(thing=iri)))
    return maker().of_types(types) if types else by_iri(iri)


def by_iri(iri: str) -> Form | None:
    """The form that an IRI of ours tells, where things of one class alone are called so: a box that was claimed and is yet to speak."""
    kind = iri.partition("/id/")[2].partition("/")[0]
    found = [each for each in forms() if each.id_type == kind]
    return found[0] if len(found) == 1 and "#" not in iri else None
