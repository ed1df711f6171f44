"""Retention and rebuild: what is left, what it says of itself, and that neither a stop nor a kill breaks anything."""

import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import servers
from pyoxigraph import NamedNode, Quad
from telemetry_home import DEG_C, KW, QUARTER, Home, channel_quads, furnish, one, quads
from telemetry_retention import DAYS, FIRST, IRIS, NOW, POLICY

from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.iris import Iris
from kg.remote import RemoteStore
from kg.terms import Json
from mappers.records import Series
from ontology.names import FC, FCV, UNIT
from telemetry import Channels, Readings, ReadingWriter, TelemetryError
from telemetry.jobs import JobStoppedError, Progress, read
from telemetry.rebuild import rebuild
from telemetry.retention import Policy, retain

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
Store = EmbeddedStore | RemoteStore
ANY = {"oxigraph": servers.oxigraph, "fuseki": servers.fuseki}


@pytest.fixture(params=["embedded", *ANY])
def any_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "embedded":
        with closing(EmbeddedStore()) as store:
            yield store
        return
    address = ANY[request.param]()
    with closing(RemoteStore(address.query_url, address.update_url, address.gsp_url)) as remote:
        remote.update("DROP ALL")
        yield remote


class Fine:
    """Channels of a minute beside the ordinary ones, and what writes and reads them."""

    def __init__(self, store: Store, iris: Iris, home: Home) -> None:
        self.power = iris.id("device", "h01-ev") + "#activePower"
        self.energy = iris.id("device", "h01-ev") + "#activeEnergy"
        self.charge = iris.id("device", "h01-ev") + "#stateOfCharge"
        self.register = iris.id("connection", "h01") + "#importedEnergy"
        kinds = {
            self.power: ("ActivePower", KW),
            self.energy: ("ActiveEnergy", str(UNIT["KiloW-HR"])),
            self.charge: ("StateOfCharge", str(UNIT.PERCENT)),
            self.register: ("EnergyRegister", str(UNIT["KiloW-HR"])),
        }
        furnish(store, iris, home)
        for channel, (kind, unit) in kinds.items():
            described = channel_quads(iris, channel, kind=kind, unit=unit, step=MINUTE)
            store.apply(insert=[quad for quad in described if quad.predicate.value not in (str(FC.minimum), str(FC.maximum))])
        self.units = {channel: unit for channel, (_, unit) in kinds.items()}
        self.store, self.iris = store, iris
        self.channels = Channels(store, iris)
        self.writer = ReadingWriter(store, iris, self.channels)
        self.readings = Readings(store, iris, self.channels)

    def write(self, channel: str, values: list[str | None], start: datetime = MIDNIGHT) -> None:
        step = self.channels.known(channel).step
        self.writer.write([Series(channel, start, step, tuple(values), self.units.get(channel, KW))], received=start + 2 * DAY)

    def retain(self, folder: Path, policy: Policy | None = None, **more: object) -> dict[str, object]:
        chosen = policy or Policy(fine_days=30)
        return retain(self.store, self.iris, self.channels, self.writer, chosen, folder, now=NOW, **more)  # type: ignore[arg-type]


