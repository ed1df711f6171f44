"""The rules of a contract, one table a rule."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.contracts import ACTIVE, Contract
from market.rules import breaches
from ontology.names import FCV

ZONE = "Europe/Madrid"
HOUR = timedelta(hours=1)
CONTRACT = Contract(
    iri="http://127.0.0.1:8080/id/contract/h01/r1",
    member="http://127.0.0.1:8080/id/member/h01",
    buyer="http://127.0.0.1:8080/id/cooperative/demo",
    covers=("http://127.0.0.1:8080/id/device/h01-battery",),
    valid_from=date(2026, 1, 1),
    valid_to=date(2026, 12, 31),
    status=ACTIVE,
    baseline_method=str(FCV.TenOfTen),
    capacity_kw=6.0,
    direction=str(FCV.LoadReduction),
    min_duration=timedelta(minutes=30),
    max_duration=2 * HOUR,
    max_activations=1,
    per_period=timedelta(days=1),
    min_notice=HOUR,
    window_start=time(16),
    window_end=time(22),
    price_eur_per_kwh=Decimal("0.25"),
)
EVENING = datetime(2026, 6, 10, 16, tzinfo=UTC)  # 18:00 in Madrid


def broken(contract=CONTRACT, *, start=EVENING, hours=1.0, kw=5.0, notice=2.0, earlier=(), direction=FCV.LoadReduction):
    found = breaches(
        contract,
        start=start,
        end=start + hours * HOUR,
        kw=kw,
        notified=start - notice * HOUR,
        site_zone=ZONE,
        earlier_activations=earlier,
        direction=str(direction),
    )
    return [breach.rule for breach in found]


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({}, []),
        ({"kw": 6.0}, []),
        ({"kw": 6.01}, ["capacity"]),
        ({"hours": 0.5}, []),
        ({"hours": 0.25}, ["minimum duration"]),
        ({"hours": 2}, []),
        ({"hours": 2.25}, ["maximum duration"]),
        ({"notice": 1.0}, []),
        ({"notice": 0.99}, ["notice"]),
        ({"notice": -1}, ["notice"]),
        ({"direction": FCV.LoadIncrease}, ["direction"]),
        ({"kw": 7, "hours": 3, "notice": 0}, ["maximum duration", "capacity", "notice"]),
    ],
)
def test_each_rule_is_named_when_broken_and_only_then(change, rules):
    assert broken(**change) == rules


@pytest.mark.parametrize(
    ("start", "hours", "rules"),
    [
        (datetime(2026, 6, 10, 14, tzinfo=UTC), 1, []),  # 16:00 summer time
        (datetime(2026, 6, 10, 13, 45, tzinfo=UTC), 1, ["window"]),  # 15:45
        (datetime(2026, 6, 10, 19, tzinfo=UTC), 1, []),  # ends at 22:00
        (datetime(2026, 6, 10, 19, 15, tzinfo=UTC), 1, ["window"]),
        (datetime(2026, 1, 10, 14, tzinfo=UTC), 1, ["window"]),  # 15:00 winter time
        (datetime(2026, 1, 10, 15, tzinfo=UTC), 1, []),
        (datetime(2026, 3, 29, 14, tzinfo=UTC), 1, []),  # the clock went forward that morning: 16:00
        (datetime(2026, 10, 25, 15, tzinfo=UTC), 1, []),  # the clock went back that morning: 16:00
        (datetime(2026, 10, 25, 14, tzinfo=UTC), 1, ["window"]),
    ],
)
def test_the_window_is_local_also_on_days_of_clock_change(start, hours, rules):
    assert broken(start=start, hours=hours) == rules


def test_a_window_over_the_doubled_hour_holds_both_passes():
    night = replace(CONTRACT, window_start=time(2), window_end=time(3), max_duration=3 * HOUR)

    assert broken(night, start=datetime(2026, 10, 25, 0, tzinfo=UTC), hours=2) == []  # 02:00 to 02:00 again to 03:00


def test_a_window_may_pass_midnight():
    night = replace(CONTRACT, window_start=time(22), window_end=time(6))

    assert broken(night, start=datetime(2026, 6, 10, 21, tzinfo=UTC), hours=2) == []  # 23:00 to 01:00
    assert broken(night, start=datetime(2026, 6, 11, 2, tzinfo=UTC), hours=1.5) == []  # 04:00 to 05:30
    assert broken(night, start=datetime(2026, 6, 11, 3, tzinfo=UTC), hours=2) == ["window"]


@pytest.mark.parametrize(
    ("start", "rules"),
    [
        (datetime(2026, 12, 31, 15, tzinfo=UTC), []),
        (datetime(2027, 1, 1, 15, tzinfo=UTC), ["validity"]),
        (datetime(2025, 12, 31, 15, tzinfo=UTC), ["validity"]),
    ],
)
def test_the_last_day_of_validity_still_counts(start, rules):
    assert broken(start=start) == rules


def test_validity_follows_the_local_date_of_the_site():
    night = replace(CONTRACT, window_start=time(0), window_end=time(0))

    assert broken(night, start=datetime(2025, 12, 31, 23, tzinfo=UTC)) == []  # 00:00 on 1 January in Madrid
    assert broken(night, start=datetime(2026, 12, 31, 23, tzinfo=UTC)) == ["validity"]


@pytest.mark.parametrize(
    ("earlier", "most", "days", "rules"),
    [
        ((EVENING - 2 * HOUR,), 1, 1, ["frequency"]),
        ((EVENING - timedelta(days=1),), 1, 1, []),
        ((EVENING - 23 * HOUR,), 1, 1, []),  # another local day
        ((EVENING + 2 * HOUR,), 1, 1, ["frequency"]),  # planned for later that day
        ((EVENING - timedelta(days=1), EVENING + timedelta(days=1)), 2, 3, ["frequency"]),  # three within any three days
        ((EVENING - timedelta(days=2), EVENING + timedelta(days=2)), 2, 3, []),
        ((EVENING - timedelta(days=3), EVENING - timedelta(days=4)), 2, 3, []),
        ((EVENING - 2 * HOUR, EVENING - 3 * HOUR), 3, 1, []),
    ],
)
def test_activations_are_counted_in_every_period_that_holds_the_new_one(earlier, most, days, rules):
    contract = replace(CONTRACT, max_activations=most, per_period=timedelta(days=days))

    assert broken(contract, earlier=earlier) == rules


def test_a_period_of_hours_rolls():
    contract = replace(CONTRACT, per_period=timedelta(hours=6))

    assert broken(contract, earlier=(EVENING - 5 * HOUR,)) == ["frequency"]
    assert broken(contract, earlier=(EVENING - 6 * HOUR,)) == []


def test_one_activation_a_day_is_allowed_on_two_evenings_around_the_clock_change():
    saturday = datetime(2026, 3, 28, 17, tzinfo=UTC)  # 18:00, winter time
    sunday = datetime(2026, 3, 29, 16, tzinfo=UTC)  # 18:00, summer time, 23 hours later

    assert broken(start=sunday, earlier=(saturday,)) == []


def test_a_sentence_says_what_why_and_what_to_do():
    found = breaches(CONTRACT, start=EVENING, end=EVENING + HOUR, kw=7.5, notified=EVENING - 2 * HOUR, site_zone=ZONE)

    assert [breach.sentence for breach in found] == [
        "http://127.0.0.1:8080/id/contract/h01/r1 allows 6.0 kW, but 7.5 kW is asked for; ask for less"
    ]


@given(minutes=st.integers(0, 24 * 60), length=st.integers(1, 16), kw=st.floats(0, 12))
def test_asking_for_less_never_breaks_more(minutes, length, kw):
    start = datetime(2026, 6, 10, tzinfo=UTC) + timedelta(minutes=minutes)

    assert set(broken(start=start, hours=length / 4, kw=kw / 2)) <= set(broken(start=start, hours=length / 4, kw=kw))
