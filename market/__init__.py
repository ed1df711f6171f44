"""The market: what was agreed with whom, and who asked for what.

Reads from the graph: contract revisions (`member/{m}/contracts`), the time zone of a member's site. What changes contracts is returned and
passes the gate (`registry.gate`). Writes: requests and their campaigns in the state Requested (`market`). `rules` is pure: dispatch asks it
before an activation and settlement after it, so that both hold the member's contract to be the same. It must not know how members are
selected, dispatched or paid.
"""

from market.contracts import Contract, Signature
from market.errors import ContractError, MarketError, RequestError, TransitionError
from market.rules import Breach, breaches

__all__ = ["Breach", "Contract", "ContractError", "MarketError", "RequestError", "Signature", "TransitionError", "breaches"]
