"""Read SenML packs in their JSON form: an array of records with base fields, resolved one by one into observations.

A name is a channel: its IRI, or its path below the base. SenML names have no `#`, so where there is none the last slash stands for it:
`connection/h01/activePower` is the channel `connection/h01#activePower`. A pack names neither sender nor id: the caller says who sent it,
and the id is made from its bytes, so that the same pack is the same message.

References
----------
RFC 8428, §4 (fields, resolved records) and §12.1 (units); RFC 8798 (secondary units); RFC 9100 (versions and features).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256

from mappers import document, lexical
from mappers.document import Json, Number
from mappers.errors import MappingError
from mappers.kinds import iri
from mappers.records import Message, Refusal, RefusedError, Series, shown

# SenML unit → ours. What is not here measures nothing that a channel holds.
UNITS: dict[str, str] = {
    "W": "unit:W",
    "kW": "unit:KiloW",
    "Wh": "unit:W-HR",
    "kWh": "unit:KiloW-HR",
    "V": "unit:V",
    "mV": "unit:MilliV",
    "A": "unit:A",
    "mA": "unit:MilliA",
    "Hz": "unit:HZ",
    "Cel": "unit:DEG_C",
    "K": "unit:K",
    "W/m2": "unit:W-PER-M2",
    "%RH": "unit:PERCENT",
    "%EL": "unit:PERCENT",
    "%": "unit:PERCENT",
    "/100": "unit:PERCENT",
    "/": "unit:UNITLESS",
}
VALUES = ("v", "vb", "vs", "vd")
VERSIONS = (10, 26)  # RFC 8428, and the same with the feature "secondary units"
RELATIVE_BELOW = 2**28  # §4.5.3: smaller times are relative to now
_KNOWN = {"bver", "bn", "bt", "bu", "bv", "bs", "n", "u", "t", "ut", "s", *VALUES}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO = Number("0")


@dataclass
class _Base:
    """The base fields that hold from a record on, as they were sent: a bad one spoils every record that it holds for."""

    name: Json = ""
    time: Json = _ZERO
    unit: Json = None
    value: Json = _ZERO


def lift(payload: bytes, *, base: str, sender: str, received: datetime | None = None) -> Message:
    """Read a pack.

    Parameters
    ----------
    base
        What stands before a path, with its last slash: `http://127.0.0.1:8080/id/`.
    sender
        IRI of the box that sent it: `{base}osb/h01`.
    received
        What times relative to now are relative to; without it they are refused.

    Raises
    ------
    MappingError
        If nothing of it can be used. A bad record in a good pack is in `Message.refused` instead.
    """
    pack = document.parse(payload)
    if not isinstance(pack, list) or any(not isinstance(record, dict) for record in pack):
        raise MappingError("the payload is no SenML pack; send an array of objects, or a JSON-LD Message object")
    state, series, refused = _Base(), [], []
    for index, record in enumerate(pack, 1):
        _version(record)
        _take_base(state, record)
        try:
            if record.keys() & _KNOWN <= {"bver", "bn", "bt", "bu", "bv"}:
                _no_unknown(record)
                continue  # only base fields: they hold for what follows
            series.append(_reading(state, record, base, received))
            if "s" in record:
                raise RefusedError(record["s"], "is a sum beside a value", "send the counter as a record of its own, with v")
        except RefusedError as error:
            refused.append(_at(error, index, state, record))
    who = sender.removeprefix(base).replace("/", "-").replace("#", "-").replace(":", "-")
    id = f"{base}message/{who}/senml-{sha256(payload).hexdigest()[:16]}"
    return Message(id, sender, None, tuple(series), tuple(refused))


def _version(record: Mapping[str, Json]) -> None:
    found = record.get("bver", Number(VERSIONS[0]))
    if not isinstance(found, Number) or found not in map(str, VERSIONS):
        raise MappingError(f"the pack has the version {shown(found)}, and {' and '.join(map(str, VERSIONS))} are read; leave bver out")


def _take_base(state: _Base, record: Mapping[str, Json]) -> None:
    state.name = record.get("bn", state.name)
    state.time = record.get("bt", state.time)
    state.unit = record.get("bu", state.unit)
    state.value = record.get("bv", state.value)


def _reading(state: _Base, record: Mapping[str, Json], base: str, received: datetime | None) -> Series:
    _no_unknown(record)
    channel = _channel(_text(state.name, "base name (bn)") + _text(record.get("n", ""), "name (n)"), base)
    at = _instant(_number(state.time, "base time (bt)") + _number(record.get("t", _ZERO), "time (t)"), received)
    given = [name for name in VALUES if name in record]
    if not given:
        what = "is only a sum" if "s" in record else "holds no value"
        raise RefusedError(record.get("s"), what, "send v, and nothing where the value is missing")
    if len(given) > 1:
        raise RefusedError(", ".join(given), "are several values of one record", "send one of them")
    value, unit = _VALUES[given[0]](state, record) if given[0] in _VALUES else _no_value(record[given[0]])
    return Series(channel, at, None, (value,), unit)


def _no_value(value: Json) -> tuple[str, str | None]:
    raise RefusedError(value, "is a text, not a number", "send it as v, a JSON number")


def _decimal(state: _Base, record: Mapping[str, Json]) -> tuple[str, str | None]:
    unit = record.get("u", state.unit)
    if unit is not None and (not isinstance(unit, str) or unit not in UNITS):
        raise RefusedError(unit, "is no SenML unit that a channel is measured in", f"use one of {', '.join(UNITS)}")
    value, added = _number(record["v"], "value (v)"), _number(state.value, "base value (bv)")
    text = lexical.decimal_text(format(lexical.EXACT.add(value, added), "f")) if added else lexical.decimal_text(record["v"])
    return text, None if unit is None else iri(UNITS[unit])


def _truth(_: _Base, record: Mapping[str, Json]) -> tuple[str, str | None]:
    """A truth value is a switch: a share of one or none, whatever the base unit."""
    value, unit = record["vb"], record.get("u", "/")
    if not isinstance(value, bool):
        raise RefusedError(value, "is no truth value", "send vb as true or false")
    if unit != "/":
        raise RefusedError(unit, "is the unit of a truth value, which has none", "leave u out")
    return ("1" if value else "0"), iri(UNITS["/"])


_VALUES = {"v": _decimal, "vb": _truth}


def _no_unknown(record: Mapping[str, Json]) -> None:
    for label in record:
        if label.endswith("_"):  # §4.4: such a field changes what the others mean
            raise RefusedError(label, "is a field that must be understood, and isn't", "send the record without it")


def _channel(name: str, base: str) -> str:
    if not name:
        raise RefusedError(name, "is no name", "name the channel with n, bn or both")
    if "#" not in name:
        feature, slash, local = name.rpartition("/")
        if not slash or not feature or not local:
            raise RefusedError(name, "names no channel", "write feature and property, like connection/h01/activePower")
        name = f"{feature}#{local}"
    return lexical.absolute_iri(name, base)


def _instant(seconds: Decimal, received: datetime | None) -> datetime:
    start = _EPOCH
    if seconds < RELATIVE_BELOW:
        if received is None:
            raise RefusedError(
                format(seconds, "f"), "is a time relative to now, which the pack doesn't say", "send seconds since 1970 in t"
            )
        start = received
    try:
        return start + timedelta(microseconds=int((seconds * 1_000_000).to_integral_value()))
    except (OverflowError, InvalidOperation) as error:
        raise RefusedError(format(seconds, "f"), "is not a time of the calendar", "send seconds since 1970 in t") from error


def _number(value: Json, what: str) -> Decimal:
    if not isinstance(value, Number):
        raise RefusedError(value, f"is no number, as {what} must be", "send a JSON number, without quotes")
    return Decimal(lexical.decimal_text(value))


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str) or isinstance(value, Number):
        raise RefusedError(value, f"is no text, as {what} must be", "put it in quotes")
    return value


def _at(error: RefusedError, index: int, state: _Base, record: Mapping[str, Json]) -> Refusal:
    named = "".join(part if isinstance(part, str) else "…" for part in (state.name, record.get("n", "")))
    return error.at(f"record {index} ({named})")
