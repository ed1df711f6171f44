"""Files of readings: the quick way and the strict way give the same graph, and what is refused is named and kept."""

import io
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_home import DEG_C, KW, QUARTER, RECEIVED, Home, channel_quads, furnish, quads

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from mappers import csv
from mappers.csvfile import CsvFile
from mappers.errors import MappingError
from mappers.records import Refusal, Series
from ontology.names import FC
from telemetry import Channels, DeadLetters, Readings, ReadingWriter, bulk, days
from telemetry.load import Loaded, Loader

AT = datetime(2016, 8, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:8080"
HEADER = "channel,timestamp,value,unit"
ARRAYS = f"SELECT ?d ?v {{ GRAPH ?g {{ ?d <{FC['values']}> ?v }} }} ORDER BY ?d"

Load = Callable[..., Loaded]


@pytest.fixture
def letters(tmp_path: Path):
    made = DeadLetters(tmp_path / "refused.sqlite")
    yield made
    made.close()


@pytest.fixture
def load(store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, letters: DeadLetters, tmp_path: Path) -> Load:
    """Load rows from a CSV file."""
    loader = Loader(store, iris, channels, writer, letters)

    def run(*lines: str, header: str = HEADER, name: str = "history.csv", **more) -> Loaded:
        path = tmp_path / name
        path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
        return loader.load(path, received=RECEIVED, **more)

    return run


@pytest.fixture
def load_table(store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, letters: DeadLetters, tmp_path: Path) -> Load:
    """Load a Parquet file."""
    loader = Loader(store, iris, channels, writer, letters)

    def run(table: pa.Table, **more) -> Loaded:
        pq.write_table(table, tmp_path / "history.parquet")
        return loader.load(tmp_path / "history.parquet", received=RECEIVED, **more)

    return run


def table(channel: str, values: pa.Array, *, start: datetime = AT, unit: str = KW, resolution: str = "us") -> pa.Table:
    times = [start + n * QUARTER for n in range(len(values))]
    return pa.table(
        {
            "channel": [channel] * len(values),
            "timestamp": pa.array(times, pa.timestamp(resolution, "UTC")),
            "value": values,
            "unit": [unit] * len(values),
        }
    )


def day_of(
    value: Callable[[int], object], *, day: int = 12, channel: str = "connection/h01#activePower", unit: str = "unit:KiloW"
) -> list[str]:
    return [f"{channel},2016-08-{day}T{n // 4:02d}:{n % 4 * 15:02d}:00Z,{value(n)},{unit}" for n in range(96)]


def arrays(store: EmbeddedStore) -> dict[str, str]:
    return {row["d"].value: row["v"].value for row in store.select(ARRAYS)}


def test_a_file_loads_its_days_packed_and_names_what_it_refused(load: Load, store: EmbeddedStore, readings: Readings, home: Home) -> None:
    bad = ["connection/h01#activePower,2016-08-13T00:00:00,1,unit:KiloW", "connection/h01#nonsense,2016-08-13T00:00:00Z,1,unit:KiloW"]
    told: list[Loaded] = []

    loaded = load(*day_of(lambda n: n / 8), *bad, progress=told.append)

    assert (loaded.accepted, loaded.refused, len(loaded.sentences)) == (96, 2, 2)
    assert told[-1].share == 1.0
    assert "row 98" in loaded.sentences[0]
    assert "2016-08-13T00:00:00" in loaded.sentences[0]
    assert "any OSB has described" in loaded.sentences[1]
    assert len(arrays(store)) == 1
    assert readings.energy(home.power, AT, AT.replace(day=13)).kwh == pytest.approx(sum(n / 8 for n in range(96)) / 4)


def test_a_file_loaded_twice_adds_nothing(load: Load, store: EmbeddedStore) -> None:
    lines = [*day_of(lambda n: n % 20), *day_of(lambda n: n % 20, day=13)[:4]]
    load(*lines)
    first = quads(store)

    again = load(*lines)

    assert (again.accepted, again.duplicates) == (0, 100)
    assert quads(store) == first


def test_numbers_of_a_csv_file_are_kept_as_they_are_written(load: Load, store: EmbeddedStore) -> None:
    spelt = {0: "1.50", 1: "2.0", 2: "-0.0", 3: "1e-3", 4: "+4", 5: "0.123456789012345678", 6: " 7 ", 7: ""}

    loaded = load(*day_of(lambda n: spelt.get(n, "1")))

    assert (loaded.accepted, loaded.refused) == (95, 0)
    (array,) = arrays(store).values()
    assert array.startswith("[1.5,2,0,0.001,4,0.123456789012345678,7,null,1,")


def test_floats_of_a_parquet_file_are_spelt_shortest_and_without_exponent(load_table: Load, store: EmbeddedStore, home: Home) -> None:
    values = [0.1, 2.0, -0.0, 1e-7, 1 / 3, 1e-17, 24.999999999999996, *[1.0] * 89]

    loaded = load_table(table(home.power, pa.array(values)))

    assert (loaded.accepted, loaded.refused, loaded.flagged) == (96, 0, 0)
    (array,) = arrays(store).values()
    assert array[1:-1].split(",")[:7] == ["0.1", "2", "0", "0.0000001", "0.3333333333333333", "0.00000000000000001", "24.999999999999996"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([Decimal("1.2500"), Decimal("-0.0100"), None, Decimal("10.0000")] * 24, pa.decimal128(12, 4)),
        pa.array(["1.25", "-0.01", None, "10"] * 24),
        pa.array([1.25, -0.01, None, 10.0] * 24, pa.float32()),
        pa.array([1.25, -0.01, None, 10.0] * 24, pa.float64()),
    ],
    ids=lambda values: str(values.type),
)
def test_every_type_of_number_gives_the_same_array(values: pa.Array, load_table: Load, store: EmbeddedStore, home: Home) -> None:
    loaded = load_table(table(home.power, values))

    assert (loaded.accepted, loaded.refused) == (72, 0)
    assert list(arrays(store).values()) == [f"[{','.join(['1.25', '-0.01', 'null', '10'] * 24)}]"]


