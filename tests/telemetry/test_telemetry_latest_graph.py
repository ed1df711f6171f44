"""The latest values in the graph: what has changed and no more, put right at a start, alike on every store."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import servers
from patience import until
from telemetry_home import DEG_C, QUARTER, RECEIVED, Home, furnish, one, run

from kg import queries
from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.iris import Iris
from kg.remote import RemoteStore
from telemetry import Channels, ReadingWriter
from telemetry.latest import Publisher

MIDNIGHT = datetime(2016, 8, 12, tzinfo=UTC)
Store = EmbeddedStore | RemoteStore


def said(store: Store) -> dict[str, tuple[str, datetime, float]]:
    """What the graphs say: channel to graph, time and value."""
    rows = queries.rows(store, queries.load("telemetry", "latest_published"))
    assert len({row["channel"] for row in rows}) == len(rows), "a channel has two latest values"
    return {row["channel"]: (row["graph"], row["at"], float(row["value"])) for row in rows}


@pytest.fixture(params=["embedded", "oxigraph", "fuseki"])
def any_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    starts: dict[str, Callable[[], servers.SparqlServer]] = {"oxigraph": servers.oxigraph, "fuseki": servers.fuseki}
    if request.param == "embedded":
        with closing(EmbeddedStore()) as store:
            yield store
        return
    address = starts[request.param]()
    with closing(RemoteStore(address.query_url, address.update_url, address.gsp_url)) as remote:
        remote.update("DROP ALL")
        yield remote


def test_it_follows_the_readings_and_writes_only_what_changed(any_store: Store, iris: Iris, home: Home) -> None:
    furnish(any_store, iris, home)
    channels = Channels(any_store, iris)
    writer = ReadingWriter(any_store, iris, channels)
    publisher = Publisher(any_store, channels)
    writer.write([run(home.power, MIDNIGHT, ["1.50", 4]), one(home.zone, MIDNIGHT, "21.5", DEG_C)], received=RECEIVED)

    assert publisher.publish() == 2
    assert publisher.publish() == 0
    latest = iris.graph("member", "h01", "latest")
    assert said(any_store) == {home.power: (latest, MIDNIGHT + QUARTER, 4.0), home.zone: (latest, MIDNIGHT, 21.5)}

    writer.write([one(home.power, MIDNIGHT + 2 * QUARTER, "-0.000001"), one(home.other, MIDNIGHT, 7)], received=RECEIVED)
    writer.write([one(home.zone, MIDNIGHT - timedelta(days=1), 3, DEG_C)], received=RECEIVED)  # late: not the latest
    assert publisher.publish() == 2
    assert said(any_store) == {
        home.power: (latest, MIDNIGHT + 2 * QUARTER, -0.000001),
        home.zone: (latest, MIDNIGHT, 21.5),
        home.other: (iris.graph("member", "h02", "latest"), MIDNIGHT, 7.0),
    }


def test_a_start_puts_right_what_the_graph_says(any_store: Store, iris: Iris, home: Home) -> None:
    furnish(any_store, iris, home)
    channels = Channels(any_store, iris)
    writer = ReadingWriter(any_store, iris, channels)
    writer.write(
        [run(home.power, MIDNIGHT, [1, 2, 3]), run(home.soc, MIDNIGHT, [5], unit="http://qudt.org/vocab/unit/PERCENT")], received=RECEIVED
    )
    Publisher(any_store, channels).publish()
    writer.write([one(home.power, MIDNIGHT + 3 * QUARTER, "4.25")], received=RECEIVED)  # and then the process is killed
    any_store.drop([iris.graph("member", "h01", "osb", "h01")])
    furnish(any_store, iris, home)
    any_store.drop([graph for graph in any_store.graphs() if "/telemetry/" in graph])
    again = Channels(any_store, iris)
    ReadingWriter(any_store, iris, again).write([one(home.power, MIDNIGHT, "1.75")], received=RECEIVED)

    assert Publisher(any_store, Channels(any_store, iris)).publish() == 2  # the power corrected, the charge taken away
    assert said(any_store) == {home.power: (iris.graph("member", "h01", "latest"), MIDNIGHT, 1.75)}


def test_it_publishes_by_itself_and_a_last_time_when_it_stops(
    store: EmbeddedStore, channels: Channels, writer: ReadingWriter, home: Home
) -> None:
    publisher = Publisher(store, channels, every_s=0.01)
    publisher.start()
    writer.write([one(home.power, MIDNIGHT, 1)], received=RECEIVED)
    assert until(lambda: bool(said(store)))
    publisher.stop()

    slow = Publisher(store, channels, every_s=3600)
    slow.start()
    writer.write([one(home.power, MIDNIGHT + QUARTER, 2)], received=RECEIVED)
    slow.stop()

    assert said(store)[home.power][2] == 2.0


class Failing(EmbeddedStore):
    """Takes a write and then says that it did not, as a remote store may."""

    failing = False

    def apply(self, **change: object) -> None:
        super().apply(**change)  # type: ignore[arg-type]
        if self.failing:
            raise StoreError("the answer was lost")


def test_after_a_failed_write_it_looks_again(iris: Iris, home: Home) -> None:
    with closing(Failing()) as store:
        furnish(store, iris, home)
        channels = Channels(store, iris)
        writer = ReadingWriter(store, iris, channels)
        publisher = Publisher(store, channels)
        writer.write([one(home.power, MIDNIGHT, 1)], received=RECEIVED)
        publisher.publish()
        writer.write([one(home.power, MIDNIGHT + QUARTER, 2)], received=RECEIVED)
        store.failing = True
        with pytest.raises(StoreError):
            publisher.publish()
        store.failing = False

        writer.write([one(home.power, MIDNIGHT + 2 * QUARTER, 3)], received=RECEIVED)
        publisher.publish()

        assert said(store)[home.power][1:] == (MIDNIGHT + 2 * QUARTER, 3.0)
