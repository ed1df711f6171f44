"""Look at an untrusted query before anything runs it: what form it has, and whether it reaches out of the store.

This is not a parser. It reads tokens as every engine must, and where engines may differ (is `<` in `?a<?b` an IRI or a
comparison?) it takes whichever reading could hide something, or refuses. Engines differ more than one would think:
`FILTER(1<2)SERVICE?x#>` and `1SERVICE<…>` do reach out in pyoxigraph 0.5, and `\\u0053ERVICE` may in others.

References
----------
SPARQL 1.1 Query Language §19.2 (codepoint escapes), §19.8 (grammar).
"""

import re
from dataclasses import dataclass

FORMS = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
_UPDATES = {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
_TOKEN = re.compile(
    r"""
    (?P<blank>[\x00-\x20]+|\#[^\r\n]*)
  | (?P<string>\"{3}(?:\"{0,2}(?:[^"\\]|\\.))*\"{3} | '{3}(?:'{0,2}(?:[^'\\]|\\.))*'{3}
              |"(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*')
  | (?P<variable>[?$]\w+)
  | (?P<tag>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
  | (?P<name>(?:[^\W\d][\w.-]*)?:(?:[\w.:-]|%[0-9A-Fa-f]{2}|\\[_~.!$&'()*+,;=/?\#@%-])*)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d]\w*)
  | (?P<open>[({\[])
  | (?P<close>[)}\]])
  | (?P<iri><[^<>"{}|^`\\\x00-\x20]*>)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_PAIR = {")": "(", "}": "{", "]": "["}
_OPERANDS = {"string", "variable", "tag", "name", "number", "word", "close", "iri"}
_SERVICE = (
    "SERVICE is refused: this endpoint answers from its own data and fetches nothing; ask the other endpoint yourself and join the answers"
)
_UPDATE = "{} is an update, and this endpoint only answers queries; send SELECT, ASK, CONSTRUCT or DESCRIBE"
_FORM = "this is no query: it begins with {}; send SELECT, ASK, CONSTRUCT or DESCRIBE"
_DOUBTFUL = "{} may be read as an IRI or as a comparison, and could hide something; put a blank after <, or spell the IRI with a prefix"
_UNBALANCED = "the brackets do not match at {}; correct the query"


@dataclass(frozen=True)
class Screened:
    """What a query looks like.

    Attributes
    ----------
    form : `SELECT`, `ASK`, `CONSTRUCT` or `DESCRIBE`; empty if refused
    has_dataset : whether `FROM` names the graphs to ask
    refusal : the sentence why it is refused; `None` if it is not
    """

    form: str
    has_dataset: bool
    refusal: str | None


def screen(query: str) -> Screened:
    """Tell what a query is, and whether it may run."""
    found = _scan(query)
    if found.refusal is None and (decoded := _ESCAPE.sub(_codepoint, query)) != query:
        hidden = _scan(decoded)
        if hidden.refusal is not None or hidden.form != found.form or hidden.has_dataset != found.has_dataset:
            return Screened("", False, hidden.refusal or _FORM.format("a codepoint escape"))
    return found


def _scan(query: str) -> Screened:
    form, has_dataset, first, last = "", False, "", ""
    brackets: list[str] = []
    at, end = 0, len(query)
    while at < end:
        match = _TOKEN.match(query, at)
        assert match is not None  # noqa: S101 - the last alternative takes any character
        kind, text = match.lastgroup or "sign", match.group()
        at = match.end()
        if kind == "blank":
            continue
        if kind == "iri" and brackets[-1:] == ["("] and last in _OPERANDS:
            if _may_hide(text):
                return Screened("", False, _DOUBTFUL.format(text))
            if re.search(r"[?$&()|=]", text):  # ?a<?b&&?c>?d: a comparison; what follows is read on its own
                kind, at = "sign", match.start() + 1
        elif kind == "word":
            word = text.upper()
            if "SERVICE" in word:
                return Screened("", False, _SERVICE)
            has_dataset = has_dataset or word == "FROM"
            first = first or (word if word not in ("BASE", "PREFIX") else "")
            if first == word and not form:
                form = word
                if word not in FORMS:
                    return Screened("", False, (_UPDATE if word in _UPDATES else _FORM).format(word))
        elif kind == "open":
            brackets.append(text)
        elif kind == "close" and (not brackets or brackets.pop() != _PAIR[text]):
            return Screened("", False, _UNBALANCED.format(f"{text!r}, character {match.start() + 1}"))
        last = kind
    if not form:
        return Screened("", False, _FORM.format("nothing"))
    return Screened(form, has_dataset, None)


def _may_hide(text: str) -> bool:
    return "#" in text or "'" in text or "service" in text.lower()


def _codepoint(match: re.Match[str]) -> str:
    code = int(match.group(1) or match.group(2), 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else match.group()