def test_garbage_in_a_parquet_file_never_becomes_a_number(load_table: Load, store: EmbeddedStore, home: Home, letters: DeadLetters) -> None:
    values = pa.array([1.0, float("nan"), float("inf"), -1.0] * 24)

    loaded = load_table(table(home.power, values))

    assert (loaded.accepted, loaded.refused) == (48, 48)
    assert "row 2: 'nan' is not a number" in loaded.sentences[0]
    (letter,) = letters.list()
    assert letter.payload.decode().splitlines()[:2] == [HEADER, f"{home.power},2016-08-12T00:15:00Z,nan,{KW}"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"timestamp": pa.array([AT.replace(tzinfo=None)] * 2, pa.timestamp("us"))}, "with a zone"),
        ({"value": pa.array([True, False])}, "isn't a number"),
        ({"colour": pa.array(["red", "green"])}, "aren't those of readings"),
        ({"channel": pa.array([1, 2])}, "isn't a text"),
    ],
)
def test_a_table_of_another_kind_is_refused_whole(wrong: dict[str, pa.Array], sentence: str, load_table: Load, home: Home) -> None:
    good = {name: column for name, column in zip(HEADER.split(","), table(home.power, pa.array([1.0, 2.0])).columns, strict=True)}

    with pytest.raises(MappingError, match=sentence):
        load_table(pa.table(good | wrong))


def test_a_file_that_is_no_parquet_says_so(load: Load) -> None:
    with pytest.raises(MappingError, match="can't be read as Parquet"):
        load("a,b", name="history.parquet")


def test_nanoseconds_off_the_grid_are_refused(load_table: Load, home: Home) -> None:
    given = table(home.power, pa.array([1.0, 2.0, 3.0]), resolution="ns")
    times = given.column("timestamp").cast(pa.int64()).to_pylist()
    given = given.set_column(1, "timestamp", pa.array([times[0] + 1, *times[1:]], pa.timestamp("ns", "UTC")))

    loaded = load_table(given)

    assert (loaded.accepted, loaded.refused) == (2, 1)
    assert "finer than a microsecond" in loaded.sentences[0]


