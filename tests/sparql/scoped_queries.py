"""Random datasets, scopes as the roles have them, and random queries that look for triples in every way that SPARQL 1.1 has."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pyoxigraph as ox

from sparql import nodes as n
from sparql import scoping
from sparql.printer import text
from sparql.scope import EVERYTHING, NOTHING, Scope

GRAPH = "http://127.0.0.1:8080/graph/"
NAMES = (
    *("ontology", "shapes", "catalogue", "feed/facts", "feed/latest", "aggregates/day", "settlement/c1", "registry", "people", "policy"),
    *(f"member/{m}/{part}" for m in ("h01", "h02") for part in ("facts", "osb/b1", "telemetry/2016-08", "telemetry/2016-09", "latest")),
)
GRAPHS = tuple(GRAPH + name for name in NAMES)
_PUBLIC = ({"ontology", "shapes", "catalogue", "feed/facts", "feed/latest"}, {"aggregates/"})
_MEMBER = {"member/h01/facts", "member/h01/latest"}


def scope(graphs: set[str], families: set[str] = frozenset()) -> Scope:  # type: ignore[assignment]
    """What is public, and these."""
    return Scope(False, frozenset(GRAPH + each for each in graphs | _PUBLIC[0]), frozenset(GRAPH + each for each in families | _PUBLIC[1]))


SCOPES = {
    "operator": EVERYTHING,
    "public": scope(set()),
    "member": scope(_MEMBER, {"member/h01/osb/", "member/h01/telemetry/"}),
    "osb": scope({"member/h01/latest"}, {"member/h01/osb/", "member/h01/telemetry/"}),
    "partner": scope({"member/h02/latest", "member/nobody/latest"}, {"member/h01/telemetry/", "member/h02/telemetry/"}),
    "grid operator": scope(set(), {"settlement/"}),
    "one graph": Scope(graphs=frozenset({GRAPH + "member/h01/facts"})),
    "nobody": NOTHING,
}

THINGS = tuple(n.Iri(f"http://example.org/{each}") for each in "abcdef")
VERBS = tuple(n.Iri(f"http://example.org/{each}") for each in "pqr")
_XSD_INTEGER = "http://www.w3.org/2001/XMLSchema#integer"
NUMBERS = tuple(n.Lit(str(each), _XSD_INTEGER) for each in range(3))
VARS = tuple(n.Var(each) for each in "stuvg")


def dataset(seed: int, triples: int = 28) -> list[ox.Quad]:
    """Triples of few terms, many of them in more graphs than one; some are about graphs."""
    rng = random.Random(seed)  # noqa: S311 - test data
    quads = []
    for _ in range(triples):
        subject, verb = rng.choice(THINGS), rng.choice(VERBS)
        value = rng.choice((*THINGS, *THINGS, *NUMBERS, n.Iri(rng.choice(GRAPHS))))
        about = ox.Literal(value.text, datatype=ox.NamedNode(value.datatype)) if isinstance(value, n.Lit) else ox.NamedNode(value.value)
        for graph in rng.sample(GRAPHS, rng.choice((1, 1, 2, 3, 5))):
            quads.append(ox.Quad(ox.NamedNode(subject.value), ox.NamedNode(verb.value), about, ox.NamedNode(graph)))
    return quads


def store_of(quads: Iterable[ox.Quad], scope: Scope = EVERYTHING) -> tuple[ox.Store, tuple[str, ...]]:
    """A store of what a scope allows, and its graphs."""
    store = ox.Store()
    store.extend([quad for quad in quads if scope.allows(quad.graph_name.value)])  # type: ignore[union-attr]
    return store, tuple(graph.value for graph in store.named_graphs())


def answered(store: ox.Store, given: scoping.Confined) -> Counter[str]:
    """Call the engine as a confined query tells, and count what it answers."""
    allowed = given.allowed
    served = {} if allowed is None else {ox.NamedNode(scoping.ALLOWED): lambda graph: ox.Literal(allowed(graph.value))}
    lists = [None if each is None else [ox.NamedNode(graph) for graph in each] for each in (given.default_graph, given.named_graphs)]
    return counted(
        store.query(
            text(given.query),
            use_default_graph_as_union=given.union,
            default_graph=lists[0],  # type: ignore[arg-type]
            named_graphs=lists[1],  # type: ignore[arg-type]
            custom_functions=served,  # type: ignore[arg-type]
        )
    )


def counted(found: object) -> Counter[str]:
    """Rows or triples as a multiset; that of an ASK has its answer."""
    if isinstance(found, ox.QueryBoolean):
        return Counter([str(bool(found))])
    if isinstance(found, ox.QueryTriples):
        return Counter(map(str, found))
    return Counter(" ".join("-" if term is None else str(term) for term in row) for row in found)  # type: ignore[attr-defined]


class Maker:
    """Make queries from a seed; `odd` tells afterwards whether the engine by itself is known to answer one against the recommendation."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - test data
        self.odd = False
        self._in_graph = False
        self._totals = 0

    def query(self) -> n.Query:
        """Make one query."""
        form = self.rng.choice(("SELECT", "SELECT", "SELECT", "COUNT", "ASK", "CONSTRUCT", "DESCRIBE"))
        made = self._formed(form)
        if self.rng.random() < 0.25:
            default, named = (tuple(self.rng.sample(GRAPHS, self.rng.randint(1, 6))) for _ in range(2))
            made = replace(
                made, default_graphs=self.rng.choice((default, default, None)), named_graphs=self.rng.choice((named, named, None))
            )
        return made

    def _formed(self, form: str) -> n.Query:
        where = self.group(2)
        match form:
            case "COUNT":
                return self._counting(where)
            case "ASK":
                return n.Query("ASK", where)
            case "CONSTRUCT":
                return n.Query("CONSTRUCT", where, template=(n.Triple(VARS[0], VERBS[0], VARS[1]), n.Triple(VARS[2], VARS[3], VARS[0])))
            case "DESCRIBE":
                chosen = tuple(self.rng.sample((*VARS[:3], *THINGS[:2]), self.rng.randint(1, 3)))
                return n.Query("DESCRIBE", where, described=chosen)
        return n.Query("SELECT", where, projection=VARS, distinct=self.rng.random() < 0.2)

    def _counting(self, where: n.Group) -> n.Query:
        self._totals += 1
        total = n.Var(f"total{self._totals}")  # an inner one may be in scope
        count = n.Named(n.Aggregate("COUNT", self.rng.choice((None, VARS[0])), self.rng.random() < 0.4), total)
        self.odd |= count.expression == n.Aggregate("COUNT", None, distinct=True)  # it counts blank nodes too
        if self.rng.random() < 0.5:
            return n.Query("SELECT", where, projection=(count,))
        by = self.rng.choice(VARS)
        return n.Query("SELECT", where, projection=(by, count), group_by=(by,))

    def group(self, fuel: int) -> n.Group:
        """Make a group that begins with triples, most of the time."""
        first = [self._triples()] if self.rng.random() < 0.85 else []
        ways: Sequence[Callable[[int], n.Pattern]] = (
            *(self._optional, self._minus, self._union, self._graph, self._graph, self._exists, self._exists),
            *(self._select, self._select, self._values, self._bind, self._compare, self._nested),
        )
        more = [self.rng.choice(ways)(fuel - 1) for _ in range(self.rng.randint(1, 2))] if fuel > 0 else []
        elements = [*first, *more]
        if self.rng.random() < 0.2:
            self.rng.shuffle(elements)
        return n.Group(tuple(self._bindable(elements)))

    def _bindable(self, elements: list[n.Pattern]) -> list[n.Pattern]:
        """BIND may come only once for its variable, and first of all, lest that is bound already."""
        binds = {each.variable: each for each in elements if isinstance(each, n.Bind)}
        return [*binds.values(), *(each for each in elements if not isinstance(each, n.Bind))]

    def _triples(self) -> n.Triples:
        return n.Triples(tuple(self._triple() for _ in range(self.rng.choice((1, 1, 1, 2)))))

    def _triple(self) -> n.Triple:
        subject = self.rng.choice((*VARS, *VARS, *THINGS[:3]))
        verb: n.Verb = self.rng.choice((VARS[3], *VERBS, *VERBS, *VERBS))
        if self.rng.random() < 0.35:
            verb = self._path(2)
        value = self.rng.choice((*VARS, *VARS, *THINGS[:3], NUMBERS[0], n.Var("b0", hidden=True)))
        return n.Triple(subject, verb, value)

    def _path(self, fuel: int) -> n.Path:
        step = self.rng.choice(VERBS)
        if fuel == 0:
            return step
        inner = tuple(self._path(fuel - 1) for _ in range(2))
        match self.rng.randint(0, 5):
            case 0:
                return n.Inverse(inner[0])
            case 1:
                return n.Sequence(inner)
            case 2:
                self.odd = True
                return n.Alternative(inner)
            case 3:
                return n.Repeat(inner[0], self.rng.choice("*+?"))
            case 4:
                self.odd = True
                return n.Negated(
                    tuple(each.value for each in self.rng.sample(VERBS, self.rng.randint(1, 2))),
                    tuple(each.value for each in self.rng.sample(VERBS, self.rng.randint(0, 1))),
                )
        return step

    def _optional(self, fuel: int) -> n.Pattern:
        return n.Optional(self.group(fuel))

    def _minus(self, fuel: int) -> n.Pattern:
        self.odd |= self._in_graph
        return n.Minus(self.group(fuel))

    def _union(self, fuel: int) -> n.Pattern:
        return n.Alternatives((self.group(fuel), self.group(fuel)))

    def _nested(self, fuel: int) -> n.Pattern:
        return self.group(fuel)

    def _graph(self, fuel: int) -> n.Pattern:
        graph = self.rng.choice((VARS[4], VARS[4], VARS[2], n.Iri(self.rng.choice(GRAPHS)), n.Iri(GRAPH + "nowhere")))
        outside, self._in_graph = self._in_graph, True
        inside = self.group(fuel) if self.rng.random() < 0.85 else n.Group()
        self._in_graph = outside
        self.odd |= not (inside.elements and isinstance(inside.elements[0], n.Triples)) and bool(inside.elements)
        return n.InGraph(graph, inside)

    def _exists(self, fuel: int) -> n.Pattern:
        return n.Filter(n.Exists(self.group(fuel), self.rng.random() < 0.5))

    def _select(self, fuel: int) -> n.Pattern:
        self.odd |= self._in_graph
        if self._in_graph or self.rng.random() < 0.6:
            kept = tuple(self.rng.sample(VARS, 2))
            return n.Group((n.SubSelect(n.Query("SELECT", self.group(fuel), projection=kept, distinct=self.rng.random() < 0.3)),))
        return n.Group((n.SubSelect(self._counting(self.group(fuel))),))

    def _values(self, fuel: int) -> n.Pattern:
        del fuel
        chosen = self.rng.choice(VARS)
        terms = (*THINGS, *(n.Iri(each) for each in GRAPHS), None)
        return n.Values((chosen,), tuple((self.rng.choice(terms),) for _ in range(3)))

    def _bind(self, fuel: int) -> n.Pattern:
        del fuel
        return n.Bind(self.rng.choice((*THINGS, n.Iri(self.rng.choice(GRAPHS)))), self.rng.choice(VARS))

    def _compare(self, fuel: int) -> n.Pattern:
        left, right = self.rng.choice(VARS), self.rng.choice((*VARS, *THINGS, n.Iri(self.rng.choice(GRAPHS))))
        if fuel > 0 and self.rng.random() < 0.4:
            return n.Filter(n.Operation("||", (n.Operation("=", (left, right)), n.Exists(self.group(fuel - 1)))))
        return n.Filter(n.Operation(self.rng.choice(("=", "!=")), (left, right)))
