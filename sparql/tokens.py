"""Read the tokens of a SPARQL text one by one, and say where it goes wrong.

Only the parser knows whether `<` begins an IRI or compares; so tokens are read as they are asked for, and `Tokens.split_less` takes the
reading back. Reading on demand also lets a hostile text fail where it is wrong, before the rest is looked at.

References
----------
SPARQL 1.1 Query Language §19.2 (codepoint escapes), §19.8 (terminals).
"""

import re
from typing import NoReturn

from sparql.errors import SparqlError

MAX_LENGTH = 500_000  # characters; the longest query of ours has 3,000, a list of 5,000 IRIs 400,000
MAX_DEPTH = 100  # brackets and operands within one another, a group as two: any walk over a tree stays far from Python's own limit
UPDATES = frozenset({"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"})

_BASE = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_FIRST = _BASE + "_"
_INNER = _FIRST + "0-9\u00b7\u0300-\u036f\u203f-\u2040"
_PLAIN = r"[" + _INNER + r"\-]"
_ESCAPED = r"%[0-9A-Fa-f]{2}|\\[_~.!$&'()*+,;=/?\#@%\-]"
_LOCAL = rf"(?:[{_INNER}\-:]|{_ESCAPED})"
_TOKEN = re.compile(
    rf"""
    (?:[\ \t\r\n]++ | \#[^\r\n]*+)*+
    (?: [?$](?P<var>[{_FIRST}0-9][{_INNER}]*+)
      | (?P<name>(?:[{_BASE}]{_PLAIN}*+(?:\.++{_PLAIN}++)*+)?:(?:(?:[{_FIRST}:0-9]|{_ESCAPED}){_LOCAL}*+(?:\.++{_LOCAL}++)*+)?)
      | (?P<iri><[^<>"{{}}|^`\\\x00-\x20]*+>)
      | (?P<sign>\|\||&&|!=|<=|>=|\^\^|(?![.]\d)[{{}}()\[\].;,*/|^!=<>+\-?])
      | (?P<word>[{_FIRST}][{_INNER}]*+(?!:))
      | (?P<string>\"\"\"(?:[^"\\]++|\\[tbnrf\\"']|"(?!""))*+\"\"\" | '''(?:[^'\\]++|\\[tbnrf\\"']|'(?!''))*+'''
                  |"(?:[^"\\\n\r]++|\\[tbnrf\\"'])*+"(?!\") | '(?:[^'\\\n\r]++|\\[tbnrf\\"'])*+'(?!') | ""(?!") | ''(?!'))
      | (?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)[eE][+\-]?[0-9]++ | [0-9]*+\.[0-9]++ | [0-9]++)
      | (?P<tag>@[A-Za-z]++(?:-[A-Za-z0-9]++)*+)
      | _:(?P<blank>[{_FIRST}0-9]{_PLAIN}*+(?:\.++{_PLAIN}++)*+)
      | (?P<end>\Z)
      | (?P<bad>.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_CODEPOINT = re.compile(r"\\(?:\\|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")
_PAIRS = {"(": ")", "{": "}", "[": "]"}
_KINDS = {
    "end": "the end of the query",
    "var": "a variable",
    "iri": "an IRI",
    "name": "a prefixed name",
    "string": "a string",
    "number": "a number",
    "blank": "a blank node",
    "tag": "a language tag",
}
SERVICE = (
    "SERVICE is refused: this endpoint answers from its own data and fetches nothing; ask the other endpoint yourself and join the answers"
)
UPDATE = "{} is an update, and this address only answers queries; send SELECT, ASK, CONSTRUCT or DESCRIBE"
TOO_LONG = "the query has {:,} characters, and at most {:,} are read; send several smaller queries"
TOO_DEEP = "the query nests too deep: more than {} brackets and operands within one another (a group counts twice); write it flatter, or as several queries"
_STRING = "a string begins here that does not end, or holds an escape other than \\t \\b \\n \\r \\f \\\" \\' \\\\; close it, or write its backslashes twice"


class Tokens:
    """The text, and the token at which the parser stands.

    Attributes
    ----------
    kind : `var`, `name`, `iri`, `string`, `number`, `tag`, `blank`, `end`, `bad`; a sign is itself; a word is itself in capitals (`a` as it is)
    value : the token as written, a variable or blank node without its mark
    """

    __slots__ = ("at", "depth", "end", "kind", "opened", "text", "value")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise SparqlError(TOO_LONG.format(len(text), MAX_LENGTH), 1, 1)
        self.text = text
        self.kind, self.value, self.at, self.end, self.depth = "", "", 0, 0, 0
        self.opened: list[int] = []
        if not text.isascii():
            self._refuse_halves()
        if "\\u" in text or "\\U" in text:
            self.text = _CODEPOINT.sub(self._decoded, text)
        self.advance()

    def advance(self) -> None:
        """Go to the next token."""
        match = _TOKEN.match(self.text, self.end)
        kind: str = match.lastgroup  # type: ignore[union-attr, assignment]  # its last two alternatives take whatever comes
        self.value = value = match[kind]  # type: ignore[index]
        self.end = match.end()  # type: ignore[union-attr]
        self.at = match.start(kind)  # type: ignore[union-attr]
        if kind == "sign":
            kind = value
        elif kind == "var":
            self.at -= 1
        elif kind == "blank":
            self.at -= 2
        elif kind == "word":
            kind = "a" if value == "a" else value.upper()
        self.kind = kind

    def split_less(self) -> None:
        """Read what looked like an IRI as `<` or `<=`."""
        self.kind = self.value = "<=" if self.text[self.at + 1] == "=" else "<"
        self.end = self.at + len(self.kind)

    def deeper(self) -> None:
        """Count one level more; `self.depth -= 1` goes back."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(TOO_DEEP.format(MAX_DEPTH))

    def open(self) -> None:
        """Go past an opening bracket."""
        self.deeper()
        if self.kind == "{":
            self.deeper()
        self.opened.append(self.at)
        self.advance()

    def close(self, expected: str = "") -> None:
        """Go past the bracket that closes the last one opened; `expected` is what else could have stood here."""
        begun = self.opened[-1]
        sign = _PAIRS[self.text[begun]]
        if self.kind != sign:
            if self.kind in ("end", ")", "}", "]"):
                line, column = self.place(begun)
                opening = f"{self.text[begun]!r} (line {line}, column {column})"
                self.refuse(f"the brackets do not match: {opening} is not closed before {self.found()}; add {sign!r}, or remove a bracket")
            self.expected(f"{expected} or {sign!r}" if expected else repr(sign))
        self.depth -= 2 if sign == "}" else 1
        self.opened.pop()
        self.advance()

    def take(self, kind: str) -> str:
        """Go past a token of one kind, and give its value."""
        if self.kind != kind:
            self.expected(_KINDS.get(kind, repr(kind) if not kind.isalpha() else kind))
        value = self.value
        self.advance()
        return value

    def found(self) -> str:
        """Name the token at which the parser stands."""
        if self.kind == "end":
            return _KINDS["end"]
        shown = self.text[self.at : self.end] if self.kind != "bad" else self.value
        return repr(shown if len(shown) <= 60 else shown[:57] + "…")

    def expected(self, what: str) -> NoReturn:
        """Refuse the text, because something else had to stand here."""
        if self.kind == "SERVICE":
            self.refuse(SERVICE)
        if self.kind in UPDATES:
            self.refuse(UPDATE.format(self.kind))
        if self.kind == "bad" and self.value in "\"'":
            self.refuse(_STRING)
        if self.kind in (")", "}", "]") and not self.opened:
            self.refuse(f"the brackets do not match: {self.kind!r} closes nothing; remove it, or open it before")
        self.refuse(f"found {self.found()} where {what} is expected; correct the query here")

    def refuse(self, sentence: str, at: int | None = None) -> NoReturn:
        """Refuse the text with a sentence, at the token where the parser stands or at a position."""
        raise SparqlError(sentence, *self.place(self.at if at is None else at))

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of a position, both from 1."""
        before = self.text[:at]
        return before.count("\n") + 1, at - before.rfind("\n")

    def _refuse_halves(self) -> None:
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            self.refuse("half of a surrogate pair stands here, which is no character; send the query as UTF-8", error.start)

    def _decoded(self, match: re.Match[str]) -> str:
        digits = match[1] or match[2]
        if digits is None:
            return match[0]
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            self.refuse(f"{match[0]} names no character; correct the escape", match.start())
        return chr(code)
