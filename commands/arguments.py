"""Arguments and results of verbs: what is JSON outside is read into and spelt from Python's values here."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from kg.iris import Iris
from kg.terms import duration, instant

Arguments = dict[str, Any]
Verb = Callable[[Arguments], dict[str, Any]]
Verbs = Mapping[str, Verb]


class ArgumentError(ValueError):
    """A command was given arguments it can't use."""


def text_of(given: Arguments, name: str) -> str:
    """Return an argument that must be a text.

    Raises
    ------
    ArgumentError
        If it is missing or empty.
    """
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise ArgumentError(f"{name} is missing; give it as a text")
    return value


def file_of(given: Arguments) -> Path:
    """Return the argument `file`.

    Raises
    ------
    ArgumentError
        If it is missing, or there is no such file.
    """
    file = Path(text_of(given, "file"))
    if not file.is_file():
        raise ArgumentError(f"there is no file {file}")
    return file


def time_of(given: Arguments, name: str) -> datetime:
    """Return an argument that must be a time.

    Raises
    ------
    ArgumentError
        If it is missing or none, or has no offset.
    """
    return read_time(name, text_of(given, name))


def read_time(name: str, text: str) -> datetime:
    """Read the time that an argument names.

    Raises
    ------
    ArgumentError
        If it is none, or has no offset.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentError(f"{name}={text!r} is not a time; write it like 2016-08-30T18:00-07:00") from error
    if at.tzinfo is None:
        raise ArgumentError(f"{name}={text!r} has no offset, so it names no instant; write it like 2016-08-30T18:00-07:00")
    return at


def number_of(given: Arguments, name: str) -> float:
    """Return an argument that must be a finite number.

    Raises
    ------
    ArgumentError
        If it is missing or none.
    """
    try:
        number = float(given[name])
    except (KeyError, TypeError, ValueError) as error:
        raise ArgumentError(f"{name}={given.get(name)!r} is not a number") from error
    if not math.isfinite(number):
        raise ArgumentError(f"{name}={given[name]!r} is not a finite number; write it like 25.5")
    return number


def amount_of(given: Arguments, name: str) -> Decimal:
    """Return an argument that must be an amount of money.

    Raises
    ------
    ArgumentError
        If it is missing or none.
    """
    try:
        return Decimal(str(given[name]))
    except (KeyError, InvalidOperation) as error:
        raise ArgumentError(f"{name}={given.get(name)!r} is not an amount; write it like 0.40") from error


def action_of(given: Arguments, *known: str) -> str:
    """Return the argument `action`.

    Raises
    ------
    ArgumentError
        If it is none of those that are known.
    """
    action = str(given.get("action", ""))
    if action not in known:
        raise ArgumentError(f"{action or 'no action'} is not one of {', '.join(known)}")
    return action


def thing_of(iris: Iris, text: str) -> str:
    """Return the IRI of something here, also from its end: `member/h01`."""
    return text if "://" in text else iris.id(*text.split("/", 1))


def json_of(value: Any) -> Any:  # noqa: ANN401  (anything JSON can hold)
    """Spell dataclasses, times and money as JSON."""
    match value:
        case dict():
            return {str(key): json_of(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [json_of(item) for item in value]
        case datetime():
            return instant(value)
        case timedelta():
            return duration(value)
        case date() | Decimal():
            return str(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case None | bool() | int() | float() | str():
            return value
    if dataclasses.is_dataclass(value):
        return {field.name: json_of(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value.tolist() if hasattr(value, "tolist") else str(value)


def object_of(value: Any) -> dict[str, Any]:  # noqa: ANN401  (a dataclass or a dictionary)
    """Spell it as a JSON object, which a result must be."""
    spelt = json_of(value)
    return spelt if isinstance(spelt, dict) else {"result": spelt}
