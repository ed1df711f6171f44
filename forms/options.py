"""What a field may refer to: things of its class by a part of their names, and only those that whoever asks may see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import rdflib
from pyoxigraph import Literal, NamedNode

from forms.errors import UnreadableError
from forms.made import said_of
from forms.model import Field, Kind
from forms.things import kept_apart
from forms.typed import SCHEMES, clean
from forms.vocabulary import vocabulary
from kg import queries, terms
from kg.iris import Iris
from kg.store import Row, Store, Term
from ontology.names import RDF
from shapes.words import said
from sparql.scope import Scope

AT_ONCE = 300  # graphs that one query is told


@dataclass(frozen=True)
class Option:
    """Something to choose: IRI, how it is called, and what tells it from others of that name."""

    iri: str
    label: str
    note: str = ""


def search(store: Store, iris: Iris, field: Field, text: str, scope: Scope, language: str, limit: int = 20) -> list[Option]:
    """Find what a field may refer to.

    Parameters
    ----------
    text
        A part of a name or of an IRI's end, small or capital letters alike; empty: whatever comes first.
    scope
        The graphs that may be seen; what others say is not found.

    Returns
    -------
    list of Option
        By name; at most `limit`.
    """
    if field.kind == Kind.CHOICE:
        listed = (Option(choice.value, said(choice.names, language)) for choice in field.choices)
        return [each for each in listed if text.casefold() in each.label.casefold()][:limit]
    wanted = _seen(text)
    if wanted is None:
        return []
    wanted = wanted.lower()
    found = _Found(iris, language, wanted)
    for row in _rows(store, iris, field, "search" if wanted else "first", scope, wanted):
        found.add(row, named=_counts(iris, scope, row.get("named")))
    return [_part_of(each, field) for each in found.options(limit)]


def called(store: Store, iris: Iris, iri: str, scope: Scope, language: str) -> Option:
    """A thing that was chosen, by its name; by its key where whoever asks may not see what it is called."""
    thing = NamedNode(iri)
    whole, _, part = iri.partition("#")
    found = _Found(iris, language, "")
    found.add({"thing": thing}, named=False)
    for each in (iri, whole) if part else (iri,):  # a part without a name of its own is called as what it is a part of
        for row in store.select(queries.load("forms", "labels").bind(thing=each)):
            found.add({**row, "thing": thing}, named=_counts(iris, scope, row["graph"]))
    return found.options(1)[0]


def exact(store: Store, iris: Iris, field: Field, text: str, scope: Scope) -> list[str]:
    """The IRIs of things that are called exactly so, or of the one with this IRI or key; see `search`."""
    wanted = _seen(text)
    if not wanted:
        return []
    if field.refers_to_part and wanted.endswith(ending := f"#{field.refers_to_part}"):
        wanted = wanted.removesuffix(ending)
    whole = wanted if wanted.partition(":")[0].lower() in SCHEMES else f"{iris.base}/id/{wanted}"
    if _is_iri(whole) and any(True for _ in _rows(store, iris, field, "known", scope, whole)):
        return [_part(whole, field)]
    rows = _rows(store, iris, field, "named", scope, wanted.lower())
    return sorted({_part(row["thing"].value, field) for row in rows if _counts(iris, scope, row["named"])})


def _part(whole: str, field: Field) -> str:
    return f"{whole}#{field.refers_to_part}" if field.refers_to_part else whole


def _part_of(whole: Option, field: Field) -> Option:
    return replace(whole, iri=_part(whole.iri, field))


def _is_iri(text: str) -> bool:
    try:
        terms.iri(text)
    except ValueError:
        return False
    return True


def _seen(text: str) -> str | None:
    """What was typed, composed as names are; nothing where it has letters that no name has."""
    try:
        return clean(text, "en").strip()
    except UnreadableError:
        return None


def _rows(store: Store, iris: Iris, field: Field, name: str, scope: Scope, text: str) -> Iterator[Row]:
    if not field.refers_to:
        return  # an address is typed, not chosen
    query = queries.load("forms", name)
    signs = _signs(field.refers_to)
    for graphs in _narrowed(store, signs, scope):
        given = [{**each, "graph": graph, "text": text} for each in signs for graph in graphs]
        yield from (row for row in store.select(query.bind(given)) if _counts(iris, scope, row["graph"]))


def _counts(iris: Iris, scope: Scope, graph: Term | None) -> bool:
    """Tell whether what a graph says of a thing is for whoever asks, and describes it."""
    return graph is not None and scope.allows(graph.value) and not kept_apart(iris, graph.value)


def _signs(cls: str) -> list[dict[str, str | None]]:
    """What tells that a thing is of a class: its type, or what only such things are said of, as who has claimed a box that is yet to speak."""
    below = vocabulary().below(rdflib.URIRef(cls))
    typed: list[dict[str, str | None]] = [{"says": str(RDF.type), "class": str(each)} for each in below]
    return typed + [{"says": str(path), "class": None} for path in said_of(below)]


def _narrowed(store: Store, signs: Sequence[dict[str, str | None]], scope: Scope) -> Iterator[Sequence[str | None]]:
    """The graphs to ask, some at once; `None` for all of them."""
    if scope.everything:
        yield [None]
        return
    saying = store.select(queries.load("forms", "graphs_of_class").bind(signs))
    seen = sorted({row["graph"].value for row in saying if scope.allows(row["graph"].value)})
    yield from (seen[start : start + AT_ONCE] for start in range(0, len(seen), AT_ONCE))


class _Found:
    """Gathers options from rows, one for each thing."""

    def __init__(self, iris: Iris, language: str, wanted: str) -> None:
        self._iris = iris
        self._language = language
        self._wanted = wanted
        self._labels: dict[str, dict[str, str]] = {}

    def add(self, row: Row, *, named: bool) -> None:
        """Take a row in; a name that is not to be seen neither counts nor finds its thing."""
        label = row.get("label") if named else None
        text = label.value.lower() if label is not None else ""
        if self._wanted in text or self._wanted in row["thing"].value.partition("/id/")[2].lower():
            labels = self._labels.setdefault(row["thing"].value, {})
            if isinstance(label, Literal):
                labels.setdefault(label.language or "", label.value)

    def options(self, limit: int) -> list[Option]:
        found = [self._option(iri, labels) for iri, labels in self._labels.items()]
        return sorted(found, key=lambda each: (each.label.casefold(), each.iri))[:limit]

    def _option(self, iri: str, labels: dict[str, str]) -> Option:
        key = iri.removeprefix(f"{self._iris.base}/id/")
        label = said(labels, self._language)
        return Option(iri, label or key, key if label else "")
