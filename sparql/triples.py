"""Triples, with property paths, lists and blank nodes; all flattened.

References
----------
SPARQL 1.1 Query Language §19.8 [52], [55], [75] to [106].
"""

from sparql.expressions import Expressions
from sparql.nodes import Alternative, Blank, Inverse, Iri, Negated, Path, Repeat, Sequence, Term, Triple, Var, Verb

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TYPE, _FIRST, _REST, _NIL = Iri(_RDF + "type"), Iri(_RDF + "first"), Iri(_RDF + "rest"), Iri(_RDF + "nil")
SUBJECTS = frozenset({"var", "iri", "name", "string", "number", "blank", "(", "[", "+", "-", "TRUE", "FALSE"})
_VERBS = frozenset({"var", "iri", "name", "a", "^", "!", "("})
_TERM = "a variable, an IRI, a literal, '[' or '('"
_VERB = "a property (an IRI, a, a variable or a path)"
_LABEL = "_:{} stands in two basic graph patterns, and a blank node's label holds within one; write a variable instead"


class TripleRules(Expressions):
    """The expressions, and the triples of patterns and templates."""

    in_template = False
    pattern = 0  # the number of the basic graph pattern at which the parser stands

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._labels: dict[str, tuple[int, Var]] = {}

    def triples(self, *, paths: bool = True) -> tuple[Triple, ...]:
        """Read triples with points between them, up to what is none."""
        found: list[Triple] = []
        while self.kind in SUBJECTS:
            self._same_subject(found, paths)
            if self.kind != ".":
                break
            self.advance()
        return tuple(found)

    def _same_subject(self, found: list[Triple], paths: bool) -> None:
        bracket = self.kind == "[" or self.kind == "("
        before = len(found)
        subject = self._node(found, paths)
        if self.kind in _VERBS:
            self._properties(subject, found, paths)
        elif not bracket or len(found) == before:
            self.expected(_VERB)

    def _properties(self, subject: Term, found: list[Triple], paths: bool) -> None:
        while True:
            verb = self._verb(paths)
            self._object(subject, verb, found, paths)
            while self.kind == ",":
                self.advance()
                self._object(subject, verb, found, paths)
            if self.kind != ";":
                return
            while self.kind == ";":
                self.advance()
            if self.kind not in _VERBS:
                return

    def _object(self, subject: Term, verb: Verb, found: list[Triple], paths: bool) -> None:
        at = len(found)
        value = self._node(found, paths)
        found.insert(at, Triple(subject, verb, value))  # before those of `[ … ]` and `( … )`

    def _node(self, found: list[Triple], paths: bool) -> Term:
        kind = self.kind
        if kind == "var":
            return self.var()
        if kind == "iri" or kind == "name":
            return self.iri()
        if kind == "string" or kind == "number" or kind == "TRUE" or kind == "FALSE":
            return self.literal()
        if kind == "blank":
            return self._labelled()
        if kind == "[":
            return self._unlabelled(found, paths)
        if kind == "(":
            return self._list(found, paths)
        if (kind == "+" or kind == "-") and (number := self.signed()) is not None:
            return number
        return self.expected(_TERM)

    def _labelled(self) -> Term:
        label = self.value
        if self.in_template:
            self.advance()
            return Blank(label)
        number, variable = self._labels.get(label, (self.pattern, None))
        if number != self.pattern:
            self.refuse(_LABEL.format(label))
        if variable is None:
            variable = self.hidden()
            self._labels[label] = (self.pattern, variable)
        self.advance()
        return variable

    def _nameless(self) -> Term:
        return Blank(self.hidden().name) if self.in_template else self.hidden()

    def _unlabelled(self, found: list[Triple], paths: bool) -> Term:
        self.open()
        node = self._nameless()
        if self.kind != "]":
            self._properties(node, found, paths)
        self.close("';' or ','")
        return node

    def _list(self, found: list[Triple], paths: bool) -> Term:
        self.open()
        items: list[Term] = []
        while self.kind != ")":
            if self.kind not in SUBJECTS:
                self.close(_TERM)  # says what is missing
            items.append(self._node(found, paths))
        self.close()
        cells = [self._nameless() for _ in items]
        for cell, item, rest in zip(cells, items, [*cells[1:], _NIL], strict=False):
            found.append(Triple(cell, _FIRST, item))
            found.append(Triple(cell, _REST, rest))
        return cells[0] if cells else _NIL

    # --- verbs and paths -------------------------------------------------------------------------------------------------------------

    def _verb(self, paths: bool) -> Verb:
        if self.kind == "var":
            return self.var()
        if paths:
            return self._path()
        if self.kind == "a":
            self.advance()
            return _TYPE
        return self.iri("a property without a path, as here no paths can stand: an IRI, a or a variable")

    def _path(self) -> Path:
        found = self._sequence()
        if self.kind != "|":
            return found
        parts = [found]
        while self.kind == "|":
            self.advance()
            parts.append(self._sequence())
        return Alternative(tuple(parts))

    def _sequence(self) -> Path:
        found = self._step()
        if self.kind != "/":
            return found
        parts = [found]
        while self.kind == "/":
            self.advance()
            parts.append(self._step())
        return Sequence(tuple(parts))

    def _step(self) -> Path:
        inverse = self.kind == "^"
        if inverse:
            self.advance()
        found: Path
        if self.kind == "a":
            self.advance()
            found = _TYPE
        elif self.kind == "(":
            self.open()
            found = self._path()
            self.close("'/', '|'")
        elif self.kind == "!":
            found = self._negated()
        else:
            found = self.iri(_VERB)
        if self.kind == "*" or self.kind == "?" or (self.kind == "+" and not self.before_number()):
            found = Repeat(found, self.kind)
            self.advance()
        return Inverse(found) if inverse else found

    def _negated(self) -> Negated:
        self.advance()
        forward: list[str] = []
        inverse: list[str] = []
        if self.kind != "(":
            self._one_negated(forward, inverse)
            return Negated(tuple(forward), tuple(inverse))
        self.open()
        if self.kind == ")":
            self.refuse("!() excludes nothing; write a variable for any property")
        self._one_negated(forward, inverse)
        while self.kind == "|":
            self.advance()
            self._one_negated(forward, inverse)
        self.close("'|'")
        return Negated(tuple(forward), tuple(inverse))

    def _one_negated(self, forward: list[str], inverse: list[str]) -> None:
        chosen = forward
        if self.kind == "^":
            self.advance()
            chosen = inverse
        if self.kind == "a":
            self.advance()
            chosen.append(_TYPE.value)
        else:
            chosen.append(self.iri("an IRI, a, or one of them behind ^").value)
