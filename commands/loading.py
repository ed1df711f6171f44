"""What is loaded from files, and held against the shapes before: readings and facts."""

import argparse
from pathlib import Path
from typing import Any

import pyoxigraph as ox

import shapes
from commands.arguments import ArgumentError, Arguments, Verbs, file_of, json_of
from commands.context import Context
from commands.line import Declare
from commands.relay import run_long
from commands.work import Step, Stop, Tell, Work
from registry.edits import Delta
from registry.errors import RefusedEditError
from service import Platform
from telemetry.load import Loaded, Loader

FORMATS = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".trig": ox.RdfFormat.TRIG,
    ".nq": ox.RdfFormat.N_QUADS,
    ".jsonld": ox.RdfFormat.JSON_LD,
}


class GraphNameError(ValueError):
    """Facts were to be entered where none belong."""


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    verb("load", _load, "load readings from CSV or Parquet (channel, timestamp, value, unit), or facts from TriG or N-Quads").add_argument(
        "file"
    )
    verb("validate", _validate, "hold RDF files against the shapes").add_argument("files", nargs="+", metavar="FILE")


def verbs(platform: Platform, work: Work) -> Verbs:
    """Return the verbs, bound to a platform."""

    def load(given: Arguments) -> dict[str, Any]:
        file = file_of(given)
        if file.suffix in (".trig", ".nq"):
            return _facts(platform, _quads(file), by=str(given.get("by", "local")))
        return _readings(platform, work, file, given)

    return {"load": load}


def _load(context: Context, given: argparse.Namespace) -> dict[str, Any]:
    return run_long(context, given, "load", {"file": str(Path(given.file).absolute())})


def _facts(platform: Platform, quads: list[ox.Quad], *, by: str) -> dict[str, Any]:
    """Add a cooperative's own facts to its graphs: all of them, or none if one breaks a shape."""
    iris = platform.iris
    ours = iris.graph("")
    for graph in {quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else "" for quad in quads}:
        if not graph.startswith(ours) or graph == ours:
            raise GraphNameError(
                f"{graph or 'the default graph'} is not a graph that facts are entered in; use {iris.graph('registry')}, "
                f"{iris.graph('member', '{key}', 'facts')} and the like (docs/data-model.md §2)"
            )
    try:
        platform.gate.apply(Delta(frozenset(), frozenset(quads)), by=by, why="facts were loaded from a file")
    except RefusedEditError as refused:
        return {"ok": False, "triples": 0, "findings": list(refused.sentences)}
    return {"ok": True, "triples": len(quads), "findings": []}


def _readings(platform: Platform, work: Work, file: Path, given: Arguments) -> dict[str, Any]:
    """Load a file of readings; `key` names the load for those who ask how far it is."""
    loader = Loader(platform.store, platform.iris, platform.channels, platform.writer, platform.dead_letters)

    def begin(tell: Tell, stop: Stop) -> Loaded:
        return loader.load(file, received=platform.now(), progress=lambda at: tell(Step(at.share, at.sentence)), stop=stop)

    loaded = work.run(str(given.get("key") or file), file.name, begin)
    found: dict[str, Any] = json_of(loaded)
    return {"ok": not loaded.refused and not loaded.interrupted, **found}


def _validate(_: Context, given: argparse.Namespace) -> dict[str, Any]:
    reports = [_held(Path(file)) for file in given.files]
    return {"ok": all(report["conforms"] for report in reports), "files": reports}


def _held(file: Path) -> dict[str, Any]:
    """Hold a file against the shapes; needs no platform."""
    triples = [quad.triple for quad in _quads(file)]
    report = shapes.validate(triples)
    return {
        "file": str(file),
        "triples": len(triples),
        "conforms": report.conforms,
        "findings": [finding.sentence for finding in report.findings],
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
