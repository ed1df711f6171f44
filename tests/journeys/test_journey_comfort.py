"""A member changes their comfort on a platform that runs; their box, on a real broker, keeps the new band from the next quarter-hour on."""

import sys
import time
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from patience import PATIENCE_S
from servers import start

import settings
from devices import config
from devices.messages import TICK_TOPIC, instant, stamp
from devices.replay import Replay
from kg.terms import describe, iri
from ontology.names import FC, QUDT, RDF, UNIT
from registry import comfort
from service import Platform

pytestmark = pytest.mark.journey
DAY = timedelta(days=1)
BEGIN = datetime.fromisoformat("2016-08-01T07:00:00+00:00")


def series() -> Replay:
    """Three cold days without sun."""
    import numpy as np

    steps = 3 * 96
    level = {"air_temperature_c": 5.0, "direct_w_m2": 0.0, "diffuse_w_m2": 0.0, "price_eur_per_kwh": 0.2}
    weather = {name: np.full(steps, value) for name, value in level.items()}
    return Replay(start=BEGIN, load_kw=np.full((1, steps), 0.5), pv_kw_per_kw=np.zeros((1, steps)), **weather)


class Clock:
    """Set by hand."""

    at = BEGIN

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def platform(tmp_path: Path, clock: Clock):
    given = settings.load({"FLEX_DATA_DIR": str(tmp_path / "var"), "FLEX_BROKER_PORT": "0"})
    made = Platform(given, clock)
    yield made
    made.close()


def facts(platform: Platform) -> None:
    iris = platform.iris
    graph, member, site, room = (
        iris.graph("member", "h01", "facts"),
        iris.id("member", "h01"),
        iris.id("site", "h01"),
        iris.id("zone", "h01-living"),
    )
    band = {str(FC.minimum): Decimal(21), str(FC.maximum): Decimal(26), str(QUDT.hasUnit): UNIT.DEG_C}
    owned = {str(FC.ownedBy): iri(member)}
    platform.store.apply(
        insert=[
            *describe(graph, site, {str(RDF.type): FC.Site, str(FC.timeZone): "America/Los_Angeles", **owned}),
            *describe(graph, room, {str(RDF.type): FC.ThermalZone, str(FC.locatedAt): iri(site)}),
            *describe(graph, iris.id("osb", "h01"), {str(FC.claimedBy): iri(member), str(FC.locatedAt): iri(site)}),
            *describe(
                graph,
                iris.id("comfort", "h01"),
                {str(RDF.type): FC.ComfortProfile, str(FC.forProperty): iri(f"{room}#airTemperature"), **band, **owned},
            ),
        ]
    )


def test_a_change_of_comfort_reaches_the_home_and_is_kept_by_it(platform: Platform, clock: Clock, tmp_path: Path) -> None:
    facts(platform)
    _, port = platform.connect()
    series().write(tmp_path / "series.npz")
    home = config.Home(key="h01", osb="osb-h01", source=0, heat_pump=config.HeatPump(5.0))
    config.dump(
        config.Neighbourhood(
            platform.iris.base, tmp_path / "boxes.sqlite", tmp_path / "series.npz", config.Broker(port=port), homes=(home,)
        ),
        tmp_path / "homes.json",
    )
    child = start([sys.executable, "-m", "devices.neighbourhood", "--config", tmp_path / "homes.json"])
    try:
        until = time.monotonic() + PATIENCE_S
        while not platform.store.graph(platform.iris.graph("member", "h01", "osb", "h01")):
            assert time.monotonic() < until, "the box did not announce itself"
            time.sleep(0.05)
        before = rooms_of_day(platform, clock, 0)
        (profile,) = comfort.profiles(platform.store, platform.iris, platform.iris.id("member", "h01"))
        night = comfort.Band(frozenset(range(7)), datetime.min.time(), datetime.min.time().replace(hour=6), Decimal(17), Decimal(18))
        delta = comfort.change(platform.store, profile, minimum=Decimal(19), maximum=Decimal(21), bands=[night])
        platform.gate.apply(delta, by="h01", why="a cooler home")
        after = rooms_of_day(platform, clock, 1)
    finally:
        child.stop()

    assert before == pytest.approx([23.5] * 96, abs=0.01)
    # 00:00 to 06:00 in Los Angeles are the first 24 quarter-hours of these days
    assert after[24:48][-1] == pytest.approx(20.0, abs=0.01)
    assert after[48:] == pytest.approx([20.0] * 48, abs=0.01)
    assert min(after[:24]) < 21.0  # on its way to the night's band, by itself


def rooms_of_day(platform: Platform, clock: Clock, day: int) -> list[float]:
    begin = BEGIN + day * DAY
    clock.at = begin + DAY
    platform.publish(TICK_TOPIC, {"tick": day, "from": instant(begin), "to": instant(begin + DAY)})
    assert platform.wait_for([platform.iris.id("message", "osb-h01", stamp(begin + DAY))], PATIENCE_S) == []
    channel = platform.iris.id("zone", "h01-living#airTemperature")
    return [float(value) for value in platform.readings.frame([channel], begin, begin + DAY)[channel]]
