"""Take the text of a SPARQL Update apart into its operations, down to the braces; what stands in them is left to the engine.

References
----------
SPARQL 1.1 Query Language §19.8 (grammar: [29] Update and following).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.errors import UpdateError

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|\#[^\n\r]*)
    |(?P<iri><[^<>"{}|^`\\\x00-\x20]*>)
    |(?P<string>\"\"\"(?:[^"\\]++|\\.|"(?!""))*+\"\"\"|'''(?:[^'\\]++|\\.|'(?!''))*+'''|"(?:[^"\\\n\r]++|\\.)*+"|'(?:[^'\\\n\r]++|\\.)*+')
    |(?P<tag>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    |(?P<blank>_:[\w.\-]*\w)
    |(?P<variable>[?$]\w+)
    |(?P<name>(?:[^\W\d_][\w.\-]*)?:(?:[\w.\-:]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?\#@%])*)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """One token: its kind (`word`, `iri`, `name`, `block`, …), its text, where it stands."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """A keyword in capitals; empty if it is none."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(frozen=True)
class Part:
    """Triples of a template that belong to one graph: an IRI as written, a variable, or none."""

    graph: str | None
    triples: str


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes
    ----------
    verb : `INSERT DATA`, `DELETE DATA`, `MODIFY`, `CLEAR`, `DROP`, `CREATE`, `ADD`, `COPY` or `MOVE`
    prologue : BASE and PREFIX lines that hold for it
    delete, insert : templates, or data
    where : the pattern with its braces
    with_graph, using, using_named : graphs as written
    graphs : of the verbs on whole graphs: IRIs as written, or `DEFAULT`, `NAMED`, `ALL`
    silent : whether its failure is no failure
    """

    verb: str
    prologue: str
    delete: tuple[Part, ...] = ()
    insert: tuple[Part, ...] = ()
    where: str = "{}"
    with_graph: str | None = None
    using: tuple[str, ...] = ()
    using_named: tuple[str, ...] = ()
    graphs: tuple[str, ...] = ()
    silent: bool = False
    data: str = ""


def tokens(text: str) -> Iterator[Token]:
    """List what is no blank and no comment."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield Token(str(match.lastgroup), match[0], match.start(), match.end())


@dataclass(frozen=True)
class Statement:
    """The text of one operation, with what holds before it."""

    prologue: str
    text: str
    outer: tuple[Token, ...]

    @property
    def operation(self) -> Operation:
        """What it says; only of a text that an engine has read before."""
        return _operation(self.prologue, list(self.outer))


def statements(text: str) -> list[Statement]:
    """Divide an update at its outermost semicolons.

    Raises
    ------
    UpdateError
        If it fetches something: LOAD, SERVICE.
    """
    found = list(tokens(text))
    for token in found:
        if token.word in ("LOAD", "SERVICE"):
            raise UpdateError(
                400, f"{token.word} is refused: nothing is fetched from elsewhere; fetch it yourself and insert what you want"
            )
    made: list[Statement] = []
    prologue, outer = "", list(_outer(found, text))
    ends = [at for at, token in enumerate(outer) if token.text == ";"] + [len(outer)]
    for begin, end in zip([0, *(at + 1 for at in ends)], ends, strict=False):
        prologue, rest = _prologue(prologue, outer[begin:end])
        if rest:
            made.append(Statement(prologue, text[rest[0].start : outer[end].start if end < len(outer) else len(text)], tuple(rest)))
    return made


def _outer(found: Sequence[Token], text: str) -> Iterator[Token]:
    """Make one token of each pair of outermost braces."""
    depth = start = 0
    for token in found:
        if token.text == "{" and token.kind == "sign":
            start = token.start if depth == 0 else start
            depth += 1
        elif token.text == "}" and token.kind == "sign":
            depth -= 1
            if depth == 0:
                yield Token("block", text[start : token.end], start, token.end)
        elif depth == 0:
            yield token


def _prologue(known: str, outer: list[Token]) -> tuple[str, list[Token]]:
    at = 0
    while at < len(outer) and (length := {"BASE": 2, "PREFIX": 3}.get(outer[at].word, 0)):
        known += " ".join(token.text for token in outer[at : at + length]) + "\n"
        at += length
    return known, outer[at:]


def _operation(prologue: str, outer: list[Token]) -> Operation:
    first, second = outer[0].word, outer[1].word if len(outer) > 1 else ""
    if second == "DATA":
        return Operation(f"{first} DATA", prologue, data=outer[2].text, insert=parts(outer[2].text))
    if first in ("CLEAR", "DROP", "CREATE", "ADD", "COPY", "MOVE"):
        silent = second == "SILENT"
        named = [token for token in outer[2 if silent else 1 :] if token.word not in ("GRAPH", "TO")]
        return Operation(first, prologue, graphs=tuple(token.word or token.text for token in named), silent=silent)
    return _modify(prologue, outer)


def _modify(prologue: str, outer: list[Token]) -> Operation:
    if [token.word for token in outer[:2]] == ["DELETE", "WHERE"]:
        return Operation("MODIFY", prologue, delete=parts(outer[2].text), where=outer[2].text)
    found: dict[str, list[str]] = {"WITH": [], "USING": [], "NAMED": [], "DELETE": [], "INSERT": [], "WHERE": []}
    last = ""
    for token in outer:
        if token.word:
            last = token.word
        elif last in found:
            found[last].append(token.text)
    return Operation(
        "MODIFY",
        prologue,
        delete=parts(*found["DELETE"]),
        insert=parts(*found["INSERT"]),
        where=found["WHERE"][0],
        with_graph=found["WITH"][0] if found["WITH"] else None,
        using=tuple(found["USING"]),
        using_named=tuple(found["NAMED"]),
    )


def parts(*blocks: str) -> tuple[Part, ...]:
    """Divide templates at their graphs.

    Examples
    --------
    >>> parts("{ <a> <b> 1 . GRAPH ?g { ?s ?p 2 } }")
    (Part(graph=None, triples='<a> <b> 1 .'), Part(graph='?g', triples='?s ?p 2'))
    """
    made: list[Part] = []
    for block in blocks:
        inside = block[1:-1]
        made += _divided(inside, list(_outer(list(tokens(inside)), inside)))
    return tuple(part for part in made if part.triples.strip(". \t\r\n"))


def _divided(text: str, outer: list[Token]) -> Iterator[Part]:
    begin = 0
    for at, token in enumerate(outer):
        if token.word == "GRAPH" and at + 2 < len(outer) and outer[at + 2].kind == "block":
            yield Part(None, text[begin : token.start].strip().lstrip(".").strip())
            yield Part(outer[at + 1].text, outer[at + 2].text[1:-1].strip())
            begin = outer[at + 2].end
    yield Part(None, text[begin:].strip().lstrip(".").strip())


def blanks(part: Part) -> set[str]:
    """Labels of the blank nodes in a template."""
    return {token.text for token in tokens(part.triples) if token.kind == "blank"}


def makes_blanks(part: Part) -> bool:
    """Whether a template makes new nodes for each solution."""
    return any(token.kind == "blank" or token.text in ("[", "(") for token in tokens(part.triples))


def variables(part: Part) -> set[str]:
    """Names of the variables in a template, that of its graph too."""
    named = {token.text[1:] for token in tokens(part.triples) if token.kind == "variable"}
    return named | ({part.graph[1:]} if part.graph and part.graph[0] in "?$" else set())
