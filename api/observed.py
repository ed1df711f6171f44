"""Days of readings and single observations as documents: what the endpoint presents of them, and who may see it."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pandas as pd
from pyoxigraph import NamedNode, Quad

from api.guard import scope
from api.services import services
from kg.terms import Value, describe
from sparql.nodes import Iri
from sparql.observation_terms import AT, DERIVED, OBSERVES, PROPERTIES, RESULT, TYPE, TYPES, UNIT
from telemetry.channels import Channel
from telemetry.errors import UnknownChannelError

FIRST_YEAR, LAST_YEAR = 1970, 2200


@dataclass(frozen=True)
class DayOfReadings:
    """One UTC day of one channel, as a reader of `series/…` sees it."""

    channel: Channel
    start: datetime
    values: pd.Series

    @property
    def unit(self) -> str:
        """IRI of the unit."""
        return self.channel.unit


def observation(local: str) -> list[Quad]:
    """One reading as a `saref:Observation`, computed from the day that holds it; nothing where there is none or it may not be seen.

    Parameters
    ----------
    local
        What follows `{BASE}/id/`: `obs/connection/h01/activePower/20160812T101500Z`.
    """
    at, channel = _named(local, "%Y%m%dT%H%M%SZ")
    if at is None or channel is None:
        return []
    values = services().readings.frame([channel.iri], at, at + channel.step)[channel.iri].to_numpy(dtype=float)
    if not values.size or not np.isfinite(values[0]) or (at - datetime.combine(at.date(), time(), UTC)) % channel.step:
        return []
    known = services().iris
    return described(channel.month_graph(at.date()), known.observation(channel.iri, at), channel, at, float(values[0]))


def described(graph: str, iri: str, channel: Channel, at: datetime, value: float) -> list[Quad]:
    """What is said of an observation, as the endpoint says it; the unit is the channel's to tell."""
    said: dict[Iri, Value | list[Value] | None] = {
        TYPE: [NamedNode(each.value) for each in TYPES],
        OBSERVES: NamedNode(channel.iri),
        AT: at,
        RESULT: value,
        UNIT: NamedNode(channel.unit) if scope().allows(channel.graph) else None,
        DERIVED: NamedNode(services().iris.day(channel.iri, at.date())),
    }
    return describe(graph, iri, {name.value: said[name] for name in PROPERTIES})


def day(local: str) -> DayOfReadings | None:
    """The readings of a day node (`series/connection/h01/activePower/20160812`); nothing where it may not be seen."""
    start, channel = _named(local, "%Y%m%d")
    if start is None or channel is None:
        return None
    values = services().readings.frame([channel.iri], start, start + timedelta(days=1))[channel.iri]
    return DayOfReadings(channel, start, values)


def _named(local: str, form: str) -> tuple[datetime | None, Channel | None]:
    """Instant and channel that an IRI names, if there are such and whoever asks may see that month of it."""
    parts = local.split("/")
    if len(parts) < 4:
        return None, None
    path, stamp = parts[1:-1], parts[-1]
    try:
        at = datetime.strptime(stamp, form).replace(tzinfo=UTC)
    except ValueError:
        return None, None
    known = services()
    try:
        channel = known.channels.known(f"{known.iris.base}/id/{'/'.join(path[:-1])}#{path[-1]}")
    except UnknownChannelError:
        return None, None
    canonical = FIRST_YEAR <= at.year <= LAST_YEAR and at.strftime(form) == stamp
    return (at, channel) if canonical and scope().allows(channel.month_graph(at.date())) else (None, None)
