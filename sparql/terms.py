"""The terms of a query: IRIs resolved, literals, variables, and hidden variables for what has no name.

References
----------
SPARQL 1.1 Query Language §4.1, §19.8 [108], [126] to [138]; RFC 3986 §5.2 (references), RFC 3987 §2.2 (characters of an IRI).
"""

import difflib
import re
from collections.abc import Mapping

from sparql.nodes import Iri, Lit, Var
from sparql.tokens import Tokens

XSD = "http://www.w3.org/2001/XMLSchema#"
_LANG_STRING = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+:")
_REFERENCE = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_CHARACTER = r"A-Za-z0-9\-._~!$&'()*+,;=:@/\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U000efffd"
_LEGAL = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*+:(?://(?:[^/?\#\[\]@]*@)?\[[0-9A-Fa-fv:.]++\])?(?:[{_CHARACTER}]++|%[0-9A-Fa-f]{{2}})*+"
    rf"(?:\?(?:[{_CHARACTER}?\ue000-\uf8ff]++|%[0-9A-Fa-f]{{2}})*+)?(?:\#(?:[{_CHARACTER}?]++|%[0-9A-Fa-f]{{2}})*+)?"
)
_STRING_ESCAPE = re.compile(r"\\(.)")
_CHARACTERS = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}
_NUMBER = re.compile(r"\.?[0-9]")
_LONG_SUBTAG = re.compile(r"[A-Za-z0-9]{9}")


class Terms(Tokens):
    """The tokens, and the terms that they make."""

    def __init__(self, text: str, prefixes: Mapping[str, str], base: str | None) -> None:
        super().__init__(text)
        self.prefixes = dict(prefixes)
        self.base = base
        self._iris: dict[str, Iri] = {}
        self._hidden = 0
        self._stem = self._unused_stem()

    def _unused_stem(self) -> str:
        """The beginning of names that occur nowhere in the text."""
        if "_b" not in self.text:
            return "_b"
        longest = max(map(len, re.findall("_+", self.text)))
        return "_b" + "_" * (longest + 1)

    def hidden(self) -> Var:
        """A new variable for what has no name, or a label that the text must not reach from elsewhere."""
        self._hidden += 1
        return Var(f"{self._stem}{self._hidden}", hidden=True)

    # --- IRIs ------------------------------------------------------------------------------------------------------------------------

    def prologue(self) -> None:
        """Read BASE and PREFIX [4]."""
        while True:
            if self.kind == "BASE":
                self.advance()
                self.base = self._reference().value
            elif self.kind == "PREFIX":
                self.advance()
                if self.kind != "name" or self.value.index(":") != len(self.value) - 1:
                    self.expected("a prefix with its colon")
                name = self.value[:-1]
                self.advance()
                self.prefixes[name] = self._reference().value
            else:
                return
            self._iris.clear()

    def _reference(self) -> Iri:
        if self.kind != "iri":
            self.expected("an IRI in <…>")
        return self.iri()

    def iri(self, what: str = "an IRI") -> Iri:
        """Read an IRI, in full or with a prefix [136]."""
        if self.kind != "iri" and self.kind != "name":
            self.expected(what)
        value = self.value
        found = self._iris.get(value)
        if found is None:
            found = self._iris[value] = Iri(self._resolved(value[1:-1]) if self.kind == "iri" else self._spelt_out(value))
        self.advance()
        return found

    def _spelt_out(self, name: str) -> str:
        prefix, _, local = name.partition(":")
        space = self.prefixes.get(prefix)
        if space is None:
            near = difflib.get_close_matches(prefix, self.prefixes, 1)
            hint = f"write {near[0]}: if you mean that, or " if near else ""
            self.refuse(f"the prefix {prefix}: is not declared; {hint}declare it before the query: PREFIX {prefix}: <…>")
        if "\\" in local:
            local = _STRING_ESCAPE.sub(r"\1", local)
        return self._legal(space + local)

    def _resolved(self, reference: str) -> str:
        if _ABSOLUTE.match(reference):
            return self._legal(reference)
        if self.base is None:
            self.refuse(f"<{reference}> is a relative IRI and nothing says what it is relative to; write it in full, or declare BASE <…>")
        return self._legal(_joined(self.base, reference))

    def _legal(self, value: str) -> str:
        if not _LEGAL.fullmatch(value):
            self.refuse(f"<{value[:80]}> is no IRI: a character stands where none may, or a % without two hexadecimal digits; correct it")
        return value

    # --- literals --------------------------------------------------------------------------------------------------------------------

    def literal(self) -> Lit:
        """Read a literal without a sign [129], [131], [134]."""
        kind, value = self.kind, self.value
        self.advance()
        if kind == "number":
            return Lit(value, _number_type(value))
        if kind != "string":
            return Lit(value.lower(), XSD + "boolean")
        text = unquoted(value)
        if self.kind == "tag":
            return self._tagged(text)
        if self.kind == "^^":
            self.advance()
            return Lit(text, self.iri("the datatype").value)
        return Lit(text)

    def _tagged(self, text: str) -> Lit:
        language = self.value[1:]
        if _LONG_SUBTAG.search(language) or len(language) == 1:
            self.refuse(f"@{language} is no language tag: its parts have at most eight characters, the first at least two; correct it")
        self.advance()
        return Lit(text, _LANG_STRING, language)

    def before_number(self) -> bool:
        """Tell whether a number begins right behind the token."""
        return _NUMBER.match(self.text, self.end) is not None

    def signed(self) -> Lit | None:
        """Read a number with the sign before it, if no blank parts them [132], [133]; else stay."""
        if not self.before_number():
            return None
        sign = self.kind
        self.advance()
        value = self.take("number")
        return Lit(sign + value, _number_type(value))

    def var(self, what: str = "a variable") -> Var:
        """Read a variable."""
        if self.kind != "var":
            self.expected(what)
        found = Var(self.value)
        self.advance()
        return found


