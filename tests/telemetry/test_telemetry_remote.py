"""The same days, flags and answers on every store behind the platform."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import servers
from telemetry_home import DEG_C, QUARTER, RECEIVED, Home, described, furnish, message, one, reported, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.remote import RemoteStore
from ontology.names import FC, UNIT
from telemetry import Channels, Energy, Outcome, Readings, ReadingWriter, days, revisions

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(params=[servers.oxigraph, servers.fuseki], ids=["oxigraph", "fuseki"])
def remote(request: pytest.FixtureRequest) -> Iterator[RemoteStore]:
    server: Callable[[], servers.SparqlServer] = request.param
    address = server()
    with closing(RemoteStore(address.query_url, address.update_url, address.gsp_url)) as opened:
        opened.update("DROP ALL")
        yield opened


def story(store: EmbeddedStore | RemoteStore, iris: Iris, home: Home) -> tuple[object, ...]:
    """Everything that can happen to a day, told by a fresh registry and writer in each act, as after restarts."""
    furnish(store, iris, home)
    acts = [
        [run(home.power, MIDNIGHT, [n / 8 for n in range(96)]), run(home.battery, MIDNIGHT, ["1.50", None, "-0.0000001"])],
        [run(home.battery, MIDNIGHT, [2, 3, 99]), one(home.zone, MIDNIGHT, "21.50", DEG_C)],
        [run(home.power, MIDNIGHT, [7, "0.125"]), run(home.battery, MIDNIGHT, [2, 3, 99, 1.25])],
    ]
    outcomes: list[Outcome] = []
    for act in acts:
        outcomes.append(ReadingWriter(store, iris, Channels(store, iris)).write(act, received=RECEIVED))
    writer = ReadingWriter(store, iris, Channels(store, iris))
    packed = writer.close_days(date(2016, 8, 13))
    outcomes.append(writer.write([one(home.battery, MIDNIGHT + 5 * timedelta(minutes=15), 4)], received=RECEIVED))
    outcomes.append(writer.write(acts[1], received=RECEIVED))

    channels = Channels(store, iris)
    readings = Readings(store, iris, channels)
    frame = readings.frame([home.power, home.battery, home.zone], MIDNIGHT, MIDNIGHT + DAY)
    flags = [(at, flag) for channel in (home.power, home.battery) for at, flag in readings.flags(channel, MIDNIGHT, MIDNIGHT + DAY)]
    return (
        outcomes,
        packed,
        np.nan_to_num(frame.to_numpy(), nan=-999).tolist(),
        sorted(flags, key=lambda each: each[1].iri),
        readings.days(home.power, MIDNIGHT - DAY, MIDNIGHT + DAY),
        readings.latest([home.power, home.battery, home.zone]),
        readings.energy(home.battery, MIDNIGHT, MIDNIGHT + DAY),
        store.count(),
    )


def test_a_remote_store_tells_the_same_story_as_the_embedded_one(remote: RemoteStore, iris: Iris, home: Home) -> None:
    with closing(EmbeddedStore()) as embedded:
        expected = story(embedded, iris, home)

    assert story(remote, iris, home) == expected
    assert expected[6] == Energy(kwh=(2 + 3 + 99 + 1.25 + 4) / 4, count=5, expected=96, flagged=3)


def doubts(store: EmbeddedStore | RemoteStore, iris: Iris, home: Home) -> tuple[object, ...]:
    """Gaps, jumps, standstills, counters, corrections and a channel that is described no longer, a fresh writer in each act."""
    furnish(store, iris, home)
    channels = Channels(store, iris)
    described(store, iris, channels, home.power, states={FC.maximumChange: 5.5, FC.stuckAfter: timedelta(minutes=30)})
    register = {FC.maximum: 99999.0, FC.maximumChange: 1.5, FC.rollsOverAt: 100000.0}
    described(store, iris, channels, home.soc, kind="EnergyRegister", unit=str(UNIT["KiloW-HR"]), states=register)
    gap = reported(home.power, MIDNIGHT - timedelta(hours=1), MIDNIGHT + timedelta(hours=2))
    acts = [
        message(run(home.power, MIDNIGHT + 8 * QUARTER, [1, 9, "65535", 2, 2, 2]), flags=[gap], clock_offset=700),
        message(run(home.power, MIDNIGHT + 14 * QUARTER, [2]), run(home.soc, MIDNIGHT, [99998, 99999, 0.25, 500], str(UNIT["KiloW-HR"]))),
        message(one(home.power, MIDNIGHT + QUARTER, 1.5), sent=RECEIVED - timedelta(hours=2)),
        message(one(home.power, MIDNIGHT + QUARTER, 2.5), sent=RECEIVED - timedelta(hours=1)),
        message(one(home.power, MIDNIGHT + QUARTER, 1.5), sent=RECEIVED),
    ]
    outcomes, packed = [], 0
    for n, act in enumerate([*acts, *acts]):
        writer = ReadingWriter(store, iris, Channels(store, iris))
        outcomes.append(writer.write_many([act], received=RECEIVED))
        if n == 3:
            packed = writer.close_days(date(2016, 8, 13))
    graph = iris.graph("member", "h01", "osb", "h01")
    store.replace_graph(graph, [triple for triple in store.graph(graph) if home.power not in str(triple.subject)])
    fresh = Channels(store, iris)
    state = days.read(store, iris, [(fresh.known(home.power), MIDNIGHT.date())])[home.power, MIDNIGHT.date()]
    earlier = revisions.history(store, [state])[state.iri]
    soc = days.read(store, iris, [(fresh.known(home.soc), MIDNIGHT.date())])[home.soc, MIDNIGHT.date()]
    return (
        outcomes,
        packed,
        sorted(state.flags.values(), key=lambda flag: flag.iri),
        sorted(soc.flags.values(), key=lambda flag: flag.iri),
        (state.values, state.revision, state.digest, earlier),
        [revisions.state_at(state, earlier, revision + 1) for revision in range(state.revision)],
        store.count(),
    )


def test_a_remote_store_keeps_doubts_and_corrections_like_the_embedded_one(remote: RemoteStore, iris: Iris, home: Home) -> None:
    with closing(EmbeddedStore()) as embedded:
        expected = doubts(embedded, iris, home)

    assert doubts(remote, iris, home) == expected
    reasons = {flag.reason.rsplit("/", 1)[-1] for flag in (*expected[2], *expected[3])}  # type: ignore[misc,attr-defined]
    assert reasons == {
        "DeviceUnreachable",
        "ImplausibleChange",
        "SentinelValue",
        "ClockSkew",
        "StuckValue",
        "LateArrival",
        "Superseded",
        "CounterRollover",
        "MeterSwap",
    }
    assert expected[4][1] == 2  # type: ignore[index]
