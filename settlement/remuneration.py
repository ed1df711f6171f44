"""Share what the portfolio delivered among its members, and turn it into euros that add up.

Symbols: D delivered by the portfolio, m_i measured and n_i instructed at member i, all kWh; p_i price of the contract, P of the request
[EUR/kWh].

    w_i = min(max(m_i, 0), n_i)                             what counts of a member's own measurement
    s_i = min(λ·w_i, n_i)  with λ such that Σ s_i = D       its share; D is lowered to Σ n_i over w_i > 0 if it were above
    amount_i = s_i · p_i                                    rounded once, half to even, to the cent
    income = D · P                                          rounded once, half to even, to the cent
    cooperative = income − Σ amount_i

One home's baseline is off by half its load, so m_i alone would pay mostly for luck; D is measured on the sum, where errors cancel.
Shares are cut to 0.1 Wh and the rest goes to the largest remainders, so that they add up to D exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

KWH = Decimal("0.0001")
CENT = Decimal("0.01")
FACTOR = Decimal("1e-12")
ZERO = Decimal(0)


@dataclass(frozen=True)
class Shares:
    """Who delivered how much [kWh]: `Σ members = delivered` exactly; `factor` is λ."""

    delivered: Decimal
    factor: Decimal
    members: tuple[Decimal, ...]


@dataclass(frozen=True)
class Money:
    """Who gets how much [EUR]: `income = Σ members + cooperative` exactly; the cooperative's part may be negative."""

    income: Decimal
    cooperative: Decimal
    members: tuple[Decimal, ...]

    @property
    def paid(self) -> Decimal:
        """Return what the members get in all."""
        return sum(self.members, ZERO)


def energy(kwh: float) -> Decimal:
    """Round a computed energy to 0.1 Wh, where it becomes a number of the books."""
    return Decimal(repr(float(kwh))).quantize(KWH, ROUND_HALF_EVEN)


def cents(kwh: Decimal, price: Decimal) -> Decimal:
    """Price an energy [EUR], rounded once, half to even."""
    return (kwh * price).quantize(CENT, ROUND_HALF_EVEN)


def weight(measured: Decimal, instructed: Decimal) -> Decimal:
    """Tell what counts of a member's own measured reduction [kWh]."""
    return min(max(measured, ZERO), instructed)


def entitlement(measured: Decimal, instructed: Decimal, factor: Decimal) -> Decimal:
    """Compute a member's share before it is cut to 0.1 Wh [kWh]: what a statement checks itself against."""
    return min(factor * weight(measured, instructed), instructed)


def share(delivered: Decimal, measured: Sequence[Decimal], instructed: Sequence[Decimal]) -> Shares:
    """Share the portfolio's energy in proportion to what was measured, nobody above what it was instructed.

    Parameters
    ----------
    delivered
        By the portfolio [kWh], not negative.
    measured, instructed
        By member [kWh], to 0.1 Wh; `instructed` not negative.

    Raises
    ------
    ValueError
        If the portfolio's energy or an instruction is negative, or the lists differ in length.

    Examples
    --------
    >>> share(Decimal(5), [Decimal(3), Decimal(2), Decimal(-1)], [Decimal(4), Decimal(4), Decimal(4)]).members
    (Decimal('3.0000'), Decimal('2.0000'), Decimal('0.0000'))
    """
    if delivered < 0 or any(n < 0 for n in instructed):
        raise ValueError(f"delivered {delivered} kWh and instructed {min(instructed, default=ZERO)} kWh must not be negative")
    instructed = [n.quantize(KWH, ROUND_DOWN) for n in instructed]
    weights = [weight(m, n) for m, n in zip(measured, instructed, strict=True)]
    room = sum((n for w, n in zip(weights, instructed, strict=True) if w > 0), ZERO)
    total = min(delivered, room).quantize(KWH, ROUND_DOWN)
    factor = _factor(total, weights, instructed)
    exact = [min(factor * w, n) for w, n in zip(weights, instructed, strict=True)]
    return Shares(total, factor, _largest_remainders(total, exact, weights, instructed))


def _factor(total: Decimal, weights: Sequence[Decimal], instructed: Sequence[Decimal]) -> Decimal:
    """Find λ: members reach their instruction in the order of n/w; those behind share what is left."""
    order = sorted((n / w, w, n) for w, n in zip(weights, instructed, strict=True) if w > 0)
    left, weight_left = total, sum((w for _, w, _ in order), ZERO)
    factor = ZERO
    for full_at, w, n in order:
        factor = left / weight_left
        if factor <= full_at:
            break
        left, weight_left, factor = left - n, weight_left - w, full_at
    return factor.quantize(FACTOR, ROUND_HALF_EVEN)


def _largest_remainders(
    total: Decimal, exact: Sequence[Decimal], weights: Sequence[Decimal], instructed: Sequence[Decimal]
) -> tuple[Decimal, ...]:
    cut = [value.quantize(KWH, ROUND_DOWN) for value in exact]
    missing = int((total - sum(cut, ZERO)) / KWH)
    by_remainder = sorted(range(len(exact)), key=lambda i: (-(exact[i] - cut[i]), i))
    while missing > 0:
        takers = [i for i in by_remainder if weights[i] > 0 and cut[i] + KWH <= instructed[i]][:missing]
        for i in takers:
            cut[i] += KWH
        missing -= len(takers)
    return tuple(cut)


def pay(delivered: Decimal, income_price: Decimal, shares: Sequence[Decimal], prices: Sequence[Decimal]) -> Money:
    """Turn energy into euros; the cooperative keeps, or pays, the difference.

    Examples
    --------
    >>> pay(Decimal("5"), Decimal("0.40"), [Decimal("3"), Decimal("2")], [Decimal("0.25"), Decimal("0.30")])
    Money(income=Decimal('2.00'), cooperative=Decimal('0.65'), members=(Decimal('0.75'), Decimal('0.60')))
    """
    members = tuple(cents(kwh, price) for kwh, price in zip(shares, prices, strict=True))
    income = cents(delivered, income_price)
    return Money(income, income - sum(members, ZERO), members)
