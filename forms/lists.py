"""The lists of the registry: members, controllable devices, and the things of each class, over one index."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from pyoxigraph import Literal, NamedNode

from forms.index import Home, Index, Said
from forms.model import Field, Form, Kind
from forms.tables import Cell, Column, Options, Row, Table, counted
from kg.iris import Iris
from kg.store import Term
from kg.terms import python
from ontology.names import FC, FCV, RDF, RDFS, S4SYST, SEAS

TELLING = 4  # columns of a class beside name and owner
DERS = tuple(str(each) for each in (FC.PVSystem, FC.BatterySystem, FC.EVCharger, FC.HeatPump, FC.SmartPlug))
_LABEL, _TYPE, _OWNED, _AT = str(RDFS.label), str(RDF.type), str(FC.ownedBy), str(FC.locatedAt)


class Tables:
    """The lists, over one index; each is made once until something of it changes."""

    def __init__(self, index: Index, iris: Iris) -> None:
        self.index = index
        self._iris = iris
        self._made: dict[str, tuple[int, Table]] = {}

    def ders(self) -> Table:
        """Every controllable device."""
        return self._table("ders", _DER_COLUMNS, self._ders_of)

    def members(self) -> Table:
        """Every member with home, connection and contract."""
        return self._table("members", _MEMBER_COLUMNS, self._member)

    def of(self, form: Form) -> Table:
        """Every thing of a class, by the most telling fields of its form."""
        fields = telling(form)
        columns = (Column("name"), Column("owner"), *map(_column, fields))
        return self._table(form.slug, columns, lambda home: self._things(home, form, fields))

    def counts(self, forms: Sequence[Form]) -> dict[str, int]:
        """How many things of each form there are, by slug."""
        found: Counter[str] = Counter()
        for home in self.index.homes():
            found.update(home.made("classes", _classes))
        return {form.slug: found[form.cls] for form in forms}

    def _table(self, name: str, columns: Sequence[Column], make: Callable[[Home], tuple[Row, ...]]) -> Table:
        homes = self.index.homes()
        version = self.index.version
        known = self._made.get(name)
        if known is None or known[0] != version:
            of_home = [home.made(name, make) for home in homes]
            choices = [column.key for column in columns if column.choice]
            parts = [self._options(home, name, rows, choices) for home, rows in zip(homes, of_home, strict=True) if rows]
            known = self._made[name] = version, Table(tuple(columns), tuple(row for rows in of_home for row in rows), tuple(parts))
        return known[1]

    @staticmethod
    def _options(home: Home, name: str, rows: Sequence[Row], choices: Sequence[str]) -> Options:
        return home.made(f"{name}:options", lambda _: counted(rows, choices))

    # --- rows ---

    def _ders_of(self, home: Home) -> tuple[Row, ...]:
        things = home.things
        covered = _covered(things)
        return tuple(
            self._der(home, thing, said, covered)
            for thing, said in sorted(things.items())
            if any(each.value in DERS for each in said.get(_TYPE, ()))
        )

    def _der(self, home: Home, thing: str, said: Said, covered: frozenset[str]) -> Row:
        connection = _first(said, str(FC.connectedVia)) or self._connection(home, _first(said, _AT))
        offered = said.get(str(FC.availableForDR), ())
        state = "undecided" if not offered else "offered" if offered[0].value in ("true", "1") else "withheld"
        cells = {
            "name": self._label(thing, said),
            "type": tuple(self._named(each.value) for each in said[_TYPE] if each.value in DERS),
            "owner": self._links(_first(said, _OWNED) or (self._iris.id("member", home.key) if home.key else "")),
            "feeder": self._links(_first(home.things.get(connection, {}), str(S4SYST.connectionPointOf))),
            "kw": _cells(said.get(str(FCV.RatedPower), ())),
            "box": self._links(_first(said, str(FC.managedBy))),
            "state": (Cell(state),),
            "contract": (Cell("yes" if thing in covered else "no"),),
        }
        return self._row(thing, home, cells)

    def _member(self, home: Home) -> tuple[Row, ...]:
        found = []
        for thing, said in sorted(home.things.items()):
            if not _is(said, str(FC.Member)):
                continue
            sites = [site for site, of in home.things.items() if _is(of, str(FC.Site)) and thing in _values(of, _OWNED)]
            connections = [each for each, of in home.things.items() if _is(of, str(FC.GridConnectionPoint)) and _first(of, _AT) in sites]
            devices = [of for of in home.things.values() if any(each.value in DERS for each in of.get(_TYPE, ()))]
            boxes = [box for box, of in home.things.items() if thing in _values(of, str(FC.claimedBy))]
            rated = [
                value for of in devices for cell in _cells(of.get(str(FCV.RatedPower), ())) if isinstance(value := cell.value, Decimal)
            ]
            nodes = [_first(home.things[each], str(S4SYST.connectionPointOf)) for each in connections]
            twins = [_first(home.things[site], str(FC.copyOf)) for site in sites]
            cells = {
                "name": self._label(thing, said),
                "home": tuple(cell for site in sorted(sites) for cell in self._links(site)),
                "feeder": tuple(cell for node in sorted(set(nodes)) for cell in self._links(node)),
                "devices": (Cell(Decimal(len(devices))),),
                "kw": (Cell(sum(rated, Decimal(0))),) if rated else (),
                "box": tuple(cell for box in sorted(boxes) for cell in self._links(box)),
                "state": (Cell("nobox" if not boxes else "ready" if _covered(home.things) else "nocontract"),),
                "twin": tuple(cell for twin in twins for cell in self._links(twin)),
            }
            found.append(self._row(thing, home, cells))
        return tuple(found)

    def _things(self, home: Home, form: Form, fields: Sequence[Field]) -> tuple[Row, ...]:
        return tuple(
            self._row(
                thing,
                home,
                {
                    "name": self._label(thing, said),
                    "owner": self._links(_first(said, _OWNED) or (self._iris.id("member", home.key) if home.key else "")),
                }
                | {each.key: self._field(each, said) for each in fields},
            )
            for thing, said in sorted(home.things.items())
            if _is(said, form.cls)
        )

    def _field(self, each: Field, said: Said) -> tuple[Cell, ...]:
        found = []
        for term in said.get(each.of_kind or each.path, ()):
            if isinstance(term, NamedNode):
                named = next((choice.names for choice in each.choices if choice.value == term.value), None)
                found.append(Cell(self._short(term.value), term.value, named) if named else self._named(term.value))
            elif each.kind is Kind.NAME and isinstance(term, Literal):
                found.append(Cell(term.value, names={term.language or "": term.value}))
            else:
                found += _cells((term,))
        return tuple(found)

    def _row(self, thing: str, home: Home, cells: Mapping[str, tuple[Cell, ...]]) -> Row:
        shown = [cell for name, each in cells.items() if name not in ("state", "contract") for cell in each]
        texts = {self._short(thing), home.key, *(text for cell in shown for text in _texts(cell))}
        return Row(thing, self._short(thing), home.key, cells, " ".join(sorted(texts)).casefold())

    def _label(self, thing: str, said: Said) -> tuple[Cell, ...]:
        names = {label.language or "": label.value for label in said.get(_LABEL, ()) if isinstance(label, Literal)}
        return (Cell(self._short(thing), thing, names),)

    def _links(self, thing: str) -> tuple[Cell, ...]:
        return (self._named(thing),) if thing else ()

    def _named(self, thing: str) -> Cell:
        return Cell(self._short(thing), thing, self.index.names(thing))

    def _short(self, thing: str) -> str:
        prefix = f"{self._iris.base}/id/"
        return thing[len(prefix) :] if thing.startswith(prefix) else thing

    def _connection(self, home: Home, site: str) -> str:
        """Where a device's site meets the grid, of a device that does not say it itself."""
        points = [
            thing for thing, said in home.things.items() if site and _is(said, str(FC.GridConnectionPoint)) and site in _values(said, _AT)
        ]
        return points[0] if len(points) == 1 else ""


