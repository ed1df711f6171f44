"""Values that were filled in, before they become statements; and how parts of a thing are named."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from forms.model import Field, Form
from kg.store import Term


@dataclass(frozen=True)
class Given:
    """One value that was filled in.

    Attributes
    ----------
    name : of its input
    term : the value; of a VALUE its number, of a PART nothing
    part : of a PART: values by key of its form's fields
    was : of a VALUE or PART: the IRI it has already
    """

    name: str
    term: Term | None = None
    part: "Mapping[str, tuple[Given, ...]] | None" = None
    was: str | None = None


@dataclass(frozen=True)
class Filled:
    """A form that was filled in.

    Attributes
    ----------
    form : of what
    values : by field key, of the fields that were asked; a field left empty has none
    errors : sentences by input name, in the order of the form; empty where all is well
    raw : what was typed, by input name, to show it again
    language : in which it was filled in
    """

    form: Form
    values: Mapping[str, tuple[Given, ...]]
    errors: Mapping[str, str]
    raw: Mapping[str, str]
    language: str = "en"


def part_iris(asked: Field, iri: str, given: Iterable[Given], known: Iterable[str] = ()) -> list[str]:
    """Name the parts of a field: the IRI that each has, or a fragment after its kind with the next number that is free.

    Parameters
    ----------
    known
        IRIs of other parts that are there.
    """
    listed = list(given)
    used = {*known, *(each.was for each in listed if each.was)}
    named = []
    for each in listed:
        name = each.was
        if name is None:
            name = next(free for free in _fragments(asked, iri) if free not in used)
            used.add(name)
        named.append(name)
    return named


def fragment(asked: Field) -> str:
    """What parts of a field are called behind the #: `ratedPower`, `capacity`."""
    name = re.split(r"[#/]", asked.of_kind)[-1] if asked.of_kind else asked.key.rpartition("-")[2]
    return name[:1].lower() + name[1:]


def _fragments(asked: Field, iri: str) -> Iterator[str]:
    base = iri if "#" not in iri else f"{iri}-"
    first = f"{base}#{fragment(asked)}" if "#" not in iri else f"{base}{fragment(asked)}"
    yield first
    yield from (f"{first}-{number}" for number in range(2, 10_000))
