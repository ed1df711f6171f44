"""Two clerks edit one thing: what they did not both change comes together by itself."""

from hypothesis import given
from hypothesis import strategies as st

from registry.merge import Side, three_way


def test_each_field_says_who_changed_it_and_what_is_right_unasked() -> None:
    base = {"power": "5", "name": "Battery", "kept": "x", "both": "1", "gone": "old"}
    mine = {"power": "6", "name": "Battery", "kept": "x", "both": "2", "new": "n"}
    theirs = {"power": "7", "name": "The battery", "kept": "x", "both": "2", "gone": "old"}

    choices = three_way(base, mine, theirs)

    assert {key: (each.side, each.merged) for key, each in choices.items()} == {
        "power": (Side.CONFLICT, "6"),
        "name": (Side.THEIRS, "The battery"),
        "kept": (Side.NOBODY, "x"),
        "both": (Side.SAME, "2"),
        "gone": (Side.MINE, None),  # I took it away, they left it
        "new": (Side.MINE, "n"),
    }
    assert (choices["power"].base, choices["power"].mine, choices["power"].theirs) == ("5", "6", "7")


STATES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))


@given(base=STATES, mine=STATES, theirs=STATES)
def test_without_conflict_the_order_of_two_edits_does_not_matter(base: dict, mine: dict, theirs: dict) -> None:
    one, other = three_way(base, mine, theirs), three_way(base, theirs, mine)
    for key, choice in one.items():
        assert (choice.side is Side.CONFLICT) == (other[key].side is Side.CONFLICT)
        if choice.side is not Side.CONFLICT:
            assert choice.merged == other[key].merged


@given(base=STATES, mine=STATES)
def test_whoever_edits_alone_gets_what_they_want(base: dict, mine: dict) -> None:
    merged = {key: each.merged for key, each in three_way(base, mine, base).items() if each.merged is not None}
    assert merged == mine
