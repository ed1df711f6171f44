"""Corrections of closed days: each is a revision, earlier ones can be rebuilt exactly, and what was sent last stands."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_home import QUARTER, RECEIVED, Home, furnish, message, one, quads, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from ontology.names import FC, FCV
from shapes import validate
from telemetry import Channels, Readings, ReadingWriter
from telemetry.days import Day, pack, read
from telemetry.errors import TelemetryError
from telemetry.revisions import history, state_at

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
TODAY, TOMORROW = MIDNIGHT.date(), date(2016, 8, 13)
HOUR = timedelta(hours=1)


def day_of(store: EmbeddedStore, iris: Iris, channels: Channels, channel: str) -> Day:
    return read(store, iris, [(channels.known(channel), TODAY)])[channel, TODAY]


def test_the_digest_of_a_day_is_the_same_open_and_closed(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT, ["1.50", None, "2"])], received=RECEIVED)
    opened = day_of(store, iris, channels, home.power)
    writer.close_days(TOMORROW)
    closed = day_of(store, iris, channels, home.power)

    text = "[1.5,null,2" + ",null" * 93 + "]"
    assert opened.digest == closed.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert (opened.revision, closed.revision) == (0, 1)
    assert not any("revision" in quad.lower() for quad in quads(store))


def test_a_correction_makes_the_next_revision_and_keeps_what_it_replaced(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT, [1, 1.25])], received=RECEIVED)
    writer.close_days(TOMORROW)
    first = day_of(store, iris, channels, home.power)

    writer.write([run(home.power, MIDNIGHT + QUARTER, [2, 3])], received=RECEIVED)
    second = day_of(store, iris, channels, home.power)
    settled = quads(store)
    writer.write([run(home.power, MIDNIGHT + QUARTER, [2, 3])], received=RECEIVED + HOUR)

    (kept,) = history(store, [second])[second.iri]
    assert (second.revision, kept.number, kept.digest, kept.ended) == (2, 1, first.digest, RECEIVED)
    assert kept.superseded == {900: "1.25", 1800: None}
    assert state_at(second, [kept], 1) == first.values == {0: "1", 900: "1.25"}
    assert state_at(second, [kept], 2) == second.values
    assert any(f"<{second.iri}> <{FC.revision}> " in quad and '"2"' in quad for quad in quads(store))
    assert '"{\\"900\\":\\"1.25\\",\\"1800\\":null}"' in "".join(quad for quad in quads(store) if str(FC.supersededValues) in quad)
    assert quads(store) == settled


def test_a_revision_that_never_was_or_that_was_tampered_with_is_not_rebuilt(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT, [1])], received=RECEIVED)
    with pytest.raises(TelemetryError, match="has no revision 1 that could be rebuilt; it stands at 0"):
        state_at(day_of(store, iris, channels, home.power), [], 1)
    writer.close_days(TOMORROW)
    writer.write([run(home.power, MIDNIGHT, [2])], received=RECEIVED)
    day = day_of(store, iris, channels, home.power)
    earlier = history(store, [day])[day.iri]
    day.values[900] = "7"

    with pytest.raises(TelemetryError, match="does not agree with its digest"):
        state_at(day, earlier, 1)
    with pytest.raises(TelemetryError, match="has no revision 3"):
        state_at(day, earlier, 3)


CORRECTIONS = st.lists(
    st.dictionaries(st.integers(0, 95), st.integers(-80, 80).map(lambda n: f"{n / 4}"), min_size=1, max_size=4), min_size=1, max_size=6
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corrections=CORRECTIONS)
def test_every_earlier_revision_can_be_rebuilt(iris: Iris, home: Home, corrections: list[dict[int, str]]) -> None:
    store = EmbeddedStore()
    furnish(store, iris, home)
    channels = Channels(store, iris)
    writer = ReadingWriter(store, iris, channels)
    states: list[dict[int, str]] = []
    for n, correction in enumerate(corrections):
        series = [one(home.power, MIDNIGHT + slot * QUARTER, value) for slot, value in correction.items()]
        writer.write_many([message(*series, sent=MIDNIGHT + n * HOUR)], received=RECEIVED)
        writer.close_days(TOMORROW)
        day = day_of(store, iris, channels, home.power)
        if not states or day.values != states[-1]:
            states.append(day.values)

    earlier = history(store, [day]).get(day.iri, [])
    assert day.revision == len(states)
    assert [state_at(day, earlier, n + 1) for n in range(len(states))] == states
    assert [each.digest for each in earlier] == ["sha256:" + hashlib.sha256(pack(s, 900).encode()).hexdigest() for s in states[:-1]]
    month = store.graph(iris.graph("member", "h01", "telemetry", "2016-08"))
    assert validate(month, context=store.graph(iris.graph("member", "h01", "osb", "h01"))).sentences == ()


def test_a_value_that_was_superseded_returns_when_it_is_sent_anew_and_not_when_it_is_replayed(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    def told(value: float, hour: int) -> int:
        (outcome,) = writer.write_many([message(one(home.power, MIDNIGHT, value), sent=MIDNIGHT + hour * HOUR)], received=RECEIVED)
        return outcome.accepted

    assert [told(1, 1), told(2, 2), told(1, 1), told(2, 2)] == [1, 1, 0, 0]
    assert [told(1, 3), told(1, 3), told(2, 2), told(1, 1)] == [1, 0, 0, 0]
    assert readings.frame([home.power], MIDNIGHT, MIDNIGHT + QUARTER)[home.power].tolist() == [1.0]

    flags = sorted(day_of(store, iris, channels, home.power).flags.values(), key=lambda flag: flag.iri)
    assert [(flag.reason, flag.superseded, flag.sent) for flag in flags] == [
        (str(FCV.Superseded), "1", MIDNIGHT + 2 * HOUR),
        (str(FCV.Superseded), "2", MIDNIGHT + 3 * HOUR),
    ]


def test_what_was_sent_before_what_stands_is_kept_and_does_not_take_its_place(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, readings: Readings, home: Home
) -> None:
    for value, hour in ((1, 1), (3, 3), (2, 2), (2, 2)):
        writer.write_many([message(one(home.power, MIDNIGHT, value), sent=MIDNIGHT + hour * HOUR)], received=RECEIVED)

    flags = sorted(day_of(store, iris, channels, home.power).flags.values(), key=lambda flag: flag.iri)
    assert readings.frame([home.power], MIDNIGHT, MIDNIGHT + QUARTER)[home.power].tolist() == [3.0]
    assert [flag.superseded for flag in flags] == ["1", "2"]
    assert "was sent at 2016-08-12T02:00:00Z, before 3, which stands" in flags[1].comment


def test_a_time_of_sending_in_the_future_does_not_win_for_ever(writer: ReadingWriter, readings: Readings, home: Home) -> None:
    writer.write_many([message(one(home.power, MIDNIGHT, 1), sent=MIDNIGHT)], received=RECEIVED)
    writer.write_many([message(one(home.power, MIDNIGHT, 2), sent=RECEIVED + 400 * HOUR)], received=RECEIVED)
    writer.write_many([message(one(home.power, MIDNIGHT, 3), sent=RECEIVED)], received=RECEIVED + HOUR)

    assert readings.frame([home.power], MIDNIGHT, MIDNIGHT + QUARTER)[home.power].tolist() == [3.0]


def test_a_channel_that_nobody_describes_any_more_keeps_its_days(
    store: EmbeddedStore, iris: Iris, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    writer.write([run(home.power, MIDNIGHT, [1, 2]), run(home.power, MIDNIGHT + timedelta(days=1), [3])], received=RECEIVED)
    graph = iris.graph("member", "h01", "osb", "h01")
    store.replace_graph(graph, [triple for triple in store.graph(graph) if home.power not in str(triple.subject)])
    channels.reload(graph)

    for registry in (channels, Channels(store, iris)):
        readings = Readings(store, iris, registry)
        assert readings.frame([home.power], MIDNIGHT, MIDNIGHT + 2 * QUARTER)[home.power].tolist() == [1.0, 2.0]
        assert registry.get(home.power) is None
        outcome = ReadingWriter(store, iris, registry).write([one(home.power, MIDNIGHT, 9)], received=RECEIVED)
        assert [refusal.reason for refusal in outcome.refused] == ["is not a channel that any OSB has described"]
    fresh = Channels(store, iris)
    assert ReadingWriter(store, iris, fresh).close_days(date(2016, 8, 14)) == 2
    assert day_of(store, iris, fresh, home.power).closed
