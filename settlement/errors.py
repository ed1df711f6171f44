"""What can go wrong when a campaign is settled.

Exception
└── SettlementError (ValueError)   the campaign can't be settled as it stands in the graph
    └── NotYetError                it can't be settled now; the same call may succeed later
"""


class SettlementError(ValueError):
    """The campaign is unknown, aborted or incomplete in the graph."""


class NotYetError(SettlementError):
    """The campaign has not finished, or its readings have not all arrived: try again later."""