def test_doubtful_readings_are_flagged_as_those_of_a_message_are(load: Load, store: EmbeddedStore, readings: Readings, home: Home) -> None:
    loaded = load(*day_of(lambda n: 99 if n == 40 else 1))

    assert (loaded.accepted, loaded.flagged) == (96, 1)
    ((at, flag),) = readings.flags(home.power, AT, AT + timedelta(days=1))
    assert (at, flag.reason.rsplit("/", 1)[-1]) == (AT + 40 * QUARTER, "OutOfRange")
    assert len(arrays(store)) == 1


def test_another_unit_is_converted(load: Load, store: EmbeddedStore) -> None:
    assert load(*day_of(lambda n: 1500, unit="unit:W")).accepted == 96
    assert set(arrays(store).popitem()[1][1:-1].split(",")) == {"1.5"}


def test_hourly_values_are_no_quarter_hours(load: Load) -> None:
    loaded = load(*[f"connection/h01#activePower,2016-08-12T{hour:02d}:00:00Z,1,unit:KiloW" for hour in range(24)])

    assert (loaded.accepted, loaded.refused) == (0, 1)
    assert "PT1H is not the step of the channel" in loaded.sentences[0]


def test_a_later_row_for_the_same_time_supersedes(load: Load, readings: Readings, home: Home) -> None:
    loaded = load(*day_of(lambda n: 1), "connection/h01#activePower,2016-08-12T01:00:00Z,2,unit:KiloW")

    assert loaded.superseded == 1
    assert readings.frame([home.power], AT, AT + timedelta(hours=2)).iloc[4, 0] == 2.0


def test_today_stays_open(store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, tmp_path: Path) -> None:
    (tmp_path / "today.csv").write_text("\n".join([HEADER, *day_of(lambda n: 1)[:40]]) + "\n")

    loaded = Loader(store, iris, channels, writer).load(tmp_path / "today.csv", received=AT + timedelta(hours=10))

    assert (loaded.accepted, arrays(store)) == (40, {})


def test_days_with_gaps_are_packed_with_their_gaps(load: Load, store: EmbeddedStore) -> None:
    loaded = load(*[line for n, line in enumerate(day_of(lambda n: n % 20)) if n not in (10, 11, 95)], *day_of(lambda n: 1, day=13)[:8])

    assert (loaded.accepted, loaded.flagged) == (101, 0)
    first, second = arrays(store).values()
    assert first.split(",")[9:13] == ["9", "null", "null", "12"]
    assert second.count("null") == 88


def test_latest_value_is_known_after_a_load(load: Load, readings: Readings, home: Home) -> None:
    load(*day_of(lambda n: n % 20), *day_of(lambda n: n / 2 if n < 48 else "", day=13))

    assert readings.latest([home.power])[home.power] == (AT + timedelta(days=1, hours=11, minutes=45), 23.5)


def test_refused_rows_are_kept_as_a_file_that_can_be_mended(load: Load, letters: DeadLetters) -> None:
    loaded = load(
        "connection/h01#activePower,2016-08-12T00:00:00Z,1.2.3,unit:KiloW", '"connection/h01#nonsense",2016-08-12T00:00:00Z,1,unit:KiloW'
    )

    assert (loaded.refused, loaded.letters) == (2, 1)
    (letter,) = letters.list()
    assert letter.source == "file history.csv"
    assert letter.payload.decode() == (
        f"{HEADER}\nconnection/h01#activePower,2016-08-12T00:00:00Z,1.2.3,unit:KiloW\n"
        f"{BASE}/id/connection/h01#nonsense,2016-08-12T00:00:00Z,1,{KW}\n"
    )
    assert letter.sentence.splitlines() == list(loaded.sentences)


