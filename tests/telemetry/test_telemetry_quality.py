"""The border: every number is a number, in the channel's unit, on its grid, at a time that can be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_home import DEG_C, KW, RECEIVED, Home, one, run

from mappers.records import Series
from ontology.names import S4ENER, UNIT
from telemetry import Channels
from telemetry.days import canonical, pack, unpack
from telemetry.quality import Limits, check, convert, factor

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=9)


@given(NUMBERS)
def test_a_canonical_text_is_the_same_number_and_stays_itself(number: Decimal) -> None:
    text = canonical(str(number))

    assert Decimal(text) == number
    assert canonical(text) == text
    assert "e" not in text.lower()


@given(st.dictionaries(st.integers(0, 95).map(lambda slot: slot * 900), NUMBERS.map(lambda n: canonical(str(n)))))
def test_packing_and_unpacking_a_day_are_inverse(values: dict[int, str]) -> None:
    assert unpack(pack(values, 900)) == values


@pytest.mark.parametrize("text", ["abc", "", "NaN", "Infinity", "-inf", "9" * 400, "1e400", "1_0 x"])
def test_what_is_no_finite_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        canonical(text)


@pytest.mark.parametrize(
    ("text", "given_unit", "wanted", "expected"),
    [
        ("1234", UNIT.W, UNIT.KiloW, "1.234"),
        ("0.0025", UNIT.MegaW, UNIT.KiloW, "2.5"),
        ("77", UNIT.DEG_F, UNIT.DEG_C, "25"),
        ("300.15", UNIT.K, UNIT.DEG_C, "27"),
        ("0.5", UNIT.UNITLESS, UNIT.PERCENT, "50"),
        ("1500", UNIT["W-HR"], UNIT["KiloW-HR"], "1.5"),
        ("0.1", UNIT.KiloW, UNIT.KiloW, "0.1"),
    ],
)
def test_units_of_one_dimension_convert_exactly(text: str, given_unit: str, wanted: str, expected: str) -> None:
    assert convert(text, str(given_unit), str(wanted)) == expected


@pytest.mark.parametrize(
    ("one_unit", "other"), [(UNIT.DEG_C, UNIT.KiloW), (UNIT["KiloW-HR"], UNIT.KiloW), (S4ENER.EuroPerKilowattHour, UNIT.KiloW)]
)
def test_units_of_different_dimensions_do_not(one_unit: str, other: str) -> None:
    assert factor(str(one_unit), str(other)) is None
    assert factor("https://example.org/unit", str(other)) is None


def sentences(channels: Channels, series: Series, limits: Limits | None = None) -> list[str]:
    runs, refused = check(channels.get(series.channel), series, received=RECEIVED, limits=limits or Limits())
    assert not runs
    return [refusal.sentence for refusal in refused]


def test_a_number_without_a_unit_is_refused(channels: Channels, home: Home) -> None:
    assert sentences(channels, one(home.power, MIDNIGHT, 5, None)) == [
        f"{home.power} at 2016-08-12T00:00:00Z: '5' has no unit, and a number without one is no reading; send it with its unit, KiloW"
    ]


def test_means_over_another_interval_are_refused(channels: Channels, home: Home) -> None:
    hourly = Series(home.power, MIDNIGHT, timedelta(hours=1), ("1", "2"), KW)

    assert sentences(channels, hourly) == [
        f"{home.power} at 2016-08-12T00:00:00Z: a step of PT1H is not the step of the channel, PT15M; "
        "send the mean of each of the channel's intervals"
    ]


def test_a_clock_that_was_reset_or_runs_days_ahead_is_refused(channels: Channels, home: Home) -> None:
    assert sentences(channels, one(home.power, datetime(1970, 1, 1, tzinfo=UTC), 5)) == [
        f"{home.power} at 1970-01-01T00:00:00Z: 1970-01-01T00:00:00Z lies before 2000-01-01T00:00:00Z, as if the clock had been reset; "
        "set the clock of the OSB"
    ]
    assert sentences(channels, one(home.power, RECEIVED + timedelta(days=1, minutes=15), 5)) == [
        f"{home.power} at 2016-10-01T00:15:00Z: 2016-10-01T00:15:00Z lies more than P1D ahead of 2016-09-30T00:00:00Z, when it was received; "
        "set the clock of the OSB"
    ]


def test_a_bad_number_among_good_ones_is_refused_alone(channels: Channels, home: Home) -> None:
    runs, refused = check(
        channels.get(home.zone), run(home.zone, MIDNIGHT, ["20", "1e400", "22"], DEG_C), received=RECEIVED, limits=Limits()
    )

    assert [r.values for r in runs] == [["20", None, "22"]]
    assert [refusal.point for refusal in refused] == [f"{home.zone} at 2016-08-12T00:15:00Z"]
