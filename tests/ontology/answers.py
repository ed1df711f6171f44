"""How the answers to competency questions are written in their CSV files: IRIs short, values as they are spelt."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pyoxigraph as ox
from pyoxigraph import NamedNode

from kg.store import Row, Store
from kg.terms import plain
from ontology import generate

BASE = "http://127.0.0.1:8080/id/"
DATA = Path(__file__).parents[1] / "data"


def load(store: Store) -> None:
    """Fill a store with the competency dataset and, in its public graph, the vocabulary."""
    quads = list(ox.parse(path=str(DATA / "competency.trig"), format=ox.RdfFormat.TRIG))
    where = NamedNode("http://127.0.0.1:8080/graph/ontology")
    for module in generate.modules():
        quads += [
            ox.Quad(quad.subject, quad.predicate, quad.object, where) for quad in ox.parse(path=str(module), format=ox.RdfFormat.TURTLE)
        ]
    store.apply(insert=[quad for quad in quads if not any(isinstance(t, ox.BlankNode) for t in (quad.subject, quad.object))])


def table(rows: list[Row], columns: list[str]) -> str:
    """Spell rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([short(row[name]) if name in row else "" for name in columns] for row in rows)
    return text.getvalue()


def short(term: object) -> str:
    """Spell one term: `member/h01`, `fcv:Primary`, `0.75`."""
    if isinstance(term, ox.Literal) and term.datatype.value.endswith("#decimal"):
        return plain(Decimal(term.value).normalize())  # stores keep 6.0 as 6 or as 6.0
    if not isinstance(term, NamedNode):
        return str(getattr(term, "value", term))
    if term.value.startswith(BASE):
        return term.value.removeprefix(BASE)
    for prefix, namespace in prefixes().items():
        if term.value.startswith(namespace):
            return f"{prefix}:{term.value.removeprefix(namespace)}"
    return term.value


def prefixes() -> dict[str, str]:
    """Read the prefixes of the project, in their order."""
    lines = (generate.HERE / "prefixes.ttl").read_text(encoding="utf-8").splitlines()
    split = [line.split() for line in lines if line.startswith("@prefix")]
    return {prefix.rstrip(":"): iri.strip("<>") for _, prefix, iri, _ in split}


def expected(name: str) -> str:
    """Read the expected rows of a question."""
    return (DATA / "competency" / f"{name}.csv").read_text(encoding="utf-8")