def test_a_load_that_is_stopped_says_so_and_goes_on_where_it_was(load: Load, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "DAYS_A_TRANSACTION", 1)
    lines = [line for day in (12, 13, 14) for line in day_of(lambda n: n % 20, day=day)]
    asked: list[int] = []

    cut = load(*lines, stop=lambda: len(asked) >= 2, progress=lambda so_far: asked.append(so_far.accepted))

    assert "load the file again to go on" in cut.interrupted
    assert 0 < cut.accepted < 288
    assert len(arrays(store)) * 96 == cut.accepted
    whole = load(*lines)
    assert (whole.accepted + cut.accepted, whole.duplicates, whole.interrupted) == (288, cut.accepted, "")


def test_small_buffers_give_the_same_days(load: Load, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """All channels of each quarter-hour come together, and a day comes in many portions."""
    monkeypatch.setattr(bulk, "BUFFER_READINGS", 150)
    monkeypatch.setattr("mappers.csvfile.BLOCK_BYTES", 1000)
    names = ("connection/h01#activePower", "device/h01-battery#activePower")
    lines = [row for pair in zip(*(day_of(lambda n: n % 20, channel=name) for name in names), strict=True) for row in pair]
    later = [row for pair in zip(*(day_of(lambda n: n % 20, channel=name, day=13) for name in names), strict=True) for row in pair]

    loaded = load(*lines, *later)

    assert (loaded.accepted, loaded.flagged, loaded.superseded) == (384, 0, 0)
    assert len(arrays(store)) == 4


# --- the quick way against the strict one -------------------------------------------------------------------------------------------------

CELLS = st.sampled_from(
    [
        "connection/h01#activePower",
        "device/h01-battery#stateOfCharge",
        "zone/h01-living#airTemperature",
        "connection/h01#nonsense",
        " connection/h01#activePower",
        "a b",
        "",
    ]
)
TIMES = st.sampled_from(
    [
        f"2016-08-{day}T{hour:02d}:{minute:02d}:00{zone}"
        for day in (11, 12)
        for hour in (0, 23)
        for minute in (0, 15, 30, 45)
        for zone in ("Z", "+02:00")
    ]
    + [
        "2016-08-12T00:00:00",
        "2016-02-30T00:00:00Z",
        "2016-08-12 00:00:00Z",
        "2016-08-12T00:07:00Z",
        "1999-01-01T00:00:00Z",
        "2030-01-01T00:00:00Z",
        "x",
        "",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        ["1", "1.5", "1.50", "-0", "1e3", "1e-9", "nan", "inf", "", " ", "0x1", "1,5", '"2"', "1_000", "٣", "9" * 16, "0." + "1" * 25]
    ),
    st.decimals(-30, 120, places=3).map(str),
)
UNITS = st.sampled_from(["unit:KiloW", "unit:PERCENT", "unit:DEG_C", "unit:W", "nonsense:X", "", KW, DEG_C])


def _old_way(text: str, writer: ReadingWriter) -> set[str]:
    lifted = list(csv.lift(io.StringIO(text, newline=""), base=f"{BASE}/id/"))
    sentences = [one.sentence for one in lifted if isinstance(one, Refusal)]
    outcome = writer.write([one for one in lifted if isinstance(one, Series)], received=RECEIVED)
    writer.close_days(RECEIVED.date())
    return {*sentences, *(one.sentence for one in outcome.refused)}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, TIMES, VALUES, UNITS).map(",".join), max_size=12), st.booleans())
