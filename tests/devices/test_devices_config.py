"""The configuration file: what is written is read back, what doesn't fit is named."""

import json
from pathlib import Path

import pytest
from devices_fixtures import QUARTER, START, home, replay

from devices import config
from devices.config import ConfigError
from devices.replay import Replay, ReplayError


def neighbourhood(folder: Path) -> config.Neighbourhood:
    return config.Neighbourhood(
        base="http://127.0.0.1:8080",
        state=folder / "boxes.sqlite",
        series=folder / "series.npz",
        homes=(home(), config.Home("h02", "osb-h02", 1)),
        feed=config.Feed(),
        behaviour=config.Behaviour((config.OptOut("h02", 30),)),
        spread_from="PT1H",
    )


def test_a_written_configuration_reads_back_equal(tmp_path: Path) -> None:
    written = neighbourhood(tmp_path)

    config.dump(written, tmp_path / "homes.json")

    assert config.load(tmp_path / "homes.json") == written


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "homes.json").write_text('{"base": "http://b", "state": "a.sqlite", "series": "s.npz"}')

    assert config.load(tmp_path / "homes.json").state == tmp_path / "a.sqlite"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"homs": []}, "homs is no setting of Neighbourhood: did you mean homes?"),
        (
            {"homes": [{"key": "h01", "osb": "a", "source": 0, "pv": {"rated_kw": "4"}}]},
            'homes[0].pv.rated_kw is "4", where a float is expected; correct the value',
        ),
        ({"homes": [{"key": "h01", "osb": "a"}]}, "homes[0].source is missing, and Home can't do without; add it"),
        (
            {"homes": [{"key": "h01", "osb": "a", "source": 0, "time_zone": "Mars"}]},
            "home h01 has the time zone 'Mars', which isn't an IANA zone; write one like Europe/Madrid",
        ),
        ({"homes": {}}, "homes is {}, where a list is expected; write […]"),
        ({"broker": 7}, "broker is 7, where an object is expected; write {…}"),
        ({"base": "http://b/"}, "base is 'http://b/' and ends in a slash, which would double in every IRI; leave the last slash out"),
        (
            {"homes": [{"key": k, "osb": "a", "source": 0} for k in "ab"]},
            "the box identifiers ['a'] are used twice: each would throw the other off the broker; give every home its own",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    given = {"base": "http://b", "state": "a.sqlite", "series": "s.npz"} | change
    (tmp_path / "homes.json").write_text(json.dumps(given))

    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path / "homes.json")

    assert str(refused.value) == sentence


def test_impossible_devices_are_refused() -> None:
    with pytest.raises(ConfigError, match="capacity_kwh is 0; it must be above zero"):
        config.Battery(0, 5)
    with pytest.raises(ConfigError, match="it must lie between 0 and 1"):
        config.Battery(5, 5, round_trip_efficiency=1.2)
    with pytest.raises(ConfigError, match="the set point must lie in the band"):
        config.HeatPump(2.0, set_point_c=30.0)


def test_replayed_series_survive_the_file(tmp_path: Path) -> None:
    written = replay()

    written.write(tmp_path / "series.npz")
    read = Replay.read(tmp_path / "series.npz")

    assert read.start == START
    assert (read.load_kw == written.load_kw).all()
    assert read.index(START + 5 * QUARTER) == 5


@pytest.mark.parametrize("at", [START - QUARTER, START + 4 * 96 * QUARTER])
def test_a_moment_outside_the_series_is_refused(at) -> None:
    with pytest.raises(ReplayError, match="is outside the replayed series, which goes from 2016-08-01T07:00:00"):
        replay().index(at)


def test_a_file_that_is_no_series_is_refused(tmp_path: Path) -> None:
    (tmp_path / "series.npz").write_bytes(b"x")

    with pytest.raises(ReplayError, match="it needs the arrays start_s, load_kw"):
        Replay.read(tmp_path / "series.npz")
