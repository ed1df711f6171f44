"""Single readings of which there is nothing to say are judged in one look; every other way of judging them gives the same."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_home import KW, Home

from mappers.records import Refusal, Series
from ontology.names import UNIT
from telemetry import Channels
from telemetry.quality import Limits, Run, check

RECEIVED = datetime(2016, 8, 12, 12, tzinfo=UTC)
VALUES = st.one_of(
    st.none(),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-40, max_value=40, places=3).map(str),
    st.sampled_from(["-0", "0", "1.50", "+2", "1e1", "-999", "32767", "25", "25.001", "-25", "NaN", "1" * 20]),
)
STARTS = st.one_of(
    st.integers(-200, 200).map(lambda n: RECEIVED + n * timedelta(minutes=15)),
    st.sampled_from([0, 1, 599, 600, 601, 86400, 86401]).map(lambda s: RECEIVED + timedelta(seconds=s)),
    st.sampled_from([datetime(1999, 12, 31, 23, 45, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)]),
    st.just(datetime(2016, 8, 12, 2, tzinfo=timezone(timedelta(hours=2)))),
    st.just(RECEIVED + timedelta(microseconds=1)),
)
UNITS = st.sampled_from([KW, str(UNIT.W), str(UNIT.DEG_C), None])
LIMITS = st.sampled_from([Limits(), Limits(skew=timedelta(hours=2), ahead=timedelta(minutes=30))])


def seen(answer: tuple[list[Run], list[Refusal]]) -> object:
    runs, refused = answer
    return [(run.channel, run.date, run.first, run.values, dict(run.doubts)) for run in runs], refused


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, start=STARTS, unit=UNITS, limits=LIMITS)
def test_one_reading_is_judged_alike_by_itself_and_as_a_run(
    channels: Channels, home: Home, value: str | None, start: datetime, unit: str | None, limits: Limits
) -> None:
    channel = channels.get(home.power)
    assert channel is not None
    single = Series(home.power, start, None, (value,), unit)
    run = Series(home.power, start, channel.step, (value,), unit)  # a stated step takes the general way

    at_once = check(channel, single, received=RECEIVED, limits=limits)

    assert seen(at_once) == seen(check(channel, run, received=RECEIVED, limits=limits))
