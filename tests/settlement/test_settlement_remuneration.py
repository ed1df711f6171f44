"""Shares and euros: worked by hand, and identities that hold for any numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.remuneration import CENT, KWH, cents, entitlement, pay, share

D = Decimal
kwh = st.decimals(min_value=-20, max_value=40, places=4)
some_kwh = st.decimals(min_value=0, max_value=40, places=4)
price = st.decimals(min_value=0, max_value=2, places=4)
members = st.lists(st.tuples(kwh, some_kwh, price), min_size=1, max_size=12)


def test_three_homes_share_what_the_portfolio_delivered() -> None:
    # measured 4, 2 and −1 kWh: 5 on the sum. The third is not paid, and the two others share 5 as 4 : 2.
    shares = share(D(5), [D(4), D(2), D(-1)], [D(4), D(4), D(4)])

    assert shares.members == (D("3.3333"), D("1.6667"), D("0.0000"))
    money = pay(shares.delivered, D("0.40"), shares.members, [D("0.25"), D("0.20"), D("0.25")])
    assert money.members == (D("0.83"), D("0.33"), D("0.00"))  # 0.833325 and 0.33334
    assert (money.income, money.cooperative) == (D("2.00"), D("0.84"))


def test_nobody_gets_more_than_was_instructed() -> None:
    # 8 kWh for weights 1 and 3: 2 and 6, but the second was told 5, so the first takes the 3 that are left
    shares = share(D(8), [D(1), D(3)], [D(6), D(5)])

    assert shares.members == (D("3.0000"), D("5.0000"))


def test_what_nobody_was_instructed_is_not_delivered() -> None:
    assert share(D(9), [D(6), D(-2)], [D(4), D(4)]).delivered == D("4.0000")
    assert share(D(9), [D(-1), D(0)], [D(4), D(4)]).members == (D("0.0000"), D("0.0000"))


def test_halves_of_a_cent_go_to_the_even_cent() -> None:
    assert cents(D("0.5"), D("0.25")) == D("0.12")
    assert cents(D("1.5"), D("0.25")) == D("0.38")


def test_a_cooperative_that_promised_too_much_pays_the_rest() -> None:
    assert pay(D(2), D("0.10"), [D(2)], [D("0.25")]).cooperative == D("-0.30")


def test_a_negative_instruction_is_refused() -> None:
    with pytest.raises(ValueError, match="instructed -1 kWh must not be negative"):
        share(D(1), [D(1)], [D(-1)])


@given(some_kwh, members)
def test_shares_add_up_and_stay_within_instructions(delivered: Decimal, rows: list[tuple[Decimal, ...]]) -> None:
    measured, instructed = [m for m, _, _ in rows], [n for _, n, _ in rows]

    shares = share(delivered, measured, instructed)

    assert sum(shares.members) == shares.delivered <= delivered
    assert all(0 <= s <= n for s, n in zip(shares.members, instructed, strict=True))
    assert all(s == 0 for s, m in zip(shares.members, measured, strict=True) if m <= 0)
    for s, m, n in zip(shares.members, measured, instructed, strict=True):
        assert abs(s - entitlement(m, n, shares.factor)) <= KWH


@given(some_kwh, members, price)
def test_income_is_members_and_cooperative_to_the_cent(delivered, rows, income_price) -> None:
    shares = share(delivered, [m for m, _, _ in rows], [n for _, n, _ in rows])

    money = pay(shares.delivered, income_price, shares.members, [p for _, _, p in rows])

    assert money.paid + money.cooperative == money.income
    assert all(amount == amount.quantize(CENT) for amount in (*money.members, money.income, money.cooperative))
    for amount, s, (_, _, p) in zip(money.members, shares.members, rows, strict=True):
        assert abs(amount - s * p) <= CENT / 2
