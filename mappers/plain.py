"""Read a message in the bundled context as it stands, without expanding it: the way of every box of ours, and several times as fast.

Only what the context makes unambiguous is read here. At the first sign of anything else `read` gives up with `None`, and the caller
takes the long way; so a shortcut never decides what a message means.
"""

import re
from functools import lru_cache

import orjson

from mappers import readings
from mappers.document import CONTEXT_V1, MAX_BYTES, Json, Number, prefixes
from mappers.records import Message, Refusal, ReportedFlag, Series

_CLEAN_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*(?:#[A-Za-z0-9_.-]+)?")
_CLEAN_REST = re.compile(r"[A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")
_CLEAN_IRI = re.compile(
    r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?(?:/[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)*(?:#[A-Za-z0-9_./-]*)?"
)
_MESSAGE = {"@context", "@id", "@type", "madeBy", "sent", "clockOffset", "readings"}
_OBSERVATION = {"@type", "observes", "at", "value", "unit"}
_SERIES = {"@type", "observes", "start", "step", "values", "unit"}
_FLAG = {"@type", "observes", "at", "until", "reason", "comment"}
_FLAT = {str, Number, type(None), bool}
_REMEMBERED, _LONGEST_REMEMBERED = 20_000, 200


class _Unclear(Exception):  # noqa: N818 - no error: it only means the long way
    pass


def quick(payload: bytes) -> Message | None:
    """Read a message whose values are all texts, as every box of ours writes them, or return `None`: somebody else has to look at it.

    The quick decoder doesn't keep the digits in which a number was sent, so a message with a JSON number is none of its business;
    nor is one that it can't decode, as the words for the sender are the other decoder's.
    """
    if len(payload) > MAX_BYTES:
        return None
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return read(document) if isinstance(document, dict) and payload.count(b'":') == _keys(document) else None


def _keys(document: dict[str, Json]) -> int:
    """How many keys a message of the plain form has; where its payload holds more, one of them may stand twice in an object."""
    parts = [part for name in ("@context", "readings") if isinstance(part := document.get(name), list)]
    return len(document) + sum(len(item) for part in parts for item in part if isinstance(item, dict))


def read(document: dict[str, Json]) -> Message | None:
    """Read a message, or return `None` if it needs expanding."""
    try:
        base = _base(document.get("@context"))
        if not document.keys() <= _MESSAGE or document.get("@type") != "Message":
            return None
        found = [_reading(item, base) for item in _list(document.get("readings", []))]
        id = _iri(document.get("@id"), base)
        sent, bad = readings.sent(id, _text(document["sent"]) if "sent" in document else None)
        offset, bad_offset = readings.clock_offset(id, _scalar(document["clockOffset"]) if "clockOffset" in document else None)
        return Message(
            id,
            _iri(document.get("madeBy"), base),
            sent,
            tuple([one for one, _ in found if isinstance(one, Series)]),
            tuple(bad + bad_offset + [item for _, many in found for item in many]),
            tuple([one for one, _ in found if isinstance(one, ReportedFlag)]),
            offset,
        )
    except _Unclear:
        return None


def _base(context: Json) -> str:
    match context:
        case [iri, {"@base": str() as base, **rest}] if (
            iri == CONTEXT_V1 and not rest and base.endswith("/") and _CLEAN_IRI.fullmatch(base) and "#" not in base
        ):
            return base
    if context in (CONTEXT_V1, [CONTEXT_V1]):
        return ""
    raise _Unclear


def _reading(item: Json, base: str) -> tuple[Series | ReportedFlag | None, list[Refusal]]:
    kind = item.get("@type") if isinstance(item, dict) else None
    if kind == "Observation" and item.keys() <= _OBSERVATION:
        return readings.observation(
            _iri(item.get("observes"), base), _text(item.get("at")), _scalar(item.get("value")), _unit(item.get("unit"), base)
        )
    if kind == "TimeSeries" and item.keys() <= _SERIES:
        return readings.series(
            _iri(item.get("observes"), base),
            _text(item.get("start")),
            _text(item.get("step")),
            _flat(item.get("values")),
            _unit(item.get("unit"), base),
        )
    if kind == "QualityFlag" and item.keys() <= _FLAG:
        return readings.flag(
            _iri(item.get("observes"), base),
            _text(item.get("at")),
            _text(item["until"]) if "until" in item else None,
            _iri(item.get("reason"), base),
            _sentence(item["comment"]) if "comment" in item else "",
        )
    raise _Unclear


def _list(given: Json) -> list[Json]:
    if not isinstance(given, list):
        raise _Unclear
    return given


def _flat(given: Json) -> list[Json]:
    values = _list(given)
    if not set(map(type, values)) <= _FLAT:
        raise _Unclear
    return values


def _scalar(given: Json) -> str:
    if isinstance(given, str):
        return given
    raise _Unclear


def _text(given: Json) -> str:
    if type(given) is str:  # no Number
        return given
    raise _Unclear


def _sentence(given: Json) -> str:
    text = _text(given)
    if any("\ud800" <= character <= "\udfff" for character in text):  # half a character; the long way says so
        raise _Unclear
    return text


def _unit(given: Json, base: str) -> str | None:
    if isinstance(given, str) and len(given) <= _LONGEST_REMEMBERED:
        return _known_unit(_text(given), base)
    return None if given is None else _resolved(_text(given), base)


def _iri(given: Json, base: str) -> str:
    text = _text(given)
    return _known(text, base) if len(text) <= _LONGEST_REMEMBERED else _resolved(text, base)


def _resolved(text: str, base: str) -> str:
    head, colon, rest = text.partition(":")
    if not colon:
        if base and _CLEAN_PATH.fullmatch(text):
            return base + text
    elif _CLEAN_IRI.fullmatch(text):
        return text
    elif head != "unit" and head in prefixes() and _CLEAN_REST.fullmatch(rest):
        return prefixes()[head] + rest
    raise _Unclear


# A box says the same names minute by minute.
_known = lru_cache(_REMEMBERED)(_resolved)


@lru_cache(_REMEMBERED)
def _known_unit(text: str, base: str) -> str:
    if text.startswith("unit:") and _CLEAN_REST.fullmatch(text, 5):
        return prefixes()["unit"] + text[5:]
    return _resolved(text, base)
