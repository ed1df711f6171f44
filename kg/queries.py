"""Load the `.rq` files, bind their parameters safely, run them: the only place that makes SPARQL text out of values.

A query file opens with `#+` lines (summary, `#+ param name: type`) and holds its parameters in one `VALUES` row with a working
example, so that it runs as it stands. Binding replaces that row; a row that stands several times is replaced each time.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pyoxigraph import Literal, NamedNode

from kg.errors import QueryError
from kg.store import Store
from kg.terms import XSD, Value, iri, literal, python

RDF_NS = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PARAM = re.compile(r"^#\+ param (\w+): (\S+)", re.MULTILINE)
_PLAIN_IRI = r"https?://[!#-;=?-\[\]_a-z~]+"  # ASCII, and nothing that would end <…>
_PLAIN_IRIS = re.compile(rf"{_PLAIN_IRI}(?:\n{_PLAIN_IRI})*")
_HEADER = re.compile(r"^#\+ ?(.*)$", re.MULTILINE)
Parameter = Value | None | Iterable[Value]


@dataclass(frozen=True)
class Query:
    """One `.rq` file: its name, text as it stands, and the types of its parameters in their order."""

    name: str
    text: str = field(repr=False)
    parameters: Mapping[str, str]

    @property
    def header(self) -> str:
        """The `#+` lines, for people."""
        return "\n".join(_HEADER.findall(self.text))

    def bind(self, rows: Iterable[Mapping[str, Value | None]] | None = None, **values: Parameter) -> str:
        """Fill the parameters in.

        Parameters
        ----------
        rows
            Several solutions of all parameters at once.
        values
            One value each; a list makes one row an entry (the other values are repeated). `None` becomes `UNDEF`.

        Raises
        ------
        QueryError
            If the names differ from the header's, a value does not fit its type, or the file has no row to fill.
        """
        filled = list(rows) if rows is not None else _product(values)
        if not self.parameters:
            if values or rows is not None:
                raise QueryError(f"{self.name} has no parameters, but was given {sorted(values)}")
            return self.text
        for row in filled:
            if set(row) != set(self.parameters):
                raise QueryError(f"{self.name} needs the parameters {sorted(self.parameters)}, but was given {sorted(row)}")
        names = list(self.parameters)
        return self._filled(f"({' '.join(self._term(name, row[name]) for name in names)})" for row in filled)

    def bind_texts(self, **texts: str) -> str:
        """Fill the parameters in from texts, each read by its type in the header; a list is not possible.

        Raises
        ------
        QueryError
            As `bind` does; also if a text does not fit its type.
        """
        return self.bind([{name: self._read(name, text) for name, text in texts.items()}])

    def _read(self, name: str, text: str) -> Value:
        kind = self.parameters.get(name, "iri")
        if kind in ("iri", "xsd:string"):
            return text
        try:
            value = python(Literal(text, datatype=NamedNode(kind.replace("xsd:", XSD))))
        except ValueError as error:
            raise QueryError(f"{self.name}: {name} must be {kind}, like the example in the file, but {text!r} is none") from error
        if isinstance(value, datetime) and value.tzinfo is None:
            raise QueryError(f"{self.name}: {name} must say its offset, like 2016-08-30T18:00:00Z, but is {text!r}")
        return value

    def bind_columns(self, **columns: Sequence[str] | Sequence[int]) -> str:
        """Fill many rows in at once, of IRIs and whole numbers only: a thousand in 2 ms instead of 7.

        Parameters
        ----------
        columns
            One list a parameter, all of one length.

        Raises
        ------
        QueryError
            As `bind` does; also if a parameter is neither an IRI nor an `xsd:integer`.
        """
        if set(columns) != set(self.parameters):
            raise QueryError(f"{self.name} needs the parameters {sorted(self.parameters)}, but was given {sorted(columns)}")
        spelt = [self._column(name, columns[name]) for name in self.parameters]
        return self._filled(f"({' '.join(row)})" for row in zip(*spelt, strict=True))

    def _column(self, name: str, given: Sequence[str] | Sequence[int]) -> list[str]:
        kind = self.parameters[name]
        if kind == "xsd:integer":
            return [f"{int(value)}" for value in given]
        if kind != "iri":
            raise QueryError(f"{self.name}: parameter {name} ({kind}) can't be bound by columns; use bind()")
        joined = "\n".join(map(str, given))
        if joined.count("\n") == len(given) - 1 and _PLAIN_IRIS.fullmatch(joined) is not None:
            return [f"<{value}>" for value in given]
        return [self._term(name, value) for value in given]

    def _filled(self, rows: Iterable[str]) -> str:
        names = list(self.parameters)
        spelt = dict.fromkeys(rows)
        block = f"VALUES ({' '.join('?' + name for name in names)}) {{ {' '.join(spelt)} }}"
        pattern = re.compile(r"VALUES\s*\(\s*" + r"\s+".join(rf"\?{name}" for name in names) + r"\s*\)\s*\{[^{}]*\}")
        text, replaced = pattern.subn(lambda _: block, self.text)
        if not replaced:
            raise QueryError(f"{self.name} has no row VALUES ({' '.join('?' + name for name in names)}) {{ … }} in the order of its header")
        return text

    def _term(self, name: str, value: Value | None) -> str:
        if value is None:
            return "UNDEF"
        kind = self.parameters[name]
        try:
            term = iri(str(value)) if kind == "iri" else literal(value)
        except (ValueError, TypeError) as error:
            raise QueryError(f"{self.name}: parameter {name} ({kind}): {error}") from error
        if kind == "xsd:decimal" and type(value) is int:
            term = literal(Decimal(value))
        spelt = getattr(getattr(term, "datatype", None), "value", "").replace(XSD, "xsd:").replace(RDF_NS, "rdf:")
        if kind not in ("iri", spelt):
            raise QueryError(f"{self.name}: parameter {name} must be {kind}, but {value!r} is {spelt or 'an IRI'}")
        return str(term)


def _product(values: Mapping[str, Parameter]) -> list[dict[str, Value | None]]:
    rows: list[dict[str, Value | None]] = [{}]
    for name, value in values.items():
        several = isinstance(value, Iterable) and not isinstance(value, str)
        choices: list[Any] = list(value) if several else [value]  # type: ignore[arg-type]
        rows = [{**row, name: choice} for row in rows for choice in choices]
    return rows


def parse(name: str, text: str) -> Query:
    """Read a query from its text."""
    return Query(name, text, dict(_PARAM.findall(text)))


@cache
def load(package: str, name: str) -> Query:
    """Read `<package>/queries/<name>.rq` (or `.ru`).

    Raises
    ------
    QueryError
        If there is no such file.
    """
    module = import_module(package)
    folder = Path(str(module.__file__)).parent / "queries"
    for ending in (".rq", ".ru"):
        if (file := folder / (name + ending)).is_file():
            return parse(f"{package}/{name}", file.read_text(encoding="utf-8"))
    raise QueryError(f"there is no query {name}.rq or {name}.ru in {package}/queries")


def rows(
    store: Store, query: Query, given: Iterable[Mapping[str, Value | None]] | None = None, **values: Parameter
) -> list[dict[str, Any]]:
    """Bind and run a SELECT; each solution is a dictionary of Python values (see `kg.terms.python`), unbound variables absent."""
    return [{name: python(term) for name, term in row.items()} for row in store.select(query.bind(given, **values))]
