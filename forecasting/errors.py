"""What can go wrong in forecasting.

Exception
└── ForecastError (ValueError)     a forecast or a flexibility was asked for that cannot be made at all

Doubt about one channel is no exception but a `Finding`, kept beside the results.
"""


class ForecastError(ValueError):
    """What was asked for can't be forecast."""