def test_a_day_of_minutes_becomes_a_day_of_quarter_hours(any_store: Store, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(any_store, iris, home)
    fine.write(fine.power, [str(n % 15) for n in range(1440)])  # mean 7 in every quarter
    fine.write(fine.energy, ["0.1"] * 1440)
    fine.write(fine.charge, [str(n % 100) for n in range(1440)])
    fine.write(fine.register, [f"{n / 8:.3f}" for n in range(1440)])
    before = {channel: fine.readings.energy(channel, MIDNIGHT, MIDNIGHT + DAY).kwh for channel in (fine.power, fine.energy)}
    hours = fine.readings.frame([*fine.units], MIDNIGHT, MIDNIGHT + DAY, HOUR).to_numpy()
    counter = fine.readings.energy(fine.register, MIDNIGHT, MIDNIGHT + DAY - QUARTER)

    done = fine.retain(tmp_path)

    assert done["counts"]["days_thinned"] == 4  # type: ignore[index]
    assert Fine(any_store, iris, home).retain(tmp_path)["counts"].get("days_thinned") is None  # type: ignore[attr-defined]
    quarters = fine.readings.frame([*fine.units], MIDNIGHT, MIDNIGHT + DAY, QUARTER).to_numpy()
    assert quarters[3].tolist() == [7.0, pytest.approx(1.5), 59.0, 45 / 8]  # the fourth quarter-hour, from minute 45 to 59
    assert fine.readings.frame([*fine.units], MIDNIGHT, MIDNIGHT + DAY, HOUR).to_numpy() == pytest.approx(hours)
    for channel, kwh in before.items():
        assert fine.readings.energies([channel], MIDNIGHT, MIDNIGHT + DAY, QUARTER)[channel].sum() == pytest.approx(kwh)
    after = fine.readings.energy(fine.register, MIDNIGHT, MIDNIGHT + DAY - QUARTER)
    assert after.kwh == pytest.approx(counter.kwh)


def test_what_is_shown_at_a_minute_was_read_at_that_minute(store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.power, ["3"] * 1440)
    fine.write(fine.register, [str(n) for n in range(1440)])
    fine.write(fine.power, ["5"] * 1440, MIDNIGHT + 40 * DAY)  # young enough to stay
    fine.retain(tmp_path)

    minutes = fine.readings.frame([fine.power, fine.register], MIDNIGHT, MIDNIGHT + HOUR)
    shifted = fine.readings.frame([fine.power], MIDNIGHT + 5 * MINUTE, MIDNIGHT + 35 * MINUTE, QUARTER)

    assert minutes[fine.power].isna().all()
    assert list(minutes[fine.register].dropna()) == [0, 15, 30, 45]
    assert shifted[fine.power].isna().all()  # 00:05–00:20 is not known any more
    assert (fine.readings.frame([fine.power], MIDNIGHT + 40 * DAY, MIDNIGHT + 41 * DAY)[fine.power] == 5).all()


def test_a_thinned_day_says_where_it_comes_from_and_takes_no_more_minutes(
    store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path
) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.power, ["1"] * 1440)
    (used,) = fine.readings.used([fine.power], MIDNIGHT, MIDNIGHT + DAY)
    fine.retain(tmp_path)

    (now,) = fine.readings.used([fine.power], MIDNIGHT, MIDNIGHT + DAY)
    assert (used.revision, now.revision) == (1, 2)
    assert used.digest != now.digest
    said = quads(store)
    assert any(used.digest in line and f"{used.iri}#r1" in line for line in said)
    assert any(f"<{used.iri}> <http://www.w3.org/ns/prov#wasGeneratedBy>" in line for line in said)

    outcome = fine.writer.write([Series(fine.power, MIDNIGHT + MINUTE, None, ("9",), KW)], received=NOW)
    assert outcome.accepted == 0
    assert "is kept at PT15M only" in outcome.refused[0].sentence
    assert fine.readings.used([fine.power], MIDNIGHT, MIDNIGHT + DAY) == [now]


