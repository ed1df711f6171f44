"""Readings as triples: lean SAREF observations, as the endpoint presents them, and flags. IRIs only; numbers are plain decimals."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from pyoxigraph import Literal, NamedNode, Triple

from mappers.records import ReportedFlag, Series
from ontology.names import FC, QUDT, RDF, RDFS, SAREF, SOSA, XSD

_TYPE, _OBSERVES, _AT = NamedNode(str(RDF.type)), NamedNode(str(SAREF.observes)), NamedNode(str(SAREF.hasTimestamp))


def of(series: Iterable[Series], flags: Iterable[ReportedFlag], *, base: str) -> list[Triple]:
    """Every value as a `saref:Observation`, every flag as a `fc:QualityFlag`; missing values give nothing.

    Parameters
    ----------
    base
        What stands before a path, with its last slash: `http://127.0.0.1:8080/id/`.
    """
    return [triple for one in series for triple in _observations(one, base)] + [triple for flag in flags for triple in _flag(flag, base)]


def instant(at: datetime) -> str:
    """An `xsd:dateTime` in UTC with `Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _observations(series: Series, base: str) -> Iterator[Triple]:
    for index, value in enumerate(series.values):
        if value is None:
            continue
        at = series.start if series.step is None else series.start + index * series.step
        node = NamedNode(_iri(series.channel, at, base))
        yield Triple(node, _TYPE, NamedNode(str(SAREF.Observation)))
        yield Triple(node, _OBSERVES, NamedNode(series.channel))
        yield Triple(node, _AT, _time(at))
        yield Triple(node, NamedNode(str(SOSA.hasSimpleResult)), Literal(value, datatype=NamedNode(str(XSD.decimal))))
        if series.unit is not None:
            yield Triple(node, NamedNode(str(QUDT.hasUnit)), NamedNode(series.unit))


def _flag(flag: ReportedFlag, base: str) -> Iterator[Triple]:
    reason = flag.reason.rsplit("/", 1)[-1].rsplit("#", 1)[-1]
    node = NamedNode(f"{_iri(flag.channel, flag.start, base)}#{reason}")
    yield Triple(node, _TYPE, NamedNode(str(FC.QualityFlag)))
    yield Triple(node, _OBSERVES, NamedNode(flag.channel))
    yield Triple(node, _AT, _time(flag.start))
    if flag.end is not None:
        yield Triple(node, NamedNode(str(FC.end)), _time(flag.end))
    yield Triple(node, NamedNode(str(FC.reason)), NamedNode(flag.reason))
    if flag.comment:
        yield Triple(node, NamedNode(str(RDFS.comment)), Literal(flag.comment, language="en"))


def _iri(channel: str, at: datetime, base: str) -> str:
    """`{base}obs/{feature}/{property}/{UTC time}` (docs/data-model.md §2); of a channel elsewhere, its IRI and the time."""
    stamp = at.astimezone(UTC).isoformat().replace("+00:00", "Z").replace("-", "").replace(":", "")
    path = channel.removeprefix(base).replace("#", "/")
    return f"{base}obs/{path}/{stamp}" if channel.startswith(base) else f"{channel}/{stamp}"


def _time(at: datetime) -> Literal:
    return Literal(instant(at), datatype=NamedNode(str(XSD.dateTime)))
