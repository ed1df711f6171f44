"""Read device profiles: folders of data, strictly.

`devices/profiles/<maker>_<model>/` holds `profile.toml` (docs/profiles.md), recorded samples `sample-<name>.json` and the triples that
each of them must give, `expected-<name>.ttl`. What isn't understood is refused, with file, key and remedy.
"""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

from mappers import kinds, paths
from mappers.errors import MappingError
from mappers.points import (
    Check,
    Command,
    Fixed,
    JsonPath,
    Point,
    Profile,
    Register,
    Sample,
    Send,
    Source,
    SunSpecPoint,
    Target,
)
from mappers.strict import Table, meant

__all__ = [
    "Check",
    "Command",
    "Fixed",
    "JsonPath",
    "Point",
    "Profile",
    "Register",
    "Sample",
    "Send",
    "Source",
    "SunSpecPoint",
    "Target",
    "load",
    "registry",
]

FILE = "profile.toml"
WORD_TYPES = ("int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
MODBUS_TABLES = {"holding": WORD_TYPES, "input": WORD_TYPES, "coil": ("bool",), "discrete": ("bool",)}  # and the types that they hold
MODBUS_ADDRESSES = 65_536
SUNSPEC_TYPES = (*WORD_TYPES, "acc16", "acc32", "acc64", "enum16", "enum32", "bitfield16", "bitfield32", "sunssf", "string")
TRANSPORTS = {"modbus": "register", "sunspec": "sunspec", "http": "json", "mqtt": "json"}  # and the key of a point's source

_HEAD = ("label", "class", "control", "manufacturer", "model", "documentation", "transport", "ratings", "topics", "path")
KEYS = (*_HEAD, "identity", "points", "commands")
_SOURCES = ("register", "sunspec", "json")
_BOUNDS = ("minimum", "maximum", "within")
_LIMITS = ("maximum_change", "stuck_after", "rolls_over_at", "sentinels", "words")
POINT_KEYS = ("of", "kind", "sign", "unit", *_SOURCES, "scale", "offset", *_BOUNDS, *_LIMITS)
COMMAND_KEYS = ("unit", *_SOURCES[:2], "send", "scale", *_BOUNDS, "restore", "enable", "presets", "share_of", "words")
CHECK_KEYS = (*_SOURCES, "equals", "minimum", "maximum", "scale", "comment")
_REGISTER = ("table", "address", "type", "word_order")
_SUNSPEC = ("model", "name", "type", "scale_factor")
_NAME = re.compile(r"[a-z][A-Za-z0-9]*")
_FOLDER = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")


def load(folder: Path) -> Profile:
    """Read the profile in a folder.

    Raises
    ------
    MappingError
        Naming file, key and remedy, if it isn't one.
    """
    file = folder / FILE
    if not _FOLDER.fullmatch(folder.name):
        raise MappingError(
            f"{folder}: {folder.name!r} can't be a profile's id; name the folder <maker>_<model> in small letters and digits"
        )
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise MappingError(f"{folder}: {FILE} can't be read ({error.strerror}); a profile is a folder with that file") from error
    except ValueError as error:  # TOML and UTF-8
        raise MappingError(f"{file}: is not TOML ({error}); correct it") from error
    return _profile(folder, Table(given, str(file), KEYS))


def registry(root: Path) -> dict[str, Profile]:
    """Read every folder below `root`, by name.

    Raises
    ------
    MappingError
        If one of them is broken.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))
    return {folder.name: load(folder) for folder in folders}


def _profile(folder: Path, given: Table) -> Profile:
    transport = given.one_of("transport", TRANSPORTS)
    ratings = _ratings(given.table("ratings", kinds.RATINGS))
    topics = _topics(given, transport)
    points = given.table("points", None)
    commands = given.table("commands", kinds.COMMANDS)
    control = given.one_of("control", kinds.CONTROL_TYPES, None)
    given.text("documentation")  # where the facts of a profile are from; for people
    if not list(points):
        raise MappingError(f"{given.place}: points is empty; describe what the device measures in [points.<name>]")
    return Profile(
        id=folder.name,
        label=given.text("label"),
        device_class=kinds.iri(given.one_of("class", kinds.CLASSES)),
        control_type=kinds.iri(control) if control else None,
        manufacturer=given.text("manufacturer"),
        model=given.text("model"),
        transport=transport,
        points=tuple(_point(name, points.table(name, POINT_KEYS), transport, ratings, topics) for name in points),
        commands=tuple(_command(name, commands.table(name, COMMAND_KEYS), transport, ratings, topics) for name in commands),
        ratings=ratings,
        identity=tuple(_check(check, transport, topics) for check in given.tables("identity", CHECK_KEYS)),
        folder=folder,
        topics=topics,
        path=_path(given, transport),
    )


def _ratings(given: Table) -> dict[str, str]:
    for name in given:
        given.one_of(name, (kinds.RATINGS[name],))
    return {name: kinds.iri(kinds.RATINGS[name]) for name in given}


def _topics(given: Table, transport: str) -> dict[str, str]:
    table = given.table("topics", None if transport == "mqtt" else ())
    topics = {name: table.text(name) for name in table}
    if transport == "mqtt" and not topics:
        raise MappingError(f'{given.place}: topics is missing, and MQTT needs it; add [topics] with lines like state = "{{name}}/state"')
    for name, topic in topics.items():
        if list(topics.values()).count(topic) > 1:
            raise table.refused(name, topic, "has two short names", "keep one, and use it in all paths")
        _has_place(table, name, topic, "{name}")
        if "+" in topic or "#" in topic:
            raise table.refused(name, topic, "holds a wildcard, and a device has its own topics", "write it whole, with {name}")
    return topics


def _path(given: Table, transport: str) -> str | None:
    if transport != "http":
        if "path" in given:
            raise given.refused("path", given.take("path"), "is for HTTP only", "take it out")
        return None
    path = given.text("path")
    if not path.startswith("/"):
        raise given.refused("path", path, "doesn't begin with a slash", "write the path of the address, like /api/v1/data")
    return str(path)


def _point(name: str, given: Table, transport: str, ratings: dict[str, str], topics: dict[str, str]) -> Point:
    if not _NAME.fullmatch(name):
        raise MappingError(f"{given.place}: {name!r} can't be a channel's name; write it like activePower")
    kind = given.one_of("kind", kinds.KINDS)
    meant_by = kinds.KINDS[kind]
    owner = given.one_of("of", kinds.OWNERS)
    sign = given.one_of("sign", meant_by.signs)
    if sign not in ("fcv:Signed", "fcv:Unsigned") and sign not in kinds.OWNERS[owner]:
        raise given.refused("sign", sign, f"makes no sense for a {owner}", f"say {' or '.join(kinds.OWNERS[owner]) or 'another owner'}")
    least, most = _bounds(given)
    return Point(
        name=name,
        of=owner,
        kind=kinds.iri(kind),
        sign=kinds.iri(sign),
        unit=kinds.iri(given.one_of("unit", meant_by.units)),
        channel_unit=kinds.iri(meant_by.units[0]),
        source=_source(given, transport, topics),
        scale=_scale(given),
        offset=given.number("offset", Decimal(0)),
        minimum=least,
        maximum=most,
        maximum_change=_above_zero(given, "maximum_change"),
        stuck_after=given.duration("stuck_after"),
        rolls_over_at=_above_zero(given, "rolls_over_at"),
        within=_within(given, ratings),
        sentinels=given.texts("sentinels"),
        words=given.words("words"),
    )


def _command(name: str, given: Table, transport: str, ratings: dict[str, str], topics: dict[str, str]) -> Command:
    least, most = _bounds(given)
    restore = given.number("restore")
    if least is None or most is None or not least <= restore <= most:
        raise MappingError(f"{given.place}: minimum, maximum and restore must be there and in order; a set-point without bounds is refused")
    binary = transport in ("modbus", "sunspec")
    if not binary and {"enable", "presets", "share_of"} & set(given):
        raise MappingError(f"{given.place}: enable, presets and share_of are for registers; say all of it in the payload of send")
    return Command(
        name=name,
        unit=kinds.iri(given.one_of("unit", (kinds.COMMANDS[name],))),
        target=_number_target(given, transport) if binary else _send(given.table("send", ("to", "payload", "read")), transport, topics),
        minimum=least,
        maximum=most,
        restore=restore,
        scale=_scale(given),
        enable=_fixed(given.table("enable", (*_SOURCES[:2], "on", "off")), transport, "off") if "enable" in given else None,
        presets=tuple(_fixed(one, transport) for one in given.tables("presets", (*_SOURCES[:2], "on"))),
        share_of=_sunspec(given.table("share_of", _SUNSPEC)) if "share_of" in given else None,
        within=_within(given, ratings),
        words=given.words("words"),
    )


def _check(given: Table, transport: str, topics: dict[str, str]) -> Check:
    equals, (least, most) = given.texts("equals"), _bounds(given)
    if not equals and least is None and most is None:
        raise MappingError(f"{given.place}: says neither equals nor minimum nor maximum; say what the device must answer")
    return Check(_source(given, transport, topics), equals, least, most, _scale(given), given.text("comment"))


def _source(given: Table, transport: str, topics: dict[str, str]) -> Source:
    wanted = TRANSPORTS[transport]
    for key in _SOURCES:
        if key != wanted and key in given:
            raise given.refused(key, given.take(key), f"is no place in a {transport} device", f"say {wanted} = {{…}}")
    if transport == "modbus":
        return _register(given.table("register", _REGISTER))
    if transport == "sunspec":
        return _sunspec(given.table("sunspec", _SUNSPEC))
    return _json(given.table("json", ("path", "or_sum", "text")), topics)


def _number_target(given: Table, transport: str) -> Register | SunSpecPoint:
    if transport == "sunspec":
        return _sunspec(given.table("sunspec", _SUNSPEC))
    register = _register(given.table("register", _REGISTER))
    if register.table not in ("holding", "coil"):
        raise MappingError(f"{given.place}: {register} can only be read; a set-point is written to a holding register or a coil")
    return register


def _register(given: Table) -> Register:
    table = given.one_of("table", MODBUS_TABLES)
    kind = given.one_of("type", MODBUS_TABLES[table])
    register = Register(table, given.integer("address", 0, 65535), kind, given.one_of("word_order", ("big", "little"), "big"))
    if register.address + register.count > MODBUS_ADDRESSES:
        raise given.refused("address", register.address, f"leaves no room for a {kind}", "addresses end at 65535; correct it or the type")
    return register


def _sunspec(given: Table) -> SunSpecPoint:
    return SunSpecPoint(
        given.integer("model", 1, 65534), given.text("name"), given.one_of("type", SUNSPEC_TYPES), given.text("scale_factor", None)
    )


def _json(given: Table, topics: dict[str, str]) -> JsonPath:
    text = given.take("text", False)
    if not isinstance(text, bool):
        raise given.refused("text", text, "is neither true nor false", "write it without quotes")
    path = JsonPath(given.text("path"), given.texts("or_sum"), text)
    for one in (path.path, *path.or_sum):
        first = paths.steps(one, given.place)[0]
        if topics and first not in topics:
            raise given.refused(
                "path", one, "begins with no topic of the profile", f"{meant(str(first), topics)}begin with {', '.join(topics)}"
            )
    return path


def _send(given: Table, transport: str, topics: dict[str, str]) -> Send:
    to, payload = given.text("to"), given.text("payload")
    _has_place(given, "payload", payload, "{value}")
    if transport == "mqtt":
        _has_place(given, "to", to, "{name}")
    elif not to.startswith("/"):
        raise given.refused("to", to, "doesn't begin with a slash", "write the path of the address, like /api/v1/state")
    return Send(to, payload, _json(given.table("read", ("path", "or_sum", "text")), topics))


def _fixed(given: Table, transport: str, off: str | None = None) -> Fixed:
    highest = 2**32 - 1
    return Fixed(_number_target(given, transport), given.integer("on", 0, highest), given.integer(off, 0, highest) if off else None)


def _bounds(given: Table) -> tuple[Decimal | None, Decimal | None]:
    least, most = given.number("minimum", None), given.number("maximum", None)
    if least is not None and most is not None and least >= most:
        raise given.refused("minimum", least, f"is not below maximum = {most}", "correct one of them")
    return least, most


def _within(given: Table, ratings: dict[str, str]) -> str | None:
    name = given.text("within", None)
    if name is not None and name not in ratings:
        raise given.refused("within", name, "is no rating of this profile", f"{meant(name, ratings)}name it under [ratings]")
    return None if name is None else str(name)


def _scale(given: Table) -> Decimal:
    scale: Decimal = given.number("scale", Decimal(1))
    if not scale:
        raise given.refused("scale", 0, "makes every value zero", "write the factor from raw to the unit, like 0.1")
    return scale


def _above_zero(given: Table, key: str) -> Decimal | None:
    number: Decimal | None = given.number(key, None)
    if number is not None and number <= 0:
        raise given.refused(key, number, "is not above zero", "correct it or leave it out")
    return number


def _has_place(given: Table, key: str, text: str, place: str) -> None:
    if place not in text:
        raise given.refused(key, text, f"has no {place} in it", "put it where the device expects it")
