"""What a form is, as data: made from SHACL, and independent of how it is shown.

Names in several languages are mappings from language (`en`, `es`, `nl`) to text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

Names = Mapping[str, str]


class Kind(StrEnum):
    """How a field is asked for, and what a value of it is in the graph."""

    TEXT = "text"  # xsd:string
    NAME = "name"  # rdf:langString or xsd:string; one text in each language, asked for language by language
    DECIMAL = "decimal"  # xsd:decimal
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"  # xsd:time, local, without offset
    INSTANT = "instant"  # xsd:dateTime; shown and asked in the site's zone, kept in UTC
    DURATION = "duration"  # xsd:dayTimeDuration; asked as days, hours and minutes
    CHOICE = "choice"  # one of `choices`, all of them shown
    REFERENCE = "reference"  # another thing of a class, by its IRI; searched for
    IRI = "iri"  # anything else by its IRI
    VALUE = "value"  # a number with its unit: a saref:PropertyValue of kind `of_kind`, kept as a part with a fragment IRI
    PART = "part"  # a thing inside this one, with fields of its own (`part`), kept with a fragment IRI


@dataclass(frozen=True)
class Choice:
    """One of few: IRI or text, and how it is called."""

    value: str
    names: Names


@dataclass(frozen=True)
class Group:
    """Fields that are shown together under one heading."""

    iri: str
    names: Names
    order: float


@dataclass(frozen=True)
class Field:
    """One question of a form.

    Attributes
    ----------
    key : local name of its property shape, unique in its form and stable: `BatterySystem-ratedPower`; the name of the input
    shape : IRI of the property shape; of several with one path and kind, the one that names the field
    path : IRI of the predicate
    names, help, messages : label, `sh:description`, and `sh:message` (why a wrong value is refused), by language
    group, order : where it is shown
    minimum_count, maximum_count : how many values; `None`: any number
    datatype : of a literal
    unit, unit_names : of a VALUE or a number whose thing states one unit: IRI, and how it is written (`kW`)
    of_kind : of a VALUE: IRI of the property it is a value of (`fcv:RatedPower`)
    part : of a PART: the form inside; of a VALUE: `None`
    refers_to : of a REFERENCE: IRI of the class, or of the concept scheme, whose members are offered
    refers_to_part : of a REFERENCE to a part of such things: its fragment (`airTemperature`); the part may be yet to be described
    choices : of a CHOICE
    unique_language : of a NAME: whether there may be only one text in each language
    languages : of a NAME: the tags that the shape lets in, in small letters; empty: any
    pattern, least_length, most_length, least, most, above, below : limits of the shape; `least` and `most` are allowed themselves
    fixed : a value that is always written and never asked for (a unit, a type); shown in no form
    computed : shown and never asked for, as the platform writes it (digest, status, signature)
    """

    key: str
    shape: str
    path: str
    kind: Kind
    names: Names
    help: Names = field(default_factory=dict)
    messages: Names = field(default_factory=dict)
    group: str = ""
    order: float = 0
    minimum_count: int = 0
    maximum_count: int | None = None
    datatype: str | None = None
    unit: str | None = None
    unit_names: Names = field(default_factory=dict)
    of_kind: str | None = None
    part: "Form | None" = None
    refers_to: str | None = None
    refers_to_part: str | None = None
    choices: tuple[Choice, ...] = ()
    unique_language: bool = False
    languages: tuple[str, ...] = ()
    pattern: str | None = None
    least_length: int | None = None
    most_length: int | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    fixed: str | None = None
    computed: bool = False

    @property
    def required(self) -> bool:
        """Whether a value must be there."""
        return self.minimum_count > 0

    @property
    def repeated(self) -> bool:
        """Whether there may be several values, asked for one after the other; texts in several languages are asked for by language."""
        return self.kind != Kind.NAME and (self.maximum_count is None or self.maximum_count > 1)


@dataclass(frozen=True)
class Form:
    """All questions about things of one class.

    Attributes
    ----------
    slug : in addresses: `battery-system`
    cls : IRI of the class
    shapes : IRIs of the node shapes it is made of
    names, help : label and description of the class, by language
    fields : by group and order
    groups : those that occur, in order
    id_type : first part of keys of such things below `{BASE}/id/`: `device`
    stored_in : where new things are written: `registry`, `facts` (of the member they belong to), `contracts`; empty: not entered by hand
    suffix : of `stored_in` facts: what is put after the member's key in a new thing's key (`battery` → `device/h01-battery`); empty: nothing
    """

    slug: str
    cls: str
    shapes: tuple[str, ...]
    names: Names
    fields: tuple[Field, ...]
    groups: tuple[Group, ...] = ()
    help: Names = field(default_factory=dict)
    id_type: str = ""
    stored_in: str = ""
    suffix: str = ""

    def field(self, key: str) -> Field:
        """The field of a key; fails with KeyError where there is none."""
        for each in self.fields:
            if each.key == key:
                return each
        raise KeyError(key)
