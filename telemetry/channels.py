"""The registry of channels, compiled from the graphs in which the OSBs describe them."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import pyoxigraph as ox

from kg import queries
from kg.iris import Iris
from kg.store import Store
from ontology.names import FC, FCV
from telemetry.errors import UnknownChannelError
from telemetry.latest import Latest

_LOG = logging.getLogger(__name__)
_DAY_S = 86400
_REGISTER = str(FCV.EnergyRegister)


@dataclass(frozen=True)
class Channel:
    """One measured quantity of one feature of interest, as its OSB describes it.

    Parameters
    ----------
    iri
        The channel, `{feature}#{property}`.
    graph
        The OSB's graph that describes it, `…/osb/{osb}`.
    telemetry_prefix
        What its month graphs begin with: `{telemetry_prefix}/2016-08`.
    unit
        IRI of the one unit that all its readings are in.
    step
        Length of the interval that a reading stands for.
    minimum, maximum
        Bounds of the plausible, in `unit`; `None` where none is stated.
    sign, kind, feature
        IRIs of the sign convention, the kind of quantity and the feature of interest.
    owner_member
        The member whose channel it is; `None` for the cooperative's own feeds.
    maximum_change
        Largest plausible difference of two consecutive readings, in `unit`; `None` where none is stated.
    stuck_after
        A value other than zero that stays the same for longer than this is doubtful; `None` where none is stated.
    rolls_over_at
        Where a counter starts again at zero, in `unit`; `None` where none is stated.
    resampling
        IRI of the rule by which its readings become those of a longer step (`fcv:MeanOfParts` …), as the ontology states it of the
        kind; `None` where it states none.
    """

    iri: str
    graph: str
    telemetry_prefix: str
    unit: str
    step: timedelta
    minimum: float | None
    maximum: float | None
    sign: str | None
    kind: str
    feature: str
    owner_member: str | None
    maximum_change: float | None = None
    stuck_after: timedelta | None = None
    rolls_over_at: float | None = None
    resampling: str | None = None

    @property
    def counter(self) -> bool:
        """Whether the readings are those of a counter."""
        return self.kind == _REGISTER

    @cached_property
    def sequential(self) -> bool:
        """Whether a reading is judged by those before it."""
        return self.counter or self.maximum_change is not None or self.stuck_after is not None

    @cached_property
    def step_s(self) -> int:
        """Length of the interval [s]."""
        return int(self.step.total_seconds())

    @cached_property
    def plausible(self) -> tuple[float, float]:
        """Least and most that it may measure, in `unit`: infinite where the channel states no bound."""
        return (-math.inf if self.minimum is None else self.minimum), (math.inf if self.maximum is None else self.maximum)

    @cached_property
    def slots(self) -> int:
        """Number of readings in a whole UTC day."""
        return _DAY_S // self.step_s

    def month_graph(self, day: date) -> str:
        """The graph that holds the readings of a day."""
        return f"{self.telemetry_prefix}/{day:%Y-%m}"


class Channels:
    """All channels by their IRI; `latest` is the last known value of each.

    Reading is safe from every thread; `reload` swaps the whole registry at once.
    """

    def __init__(self, store: Store, iris: Iris) -> None:
        self._store = store
        self._iris = iris
        self._by_iri: Mapping[str, Channel] = {}
        self._former: dict[str, Channel] = {}
        self.latest = Latest(store, iris)
        self.reload()

    def get(self, iri: str) -> Channel | None:
        """Return the channel, or `None` if nobody has described it."""
        return self._by_iri.get(iri)

    def known(self, iri: str) -> Channel:
        """Return the channel, also one that is no longer described but has readings.

        Raises
        ------
        UnknownChannelError
            If nobody has described it, and no readings are stored.
        """
        channel = self._by_iri.get(iri) or self._former.get(iri) or self._of_days(iri)
        if channel is None:
            raise UnknownChannelError(
                f"{iri} is not a channel that any OSB has described, so it has no readings; "
                "check the IRI, or let its OSB announce itself first"
            )
        return channel

    def all(self) -> list[Channel]:
        """Return every channel, ordered by IRI."""
        return list(self._by_iri.values())

    def of_kind(self, kind: str) -> list[Channel]:
        """Return the channels of one kind of quantity (`FCV.ActivePower`), ordered by IRI."""
        return [channel for channel in self._by_iri.values() if channel.kind == str(kind)]

    def of_feature(self, feature: str) -> list[Channel]:
        """Return the channels of one device, connection, site or zone, ordered by IRI."""
        return [channel for channel in self._by_iri.values() if channel.feature == feature]

    def in_graph(self, graph: str) -> list[Channel]:
        """Return the channels that one OSB's graph describes, ordered by IRI."""
        return [channel for channel in self._by_iri.values() if channel.graph == graph]

    def reload(self, graph: str | None = None) -> None:
        """Read the registry again, or only what one OSB's graph says."""
        found = queries.rows(self._store, queries.load("telemetry", "channels"), graph=graph)
        kept = {} if graph is None else {c.iri: c for c in self._by_iri.values() if c.graph != graph}
        for row in found:
            channel = self._channel(row)
            if channel is None:
                continue
            if channel.iri in kept:
                _LOG.warning(
                    "channel %s is described in %s and in %s: the first counts", channel.iri, kept[channel.iri].graph, channel.graph
                )
                continue
            kept[channel.iri] = channel
        self._former |= {iri: channel for iri, channel in self._by_iri.items() if iri not in kept}
        self._by_iri = dict(sorted(kept.items()))

    def _of_days(self, iri: str) -> Channel | None:
        """A channel that nobody describes any more, as far as its last day of readings tells: the unit is not known."""
        if not iri.startswith(f"{self._iris.base}/id/"):
            return None
        found = queries.rows(self._store, queries.load("telemetry", "channel_former"), channel=iri)
        if not found:
            return None
        prefix = found[0]["graph"].partition("/telemetry/")[0]
        former = Channel(
            iri=iri,
            graph="",
            telemetry_prefix=f"{prefix}/telemetry",
            unit="",
            step=found[0]["step"],
            minimum=None,
            maximum=None,
            sign=None,
            kind="",
            feature=iri.partition("#")[0],
            owner_member=self._owner(prefix),
        )
        return self._former.setdefault(iri, former)

    def _channel(self, row: Mapping[str, Any]) -> Channel | None:
        graph, iri, step = str(row["graph"]), str(row["channel"]), row["step"]
        prefix, is_osb, _ = graph.partition("/osb/")
        seconds = step.total_seconds()
        if not is_osb or not iri.startswith(f"{self._iris.base}/id/"):
            return None
        if seconds < 60 or seconds % 60 or _DAY_S % seconds:
            _LOG.warning("channel %s has a step of %s, which does not divide a day into whole minutes: left out", iri, step)
            return None
        return Channel(
            iri=iri,
            graph=graph,
            telemetry_prefix=f"{prefix}/telemetry",
            unit=str(row["unit"]),
            step=step,
            minimum=_number(row.get("minimum")),
            maximum=_number(row.get("maximum")),
            sign=row.get("sign"),
            kind=str(row["kind"]),
            feature=str(row["feature"]),
            owner_member=self._owner(prefix),
            maximum_change=_number(row.get("maximumChange")),
            stuck_after=row.get("stuckAfter"),
            rolls_over_at=_number(row.get("rollsOverAt")),
            resampling=resampling(str(row["kind"])),
        )

    def _owner(self, prefix: str) -> str | None:
        member = prefix.removeprefix(f"{self._iris.base}/graph/member/")
        return None if member == prefix else self._iris.id("member", member)


def resampling(kind: str) -> str | None:
    """IRI of the rule by which readings of a kind become those of a longer step; `None` where the ontology states none."""
    return _resampling_by_kind().get(kind)


@cache
def _resampling_by_kind() -> dict[str, str]:
    """What the bundled ontology states of each kind; it is the same in the graph, which a test's store need not hold."""
    text = files("ontology").joinpath("vocab.ttl").read_bytes()
    stated = (quad for quad in ox.parse(text, format=ox.RdfFormat.TURTLE) if quad.predicate.value == str(FC.resampling))
    return {quad.subject.value: quad.object.value for quad in stated}


def _number(value: Decimal | int | None) -> float | None:
    return None if value is None else float(value)
