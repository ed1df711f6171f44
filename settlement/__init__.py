"""Settlement: what a campaign delivered, and who gets how much for it.

Reads from the graph: the campaign and its request, events and instructions, contracts, readings, weather. Writes: baselines, results
and remunerations into `member/{m}/statements`, the run with its portfolio figures into `settlement/{campaign}`, the campaign's status.
`baselines/` (arrays in, arrays out), `verification` (what was delivered, how certain) and `remuneration` (`Decimal`, to the cent) know no
graph. It must not know how homes were chosen or dispatched: events, instructions and readings say what happened.
"""

from settlement.errors import NotYetError, SettlementError
from settlement.findings import Finding

__all__ = ["Finding", "NotYetError", "SettlementError"]
