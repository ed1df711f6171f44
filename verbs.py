"""The verbs of the platform as commands: JSON in, JSON out. The `flex` commands and `/api/commands` call the same table."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyoxigraph as ox

import forgetting
import people
import shapes
import upkeep
from kg.terms import instant
from service import Platform
from upkeep import ArgumentError, json_of, text_of, time_of

Arguments = dict[str, Any]
Command = Callable[[Arguments], dict[str, Any]]


def commands(platform: Platform) -> Mapping[str, Command]:
    """Return every verb, bound to a platform."""
    work = upkeep.Work()

    def campaign(given: Arguments) -> dict[str, Any]:
        start, end = _time(given, "start"), _time(given, "end")
        return _object(
            platform.start_campaign(start=start, end=end, kw=_number(given, "kw"), price=_decimal(given, "price"), key=given.get("key"))
        )

    def named(given: Arguments) -> str:
        text = text_of(given, "campaign").removeprefix("campaign/")
        return text if "://" in text else platform.iris.id("campaign", text)

    def abort(given: Arguments) -> dict[str, Any]:
        platform.abort(named(given))
        return {"aborted": named(given)}

    def pause(given: Arguments) -> dict[str, Any]:
        platform.pause(named(given))
        return {"paused": named(given)}

    def resume(given: Arguments) -> dict[str, Any]:
        platform.resume(named(given))
        return {"resumed": named(given)}

    def opt_out(given: Arguments) -> dict[str, Any]:
        platform.opt_out(text_of(given, "event"), member=given.get("member"))
        return {"optedOut": given["event"]}

    def forecast(given: Arguments) -> dict[str, Any]:
        return _object(platform.forecast(platform.now(), _time(given, "start"), _time(given, "end")))

    def optimise(given: Arguments) -> dict[str, Any]:
        return _object(
            platform.optimise(start=_time(given, "start"), end=_time(given, "end"), kw=_number(given, "kw"), price=_decimal(given, "price"))
        )

    def flexibility(given: Arguments) -> dict[str, Any]:
        start, end = _time(given, "start"), _time(given, "end")
        platform.foresee(start, end)
        return {"start": instant(start), "end": instant(end)}

    def settle(given: Arguments) -> dict[str, Any]:
        return _object(platform.settle(named(given)))

    def load(given: Arguments) -> dict[str, Any]:
        file = _file(given)
        if file.suffix in (".trig", ".nq"):
            quads = _quads(file)
            found = platform.add_graphs(quads)
            return {"ok": not found, "triples": 0 if found else len(quads), "findings": found}
        return upkeep.load(platform, work, file, given)

    def backup(given: Arguments) -> dict[str, Any]:
        target = Path(text_of(given, "file")).absolute()
        platform.store.backup(target)
        return {"file": str(target), "bytes": target.stat().st_size, "triples": platform.store.count()}

    def restore(given: Arguments) -> dict[str, Any]:
        platform.restore(_file(given))
        again = forgetting.forget_again(platform)
        return {"triples": platform.store.count(), "forgotten_again": again}

    def check(_: Arguments) -> dict[str, Any]:
        return platform.check()

    def claim(given: Arguments) -> dict[str, Any]:
        return _object(platform.boxes.claim(text_of(given, "osb")))

    def revoke(given: Arguments) -> dict[str, Any]:
        serials, effective = platform.boxes.revoke(text_of(given, "osb"))
        return {"osb": given["osb"], "revoked": serials, "effective": effective}

    def certificates(_: Arguments) -> dict[str, Any]:
        return {
            "certificates": [
                {"osb": each.osb, "serial": each.serial, "notAfter": instant(each.not_after), "state": state}
                for each, state in platform.boxes.certificates()
            ]
        }

    found = (
        campaign,
        abort,
        pause,
        resume,
        opt_out,
        forecast,
        flexibility,
        optimise,
        settle,
        load,
        backup,
        restore,
        check,
        claim,
        revoke,
        certificates,
    )
    return (
        {function.__name__.replace("_", "-"): function for function in found}
        | upkeep.commands(platform, work)
        | people.commands(platform)
        | forgetting.commands(platform)
    )


FORMATS = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".trig": ox.RdfFormat.TRIG,
    ".nq": ox.RdfFormat.N_QUADS,
    ".jsonld": ox.RdfFormat.JSON_LD,
}


def _quads(file: Path) -> list[ox.Quad]:
    """Read an RDF file; nothing remote is fetched."""
    if file.suffix not in FORMATS:
        raise ArgumentError(f"{file} ends in {file.suffix or 'nothing'}, which names no RDF format known here; use {', '.join(FORMATS)}")
    try:
        with file.open("rb") as text:
            return list(ox.parse(text, format=FORMATS[file.suffix], base_iri=file.absolute().as_uri()))
    except (SyntaxError, OSError, ValueError) as error:
        raise ArgumentError(f"{file} can't be read: {error}") from error


def validate(file: Path) -> dict[str, Any]:
    """Hold a Turtle, N-Triples, TriG or JSON-LD file against the shapes; needs no platform.

    Raises
    ------
    ArgumentError
        If the file can't be read.
    """
    triples = [quad.triple for quad in _quads(file)]
    report = shapes.validate(triples)
    return {
        "file": str(file),
        "triples": len(triples),
        "conforms": report.conforms,
        "findings": [finding.sentence for finding in report.findings],
    }


def _file(given: Arguments) -> Path:
    file = Path(text_of(given, "file"))
    if not file.is_file():
        raise ArgumentError(f"there is no file {file}")
    return file


def _time(given: Arguments, name: str) -> datetime:
    return time_of(name, text_of(given, name))


def _number(given: Arguments, name: str) -> float:
    try:
        number = float(given[name])
    except (KeyError, TypeError, ValueError) as error:
        raise ArgumentError(f"{name}={given.get(name)!r} is not a number") from error
    if not math.isfinite(number):
        raise ArgumentError(f"{name}={given[name]!r} is not a finite number; write it like 25.5")
    return number


def _decimal(given: Arguments, name: str) -> Decimal:
    try:
        return Decimal(str(given[name]))
    except (KeyError, InvalidOperation) as error:
        raise ArgumentError(f"{name}={given.get(name)!r} is not an amount; write it like 0.40") from error


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401  (a dataclass or a dictionary)
    spelt = json_of(value)
    return spelt if isinstance(spelt, dict) else {"result": spelt}
