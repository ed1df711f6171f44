"""What somebody may see of the dataset: whole, or named graphs and families of graphs."""

import hashlib
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Scope:
    """A set of named graphs, told without listing them.

    Attributes
    ----------
    everything : whether all graphs may be seen; then the rest is empty
    graphs : IRIs of graphs
    families : IRIs up to and with their last slash: `…/member/h01/telemetry/` stands for that member's months
    """

    everything: bool = False
    graphs: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()

    def allows(self, graph: str) -> bool:
        """Tell whether a graph may be seen."""
        return self.everything or graph in self.graphs or graph[: graph.rfind("/") + 1] in self.families

    @cached_property
    def digest(self) -> str:
        """A name for this scope: the same for equal ones."""
        lines = "\n".join((str(self.everything), *sorted(self.graphs), "", *sorted(self.families)))
        return hashlib.sha256(lines.encode()).hexdigest()


EVERYTHING = Scope(everything=True)
NOTHING = Scope()