def _number_type(value: str) -> str:
    if value.isdecimal():
        return XSD + "integer"
    return XSD + ("double" if "e" in value or "E" in value else "decimal")


def unquoted(value: str) -> str:
    """What a quoted string stands for [156] to [160]."""
    quotes = 3 if value[:3] in ('"""', "'''") and len(value) > 5 else 1
    text = value[quotes:-quotes]
    return _STRING_ESCAPE.sub(lambda match: _CHARACTERS.get(match[1], match[1]), text) if "\\" in text else text


def _joined(base: str, reference: str) -> str:
    """Resolve a reference (RFC 3986 §5.2.2)."""
    scheme, authority, path, query, _ = _parts(base)
    _, other, steps, asked, fragment = _parts(reference)
    if other is not None:
        authority, path, query = other, _without_dots(steps), asked
    elif steps:
        if not steps.startswith("/"):
            steps = f"/{steps}" if authority is not None and not path else path[: path.rfind("/") + 1] + steps
        path, query = _without_dots(steps), asked
    elif asked is not None:
        query = asked
    marked = ((":", scheme, 1), ("//", authority, 0), ("", path, 0), ("?", query, 0), ("#", fragment, 0))
    return "".join((f"{part}{mark}" if after else f"{mark}{part}") for mark, part, after in marked if part is not None)


def _parts(value: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    match = _REFERENCE.fullmatch(value)
    assert match is not None  # noqa: S101 - each of its parts may be missing
    return match[1], match[2], match[3], match[4], match[5]


def _without_dots(path: str) -> str:
    kept: list[str] = []
    steps = path.split("/")
    for step in steps:
        if step == "..":
            if len(kept) > 1 or (kept and kept[0]):
                kept.pop()
        elif step != ".":
            kept.append(step)
    if steps[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept)
