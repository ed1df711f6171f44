"""History as `saref:Observation`: every filled slot of every stored day, presented to queries that never heard of days (docs/observations.md).

For each filled slot of a day node there is, in the day's graph, an observation `{BASE}/id/obs/{channel}/{time}` with a type, the channel, the
time, the value, the channel's unit where that is visible, and the day that it comes from. None of it is stored. A query that speaks of
observations becomes one that speaks of days; the worker, or any SPARQL server, answers that one.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

from sparql.errors import SparqlError
from sparql.nodes import (
    Alternatives,
    Bind,
    Exists,
    Filter,
    Group,
    InGraph,
    Minus,
    Optional,
    Pattern,
    Query,
    SubSelect,
    Term,
    Triple,
    Triples,
    Values,
    Var,
)
from sparql.observation_engines import engine as engine_named
from sparql.observation_limits import Limits
from sparql.observation_paths import Hidden, taken_apart
from sparql.observation_shapes import Said, described, has_aggregates, opened, rebuilt, simplified
from sparql.observation_stars import Graph, Star, World, Writer
from sparql.observation_terms import (
    AT,
    PROPERTIES,
    TYPE,
    TYPES,
    UNIT,
    Spelling,
    has_exists,
    marks,
    mentioned,
    occurrences,
    variables,
    walk,
)

_FORMS = ("closed", "open")
_MOST_TOGETHER = 3  # observations of one group that are written as one: twice the text for each


def face(query: Query, *, iris_base: str, engine: str = "embedded") -> Query:
    """Rewrite a query about observations into one about the stored days.

    Parameters
    ----------
    iris_base
        What all our IRIs begin with, without a slash at the end.
    engine
        `embedded` for pyoxigraph with `sparql.functions`, `standard` for any SPARQL 1.1 server.

    Returns
    -------
    Query
        The same object where the query is not about observations.

    Raises
    ------
    SparqlError
        If the query asks something of observations that can't be computed.
    """
    spelling = Spelling(iris_base)
    if not mentioned(query, spelling):
        return query
    try:
        whole: Query = taken_apart(query, Hidden())
    except ValueError as error:
        raise SparqlError(str(error), 1, 1) from error
    whole = described(whole, spelling)
    somewhere = frozenset(
        node.subject for node in walk(whole) if isinstance(node, Triple) and marks(node) and isinstance(node.subject, Var)
    )
    times = Counter(node.object for node in walk(whole) if isinstance(node, Triple) and node.verb == AT and isinstance(node.object, Var))
    shared = frozenset(time for time, count in times.items() if count > 1)
    faced = _Face(World(spelling, engine_named(engine), occurrences(whole), shared), somewhere)
    return faced.query(whole, _Around())


@dataclass(frozen=True)
class _Around:
    """What a group may rely on: limits, variables that are observations for certain, and whether it lies within GRAPH."""

    limits: Limits = Limits()  # noqa: RUF009 - immutable
    known: frozenset[Var] = frozenset()
    named: bool = False


class _Face:
    """The rewriting of one query."""

    def __init__(self, world: World, somewhere: frozenset[Var]) -> None:
        self._world = world
        self._somewhere = somewhere

    def query(self, query: Query, around: _Around) -> Query:
        """Rewrite a query or sub-select."""
        inner = replace(around, known=frozenset())
        made = replace(query, where=self.group(query.where, inner))
        rest = {name: rebuilt(getattr(query, name), self._exists(inner)) for name in ("projection", "group_by", "having", "order_by")}
        return replace(made, **rest)

    def group(self, group: Group, around: _Around) -> Group:
        """Rewrite a group."""
        items = opened(group.elements, self._concerns)
        limits = around.limits.narrowed(Group(tuple(item for item in items if not isinstance(item, Said))))
        known = around.known | {item.triple.subject for item in items if isinstance(item, Said) and marks(item.triple)}
        inner = _Around(limits, frozenset(each for each in known if isinstance(each, Var)), around.named)
        return _Composer(self, self._world, inner).composed(simplified(items, inner.known))

    def inside(self, element: Pattern, around: _Around) -> Pattern:
        """Rewrite an element that is no triple."""
        bare = replace(around, limits=Limits())
        match element:
            case Group():
                return self.group(element, around)
            case Optional(group):
                return Optional(self.group(group, around))
            case Minus(group):
                return Minus(self.group(group, bare))
            case Alternatives(groups):
                return Alternatives(tuple(self.group(each, around) for each in groups))
            case InGraph(graph, group):
                return InGraph(graph, self.group(group, replace(around, named=True)))
            case SubSelect(query):
                return SubSelect(self.query(query, replace(around, limits=_into(query, around.limits))))
            case Filter() | Bind():
                return rebuilt(element, self._exists(around))  # type: ignore[no-any-return]
        return element

    def sort(self, triple: Triple, known: frozenset[Var]) -> str:
        """Whether a triple is about an `observation`, a `stored` thing, or perhaps of `either`."""
        subject = triple.subject
        if not (isinstance(triple.verb, Var) or triple.verb in PROPERTIES):
            return "stored"
        if triple.verb == TYPE and not isinstance(triple.object, Var) and triple.object not in TYPES:
            return "stored"
        if self._world.spelling.observation(subject) is not None or subject in known:
            return "observation"
        return "either" if subject in self._somewhere else "stored"

    def _concerns(self, triple: Triple) -> bool:
        return self.sort(triple, self._somewhere) == "observation"

    def _exists(self, around: _Around) -> Callable[[object], object]:
        def one(node: object) -> object:
            if isinstance(node, Exists):
                return replace(node, group=self.group(node.group, replace(around, limits=Limits())))
            return None

        return one


def _into(query: Query, limits: Limits) -> Limits:
    """Which limits of a group hold within a sub-select of it."""
    if query.limit is not None or query.offset is not None:
        return Limits()
    names = [each for each in query.projection if isinstance(each, Var)]
    if query.group_by or has_aggregates(query):
        names = [each for each in names if each in query.group_by]
    return limits.projected(names)


class _Composer:
    """Writes one group anew: what is stored first, then the days, then what is computed from them."""

    def __init__(self, face_: _Face, world: World, around: _Around) -> None:
        self._face, self._world, self._around = face_, world, around
        self._out: list[Pattern] = []
        self._filters: list[Filter] = []
        self._plain: list[Pattern] = []
        self._later: list[Pattern] = []
        self._stars: dict[tuple[Term, Graph], Star] = {}
        self._done: dict[tuple[Term, Graph], Star] = {}

    def composed(self, items: list[Pattern | Said]) -> Group:
        """Return the group."""
        pending = list(items)
        self._filters = [item for item in pending if isinstance(item, Filter)]
        place = 0
        while place < len(pending):
            item = pending[place]
            place += 1
            if isinstance(item, Said):
                self._say(item)
            elif isinstance(item, Filter):
                continue
            elif isinstance(item, Optional | Minus | Bind):
                self._hoist(pending, place)
                self._end()
                self._out.append(self._unit_of(item) or self._face.inside(item, self._around))
            else:
                self._join(item)
        self._end()
        return Group((*self._out, *(self._face.inside(each, self._around) for each in self._filters)))

    # --- taking in -------------------------------------------------------------------------------------------------------------------

    def _say(self, said: Said) -> None:
        sort = self._face.sort(said.triple, self._around.known)
        pattern: Pattern = Triples((said.triple,))
        if sort == "observation":
            key = (said.triple.subject, said.graph)
            if key not in self._stars:
                self._stars[key] = Star(said.triple.subject, said.graph)  # type: ignore[arg-type]
            self._stars[key].add(said.triple)
            return
        if sort == "either":
            star = Star(said.triple.subject, None)  # type: ignore[arg-type]
            star.add(said.triple)
            named = self._around.named or said.graph is not None
            pattern = Alternatives((Group((pattern,)), Group((self._forms([star], [], named),))))
            pattern = pattern if said.graph is None else InGraph(said.graph, Group((pattern,)))
            self._later.append(pattern)
            return
        self._plain.append(pattern if said.graph is None else InGraph(said.graph, Group((pattern,))))

    def _join(self, item: Pattern) -> None:
        made = self._face.inside(item, self._around)
        (self._plain if made is item or made == item else self._later).append(made)

    def _hoist(self, pending: list[Pattern | Said], place: int) -> None:
        """Take what later elements say of this segment's observations, where it may as well be said here."""
        between: set[Var] = set()
        kept: list[Pattern | Said] = [pending[place - 1]]
        for item in pending[place - 1 :][:1]:
            between |= variables(item)
        for item in pending[place:]:
            key = (item.triple.subject, item.graph) if isinstance(item, Said) else None
            if isinstance(item, Said) and key in self._stars and not (variables(item.triple) - {item.triple.subject}) & between:
                self._say(item)
            else:
                kept.append(item)
                if not isinstance(item, Filter):
                    between |= variables(item.triple if isinstance(item, Said) else item)
        pending[place - 1 :] = kept

    def _unit_of(self, item: Pattern) -> Pattern | None:
        """`OPTIONAL { ?o qudt:hasUnit ?u }` of an observation that stands before: the channel's unit."""
        match item:
            case Optional(Group((Triples((Triple(subject, verb, Var() as unit),)),))) if verb == UNIT:
                star = self._done.get((subject, None))
                if star is not None and unit not in variables(tuple(self._out)):
                    return Optional(Group((self._writer(star, {}, set(), self._around.named).unit(unit, 0),)))
        return None

    # --- giving out ------------------------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Write the segment that ends here."""
        stars, plain = list(self._stars.values()), self._plain
        emitted = variables(tuple(self._out))
        together: list[Star] = []
        apart: list[Star] = []
        targets: set[Var] = set()
        led: dict[Var, Var] = {}
        for star in stars:
            writer = self._writer(star, led, set(), self._around.named)
            own = {each.variable for form in _FORMS for each in writer.written(form) if isinstance(each, Bind)}
            if own & (emitted | targets) or len(together) == _MOST_TOGETHER:
                apart.append(star)
                continue
            together.append(star)
            targets |= own
            if writer.seconds is not None and star.time is not None:
                led[star.time] = writer.seconds
        if together:
            before = [each for each in plain if not variables(each) & targets]
            self._out.append(self._forms(together, before, self._around.named, final=True))
            plain = [each for each in plain if variables(each) & targets]
        self._out += plain
        self._out += [Group((self._forms([star], [], self._around.named),)) for star in apart]
        self._out += self._later
        self._done |= self._stars
        self._plain, self._later, self._stars = [], [], {}

    def _writer(self, star: Star, led: dict[Var, Var], bound: set[Var], named: bool) -> Writer:
        return Writer(self._world, star, self._around.limits, named=named, led=led, bound=bound)

    def _forms(self, stars: list[Star], before: list[Pattern], named: bool, *, final: bool = False) -> Pattern:
        """One or more observations in each of their forms, each with what is joined before."""
        groups = []
        pushed: list[Filter] | None = None
        for forms in product(_FORMS, repeat=len(stars)):
            made = list(before)
            led: dict[Var, Var] = {}
            for star, form in zip(stars, forms, strict=True):
                writer = self._writer(star, led, _certain(made), named)
                made += writer.written(form)
                if writer.seconds is not None and star.time is not None:
                    led[star.time] = writer.seconds
            bound = _certain(made)
            fit = [each for each in self._filters if not has_exists(each) and variables(each) <= bound]
            pushed = fit if pushed is None else [each for each in pushed if each in fit]
            groups.append(Group(tuple(_early([*made, *fit]))))
        if final:
            self._filters = [each for each in self._filters if each not in (pushed or ())]
        return Alternatives(tuple(groups))


