"""Take a table of a TOML file apart, key by key; what is missing, of another type or not understood is refused with its place."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from mappers import lexical
from mappers.errors import MappingError
from mappers.records import RefusedError, shown

MISSING: Any = object()


class Table:
    """One table, whose keys are all known.

    Parameters
    ----------
    place
        Where it stands, as a reader finds it: `…/profile.toml: points.activePower`.
    keys
        The keys it may have; `None` where they are names of the writer's own.

    Raises
    ------
    MappingError
        If it is no table, or has a key that isn't known, naming the nearest one that is.
    """

    def __init__(self, given: object, place: str, keys: Collection[str] | None) -> None:
        if not isinstance(given, dict):
            raise MappingError(f"{place}: {shown(given)} is not a table; write it as one, with keys and values")
        for key in given:
            if keys is not None and key not in keys:
                raise MappingError(f"{place}: {key} is not a key that is known here; {meant(key, keys)}it may have {', '.join(keys)}")
        self._given, self.place = given, place

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def take(self, key: str, default: object = MISSING) -> Any:  # noqa: ANN401 - TOML
        """The value of a key, of any type."""
        if key not in self._given and default is MISSING:
            raise MappingError(f"{self.place}: {key} is missing; add it")
        return self._given.get(key, default)

    def text(self, key: str, default: str | None = MISSING) -> Any:  # noqa: ANN401 - str, or the default
        """A text that isn't empty."""
        value = self.take(key, default)
        if value is not default and not (isinstance(value, str) and value):
            raise self.refused(key, value, "is not a text", "put it in quotes")
        return value

    def one_of(self, key: str, names: Collection[str], default: str | None = MISSING) -> Any:  # noqa: ANN401 - str, or the default
        """A text that must be one of several."""
        value = self.text(key, default)
        if value is not default and value not in names:
            raise self.refused(key, value, "can't stand here", f"{meant(value, names)}it may be {', '.join(names)}")
        return value

    def number(self, key: str, default: Decimal | None = MISSING) -> Any:  # noqa: ANN401 - Decimal, or the default
        """An exact decimal; written as a number."""
        value = self.take(key, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
            raise self.refused(key, value, "is not a number", "write a decimal number without quotes")
        return Decimal(value)

    def integer(self, key: str, least: int, most: int, default: int | None = MISSING) -> Any:  # noqa: ANN401 - int, or the default
        """A whole number between two bounds."""
        value = self.take(key, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.refused(key, value, f"is not a whole number from {least} to {most}", "correct it")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of numbers or texts, as texts; empty where the key is missing. Numbers are spelt in decimal."""
        value = self.take(key, [])
        if not isinstance(value, list) or any(isinstance(item, bool) or not isinstance(item, str | int | Decimal) for item in value):
            raise self.refused(key, value, "is not a list of numbers or texts", 'write it like [65535, "unavailable"]')
        return tuple(plain(item) for item in value)

    def words(self, key: str) -> dict[str, Decimal] | None:
        """A table of numbers by word; `None` where the key is missing."""
        if key not in self:
            return None
        words = self.table(key, None)
        if not list(words):
            raise self.refused(key, {}, "names no word", "leave it out, or say what stands for each number")
        return {word: words.number(word) for word in words}

    def duration(self, key: str) -> timedelta | None:
        """A duration like `PT6H`; `None` where the key is missing."""
        value = self.text(key, None)
        try:
            return None if value is None else lexical.step(value)
        except RefusedError as error:
            raise MappingError(f"{self.place}: {key} {error}") from error

    def table(self, key: str, keys: Collection[str] | None) -> "Table":
        """The table under a key, empty where it is missing."""
        return Table(self.take(key, {}), f"{self.place}{'.' if ': ' in self.place else ': '}{key}", keys)

    def tables(self, key: str, keys: Collection[str]) -> Iterator["Table"]:
        """The tables of a list under a key."""
        value = self.take(key, [])
        if not isinstance(value, list):
            raise self.refused(key, value, "is not a list of tables", f"write each as [[{key}]]")
        for index, item in enumerate(value):
            yield Table(item, f"{self.place}{'.' if ': ' in self.place else ': '}{key}[{index}]", keys)

    def refused(self, key: str, value: object, why: str, remedy: str) -> MappingError:
        """The error of a value: place, key, value, why, and what to do."""
        text = format(value, "f") if isinstance(value, Decimal) else shown(value)
        return MappingError(f"{self.place}: {key} = {text} {why}; {remedy}")


def meant(word: str, names: Collection[str]) -> str:
    """The beginning of a remedy: the nearest name that is known, if one is near."""
    near = get_close_matches(word, list(names), 1)
    return f"did you mean {near[0]}? " if near else ""


def plain(item: str | Decimal | int) -> str:
    """A number or text as text, numbers in decimal without exponent."""
    return item if isinstance(item, str) else format(Decimal(item), "f")


def inverse(words: Mapping[str, Decimal] | None, number: Decimal) -> str | None:
    """The first word that stands for a number."""
    return next((word for word, stands_for in (words or {}).items() if stands_for == number), None)