def test_the_quick_way_stores_and_refuses_what_the_strict_way_does(
    tmp_path: Path, iris: Iris, home: Home, lines: list[str], blank: bool
) -> None:
    text = "\n".join([HEADER, *lines[:6], *([""] if blank else []), *lines[6:]]) + "\n"
    path = tmp_path / "any.csv"
    path.write_text(text, encoding="utf-8")
    stores = [EmbeddedStore(), EmbeddedStore()]
    found = []
    for store in stores:
        furnish(store, iris, home)
    known = [Channels(store, iris) for store in stores]
    writers = [ReadingWriter(store, iris, channels) for store, channels in zip(stores, known, strict=True)]
    sentences = _old_way(text, writers[0])

    loaded = Loader(stores[1], iris, known[1], writers[1]).load(path, received=RECEIVED)

    for store, channels in zip(stores, known, strict=True):
        frame = Readings(store, iris, channels).frame([one.iri for one in channels.all()], AT - timedelta(days=3), AT + timedelta(days=3))
        found.append(frame.fillna(-999.0))
        store.close()
    assert found[0].equals(found[1])
    assert set(loaded.sentences) == sentences


def test_a_cell_over_several_lines_is_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b'channel,timestamp,value,unit\na#b,2016-08-12T00:00:00Z,"1\n",unit:KiloW\na#b,2016-08-12T00:15:00Z,x,unit:KiloW\n')

    portions = list(CsvFile(path, base=f"{BASE}/id/", block_bytes=40).portions())

    assert sum(len(one.columns) for one in portions) == 1
    assert [row.refusal.point for one in portions for row in one.refused] == ["row 4"]


@pytest.mark.parametrize("body", [b"\xff\xfe\n", b'a,"b"c,d,e\n'], ids=["bytes", "quotes"])
def test_what_is_no_csv_is_refused_with_its_row(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b"channel,timestamp,value,unit\n" + body)

    with pytest.raises(MappingError, match="can't be read as CSV after row"):
        list(CsvFile(path, base=BASE).portions())


def test_a_packed_day_has_the_header_that_every_day_has(iris: Iris, channels: Channels, home: Home) -> None:
    day = days.empty(iris, channels.known(home.power), AT.date())

    assert set(bulk._header(day)) == set(day.header())


def test_values_of_floats_survive(load_table: Load, store: EmbeddedStore, home: Home, readings: Readings) -> None:
    values = np.random.default_rng(3).uniform(-25, 25, 96 * 3)

    load_table(table(home.power, pa.array(values)))

    assert np.array_equal(readings.frame([home.power], AT, AT + timedelta(days=3)).to_numpy().ravel(), values)