def telling(form: Form) -> tuple[Field, ...]:
    """The few fields of a form that tell most: what is required and short comes first, then by the form's own order."""
    weights = {Kind.VALUE: 0, Kind.DECIMAL: 1, Kind.INTEGER: 1, Kind.CHOICE: 2, Kind.DATE: 3, Kind.BOOLEAN: 4, Kind.REFERENCE: 5}
    usual = {_LABEL, _OWNED, _TYPE}
    asked = [each for each in form.fields if each.fixed is None and each.path not in usual and each.kind is not Kind.PART]
    best = sorted(asked, key=lambda each: (each.computed, not each.required, weights.get(each.kind, 6)))[:TELLING]
    return tuple(each for each in form.fields if each in best)


def _column(each: Field) -> Column:
    numeric = each.kind in (Kind.VALUE, Kind.DECIMAL, Kind.INTEGER)
    return Column(each.key, each.names, numeric, each.unit or "", each.unit_names, each.kind in (Kind.CHOICE, Kind.BOOLEAN))


def _texts(cell: Cell) -> Sequence[str]:
    return (*cell.names.values(), *((cell.value.rsplit("#")[-1].rsplit("/")[-1],) if isinstance(cell.value, str) else ()))


def _cells(terms: Sequence[Term]) -> tuple[Cell, ...]:
    found = []
    for term in terms:
        if isinstance(term, NamedNode):
            found.append(Cell(term.value, term.value))
            continue
        try:
            value = python(term)
        except ValueError:  # what does not fit its datatype is shown as it stands; the findings tell of it
            value = term.value
        found.append(Cell(Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value))
    return tuple(found)


def _classes(home: Home) -> Counter[str]:
    return Counter(each.value for said in home.things.values() for each in said.get(_TYPE, ()))


def _covered(things: Mapping[str, Said]) -> frozenset[str]:
    """The devices under a contract that is active."""
    active = [said for said in things.values() if str(FCV.ContractActive) in _values(said, str(FC.status)) and str(SEAS.seller) in said]
    return frozenset(device for said in active for device in _values(said, str(FC.covers)))


def _values(said: Said, name: str) -> list[str]:
    return [term.value for term in said.get(name, ())]


def _first(said: Said, name: str) -> str:
    return next(iter(_values(said, name)), "")


def _is(said: Said, cls: str) -> bool:
    return cls in _values(said, _TYPE)


_DER_COLUMNS = (
    Column("name"),
    Column("type", choice=True),
    Column("owner"),
    Column("feeder", choice=True),
    Column("kw", numeric=True),
    Column("box"),
    Column("state", choice=True),
    Column("contract", choice=True),
)
_MEMBER_COLUMNS = (
    Column("name"),
    Column("home"),
    Column("feeder", choice=True),
    Column("devices", numeric=True),
    Column("kw", numeric=True),
    Column("box"),
    Column("state", choice=True),
    Column("twin"),
)
