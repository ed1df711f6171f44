"""A home's balance at its connection holds in the published digits, and its state survives."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from devices_fixtures import QUARTER, START, home, replay
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import config
from devices.home import FeedModel, HomeModel

REPLAY = replay()
DEVICES = ["device/h01-battery", "device/h01-ev", "device/h01-heatpump"]


def values(model: HomeModel, at, limits=None) -> dict[str, float]:
    readings = model.step(at, limits or {})
    return {channel.path.partition("/")[2]: value for channel, value in zip(model.channels, readings.values, strict=True)}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(DEVICES), st.floats(-6, 6)), min_size=96, max_size=96), st.integers(0, 50))
def test_the_connection_is_the_sum_of_its_parts(limits: list, seed: int) -> None:
    model = HomeModel(home(seed=seed), REPLAY)

    for i, limit in enumerate(limits):
        read = {name: Decimal(repr(value)) for name, value in values(model, START + i * QUARTER, limit).items()}
        parts = read["h01#loadPower"] + sum(read[f"h01-{name}#activePower"] for name in ("ev", "heatpump", "battery"))
        assert read["h01#activePower"] == parts - read["h01-pv#activePower"]


def test_every_value_lies_in_the_range_of_its_channel() -> None:
    model = HomeModel(home(), REPLAY)

    for i in range(REPLAY.steps):
        for channel, value in zip(model.channels, model.step(START + i * QUARTER, {}).values, strict=True):
            assert channel.minimum <= value <= channel.maximum, channel


def test_the_battery_of_a_home_follows_the_rest_of_it() -> None:
    model = HomeModel(config.Home("h01", "osb-h01", 0, pv=config.PVSystem(4.0), battery=config.Battery(6.4, 5.0)), REPLAY)

    night, noon = values(model, START), values(model, START + timedelta(hours=12))

    assert night["h01#activePower"] == pytest.approx(0.0, abs=1e-4)
    assert night["h01-battery#activePower"] == -night["h01#loadPower"]
    assert noon["h01-battery#activePower"] == pytest.approx(noon["h01-pv#activePower"] - noon["h01#loadPower"], abs=1e-4)


def test_a_saved_home_goes_on_as_if_it_had_never_stopped() -> None:
    whole, first, second = (HomeModel(home(), REPLAY) for _ in range(3))

    for i in range(50):
        first.step(START + i * QUARTER, {})
    second.restore(json.loads(json.dumps(first.save())))

    for i in range(50):
        whole.step(START + i * QUARTER, {})
    assert [second.step(START + i * QUARTER, {}) for i in range(50, 96)] == [whole.step(START + i * QUARTER, {}) for i in range(50, 96)]


def test_the_feed_repeats_weather_and_tariff() -> None:
    model = FeedModel(config.Feed(), REPLAY, "PT1H")

    assert model.step(START, {}).values == (pytest.approx(20 + 10 * -0.7071, abs=1e-4), 0.0, 0.0, 0.22)
    assert [channel.spread_from for channel in model.channels] == ["PT1H", "PT1H", "PT1H", None]
