"""When things happen in the demo."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario.dataset import FIRST
from scenario.story import LEAST_DAYS, MOST_DAYS, Story, StoryError


def test_thirty_days_end_with_the_peak_of_tuesday_30_august() -> None:
    story = Story(days=30, homes=17)

    assert story.start == datetime(2016, 8, 31, 1, tzinfo=UTC)  # 18:00 on 30 August in California, summer time
    assert story.end - story.start == timedelta(hours=2)
    assert story.request_at == datetime(2016, 8, 29, 19, tzinfo=UTC)
    assert story.asked_kw == 17.0


def test_peak_is_never_at_a_weekend() -> None:
    story = Story(days=20, homes=17)  # the twentieth day is a Saturday

    assert story.start == datetime(2016, 8, 20, 1, tzinfo=UTC)  # Friday evening


@given(st.integers(LEAST_DAYS, MOST_DAYS))
def test_ticks_meet_every_turn_of_the_story(days: int) -> None:
    story, now, met = Story(days=days, homes=1), FIRST, []

    while now < story.over:
        step = story.step(now)
        assert step > timedelta(0)
        now += min(step, story.over - now)
        met.append(now)

    assert {story.request_at, story.start, story.opt_out_at, story.end, story.over} <= set(met)


@pytest.mark.parametrize(("days", "homes"), [(LEAST_DAYS - 1, 17), (MOST_DAYS + 1, 17), (30, 0)])
def test_impossible_story_is_refused(days: int, homes: int) -> None:
    with pytest.raises(StoryError):
        Story(days=days, homes=homes)