def test_half_a_quarter_hour_is_flagged_and_less_is_missing(store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.power, [*["4"] * 8, *[None] * 7, *["4"] * 7, *[None] * 8, *[None] * 15, *["0.1", "0.2"] * 8][:60])
    fine.retain(tmp_path)

    values = fine.readings.frame([fine.power], MIDNIGHT, MIDNIGHT + HOUR, QUARTER)[fine.power]
    flags = fine.readings.flags(fine.power, MIDNIGHT, MIDNIGHT + HOUR)

    assert values.iloc[0] == 4.0
    assert np.isnan(values.iloc[1])
    assert np.isnan(values.iloc[2])
    assert values.iloc[3] == float(round(Decimal("2.2") / 15, 4))
    partial = [((at - MIDNIGHT) // QUARTER, flag.comment[:7]) for at, flag in flags if flag.reason == str(FCV.PartialInterval)]
    assert partial == [(0, "8 of it"), (1, "7 of it")]


def test_flags_are_folded_into_the_longer_slots(store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.power, ["1"] * 1440)
    for minute in (3, 4, 20):
        fine.writer.write([Series(fine.power, MIDNIGHT + minute * MINUTE, None, ("2",), KW)], received=MIDNIGHT + 3 * DAY)
    fine.retain(tmp_path)

    flags = fine.readings.flags(fine.power, MIDNIGHT, MIDNIGHT + DAY)

    superseded = [(flag.offset, "one of 2" in flag.comment) for _, flag in flags if flag.reason == str(FCV.Superseded)]
    assert superseded == [(0, True), (900, False)]


def test_old_months_are_dropped_whole_and_old_days_of_a_month_with_all_that_is_said_of_them(
    any_store: Store, iris: Iris, home: Home, tmp_path: Path
) -> None:
    fine = Fine(any_store, iris, home)
    for day in (date(2016, 7, 10), date(2016, 8, 3), date(2016, 8, 20)):
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        fine.write(home.power, ["1", "99"], at)  # left open; 99 kW is out of range
        fine.writer.close_days(day + DAY)
        fine.writer.write([one(home.power, at, 2)], received=at + 3 * DAY)  # a correction: superseded, and a revision
    fine.writer.write([one(home.zone, MIDNIGHT, 20, DEG_C)], received=MIDNIGHT)

    done = fine.retain(tmp_path, Policy(fine_days=None, kept_days=50))  # 30 September − 50 days = 11 August

    assert done["counts"] == {"graphs_dropped": 1, "graphs_cut": 1}
    months = [graph for graph in any_store.graphs() if "/telemetry/" in graph]
    assert months == [iris.graph("member", "h01", "telemetry", "2016-08")]
    left = {str(triple.subject).split("/activePower/")[-1][:8] for triple in any_store.graph(months[0]) if "series" in str(triple.subject)}
    assert {each for each in left if each.isdigit()} == {"20160820"}
    assert fine.readings.days(home.power, datetime(2016, 7, 1, tzinfo=UTC), NOW) == [iris.day(home.power, date(2016, 8, 20))]


def test_it_stops_when_it_is_told_and_goes_on_from_there(store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(store, iris, home)
    for month in (4, 5, 6, 7):
        fine.write(fine.power, ["1"] * 1440, datetime(2016, month, 5, tzinfo=UTC))
    told: list[Progress] = []

    with pytest.raises(JobStoppedError, match=r"retain was stopped in thin after 2 of 4; start it again, and it goes on from there"):
        fine.retain(tmp_path, report=told.append, stop=lambda: bool(told) and told[-1].phase == "thin" and told[-1].done == 2)
    record = read(tmp_path, "retain")
    assert record is not None
    assert (record.ended, record.phase, record.after[-7:], record.counts["days_thinned"]) == ("", "thin", "2016-05", 2)

    again: list[Progress] = []
    done = fine.retain(tmp_path, report=again.append)

    assert done["counts"]["days_thinned"] == 4  # type: ignore[index]
    assert done["ended"]
    assert json.loads((tmp_path / "retain.json").read_text()) == done
    assert [(each.done, each.total) for each in again if each.phase == "thin"] == [(n, 4) for n in range(4)]


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"fine_days": 1}, "fine_days=1 would take away days that are still being written"),
        ({"kept_days": 0}, "keep readings for 2 days or more"),
        ({"thinned_to": timedelta(minutes=7)}, "does not divide a day"),
    ],
)
def test_a_policy_that_would_do_harm_is_refused(policy: dict[str, object], sentence: str) -> None:
    with pytest.raises(TelemetryError, match=sentence):
        Policy(**policy)  # type: ignore[arg-type]


# --- rebuild and kills ------------------------------------------------------------------------------------------------------------------


def test_a_rebuild_changes_nothing_and_gives_room_back(tmp_path: Path, iris: Iris) -> None:
    with closing(EmbeddedStore(tmp_path / "store")) as store:
        for n in range(30):  # long literals that nobody needs any more stay in the dictionary
            store.replace_graph(iris.graph("registry"), [q.triple for q in _long(iris, n)])
        before = quads(store)
        told: list[Progress] = []

        done = rebuild(store, tmp_path / "jobs", now=NOW, report=told.append)

        assert quads(store) == before
        assert done["counts"]["bytes_after"] < done["counts"]["bytes_before"] / 2
        assert {each.phase for each in told} <= {"dump", "load"}
        store.update("INSERT DATA { GRAPH <urn:g> { <urn:s> <urn:p> 1 } }")
        assert store.count() == len(before) + 1


