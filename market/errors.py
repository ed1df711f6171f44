"""What the market refuses.

Exception
└── MarketError (ValueError)
    ├── ContractError       a contract is unknown, incomplete, tampered with, or signed by a stranger
    ├── TransitionError     a contract or campaign can't go from the state it is in to the one asked for
    └── RequestError        a request for flexibility makes no sense
"""


class MarketError(ValueError):
    """Base of everything that `market` raises."""


class ContractError(MarketError):
    """A contract is unknown, incomplete, tampered with, or signed by somebody who is no party to it."""


class TransitionError(MarketError):
    """The state of a contract or campaign doesn't allow what is asked."""


class RequestError(MarketError):
    """A request for flexibility makes no sense."""
