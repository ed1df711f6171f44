"""Boxes keep the band that is in force: simulated homes and the live box, by what the platform said last."""

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from devices_fixtures import ME, START, home, replay
from hypothesis import given, settings
from hypothesis import strategies as st
from test_devices_live import START as NOON
from test_devices_live import Bench, bench, dispatch, heat_pump
from test_devices_osb import Bench as SimulatedBench

from devices import box_config, config
from devices.home import HomeModel
from devices.simulators import HeatPumpHouse, Weather
from devices.simulators.heat_pump import Band as HouseBand
from mappers.comfort import Band, Profile, message

__all__ = ["bench"]
REPLAY = replay()
BASE, ROOM = "http://127.0.0.1:8080", ME.iri("zone/h01-living#airTemperature")
EVERY_DAY = frozenset(range(7))
QUARTER, MINUTE, HOUR = timedelta(minutes=15), timedelta(minutes=1), timedelta(hours=1)
HEAT_PUMP = ME.iri("device/h01-heatpump")


def profile(*bands: Band, minimum: str = "21", maximum: str = "26", zone: str = "America/Los_Angeles") -> Profile:
    return Profile(ME.iri("comfort/h01"), ROOM, Decimal(minimum), Decimal(maximum), bands, zone)


def band(start: time, end: time, minimum: str, maximum: str) -> Band:
    return Band(EVERY_DAY, start, end, Decimal(minimum), Decimal(maximum), ME.iri("comfort/h01#b1"))


def said(*profiles: Profile) -> dict:
    return message(BASE, "h01", profiles)


def readings(model: HomeModel, steps: int = 96) -> list[tuple[float, ...]]:
    return [model.step(START + n * QUARTER, {}).values for n in range(steps)]


# --- simulated homes --------------------------------------------------------------------------------------------------------------------


def test_the_band_that_a_home_was_set_up_with_changes_nothing_when_the_platform_says_it_too() -> None:
    silent, told = HomeModel(home(), REPLAY), HomeModel(home(), REPLAY)
    told.want([profile()])

    assert readings(told) == readings(silent)


def test_a_home_keeps_the_limits_that_the_platform_says_instead_of_those_it_was_set_up_with() -> None:
    model = HomeModel(home(), REPLAY)
    model.want([profile(minimum="18", maximum="20")])

    rooms = [values[-1] for values in readings(model)]

    assert rooms[0] > 19.5  # from 23.5 °C it takes its time
    assert all(18 <= room <= 20 for room in rooms[-24:])


def test_a_home_follows_its_band_through_the_day_by_its_own_clock() -> None:
    model = HomeModel(home(), REPLAY)
    model.want(
        [profile(band(time(0), time(6), "22", "23"))]
    )  # 00:00 to 06:00 in Los Angeles is 07:00 to 13:00 UTC, the first 24 quarter-hours

    rooms = [values[-1] for values in readings(model)]

    assert rooms[8:24] == pytest.approx([22.5] * 16, abs=0.01)  # the middle of the band, once it is reached
    assert rooms[60] == pytest.approx(23.5, abs=0.01)  # that of the rest of the day


def test_a_profile_of_another_room_is_not_ours() -> None:
    silent, told = HomeModel(home(), REPLAY), HomeModel(home(), REPLAY)
    told.want([replace(profile(minimum="18", maximum="20"), channel=ME.iri("zone/h02-living#airTemperature"))])

    assert readings(told, 8) == readings(silent, 8)


def test_a_room_that_a_lower_band_finds_too_warm_in_winter_is_let_cool_and_not_cooled() -> None:
    house = HeatPumpHouse(config.HeatPump(2.5, initial_c=23.5))
    night = HouseBand(16.0, 20.0, moves=True)

    steps = [house.step(0.25, Weather(0.0), 0.0, None, night) for _ in range(8)]

    assert [step.power_kw for step in steps] == [0.0] * 8
    assert house.temperature_c < 23.5


def test_a_room_that_a_higher_band_finds_too_cold_is_heated_even_against_a_dispatch() -> None:
    house = HeatPumpHouse(config.HeatPump(20.0, initial_c=18.0))

    step = house.step(0.25, Weather(0.0), 0.0, 0.0, HouseBand(20.0, 22.0, moves=True))

    assert house.temperature_c == pytest.approx(20.0)
    assert step.beyond_limit == "the room had reached the edge of its comfort band"


bands_of_a_day = st.lists(st.sampled_from([(16.0, 20.0), (21.0, 26.0), (19.0, 22.0), (22.0, 23.0)]), min_size=24, max_size=24)


