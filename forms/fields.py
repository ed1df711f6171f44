"""From property shapes to fields: several shapes that speak of one path are one field, named by the first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import rdflib
from rdflib import RDF, SH, XSD
from rdflib.collection import Collection
from rdflib.term import Node

from forms.model import Choice, Field, Form, Kind, Names
from forms.vocabulary import Vocabulary, texts
from kg.prefixes import prefixes
from ontology.names import FCSH, SAREF
from shapes import words

_T = TypeVar("_T")
_KINDS: Mapping[Node, Kind] = {
    XSD.string: Kind.TEXT,
    XSD.decimal: Kind.DECIMAL,
    XSD.integer: Kind.INTEGER,
    XSD.boolean: Kind.BOOLEAN,
    XSD.date: Kind.DATE,
    XSD.time: Kind.TIME,
    XSD.dateTime: Kind.INSTANT,
    XSD.dayTimeDuration: Kind.DURATION,
}
_NUMBERS = {XSD.decimal, XSD.integer}


class Reader:
    """Reads fields from a graph of shapes.

    Parameters
    ----------
    part_form
        Makes the form of a class of parts; nothing where that would never end.
    """

    def __init__(self, shapes: rdflib.Graph, vocabulary: Vocabulary, part_form: Callable[[Node], Form | None]) -> None:
        self._shapes = shapes
        self._vocabulary = vocabulary
        self._part_form = part_form

    # --- which shapes are one field

    def identity(self, shape: Node) -> tuple[Node, Node | None] | None:
        """What makes a property shape one field with another: its path, and the kind of value or class of part it picks out of it."""
        path = self._shapes.value(shape, SH.path)
        if not isinstance(path, rdflib.URIRef):
            return None
        return path, self.value_kind(shape) or self.part_class(shape)

    def is_field(self, shape: Node) -> bool:
        """Tell a field from a rule across fields."""
        return (shape, SH.order, None) in self._shapes

    def value_kind(self, shape: Node) -> Node | None:
        """Of which property the values are that a shape picks out (`fcv:RatedPower`)."""
        for inner in self._shapes.objects(shape, SH.qualifiedValueShape):
            for each in self._shapes.objects(inner, SH.property):
                if self._shapes.value(each, SH.path) == SAREF.isValueOfProperty:
                    return self._shapes.value(each, SH.hasValue)
        return None

    def part_class(self, shape: Node) -> Node | None:
        """Of which class the parts are that a shape picks out, or demands without offering any to choose from."""
        for inner in self._shapes.objects(shape, SH.qualifiedValueShape):
            if (found := self._shapes.value(inner, SH["class"])) is not None:
                return found
        return None if (shape, FCSH.refersTo, None) in self._shapes else self._shapes.value(shape, SH["class"])

    def extra_type(self, shape: Node) -> Node | None:
        """A type that a shape demands beside the class."""
        if self._shapes.value(shape, SH.path) != RDF.type:
            return None
        inner = self._shapes.value(shape, SH.qualifiedValueShape)
        return self._shapes.value(shape if inner is None else inner, SH.hasValue)

    # --- one field

    def fixed_type(self, shape: Node, type_: Node) -> Field:
        """The field of a type that is always written."""
        return Field(
            key=key(shape),
            shape=str(shape),
            path=str(RDF.type),
            kind=Kind.IRI,
            names={},
            minimum_count=1,
            maximum_count=1,
            fixed=str(type_),
        )

    def field(self, shapes: Sequence[Node]) -> Field:
        """Make a field of the property shapes of one path; the first names it."""
        named = next(each for each in shapes if self.is_field(each))
        least, most = self._counts(shapes)
        made = Field(
            key=key(named),
            shape=str(named),
            path=str(self._shapes.value(named, SH.path)),
            kind=Kind.TEXT,
            names=texts(self._shapes, named, SH.name),
            help=self.messages([named], SH.description),
            messages=self.messages([named], SH.message),
            group=str(self._shapes.value(named, SH.group) or ""),
            order=float(str(self._shapes.value(named, SH.order))),
            minimum_count=least,
            maximum_count=most,
            computed=any(str(each) in ("true", "1") for each in self._all(shapes, FCSH.computed)),
        )
        made = self._limited(made, shapes)
        return self._fixed(self._of_kind(made, shapes), shapes)

    def _of_kind(self, made: Field, shapes: Sequence[Node]) -> Field:
        if (kind := next(filter(None, map(self.value_kind, shapes)), None)) is not None:
            return self._value(made, kind)
        if (cls := next(filter(None, map(self.part_class, shapes)), None)) is not None and (part := self._part_form(cls)) is not None:
            return replace(made, kind=Kind.PART, part=part)
        refers_to = self._first(shapes, FCSH.refersTo)
        datatype = self._datatype(shapes)
        if (listed := self._first(shapes, SH["in"])) is not None:
            members = list(Collection(self._shapes, listed))
            literal = datatype or next((str(each.datatype or XSD.string) for each in members if isinstance(each, rdflib.Literal)), None)
            choices = tuple(map(self._choice, members))
            return replace(made, kind=Kind.CHOICE, choices=choices, datatype=literal, refers_to=_text(refers_to))
        if refers_to is not None and self._vocabulary.is_scheme(refers_to):
            choices = tuple(map(self._choice, self._vocabulary.concepts(refers_to)))
            return replace(made, kind=Kind.CHOICE, choices=choices, refers_to=str(refers_to))
        if refers_to is not None:
            within = _text(self._first(shapes, FCSH.refersToPart))
            return replace(made, kind=Kind.REFERENCE, refers_to=str(refers_to), refers_to_part=within)
        if datatype is not None and rdflib.URIRef(datatype) != RDF.langString:
            return replace(made, kind=_KINDS.get(rdflib.URIRef(datatype), Kind.TEXT), datatype=datatype)
        if self._first(shapes, SH.nodeKind) == SH.IRI:
            return replace(made, kind=Kind.IRI)
        return self._in_languages(replace(made, kind=Kind.NAME, datatype=datatype), shapes)

    def _in_languages(self, made: Field, shapes: Sequence[Node]) -> Field:
        """Which languages there may be a text in, by all shapes together, and whether once in each."""
        lists = [[str(each).lower() for each in Collection(self._shapes, head)] for head in self._all(shapes, SH.languageIn)]
        allowed = tuple(each for each in lists[0] if all(each in other for other in lists)) if lists else ()
        once = any(str(each) in ("true", "1") for each in self._all(shapes, SH.uniqueLang))
        return replace(made, unique_language=once, languages=allowed)

    def _value(self, made: Field, kind: Node) -> Field:
        """The number of a value with its limits and unit, from the shapes that target its kind."""
        inner = [
            shape
            for node in sorted(self._shapes.subjects(SH.targetNode, kind), key=str)
            for values in self._shapes.objects(node, SH.property)
            for shape in self._shapes.objects(values, SH.property)
        ]
        numbers = [shape for shape in inner if self._shapes.value(shape, SH.path) == SAREF.hasValue]
        units = [shape for shape in inner if self._shapes.value(shape, SH.path) == SAREF.isMeasuredIn]
        unit = self._only_choice(units)
        return replace(
            self._limited(made, numbers),
            kind=Kind.VALUE,
            of_kind=str(kind),
            datatype=str(XSD.decimal),
            messages=self.messages(numbers, SH.message) or made.messages,
            unit=_text(unit),
            unit_names={} if unit is None else self._vocabulary.symbol(unit),
        )

    def _limited(self, made: Field, shapes: Sequence[Node]) -> Field:
        """Put the strictest limits of the shapes in."""

        def number(predicate: Node, strictest: Callable[[Iterable[Decimal]], Decimal]) -> Decimal | None:
            found = [Decimal(str(each)) for each in self._all(shapes, predicate)]
            return strictest(found) if found else None

        def count(predicate: Node, strictest: Callable[[Iterable[int]], int]) -> int | None:
            found = [int(str(each)) for each in self._all(shapes, predicate)]
            return strictest(found) if found else None

        pattern = self._first(shapes, SH.pattern)
        return replace(
            made,
            pattern=_text(pattern),
            least=number(SH.minInclusive, max),
            most=number(SH.maxInclusive, min),
            above=number(SH.minExclusive, max),
            below=number(SH.maxExclusive, min),
            least_length=count(SH.minLength, max),
            most_length=count(SH.maxLength, min),
        )

    def _fixed(self, made: Field, shapes: Sequence[Node]) -> Field:
        """Fix what can't be otherwise, or what a new thing begins with."""
        if (initially := self._first(shapes, FCSH.initially)) is not None:
            return replace(made, fixed=str(initially))
        if made.kind == Kind.CHOICE and made.required and len(made.choices) == 1 and not made.computed:
            return replace(made, fixed=made.choices[0].value)
        return made

    def _counts(self, shapes: Sequence[Node]) -> tuple[int, int | None]:
        least = [int(str(each)) for name in (SH.minCount, SH.qualifiedMinCount) for each in self._all(shapes, name)]
        most = [int(str(each)) for name in (SH.maxCount, SH.qualifiedMaxCount) for each in self._all(shapes, name)]
        return max(least, default=0), min(most, default=None)

    def _datatype(self, shapes: Sequence[Node]) -> str | None:
        if (found := self._first(shapes, SH.datatype)) is not None:
            return str(found)
        for head in self._all(shapes, SH["or"]):
            allowed = {self._shapes.value(each, SH.datatype) for each in Collection(self._shapes, head)}
            if allowed <= _NUMBERS and allowed:
                return str(XSD.decimal)
        return None

    def _only_choice(self, shapes: Sequence[Node]) -> Node | None:
        listed = self._first(shapes, SH["in"])
        choices = [] if listed is None else list(Collection(self._shapes, listed))
        return choices[0] if len(choices) == 1 else None

    def _choice(self, term: Node) -> Choice:
        if isinstance(term, rdflib.Literal):
            text = str(term)
            return Choice(text, {code: words.spans(text) if term.datatype == XSD.dayTimeDuration else text for code in words.LANGUAGES})
        return Choice(str(term), self._vocabulary.names(term) or self._vocabulary.symbol(term))

    # --- looking up

    def messages(self, shapes: Iterable[Node], predicate: Node) -> Names:
        """The texts of the first shape that has any, as people read them."""
        for shape in shapes:
            if found := texts(self._shapes, shape, predicate):
                known = tuple(prefixes().items())
                return {code: words.plain(text, code, known) for code, text in found.items()}
        return {}

    def _all(self, shapes: Iterable[Node], predicate: Node) -> list[Node]:
        return [each for shape in shapes for each in self._shapes.objects(shape, predicate)]

    def _first(self, shapes: Iterable[Node], predicate: Node) -> Node | None:
        return next(iter(self._all(shapes, predicate)), None)


def key(shape: Node) -> str:
    """The local name of a property shape: what its field and input are called."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in str(shape).rpartition("#")[2] or str(shape))


def _text(node: Node | None) -> str | None:
    return None if node is None else str(node)
