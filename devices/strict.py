"""Read what a configuration file says into frozen dataclasses, strictly: an unknown key or a wrong type is named with its place.

Types understood: text, whole and decimal numbers, truth values, `Decimal`, `time` (`07:30`), `timedelta` (`PT15M`), `Path`, tuples, maps by
name, other dataclasses, and any of them or nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from devices.errors import ConfigError

Config = TypeVar("Config")
_DURATION = re.compile(r"P(?:([0-9]{1,4})D)?(?:T(?=[0-9])(?:([0-9]{1,4})H)?(?:([0-9]{1,4})M)?(?:([0-9]{1,6})S)?)?")


def duration(text: str) -> timedelta | None:
    """Read a duration like `PT15M` or `P30D`; `None` if it is none, or zero."""
    match = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds) or None


def build(kind: type[Config], given: object, place: str) -> Config:
    """Make a dataclass of what the file says at a place (`""`: the whole file).

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a value is of another type, with the place and the value.
    """
    if not isinstance(given, dict):
        raise ConfigError(f"{place or 'the file'} is {_short(given)}, where an object is expected; write {{…}}")
    known = get_type_hints(kind)
    for key in given:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"{_join(place, str(key))} is no setting of {kind.__name__}: {hint}")
    for item in fields(kind):  # type: ignore[arg-type]  # kind is a dataclass: every caller passes one
        if item.name not in given and item.default is MISSING and item.default_factory is MISSING:
            raise ConfigError(f"{_join(place, item.name)} is missing, and {kind.__name__} can't do without; add it")
    return kind(**{key: _value(known[key], value, _join(place, key)) for key, value in given.items()})


def _value(kind: Any, given: object, place: str) -> object:  # noqa: ANN401 - a type hint has no nameable type
    if get_origin(kind) in (Union, UnionType):
        inner = next(option for option in get_args(kind) if option is not type(None))
        return None if given is None else _value(inner, given, place)
    if get_origin(kind) is tuple:
        if not isinstance(given, list):
            raise ConfigError(f"{place} is {_short(given)}, where a list is expected; write […]")
        return tuple(_value(get_args(kind)[0], item, f"{place}[{index}]") for index, item in enumerate(given))
    if get_origin(kind) is Mapping:
        if not isinstance(given, dict):
            raise ConfigError(f"{place} is {_short(given)}, where names with their values are expected; write {{name = value}}")
        return {name: _value(get_args(kind)[1], value, _join(place, name)) for name, value in given.items()}
    if is_dataclass(kind):
        return build(kind, given, place)  # type: ignore[arg-type]  # a dataclass found in a type hint is a class
    return _scalar(kind, given, place)


def _scalar(kind: type, given: object, place: str) -> object:
    if kind is float and isinstance(given, (int, float, Decimal)) and not isinstance(given, bool):
        return float(given)
    if kind is Decimal and isinstance(given, (int, float, Decimal)) and not isinstance(given, bool):
        return _decimal(given, place)
    if kind is timedelta and isinstance(given, str):
        if (span := duration(given)) is None:
            raise ConfigError(f"{place} is {given!r}, which is no duration above zero; write it like PT15M")
        return span
    if kind is time and isinstance(given, str):
        try:
            return time.fromisoformat(given)
        except ValueError as error:
            raise ConfigError(f"{place} is {given!r}, which is no time of day; write it like 07:30") from error
    if kind is Path and isinstance(given, str):
        return Path(given)
    if kind is object:
        return given
    if isinstance(given, kind) and not (kind is int and isinstance(given, bool)):
        return given
    raise ConfigError(f"{place} is {_short(given)}, where a {kind.__name__} is expected; correct the value")


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _decimal(given: float | Decimal, place: str) -> Decimal:
    value = Decimal(str(given))
    if not value.is_finite():
        raise ConfigError(f"{place} is {given}, which is no finite number; correct the value")
    return value