def test_many_channels_do_not_fit_into_memory_by_accident(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mappers.columns.MOST_NAMES", 3)
    path = tmp_path / "many.csv"
    path.write_text("\n".join([HEADER, *(f"c/{n}#p,2016-08-12T00:00:00Z,1,unit:KiloW" for n in range(9))]) + "\n")

    with pytest.raises(MappingError, match="different channels"):
        list(CsvFile(path, base=BASE).portions())


def test_a_channel_that_is_judged_by_what_came_before_goes_the_strict_way(
    store: EmbeddedStore, iris: Iris, home: Home, tmp_path: Path
) -> None:
    furnish(store, iris, home)
    meter = iris.id("device", "h01-meter") + "#energyRegister"
    store.apply(insert=channel_quads(iris, meter, kind="EnergyRegister", unit="http://qudt.org/vocab/unit/KiloW-HR"))
    known = Channels(store, iris)
    path = tmp_path / "counter.csv"
    path.write_text("\n".join([HEADER, *day_of(lambda n: n if n < 50 else n - 50, channel=meter, unit="unit:KiloW-HR")]) + "\n")

    loaded = Loader(store, iris, known, ReadingWriter(store, iris, known)).load(path, received=RECEIVED)

    assert loaded.accepted == 96
    frame = Readings(store, iris, known).frame([meter], AT, AT + timedelta(days=1))
    assert frame.iloc[49, 0] == 49.0


def test_a_float_that_is_too_large_is_refused_and_spoils_no_load(load_table: Load, readings: Readings, home: Home) -> None:
    loaded = load_table(table(home.power, pa.array([1.0, 1e15, -3.4028234663852886e38, 1e-25, 2.0])))

    assert (loaded.accepted, loaded.refused) == (2, 3)
    assert sorted(sentence.split("'")[1] for sentence in loaded.sentences) == ["-3.4028234663852886e+38", "1000000000000000.0", "1e-25"]
    assert readings.frame([home.power], AT, AT + 5 * QUARTER)[home.power].dropna().tolist() == [1.0, 2.0]


def test_views_of_texts_are_texts(load_table: Load, home: Home) -> None:
    given = table(home.power, pa.array(["1", "1e3", "x"], pa.string_view()))

    loaded = load_table(given.set_column(0, "channel", given.column("channel").cast(pa.string_view())))

    assert (loaded.accepted, loaded.refused) == (2, 1)


def test_a_header_in_quotes_after_a_byte_order_mark_is_read(load: Load) -> None:
    quoted = [",".join(f'"{cell}"' for cell in line.split(",")) for line in day_of(lambda n: n % 20)]

    assert load(*quoted, header="\ufeff" + '"channel","timestamp","value","unit"').accepted == 96


def test_lines_that_end_with_a_carriage_return_alone_are_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes("\r".join([HEADER, *day_of(lambda n: 1)]).encode())

    with pytest.raises(MappingError, match="carriage return alone"):
        list(CsvFile(path, base=BASE).portions())


FAST, STUCK = {FC.maximumChange: 10.0}, {FC.stuckAfter: timedelta(hours=30)}


def _jumpy(rng: random.Random) -> Iterator[str]:
    """Five days with spikes, most of them at midnight, and values that stand for longer than a day."""
    value, stands = 1, 0
    for slot in range(480):
        stands -= 1
        if slot % 96 == 0 and rng.random() < 0.5:
            value = 20
        elif stands < 0:
            value = rng.choice((1, 2, 3))
            stands = 150 if rng.random() < 0.02 else 0
        yield str(value)


def _counting(rng: random.Random) -> Iterator[str]:
    """A counter over five days that is reset, and exchanged, mostly at midnight."""
    value = 100
    for slot in range(480):
        value = rng.choice((1, value + 50)) if rng.random() < (0.5 if slot % 96 == 0 else 0.01) else value + rng.choice((0, 1, 2))
        yield str(value)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("buffer", [bulk.BUFFER_READINGS, 700, 150])
def test_midnights_are_judged_as_if_all_had_come_in_one_message(
    seed: int, buffer: int, iris: Iris, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)  # noqa: S311 - readings
    meter, plug = iris.id("device", "h01-meter") + "#register", iris.id("device", "h01-plug") + "#activePower"
    kwh, wide = "http://qudt.org/vocab/unit/KiloW-HR", {FC.maximum: 1e9}
    described = [
        *channel_quads(iris, meter, kind="EnergyRegister", unit=kwh, states=wide | {FC.maximumChange: 5.0}),
        *channel_quads(iris, plug, states=FAST | STUCK),
    ]
    given = [(meter, kwh, _counting(rng)), (plug, KW, _jumpy(rng))]
    rows = [
        (AT + slot * QUARTER, f"{name},{AT + slot * QUARTER:%Y-%m-%dT%H:%M:%SZ},{value},{unit}")
        for name, unit, values in given
        for slot, value in enumerate(values)
        if rng.random() > 0.02
    ]
    text = "\n".join([HEADER, *(line for _, line in (sorted(rows) if seed % 2 else rows))]) + "\n"
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(bulk, "BUFFER_READINGS", buffer)
    if buffer < 1000:
        monkeypatch.setitem(CsvFile.__init__.__kwdefaults__, "block_bytes", 4000)
    found = []
    for way in ("one message", "bulk"):
        with closing(EmbeddedStore()) as store:
            furnish(store, iris, home)
            store.apply(insert=described)
            known = Channels(store, iris)
            writer = ReadingWriter(store, iris, known)
            if way == "bulk":
                Loader(store, iris, known, writer).load(path, received=RECEIVED)
            else:
                _old_way(text, writer)
            found.append(quads(store))

    assert found[0] == found[1]
    assert sum("#QualityFlag>" in line for line in found[0]) >= 3
