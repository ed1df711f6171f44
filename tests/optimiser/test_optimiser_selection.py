"""Selection: hand-solved cases, brute force on tiny problems, the verifier on random ones."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimiser.errors import ProblemError
from optimiser.selection import Problem, select
from optimiser.solve import Limits
from optimiser.verify import violations


def problem(target, reduction, site=None, **changes):
    """Sites without limits, at 0.20 EUR/kWh, slots of an hour, unless told otherwise."""
    reduction = np.array(reduction, dtype=float)
    site = np.arange(len(reduction)) if site is None else np.array(site)
    sites, slots = int(site.max(initial=-1)) + 1, len(target)
    given = {
        "target_kw": np.array(target, dtype=float),
        "step_hours": 1.0,
        "reduction_kw": reduction.reshape(-1, slots),
        "energy_kwh": np.full(len(reduction), np.inf),
        "site": site.astype(np.int64),
        "capacity_kw": np.full(sites, np.inf),
        "price_eur_per_kwh": np.full(sites, 0.2),
        "min_slots": np.ones(sites, dtype=np.int64),
        "max_slots": np.full(sites, slots, dtype=np.int64),
        "activations": np.zeros(sites),
        "allowed": np.ones((sites, slots), dtype=bool),
        "headroom_kw": np.full((sites, slots), np.inf),
    }
    return Problem(**(given | {name: np.array(value) for name, value in changes.items()}))


def test_the_cheaper_site_is_asked_first():
    given = problem([3, 3], [[2, 2], [2, 2]], price_eur_per_kwh=[0.3, 0.1])

    chosen = select(given)

    assert chosen.kw.tolist() == [[1, 1], [2, 2]]
    assert chosen.cost_eur == pytest.approx(2 * (1 * 0.3 + 2 * 0.1))
    assert chosen.shortfall_kw.tolist() == [0, 0]
    assert chosen.binding == ()
    assert violations(given, chosen) == []


def test_two_devices_of_a_site_share_its_capacity():
    given = problem([5], [[3], [3]], site=[0, 0], capacity_kw=[4.0])

    chosen = select(given)

    assert chosen.kw.sum() == pytest.approx(4)
    assert chosen.shortfall_kw.tolist() == [1]
    assert chosen.binding == ("capacity",)


def test_a_battery_gives_no_more_than_its_energy():
    given = problem([2, 2, 2], [[2, 2, 2]], energy_kwh=[4.0])

    chosen = select(given)

    assert chosen.kw.sum() == pytest.approx(4)
    assert chosen.binding == ("energy",)


def test_an_activation_is_one_block_no_longer_than_the_contract_allows():
    given = problem([1, 1, 1, 1], [[1, 1, 1, 1], [1, 1, 1, 1]], max_slots=[3, 1])

    chosen = select(given)

    assert sorted(chosen.on.sum(axis=1).tolist()) == [1, 3]
    assert chosen.shortfall_kw.tolist() == [0, 0, 0, 0]
    assert violations(given, chosen) == []


def test_an_activation_is_at_least_as_long_as_the_contract_wants():
    given = problem([0, 1, 0, 0], [[1, 1, 1, 1]], min_slots=[3])

    chosen = select(given)

    assert chosen.kw.tolist() == [[0, 1, 0, 0]]
    assert chosen.on.sum() == 3
    assert violations(given, chosen) == []


def test_a_site_that_would_have_to_run_longer_than_the_window_is_not_asked():
    given = problem([1, 1], [[1, 1]], min_slots=[3])

    chosen = select(given)

    assert not chosen.on.any()
    assert chosen.binding == ("duration",)


def test_forbidden_slots_split_an_activation():
    given = problem([1, 1, 1], [[1, 1, 1]], allowed=[[True, False, True]])

    chosen = select(given)

    assert chosen.on.sum() == 1
    assert chosen.shortfall_kw.sum() == pytest.approx(2)
    assert chosen.binding == ("window or notice",)


def test_the_connection_keeps_its_export_limit():
    given = problem([5], [[5]], headroom_kw=[[1.5]])

    chosen = select(given)

    assert chosen.kw.tolist() == [[1.5]]
    assert chosen.binding == ("connection",)


def test_among_equals_the_one_that_was_asked_less_is_asked():
    given = problem([1, 1], [[1, 1], [1, 1], [1, 1]], activations=[3.0, 0.0, 1.0])

    assert select(given).on.any(axis=1).tolist() == [False, True, False]


def test_fairness_never_beats_the_price():
    given = problem([1, 1], [[1, 1], [1, 1]], activations=[5.0, 0.0], price_eur_per_kwh=[0.20, 0.25])

    assert select(given).on.any(axis=1).tolist() == [True, False]


def test_a_target_beyond_all_flexibility_is_a_named_shortfall():
    chosen = select(problem([10, 10], [[1, 2], [1, 1]]))

    assert chosen.kw.tolist() == [[1, 2], [1, 1]]
    assert chosen.shortfall_kw.tolist() == [8, 7]
    assert chosen.binding == ("flexibility",)


def test_nobody_to_ask_is_an_answer_too():
    chosen = select(problem([4.0], np.zeros((0, 1)), site=[]))

    assert chosen.shortfall_kw.tolist() == [4]
    assert chosen.binding == ("flexibility",)


def test_no_target_asks_nobody():
    chosen = select(problem([0, 0], [[1, 1]]))

    assert not chosen.on.any()
    assert chosen.cost_eur == 0


def test_a_solver_that_may_do_nothing_asks_nobody_and_says_so():
    chosen = select(problem([3, 3], [[2, 2], [2, 2]]), Limits(seconds=0.0), explain=False)

    assert violations(problem([3, 3], [[2, 2], [2, 2]]), chosen) == []


def test_the_same_problem_has_the_same_answer():
    rng = np.random.default_rng(7)
    given = problem([9, 9, 9, 9], rng.uniform(0, 2, (12, 4)), energy_kwh=rng.uniform(1, 4, 12), max_slots=rng.integers(1, 5, 12))

    first, second = select(given), select(given)

    assert (first.kw == second.kw).all()
    assert first.cost_eur == second.cost_eur


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"capacity_kw": np.array([1.0])}, "has shape"),
        ({"target_kw": np.array([-1.0])}, "target_kw holds -1.0"),
        ({"reduction_kw": np.array([[np.nan], [1.0]])}, "reduction_kw holds nan"),
        ({"site": np.array([0, 2])}, "there are 2 sites"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, sentence):
    with pytest.raises(ProblemError, match=sentence):
        select(replace(problem([1.0], [[1], [1]]), **change))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda kw, on: (kw + 1, on), "but can do"),
        (lambda kw, on: (kw, on & False), "isn't activated"),
        (lambda kw, on: (kw / 2, on), "don't make"),
    ],
)
def test_the_verifier_finds_what_was_spoilt(spoil, sentence):
    given = problem([2, 2], [[2, 2]])
    chosen = select(given)
    kw, on = spoil(chosen.kw, chosen.on)

    assert any(sentence in one for one in violations(given, replace(chosen, kw=kw, on=on)))


@st.composite
def problems(draw, devices=6, slots=5, sites=4):
    slots = draw(st.integers(1, slots))
    sites = draw(st.integers(1, sites))
    site = draw(st.lists(st.integers(0, sites - 1), min_size=1, max_size=devices))
    kw = st.floats(0, 8).map(lambda one: round(one, 2))
    rows = lambda elements, count: draw(st.lists(elements, min_size=count, max_size=count))  # noqa: E731
    least = rows(st.integers(1, 3), sites)
    return Problem(
        target_kw=np.array(rows(st.floats(0, 15).map(lambda one: round(one, 2)), slots)),
        step_hours=draw(st.sampled_from([0.25, 1.0])),
        reduction_kw=np.array([rows(kw, slots) for _ in site]),
        energy_kwh=np.array(rows(st.one_of(st.just(np.inf), kw), len(site))),
        site=np.array(site),
        capacity_kw=np.array(rows(kw, sites)),
        price_eur_per_kwh=np.array(rows(st.sampled_from([0.0, 0.1, 0.25]), sites)),
        min_slots=np.array(least),
        max_slots=np.array(least) + np.array(rows(st.integers(0, 3), sites)),
        activations=np.array(rows(st.integers(0, 4), sites), dtype=float),
        allowed=np.array([rows(st.booleans(), slots) for _ in range(sites)]),
        headroom_kw=np.array([rows(st.one_of(st.just(np.inf), kw), slots) for _ in range(sites)]),
    )


@settings(max_examples=60, deadline=None)
@given(problems())
def test_no_selection_breaks_a_rule(given):
    assert violations(given, select(given, explain=False)) == []


@settings(max_examples=40, deadline=None)
@given(problems(devices=3, slots=4, sites=3))
def test_no_other_choice_of_activations_is_cheaper(given):
    """One device a site and no energy limit: once the blocks are chosen, filling by price is optimal."""
    sites, slots = given.allowed.shape
    given = replace(
        given,
        site=np.arange(sites),
        reduction_kw=np.resize(given.reduction_kw, (sites, slots)),
        energy_kwh=np.full(sites, np.inf),
        activations=np.zeros(sites),
        tie_break_eur=0.0,
    )
    chosen = select(given, Limits(gap=0.0), explain=False)

    ours = chosen.cost_eur + float((given.target_kw - chosen.kw.sum(axis=0)).sum()) * given.step_hours * given.shortfall_eur_per_kwh
    assert ours == pytest.approx(cheapest(given), abs=0.02)  # powers are cut to tenths of a watt, a missing kWh costs 10 EUR


def cheapest(given):
    sites, slots = given.allowed.shape
    options = [
        [np.zeros(slots, dtype=bool)]
        + [
            np.isin(np.arange(slots), range(first, last))
            for first in range(slots)
            for last in range(first + 1, slots + 1)
            if given.min_slots[site] <= last - first <= given.max_slots[site] and given.allowed[site, first:last].all()
        ]
        for site in range(sites)
    ]
    most = np.minimum(np.minimum(given.reduction_kw, given.capacity_kw[:, None]), given.headroom_kw)
    return min(cost(given, np.where(np.array(chosen), most, 0.0)) for chosen in product(*options))


def cost(given, able):
    total = 0.0
    for slot, target in enumerate(given.target_kw):
        for price, kw in sorted(zip(given.price_eur_per_kwh, able[:, slot], strict=True)):
            taken = min(kw, target)
            total, target = total + taken * price * given.step_hours, target - taken
        total += target * given.shortfall_eur_per_kwh * given.step_hours
    return total
