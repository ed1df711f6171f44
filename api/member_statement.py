"""The steps from a baseline to euros, as sentences in the reader's language; the figures are those of the statement, unrounded."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from api.languages import _
from api.present import euro, number
from settlement.statements import Statement


@dataclass(frozen=True)
class Step:
    """One line of the calculation: what it is, how it comes about, and what it comes to."""

    name: str
    how: str
    result: str


def steps(found: Statement, calls: Mapping[str, str]) -> list[Step]:
    """Tell the calculation, one step after the other.

    Parameters
    ----------
    calls
        How the baseline's method is called, by its IRI.
    """
    method = calls.get(found.method, found.method.rsplit("/", 1)[-1])
    return [
        Step(
            _("What the home would have taken without the event"),
            _without_event(found, method),
            _kwh(found.baseline_kwh),
        ),
        Step(_("What the meter measured"), _("Below zero, the home fed more into the grid than it took."), _kwh(found.metered_kwh)),
        Step(
            _("Taken less"),
            f"{_figure(found.baseline_kwh)} − {_bracket(found.metered_kwh)} = {_figure(found.measured_kwh)}",
            _kwh(found.measured_kwh),
        ),
        Step(
            _("What of it counts"),
            _("Not below zero, and not more than the %(kwh)s kWh that your devices were asked for.", kwh=_figure(found.promised_kwh)),
            _kwh(max(Decimal(0), min(found.measured_kwh, found.promised_kwh))),
        ),
        Step(
            _("Your share"),
            _(
                "What a single home did can't be told exactly, so all homes together are verified: %(pool)s kWh. Shared out by what counts for each home, that is a factor of %(factor)s.",
                pool=_figure(found.pool_kwh),
                factor=_figure(found.factor),
            ),
            _kwh(found.delivered_kwh),
        ),
        Step(
            _("In euros"),
            _("%(kwh)s kWh × %(price)s EUR/kWh, as your contract says; rounded to the cent once, at the end.", kwh=_figure(found.delivered_kwh), price=_figure(found.price_eur_per_kwh)),
            euro(found.amount_eur),
        ),
    ]  # fmt: skip


def _without_event(found: Statement, method: str) -> str:
    said = _("The method “%(method)s” looks at earlier days like this one.", method=method)
    if not found.adjustment_kw:
        return said
    moved = _(
        "It is moved by %(adjustment)s kW in each quarter-hour, as the hours before the event differed from those days.",
        adjustment=_figure(found.adjustment_kw),
    )
    return f"{said} {moved}"


def _kwh(value: Decimal) -> str:
    return f"{_figure(value)} kWh"


def _bracket(value: Decimal) -> str:
    return f"({_figure(value)})" if value < 0 else _figure(value)


def _figure(value: Decimal) -> str:
    """All digits that the graph has, at least two of them after the sign."""
    exponent = value.normalize().as_tuple().exponent
    return number(value, max(2, -exponent if isinstance(exponent, int) else 2))
