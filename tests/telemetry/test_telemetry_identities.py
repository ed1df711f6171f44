"""What one question says of a window, every other question about the same window says too."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_home import KW, QUARTER, Home, channel_quads, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from mappers.records import Series
from ontology.names import FC, UNIT
from telemetry import Channels, Readings, ReadingWriter

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2016, 10, 29, 22, tzinfo=UTC)  # local midnight before the night of 25 hours
KWH = str(UNIT["KiloW-HR"])
IRIS = Iris("http://127.0.0.1:8080")
POWER, FINE = IRIS.id("connection", "h01") + "#activePower", IRIS.id("device", "h01-ev") + "#activePower"
REGISTER, ENERGY = IRIS.id("connection", "h01") + "#importRegister", IRIS.id("connection", "h01") + "#activeEnergy"
RECEIVED = BEGIN + 9 * DAY

SLOTS = 200  # two days and two hours: the first local day has 100
MISSING = st.sets(st.integers(0, SLOTS), max_size=25)
EDGES = st.lists(st.integers(0, SLOTS * 15), min_size=3, max_size=3).map(sorted)


def quarters(kw: list[int], missing: set[int]) -> list[str | None]:
    return [None if slot in missing else str(value) for slot, value in enumerate(kw)]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 40), min_size=SLOTS, max_size=SLOTS), MISSING, EDGES, st.sampled_from([1, 2, 4, 100]), st.booleans())
def test_every_question_gives_the_same_energy(kw: list[int], missing: set[int], edges: list[int], count: int, packed: bool) -> None:
    counted = [str(sum(kw[:slot]) / 4) for slot in range(SLOTS + 1)]
    with closing(EmbeddedStore()) as store:
        plain = {FC.minimum: 0.0, FC.maximum: 1e6}
        store.apply(
            insert=[
                *channel_quads(IRIS, POWER, states=plain),
                *channel_quads(IRIS, FINE, step=MINUTE, states=plain),
                *channel_quads(IRIS, ENERGY, kind="ActiveEnergy", unit=KWH, states=plain),
                *channel_quads(IRIS, REGISTER, kind="EnergyRegister", unit=KWH, states=plain | {FC.maximumChange: 10.0}),
            ]
        )
        channels = Channels(store, IRIS)
        writer, readings = ReadingWriter(store, IRIS, channels), Readings(store, IRIS, channels)
        fine = [text for text in quarters(kw, missing) for _ in range(15)]
        energies = [None if slot in missing else str(value / 4) for slot, value in enumerate(kw)]
        state = [None if slot in missing else text for slot, text in enumerate(counted)]
        series = [run(POWER, BEGIN, quarters(kw, missing)), run(ENERGY, BEGIN, energies, KWH), run(REGISTER, BEGIN, state, KWH)]
        writer.write([*series, Series(FINE, BEGIN, MINUTE, tuple(fine), KW)], received=BEGIN + SLOTS * QUARTER)
        if packed:
            writer.close_days(RECEIVED.date())
        everything = [POWER, FINE, ENERGY, REGISTER]
        a, b, c = (BEGIN + edge * MINUTE for edge in edges)

        for channel in (POWER, FINE, ENERGY):
            first, second, whole = (readings.energy(channel, *window) for window in ((a, b), (b, c), (a, c)))
            assert first.kwh + second.kwh == pytest.approx(whole.kwh)
            assert first.count + second.count == whole.count
            assert np.nansum(readings.energies([channel], a, c)) == pytest.approx(whole.kwh)

        aligned = BEGIN, BEGIN + SLOTS * QUARTER
        power, finer, energy, register = (readings.energy(channel, *aligned) for channel in everything)
        present = SLOTS - len(missing - {SLOTS})
        assert power.kwh == pytest.approx(finer.kwh) == pytest.approx(energy.kwh)
        assert (power.count, finer.count, energy.count) == (present, 15 * present, present)
        known = [slot for slot in range(SLOTS + 1) if slot not in missing]
        assert register.kwh == pytest.approx(sum(kw[known[0] : known[-1]]) / 4)
        assert register.count + register.over_gaps == known[-1] - known[0]
        own = readings.energies(everything, *aligned, step=QUARTER)
        assert np.nansum(own[REGISTER]) == pytest.approx(register.kwh - register.over_gaps_kwh)
        assert own[REGISTER].count() == register.count

        longer = readings.energies(everything, *aligned, step=count * QUARTER)
        frame = readings.frame(everything, *aligned, step=count * QUARTER)
        for row, at in enumerate(longer.index):
            slots = range(row * count, (row + 1) * count)
            if missing.isdisjoint(slots):
                assert longer[[POWER, FINE, ENERGY]].loc[at].tolist() == pytest.approx([sum(kw[s] for s in slots) / 4] * 3)
                assert frame.loc[at, POWER] * count / 4 == pytest.approx(frame.loc[at, ENERGY])
            else:
                assert longer[[POWER, FINE, ENERGY]].loc[at].isna().all()
        days = readings.local_days(everything, date(2016, 10, 30), date(2016, 11, 1), AMSTERDAM)
        assert days.expected[POWER].tolist() == [100, 96, 96]
        assert days.energy[[POWER, FINE, ENERGY]].sum().tolist() == pytest.approx([power.kwh] * 3)
        cut = sum(
            readings.energy(REGISTER, BEGIN + at * QUARTER, BEGIN + end * QUARTER).kwh for at, end in ((0, 100), (100, 196), (196, 292))
        )
        assert days.energy[REGISTER].sum() == pytest.approx(cut)


def test_october_in_amsterdam_has_745_hours(
    store: EmbeddedStore, iris: Iris, home: Home, writer: ReadingWriter, readings: Readings
) -> None:
    begin, end = datetime(2016, 9, 30, 22, tzinfo=UTC), datetime(2016, 10, 31, 23, tzinfo=UTC)
    values = ["2"] * (745 * 4)
    writer.write(
        [run(home.power, begin - HOUR, ["9"] * 4), run(home.power, begin, values), run(home.power, end, ["9"] * 8)], received=end + DAY
    )

    month = readings.local_months([home.power], date(2016, 10, 1), date(2016, 10, 31), AMSTERDAM)
    days = readings.local_days([home.power], date(2016, 10, 1), date(2016, 10, 31), AMSTERDAM)

    assert (month.energy.iloc[0, 0], month.counts.iloc[0, 0], month.expected.iloc[0, 0]) == (1490.0, 2980, 2980)
    assert days.energy[home.power].tolist() == [48.0] * 29 + [50.0, 48.0]
    assert days.counts.sum().sum() == 2980
    assert readings.energy(home.power, begin, end).kwh == 1490.0
    assert (days.values == 2.0).all().all()
