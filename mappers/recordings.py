"""The recorded samples of a profile: what a device of that type said, and the triples that it must give.

`sample-<name>.json` is an object of `shows` (normal, sentinel or shifted), `about` (a sentence) and `raw`: for Modbus words by table and
address, for SunSpec raw values by `model.point`, for HTTP and MQTT the document. `expected-<name>.ttl` lies beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mappers import flat, registers, sunspec
from mappers.document import Json, Number
from mappers.errors import MappingError
from mappers.points import Profile, Sample
from mappers.records import shown

SHOWS = ("normal", "sentinel", "shifted")


@dataclass(frozen=True)
class Recording:
    """One recorded sample; `raw` is what the mapper of the profile's transport reads."""

    name: str
    shows: str
    about: str
    raw: Json
    expected: Path


def recordings(profile: Profile) -> tuple[Recording, ...]:
    """Read the recorded samples of a profile, by name.

    Raises
    ------
    MappingError
        If there is none, one isn't understood, or its expected triples are missing.
    """
    found = tuple(_recording(profile, path) for path in sorted(profile.folder.glob("sample-*.json")))
    if not any(recording.shows == "normal" for recording in found):
        raise MappingError(
            f"{profile.folder}: no recorded sample shows the normal state; write down what a device says in sample-normal.json"
        )
    return found


def lift(profile: Profile, raw: Json) -> list[Sample]:
    """Read the points of a device with the mapper of its profile's transport."""
    return _MAPPERS[profile.transport](profile, raw)


_MAPPERS: Mapping[str, Callable[[Profile, Json], list[Sample]]] = {
    "modbus": registers.lift,
    "sunspec": sunspec.lift,
    "http": flat.lift,
    "mqtt": flat.lift,
}


def _recording(profile: Profile, path: Path) -> Recording:
    name = path.stem.removeprefix("sample-")
    expected = path.with_name(f"expected-{name}.ttl")
    if not expected.exists():
        raise MappingError(f"{path}: {expected.name} is missing beside it; write down the triples that it must give")
    try:
        document = flat.parse(path.read_bytes())
    except MappingError as error:
        raise MappingError(f"{path}: {error}") from error
    if not isinstance(document, dict) or document.keys() != {"shows", "about", "raw"}:
        raise MappingError(f"{path}: is not one object with the keys shows, about and raw; write it like the other samples")
    if document["shows"] not in SHOWS:
        raise MappingError(f"{path}: shows = {shown(document['shows'])} is not known here; it may be {', '.join(SHOWS)}")
    return Recording(name, document["shows"], str(document["about"]), _raw(profile, path, document["raw"]), expected)


def _held(number: Number) -> float:
    """A number as a SunSpec device holds it: a float where it is written as one."""
    return int(number) if number.lstrip("-").isdecimal() else float(number)


def _raw(profile: Profile, path: Path, raw: Json) -> Json:
    try:
        if profile.transport == "modbus":
            return {(table, int(address)): int(word) for table, words in raw.items() for address, word in words.items()}
        if profile.transport == "sunspec":
            return {key: _held(value) if isinstance(value, Number) else value for key, value in raw.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise MappingError(f"{path}: raw is not what a {profile.transport} device says ({error}); see docs/profiles.md") from error
    return raw
