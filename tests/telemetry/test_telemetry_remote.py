"""The same days, flags and answers on every store behind the platform."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import servers
from telemetry_home import DEG_C, RECEIVED, Home, furnish, one, run

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.remote import RemoteStore
from telemetry import Channels, Energy, Outcome, Readings, ReadingWriter

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
