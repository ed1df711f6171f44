"""Which sums may be shown: at least k homes behind each, and behind each difference of two."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.disclosure import Homes, PrivacyError, Verdict, judged

SINGLE = Homes({})
SHOWN, FEW, WITH, CHANGED = Verdict.SHOWN, Verdict.TOO_FEW, Verdict.WITH_ANOTHER, Verdict.CHANGED


def people(prefix, count):
    return {f"{prefix}{n}" for n in range(count)}


def test_k_less_one_is_withheld_and_k_is_shown():
    assert judged({"a": people("a", 9), "b": people("b", 10)}, {}, SINGLE, 10) == {"a": FEW, "b": SHOWN}


def test_a_pair_that_would_give_a_few_away_by_subtraction_is_refused():
    """25 in all, 4 on feeder c: the whole less a and b would be those 4, so b, the smaller one, is withheld with c."""
    parts = {"a": people("a", 11), "b": people("b", 10), "c": people("c", 4)}
    whole = set().union(*parts.values())

    found = judged(parts | {"coop": whole}, dict.fromkeys(parts, "coop"), SINGLE, 10)

    assert found == {"a": SHOWN, "b": WITH, "c": FEW, "coop": SHOWN}


def test_with_one_part_left_over_the_whole_alone_is_shown():
    parts = {"a": people("a", 20), "b": people("b", 3)}

    found = judged(parts | {"coop": parts["a"] | parts["b"]}, dict.fromkeys(parts, "coop"), SINGLE, 10)

    assert found == {"a": WITH, "b": FEW, "coop": SHOWN}


def test_members_without_a_node_are_a_part_too():
    found = judged({"a": people("a", 20), "coop": people("a", 20) | people("x", 2)}, {"a": "coop"}, SINGLE, 10)

    assert found == {"a": WITH, "coop": SHOWN}


def test_a_part_that_is_the_whole_leaves_nobody():
    assert judged({"a": people("a", 10), "coop": people("a", 10)}, {"a": "coop"}, SINGLE, 10) == {"a": SHOWN, "coop": SHOWN}


def test_homes_that_are_copies_of_one_count_once():
    """Ten members, of whom a1 is a copy of a0, and a2 of a1: eight homes."""
    homes = Homes({"a1": "a0", "a2": "a1"})

    assert homes.count(people("a", 10)) == 8
    assert judged({"a": people("a", 10)}, {}, homes, 8) == {"a": SHOWN}
    assert judged({"a": people("a", 10)}, {}, homes, 9) == {"a": FEW}
    assert Homes({"a0": "a1", "a1": "a0"}).count({"a0", "a1"}) == 1
    assert Homes({"a1": "b", "a2": "b"}).count({"a1", "a2"}) == 1  # both of a home outside of the group


def test_who_leaves_takes_the_group_out():
    assert judged({"a": people("a", 12), "b": people("b", 2)}, {}, SINGLE, 10, {"a", "b"}) == {"a": CHANGED, "b": FEW}


@pytest.mark.parametrize("k", [1, 0, -3])
def test_a_smallest_group_of_one_is_refused(k):
    with pytest.raises(PrivacyError, match="hides nobody"):
        judged({"a": people("a", 3)}, {}, SINGLE, k)


@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=6),
    st.integers(0, 4),
    st.integers(2, 6),
    st.dictionaries(st.sampled_from(["p0-0", "p0-1", "p1-0", "p2-1"]), st.sampled_from(["p0-0", "p1-1", "p2-0"]), max_size=3),
)
def test_no_union_of_shown_parts_and_no_rest_of_the_whole_is_of_fewer_than_k(sizes, loose, k, copies):
    parts = {f"p{n}": people(f"p{n}-", size) for n, size in enumerate(sizes)}
    groups = parts | {"coop": set().union(*parts.values()) | people("x", loose)}
    homes = Homes(copies)

    found = judged(groups, dict.fromkeys(parts, "coop"), homes, k)

    shown = [name for name in parts if found[name] is SHOWN]
    assert all(homes.count(groups[name]) >= k for name in found if found[name] is SHOWN)
    if found["coop"] is SHOWN:
        for size in range(len(shown) + 1):
            for some in combinations(shown, size):
                rest = groups["coop"].difference(*(groups[name] for name in some))
                assert homes.count(rest) >= k or not rest
