"""Places in a JSON document: `meter.meterValue[-1].sampledValue[measurand=SoC,!phase].value`.

Steps are keys (in double quotes where they hold a dot or bracket), indices, and selectors: the one item of a list that has the given
members and lacks those with `!`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mappers.document import Json
from mappers.errors import MappingError

_STEP = re.compile(r'\.?(?:"(?P<quoted>[^"]+)"|(?P<key>[^.\[\]"]+))|\[(?P<index>-?[0-9]{1,4})\]|\[(?P<selector>[^\[\]]+)\]')
_CONDITION = re.compile(r"(?P<not>!)?(?P<member>[^=!,]+)(?:=(?P<value>[^,]*))?")


@dataclass(frozen=True)
class Selector:
    """What the one item of a list must have, as texts, and must lack."""

    has: tuple[tuple[str, str], ...]
    lacks: tuple[str, ...]

    def fits(self, item: Json) -> bool:
        """Whether an item of the list is meant."""
        return (
            isinstance(item, Mapping)
            and all(isinstance(item.get(member), str) and item[member] == value for member, value in self.has)
            and not any(member in item for member in self.lacks)
        )


Step = str | int | Selector


@lru_cache(maxsize=1024)
def steps(path: str, place: str = "a path") -> tuple[Step, ...]:
    """Take a path apart.

    Raises
    ------
    MappingError
        If it is none, with `place` as its place.
    """
    found: list[Step] = []
    end = 0
    while end < len(path):
        match = _STEP.match(path, end)
        if match is None or (match[0].startswith(".") and not found):
            raise MappingError(
                f"{place}: the path {path!r} can't be read from {path[end:]!r} on; write it like status.power or list[0].value"
            )
        end = match.end()
        if match["selector"] is not None:
            found.append(_selector(match["selector"], path, place))
        elif match["index"] is not None:
            found.append(int(match["index"]))
        else:
            found.append(match["quoted"] or match["key"])
    if not found:
        raise MappingError(f"{place}: the path is empty; write the names of the fields down to the value")
    return tuple(found)


def find(document: Json, path: str) -> list[Json]:
    """What lies at a path: one value, none, or, where a selector fits several items, all of them."""
    found = [document]
    for step in steps(path):
        found = [inner for value in found for inner in _inner(value, step)]
    return found


def put(document: Json, path: str, value: Json) -> Json:
    """Put a value at a path into a document, making objects, lists and items on the way; return the document."""
    return _put(document, steps(path), value)


def _inner(value: Json, step: Step) -> list[Json]:
    if isinstance(step, str):
        return [value[step]] if isinstance(value, Mapping) and step in value else []
    if not isinstance(value, list):
        return []
    if isinstance(step, int):
        return [value[step]] if -len(value) <= step < len(value) else []
    return [item for item in value if step.fits(item)]


def _put(value: Json, path: Sequence[Step], leaf: Json) -> Json:
    if not path:
        return leaf
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        holder = dict(value) if isinstance(value, Mapping) else {}
        return holder | {step: _put(holder.get(step), rest, leaf)}
    items = list(value) if isinstance(value, list) else []
    if isinstance(step, int):
        wanted = step if step >= 0 else max(len(items) + step, 0)
        items += [{} for _ in range(wanted + 1 - len(items))]
        items[wanted] = _put(items[wanted], rest, leaf)
        return items
    for index, item in enumerate(items):
        if step.fits(item):
            items[index] = _put(item, rest, leaf)
            return items
    return [*items, _put(dict(step.has), rest, leaf)]


def _selector(text: str, path: str, place: str) -> Selector:
    conditions = [_CONDITION.fullmatch(part) for part in text.split(",")]
    if any(match is None or bool(match["not"]) == (match["value"] is not None) for match in conditions):
        raise MappingError(f"{place}: [{text}] in {path!r} is no selector; write it like [measurand=SoC] or [measurand=Voltage,!phase]")
    matches = [match for match in conditions if match]
    return Selector(
        tuple((match["member"], match["value"]) for match in matches if not match["not"]),
        tuple(match["member"] for match in matches if match["not"]),
    )