def _early(patterns: list[Pattern]) -> list[Pattern]:
    """Put each filter, in a group with what is before, where its variables are bound, and before anything more is computed.

    It is the same to the reader of the algebra; pyoxigraph, which does not move a filter below a BIND, works out the rest for fewer rows.
    """
    filters = [each for each in patterns if isinstance(each, Filter)]
    found: list[Pattern] = []
    for each in (pattern for pattern in patterns if not isinstance(pattern, Filter)):
        bound = _certain(found)
        ready = [condition for condition in filters if variables(condition) <= bound]
        if ready:
            filters = [condition for condition in filters if condition not in ready]
            found = [Group((*found, *ready))]
        found.append(each)
    return [*found, *filters]


def _certain(patterns: list[Pattern]) -> set[Var]:
    """Variables that are bound in every solution of some patterns."""
    found: set[Var] = set()
    for each in patterns:
        match each:
            case Triples():
                found |= variables(each)
            case Group(elements):
                found |= _certain(list(elements))
            case InGraph(graph, group):
                found |= _certain(list(group.elements)) | ({graph} if isinstance(graph, Var) else set())
            case Values(names, rows):
                found |= {name for place, name in enumerate(names) if all(row[place] is not None for row in rows)}
            case Bind(_, variable):
                found.add(variable)
    return found