@settings(deadline=None, max_examples=60)
@given(bands_of_a_day, st.floats(-5, 14), st.lists(st.sampled_from([None, 0.0, 0.5]), min_size=24, max_size=24))
def test_a_dispatch_never_makes_a_room_colder_than_the_band_in_force(hours: list, outside: float, limits: list) -> None:
    house = HeatPumpHouse(config.HeatPump(100.0, initial_c=21.0))  # strong enough for any step of the band

    for (lowest, highest), limit in zip(hours, limits, strict=True):
        house.step(1.0, Weather(outside), 0.0, limit, HouseBand(lowest, highest, moves=True))
        assert house.temperature_c >= lowest - 1e-9


@settings(deadline=None, max_examples=40)
@given(st.floats(21, 26), st.floats(-5, 40), st.sampled_from([None, 0.0, 1.0]))
def test_a_band_that_never_moves_is_kept_as_the_one_of_the_set_up(start: float, outside: float, limit: float | None) -> None:
    one, other = (HeatPumpHouse(config.HeatPump(2.5, initial_c=start)) for _ in range(2))

    for _ in range(12):
        assert one.step(0.25, Weather(outside), 0.5, limit) == other.step(0.25, Weather(outside), 0.5, limit, HouseBand(21.0, 26.0))
    assert one.temperature_c == other.temperature_c


@pytest.fixture
def simulated(tmp_path: Path):
    made = SimulatedBench(tmp_path / "box.sqlite")
    yield made
    made.outbox.close()


def rooms(sent: list[dict]) -> list[float]:
    found = [one for each in sent for one in each.get("readings", ()) if one["observes"] == "zone/h01-living#airTemperature"]
    return [float(value) for one in found for value in (one.get("values") or [one["value"]])]


def test_a_simulated_box_takes_the_platforms_word_and_keeps_it_over_a_kill(simulated) -> None:
    simulated.tell(ME.topic("comfort"), said(profile(minimum="18", maximum="20")))
    simulated.restart()

    assert max(rooms(simulated.tick(START + 48 * HOUR))[-48:]) <= 20.0


def test_a_simulated_box_without_a_word_keeps_no_word(simulated) -> None:
    simulated.tick(START + HOUR)

    assert "comfort" not in simulated.outbox.load(ME.osb)


def test_the_last_word_counts_and_an_empty_one_brings_the_set_up_back(simulated) -> None:
    simulated.tell(ME.topic("comfort"), said(profile(minimum="18", maximum="20")))
    simulated.tell(ME.topic("comfort"), said())

    assert min(rooms(simulated.tick(START + 24 * HOUR))) >= 21.0


@pytest.mark.parametrize("payload", [b"{}", b'{"tag": "x", "comfort": [1]}', json.dumps(said(profile()) | {"tag": 7}).encode()])
def test_a_word_that_can_not_be_read_changes_nothing(simulated, payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    simulated.tell(ME.topic("comfort"), said(profile(minimum="18", maximum="20")))
    simulated.tell(ME.topic("comfort"), payload)

    assert "what was wanted before still counts" in caplog.text
    assert max(rooms(simulated.tick(START + 48 * HOUR))[-48:]) <= 20.0


# --- the live box -----------------------------------------------------------------------------------------------------------------------


def warm(one: Bench, celsius: str) -> None:
    one.values["heatpump"] = {"activePower": "1.0", "airTemperature": celsius}


@pytest.fixture
def pump(bench) -> Bench:
    """A live box with a heat pump that was set up for 20 to 24 °C, at 21 °C; it is 13:00 on a Sunday in Madrid."""
    one = bench(heat_pump())
    warm(one, "21.0")
    one.connect()
    one.run(MINUTE)
    return one


def blocked(one: Bench) -> bool:
    return one.handles["heatpump"].held == 1


def madrid(*bands: Band, minimum: str = "20", maximum: str = "24") -> dict:
    return said(profile(*bands, minimum=minimum, maximum=maximum, zone="Europe/Madrid"))


def test_a_box_that_was_told_nothing_keeps_the_band_of_its_set_up(pump: Bench) -> None:
    pump.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0, 0.0)))
    pump.run(20 * MINUTE)
    assert blocked(pump)
    warm(pump, "19.9")
    pump.run(MINUTE)

    assert not blocked(pump)
    assert pump.statuses()[-1] == ("Aborted", "the room is at 19.9 °C, and the members want 20 to 24 °C")


