"""Minting: the one place that knows how an IRI of ours is spelt (docs/data-model.md §2)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime


def stamp(at: datetime) -> str:
    """Spell an instant inside an IRI: `20160829T190000Z`."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


@dataclass(frozen=True)
class Iris:
    """IRIs below one base address, which ends without a slash."""

    base: str

    def id(self, kind: str, *keys: str) -> str:
        """A thing: `id("device", "h01-pv")`."""
        return f"{self.base}/id/{kind}/{'/'.join(keys)}"

    def key(self, iri: str) -> str:
        """The last part of a thing's IRI, without fragment: `h01-pv`."""
        return self.local(iri).split("#")[0].rsplit("/", 1)[-1]

    def local(self, iri: str) -> str:
        """What follows `{BASE}/id/`: `connection/h01#activePower`.

        Raises
        ------
        ValueError
            If the IRI is not one of ours.
        """
        prefix = f"{self.base}/id/"
        if not iri.startswith(prefix):
            raise ValueError(f"{iri} is not below {prefix}: this platform did not mint it")
        return iri[len(prefix) :]

    def graph(self, *parts: str) -> str:
        """A named graph: `graph("member", "h01", "facts")`."""
        return f"{self.base}/graph/{'/'.join(parts)}"

    def channel_path(self, channel: str) -> str:
        """A channel as a path: `connection/h01#activePower` → `connection/h01/activePower`."""
        return self.local(channel).replace("#", "/")

    def day(self, channel: str, day: date) -> str:
        """The node of one channel's UTC day."""
        return f"{self.base}/id/series/{self.channel_path(channel)}/{day:%Y%m%d}"

    def observation(self, channel: str, at: datetime) -> str:
        """One reading as the endpoint presents it; computed, never stored."""
        return f"{self.base}/id/obs/{self.channel_path(channel)}/{stamp(at)}"

    def forecast(self, channel: str, issued: datetime) -> str:
        """A forecast of one channel, named by its issue time."""
        return f"{self.base}/id/forecast/{self.channel_path(channel)}/{stamp(issued)}"

    def sibling(self, graph: str, *parts: str) -> str:
        """Another graph of the same owner: (`…/member/h01/osb/h01` or `…/member/h01/facts`, `plans`) → `…/member/h01/plans`."""
        head, found, _ = graph.partition("/osb/")
        if not found:
            head, found, rest = graph.rpartition("/facts")
            found = "" if rest else found
        if not found:
            raise ValueError(f"{graph} is neither the graph of an OSB (…/osb/…) nor of facts (…/facts), so it has no sibling graphs")
        return f"{head}/{'/'.join(parts)}"
