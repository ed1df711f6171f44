"""What the optimiser refuses.

Exception
└── OptimiserError (ValueError)
    ├── ProblemError     the arrays of a selection problem don't fit together
    ├── CampaignError    a campaign or event is unknown, or its state doesn't allow what is asked
    └── ReportError      a box reports on something that isn't its own, or in no known form
"""


class OptimiserError(ValueError):
    """Base of everything that `optimiser` raises."""


class ProblemError(OptimiserError):
    """The arrays of a selection problem don't fit together."""


class CampaignError(OptimiserError):
    """A campaign or event is unknown, or its state doesn't allow what is asked."""


class ReportError(OptimiserError):
    """A box reports on something that isn't its own, or in no known form."""