def test_an_instruction_ends_when_another_band_begins_in_which_the_room_is_too_cold(pump: Bench) -> None:
    pump.tell("comfort", madrid(band(time(13, 30), time(18), "22", "24")))
    pump.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0,) * 4))
    pump.run(28 * MINUTE)
    assert blocked(pump)
    pump.run(2 * MINUTE)  # it is 13:31 there, with the minute before

    assert not blocked(pump)
    assert pump.statuses()[-1] == ("Aborted", "the room is at 21.0 °C, and the members want 22 to 24 °C")


def test_an_instruction_is_refused_by_the_band_in_force_when_it_comes(pump: Bench) -> None:
    pump.tell("comfort", madrid(band(time(13), time(14), "22", "24")))
    pump.run(MINUTE)
    pump.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0,)))

    assert pump.statuses() == [("Rejected", "the room is at 21.0 °C, and the members want 22 to 24 °C")]


def test_a_room_that_the_day_allowed_to_be_warmer_may_stay_so_while_the_night_lets_it_cool(pump: Bench) -> None:
    pump.tell("comfort", madrid(band(time(13, 30), time(18), "16", "20")))
    pump.run(10 * MINUTE)
    pump.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0,) * 6))
    pump.run(30 * MINUTE)
    assert blocked(pump)  # 21 °C is above the new band, and nobody is cold
    warm(pump, "19.5")
    pump.run(5 * MINUTE)
    warm(pump, "20.5")  # from now on the new band counts whole
    pump.run(5 * MINUTE)

    assert not blocked(pump)
    assert pump.statuses()[-1] == ("Aborted", "the room is at 20.5 °C, and the members want 16 to 20 °C")


def test_the_word_of_the_platform_is_kept_over_a_kill_and_a_missing_network(pump: Bench) -> None:
    pump.tell("comfort", madrid(minimum="22", maximum="24"))
    pump.kill()
    pump.start()
    pump.connect()
    pump.run(MINUTE)
    pump.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0,)))

    assert pump.statuses() == [("Rejected", "the room is at 21.0 °C, and the members want 22 to 24 °C")]


def test_an_empty_word_brings_the_band_of_the_set_up_back(pump: Bench) -> None:
    pump.tell("comfort", madrid(minimum="22", maximum="24"))
    pump.tell("comfort", said())
    pump.run(MINUTE)
    pump.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0,)))

    assert pump.statuses() == [("Accepted", None)]


def test_a_heat_pump_that_was_set_up_without_a_band_gets_one_by_the_thermometer_of_its_zone(bench) -> None:
    one = bench(replace(heat_pump(), comfort=None))
    warm(one, "21.0")
    one.connect()
    one.tell("comfort", madrid(minimum="22", maximum="24"))
    one.run(MINUTE)
    one.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0,)))

    assert one.statuses() == [("Rejected", "the room is at 21.0 °C, and the members want 22 to 24 °C")]


def test_a_battery_has_no_comfort(bench) -> None:
    one = bench(box_config.Device("battery", "battery", {}, ratings={"ratedPower": Decimal(5)}))
    one.connect()
    one.tell("comfort", madrid(minimum="22", maximum="24"))
    one.run(MINUTE)
    one.tell("dispatch", dispatch(NOON + QUARTER, limit=(0.0,)))

    assert one.statuses() == [("Accepted", None)]


def test_a_word_that_can_not_be_read_is_dropped_and_the_box_goes_on(pump: Bench, caplog: pytest.LogCaptureFixture) -> None:
    pump.tell("comfort", madrid(minimum="22", maximum="24"))
    pump.tell("comfort", {"comfort": "warm, please"})
    pump.run(MINUTE)
    pump.tell("dispatch", dispatch(NOON + QUARTER, HEAT_PUMP, (0.0,)))

    assert "what was wanted before still counts" in caplog.text
    assert [status for status, _ in pump.statuses()] == ["Rejected"]


def test_the_band_is_right_on_the_day_when_the_clock_is_put_forward(bench, tmp_path: Path) -> None:
    from mappers.comfort import band_at

    change = profile(band(time(1, 30), time(3, 30), "16", "20"), zone="Europe/Madrid")
    wanted = [band_at(change, datetime(2026, 3, 29, 0, tzinfo=UTC) + n * QUARTER)[0] for n in range(8)]  # 01:00 … 01:45, 03:00 … 03:45

    assert wanted == [21, 21, 16, 16, 16, 16, 21, 21]
