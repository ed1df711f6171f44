"""Open a JSON-LD payload safely: bounds on size and depth, exact numbers, and no context but the bundled ones."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mappers.errors import MappingError
from mappers.records import shown

CONTEXT_V1 = "https://w3id.org/flexcoop/context/v1.jsonld"
BUNDLED = {CONTEXT_V1: "v1.jsonld"}
_CONTEXTS = Path(__file__).parent / "contexts"
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32

Json = Any  # what JSON can say; mypy has no closed recursive type that json.loads returns


class Number(str):
    """A JSON number in the digits in which it was sent."""

    __slots__ = ()


def parse(payload: bytes, max_bytes: int = MAX_BYTES) -> Json:
    """Decode JSON whose numbers stay the texts that were sent (`Number`).

    Raises
    ------
    MappingError
        If it is too large or too deep, or is not JSON.
    """
    document = _parsed(payload, max_bytes)
    for _ in _objects(document):
        pass  # the walk refuses what is too deep
    return document


def decode(payload: bytes, *, max_bytes: int = MAX_BYTES) -> dict[str, Json]:
    """Decode a payload into an object whose numbers are `Number` texts and whose contexts are all bundled or inline.

    Raises
    ------
    MappingError
        If it is too large or too deep, is not JSON or no object, or names a context that isn't bundled.
    """
    document = _parsed(payload, max_bytes)
    if not isinstance(document, dict):
        raise MappingError(f"the payload is a JSON {_kind(document)}, not an object; put readings into a Message object")
    for node in _objects(document):
        for iri in _named_contexts(node):
            if iri not in BUNDLED:
                raise MappingError(
                    f"the payload asks for the context {shown(iri)}, and no context is ever fetched; "
                    f"write its terms into the payload, or use {CONTEXT_V1}"
                )
    return document


def with_bundled_contexts(document: dict[str, Json]) -> dict[str, Json]:
    """Put the bundled contexts in the place of their IRIs, so that no parser has to fetch any."""
    inlined = _inlined(document)
    assert isinstance(inlined, dict)  # noqa: S101 - narrows the type: a dict stays one
    return inlined


@cache
def bundled(iri: str) -> Json:
    """The body of a bundled context."""
    text = (_CONTEXTS / BUNDLED[iri]).read_text(encoding="utf-8")
    return json.loads(text)["@context"]


@cache
def prefixes() -> dict[str, str]:
    """The prefixes of the bundled context; `unit` is one only where a unit is meant."""
    context = bundled(CONTEXT_V1)
    return {name: iri for name, iri in context.items() if isinstance(iri, str) and iri[-1] in "#/"} | {
        "unit": str(context["unit"]["@context"]["unit"]["@id"])
    }


def _parsed(payload: bytes, max_bytes: int) -> Json:
    if len(payload) > max_bytes:
        raise MappingError(f"the payload has {len(payload)} bytes, more than the {max_bytes} that one message may have; send it in parts")
    try:
        return json.loads(payload, parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_unambiguous)
    except MappingError:
        raise
    except RecursionError as error:
        raise MappingError(f"the payload nests deeper than {MAX_DEPTH} levels, which no message needs; flatten it") from error
    except ValueError as error:  # also UnicodeDecodeError
        raise MappingError(f"the payload {_start(payload)} is not JSON ({error}); send a JSON-LD object in UTF-8") from error


def _unambiguous(members: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object whose members all have names of their own: of two values of one name nobody knows which was meant."""
    found = dict(members)
    if len(found) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise MappingError(f"the payload says {shown(twice)} twice in one object; say it once")
    return found


def _objects(document: Json) -> Iterator[dict[str, Json]]:
    """Walk the whole document once, without recursion; every object in it, wherever it hides."""
    waiting = [(document, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise MappingError(f"the payload nests deeper than {MAX_DEPTH} levels, which no message needs; flatten it")
        if isinstance(node, dict):
            yield node
            waiting += [(child, depth + 1) for child in node.values() if isinstance(child, (dict, list))]
        elif isinstance(node, list):
            waiting += [(child, depth + 1) for child in node if isinstance(child, (dict, list))]


def _named_contexts(node: dict[str, Json]) -> Iterator[Json]:
    given = node.get("@context")
    for item in given if isinstance(given, list) else [given]:
        if isinstance(item, str):
            yield item
    if "@import" in node:
        yield node["@import"]


def _inlined(node: Json) -> Json:
    if isinstance(node, list):
        return [_inlined(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _context(value) if key == "@context" else _inlined(value) for key, value in node.items()}


def _context(given: Json) -> Json:
    if isinstance(given, str):
        return bundled(given)
    if isinstance(given, list):
        return [_context(item) for item in given]
    if isinstance(given, dict):  # "@version" must stay a number; contexts may hide in the definitions of terms
        return {
            key: (float(value) if isinstance(value, Number) else _context(value) if key == "@context" else _definition(value))
            for key, value in given.items()
        }
    return given


def _definition(given: Json) -> Json:
    return {key: _context(value) if key == "@context" else value for key, value in given.items()} if isinstance(given, dict) else given


def _start(payload: bytes) -> str:
    return shown(payload[:200].decode("utf-8", "replace"))


def _kind(value: Json) -> str:
    if isinstance(value, list):
        return "array"
    if isinstance(value, Number):
        return "number"
    return {str: "text", bool: "truth value"}.get(type(value), "null")
