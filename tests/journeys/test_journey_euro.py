"""Which readings earned this euro: the same answer on the embedded store and on Apache Jena Fuseki."""

from decimal import Decimal
from pathlib import Path

import pytest
import servers

from kg import queries
from kg.embedded import EmbeddedStore
from kg.remote import RemoteStore

pytestmark = pytest.mark.journey
BASE = "http://127.0.0.1:8080/id/"


@pytest.fixture(scope="module")
def dump(played, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("dump") / "played.nq"
    store = EmbeddedStore(played.store)
    store.backup(file)
    store.close()
    return file


def _paid(store) -> list[str]:
    """The payments of the campaign, by member."""
    events = queries.rows(store, queries.load("api", "campaign_events"), campaign=f"{BASE}campaign/c1")
    return sorted(f"{BASE}remuneration/c1/{row['member'].rsplit('/', 1)[-1]}" for row in events if "amount" in row)


def _chain(store, payment):
    return queries.rows(store, queries.load("settlement", "readings_behind_payment"), remuneration=payment)


def test_chain_leads_from_payment_to_the_days_of_readings(dump):
    store = EmbeddedStore()
    store.restore(dump)
    payments = _paid(store)

    assert payments
    for payment in payments:
        key = payment.rsplit("/", 1)[-1]
        rows = _chain(store, payment)
        days = {row["role"]: {r["day"].rsplit("/", 1)[-1] for r in rows if r["role"] == row["role"]} for row in rows}
        assert {row["contract"] for row in rows} == {f"{BASE}contract/{key}/r1"}
        assert {row["event"] for row in rows} == {f"{BASE}event/c1-{key}"}
        assert days["delivery"] == {"20160817"}  # 18:00 to 20:00 in California on 16 August
        assert len(days["baseline"]) >= 5
        assert max(days["baseline"]) <= "20160817"  # the event's own day only for the hours before it (same-day adjustment)
    store.close()


def test_fuseki_gives_the_same_rows(dump):
    embedded = EmbeddedStore()
    embedded.restore(dump)
    server = servers.fuseki()
    remote = RemoteStore(server.query_url, server.update_url, server.gsp_url)
    remote.restore(dump)
    try:
        assert remote.count() == embedded.count()
        payments = _paid(embedded)
        assert _paid(remote) == payments
        for payment in payments:
            assert _chain(remote, payment) == _chain(embedded, payment)
    finally:
        remote.update("DROP ALL")
        remote.close()
        embedded.close()


def test_whole_demo_on_fuseki_pays_the_same(serve, played, tmp_path):
    server = servers.start_fuseki(tmp_path / "fuseki")
    try:
        site = serve(
            "--demo",
            FLEX_STORE=server.query_url.removesuffix("/query"),
            FLEX_STORE_UNION=server.union_query_url,
        )
        site.wait_until(lambda state: state["scenario"].get("phase") == "at its end")
        store = RemoteStore(server.query_url, server.update_url, server.gsp_url)
        money = queries.rows(store, queries.load("api", "campaign_money"), campaign=f"{BASE}campaign/c1")
        books = queries.rows(store, queries.load("settlement", "money_identity"), campaign=f"{BASE}campaign/c1")
        store.close()
    finally:
        server.child.stop()

    shares = {row["role"].rsplit("/", 1)[-1]: row["amount"] for row in money}
    assert shares["MemberShare"] == Decimal(played.figures["paid_eur"])
    assert shares["MarketIncome"] == Decimal(played.figures["income_eur"])
    assert [row["holds"] for row in books] == [True]