def _long(iris: Iris, n: int) -> list[object]:
    from kg.terms import describe

    return describe(iris.graph("registry"), iris.id("site", "a"), {FC["values"]: [Json(f"[{n},{k}{',1' * 20000}]") for k in range(5)]})  # type: ignore[return-value]


def test_a_rebuild_that_is_stopped_leaves_everything_as_it_was(tmp_path: Path, iris: Iris) -> None:
    with closing(EmbeddedStore(tmp_path / "store")) as store:
        store.replace_graph(iris.graph("registry"), [q.triple for q in _long(iris, 1)])  # type: ignore[attr-defined]
        before = quads(store)

        with pytest.raises(JobStoppedError, match="rebuild was stopped in dump"):
            rebuild(store, tmp_path / "jobs", now=NOW, stop=lambda: True)

        assert quads(store) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs", "store"]


def test_fuseki_compacts_itself(iris: Iris, home: Home, tmp_path: Path) -> None:
    address = servers.fuseki()
    with closing(RemoteStore(address.query_url, address.update_url, address.gsp_url)) as remote:
        remote.update("DROP ALL")
        furnish(remote, iris, home)
        before = quads(remote)

        assert rebuild(remote, tmp_path, now=NOW)["ended"]
        assert quads(remote) == before


def test_another_server_is_told_apart(tmp_path: Path) -> None:
    address = servers.oxigraph()
    with (
        closing(RemoteStore(address.query_url, address.update_url, address.gsp_url)) as remote,
        pytest.raises(StoreError, match="other servers by their own commands"),
    ):
        rebuild(remote, tmp_path, now=NOW)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store on disk with minutes of 24 days of four channels, some left open."""
    folder = tmp_path_factory.mktemp("prepared") / "store"
    home = Home(*(IRIS.id("device", name) + "#activePower" for name in ("a", "b", "c", "d", "e")))
    with closing(EmbeddedStore(folder)) as store:
        for channel in (home.power, home.battery, home.soc, home.zone):
            store.apply(insert=channel_quads(IRIS, channel, step=MINUTE))
        channels = Channels(store, IRIS)
        writer = ReadingWriter(store, IRIS, channels)
        for number in range(DAYS):
            at = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + number * DAY
            values = tuple(str((n * 7 + number) % 20) for n in range(1440 if number % 5 else 300))
            writer.write(
                [Series(c, at, MINUTE, values, KW) for c in (home.power, home.battery, home.soc, home.zone)], received=at + 2 * DAY
            )
    return folder


def finished(store: Path, jobs: Path, job: str, delay: Callable[[], float] | None) -> bool:
    """Run a job in a process of its own, killed after a while; tells whether it came to its end."""
    script = Path(__file__).with_name("telemetry_retention.py")
    child = servers.start([sys.executable, script, job, store, jobs], env={"PYTHONPATH": str(servers.ROOT)})
    child.wait_until(lambda: "open" in child.output)
    until = time.monotonic() + (60 if delay is None else delay())
    while child.process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    done = "done" in child.output
    child.kill()
    return done


def content(store: Path) -> set[str]:
    with closing(EmbeddedStore(store)) as opened:
        return quads(opened)


def test_a_killed_retention_comes_to_the_same_end(prepared: Path, tmp_path: Path) -> None:
    rng = random.Random(5)  # noqa: S311 - moments of kills
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    shutil.copytree(prepared, whole)
    shutil.copytree(prepared, killed)
    assert finished(whole, tmp_path / "a", "retain", None)

    kills = 0
    while not finished(killed, tmp_path / "b", "retain", lambda: rng.uniform(0.01, 0.03) * (kills + 1)):  # noqa: B023 - asked at once
        kills += 1
        assert kills < 100
        with closing(EmbeddedStore(killed)) as store:
            each = Readings(store, IRIS, Channels(store, IRIS))
            channel = IRIS.id("device", "a") + "#activePower"
            hours = each.frame([channel], NOW - 55 * DAY, NOW - 32 * DAY, HOUR)[channel]
            assert hours.dropna().between(0, 20).all()

    assert kills > 2
    assert content(killed) == content(whole)
    assert POLICY.kept_days == 60


def test_a_killed_rebuild_leaves_the_store_as_it_was(prepared: Path, tmp_path: Path) -> None:
    rng = random.Random(6)  # noqa: S311 - moments of kills
    store = tmp_path / "store"
    shutil.copytree(prepared, store)
    before = content(store)

    kills = 0
    for turn in range(8):
        kills += not finished(store, tmp_path / "jobs", "rebuild", lambda: rng.uniform(0.0, 0.02) * turn)  # noqa: B023 - asked at once
        assert content(store) == before
    assert kills > 2
    assert finished(store, tmp_path / "jobs", "rebuild", None)
    assert content(store) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs", "store"]


def test_what_is_thinned_keeps_its_energy_but_not_where_the_window_cuts_it(
    store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path
) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.power, [str(n % 15) for n in range(1440)])  # mean 7 in every quarter: 168 kWh
    fine.write(fine.energy, ["0.1"] * 1440)
    local = ZoneInfo("Etc/GMT")
    fine.retain(tmp_path)

    day = fine.readings.energy(fine.power, MIDNIGHT, MIDNIGHT + DAY)
    assert (day.kwh, day.count, day.expected, day.complete) == (pytest.approx(168.0), 1440, 1440, True)
    assert fine.readings.energy(fine.energy, MIDNIGHT, MIDNIGHT + DAY).kwh == pytest.approx(144.0)
    cut = fine.readings.energy(fine.power, MIDNIGHT + 5 * MINUTE, MIDNIGHT + 35 * MINUTE)
    assert (cut.kwh, cut.count, cut.expected) == (pytest.approx(7 / 4), 15, 30)  # of 00:05–00:35 only 00:15–00:30 is known
    assert fine.readings.gaps([fine.power, fine.energy], MIDNIGHT, MIDNIGHT + DAY) == []
    figures = fine.readings.local_days([fine.power], MIDNIGHT.date(), MIDNIGHT.date(), local)
    assert (figures.values.iloc[0, 0], figures.energy.iloc[0, 0], figures.counts.iloc[0, 0]) == (7.0, pytest.approx(168.0), 1440)


def test_hours_that_a_local_midnight_cuts_belong_to_neither_day(store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.power, ["2"] * 2880)
    fine.retain(tmp_path, Policy(fine_days=30, thinned_to=HOUR))

    day = fine.readings.local_days([fine.power], date(2016, 8, 13), date(2016, 8, 13), ZoneInfo("Asia/Kolkata"))  # 18:30Z to 18:30Z

    assert (day.counts.iloc[0, 0], day.expected.iloc[0, 0], day.energy.iloc[0, 0]) == (23 * 60, 1440, pytest.approx(46.0))


def test_a_counter_that_nobody_describes_any_more_is_not_averaged(store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.register, [str(100 + n) for n in range(1440)])
    fine.write(fine.power, ["1"] * 1440)
    graph = NamedNode(iris.graph("member", "h01", "osb", "h01"))
    said = [Quad(t.subject, t.predicate, t.object, graph) for t in store.graph(graph.value) if t.subject == NamedNode(fine.register)]
    store.apply(delete=said)
    channels = Channels(store, iris)  # as after a start
    done = retain(store, iris, channels, ReadingWriter(store, iris, channels), Policy(fine_days=30), tmp_path, now=NOW)

    assert done["counts"] == {"packed": 0, "days_thinned": 1, "days_of_unknown_kind": 1}
    kept = Readings(store, iris, channels).frame([fine.register], MIDNIGHT, MIDNIGHT + DAY)
    assert kept[fine.register].tolist() == [100.0 + n for n in range(1440)]


def test_a_run_that_has_the_name_of_a_folded_flag_stays(store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path) -> None:
    fine = Fine(store, iris, home)
    fine.write(fine.power, [None if 15 <= n < 22 else "1" for n in range(1440)])
    late = MIDNIGHT + 3 * DAY
    fine.writer.write([Series(fine.power, MIDNIGHT + 15 * MINUTE, MINUTE, ("1",) * 5, KW)], received=late)
    fine.writer.write([Series(fine.power, MIDNIGHT + 21 * MINUTE, None, ("1",), KW)], received=late + DAY)
    fine.retain(tmp_path)

    flags = fine.readings.flags(fine.power, MIDNIGHT, MIDNIGHT + DAY)

    assert [(flag.offset, flag.end) for _, flag in flags if flag.reason == str(FCV.LateArrival)] == [(900, 1200), (900, None)]
