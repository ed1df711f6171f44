"""The registry of channels, compiled from the graphs in which the OSBs describe them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from kg import queries
from kg.iris import Iris
from kg.store import Store
from telemetry.errors import UnknownChannelError
from telemetry.latest import Latest

_LOG = logging.getLogger(__name__)
_DAY_S = 86400


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

    @cached_property
    def step_s(self) -> int:
        """Length of the interval [s]."""
        return int(self.step.total_seconds())

    @property
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
        self.latest = Latest(store, iris)
        self.reload()

    def get(self, iri: str) -> Channel | None:
        """Return the channel, or `None` if nobody has described it."""
        return self._by_iri.get(iri)

    def known(self, iri: str) -> Channel:
        """Return the channel.

        Raises
        ------
        UnknownChannelError
            If nobody has described it.
        """
        channel = self._by_iri.get(iri)
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
        self._by_iri = dict(sorted(kept.items()))

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
            minimum=None if row.get("minimum") is None else float(row["minimum"]),
            maximum=None if row.get("maximum") is None else float(row["maximum"]),
            sign=row.get("sign"),
            kind=str(row["kind"]),
            feature=str(row["feature"]),
            owner_member=self._owner(prefix),
        )

    def _owner(self, prefix: str) -> str | None:
        member = prefix.removeprefix(f"{self._iris.base}/graph/member/")
        return None if member == prefix else self._iris.id("member", member)
