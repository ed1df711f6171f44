"""From a meter to a euro, with one command."""

from decimal import Decimal
from pathlib import Path

import pytest

from kg import queries
from kg.embedded import EmbeddedStore

pytestmark = pytest.mark.journey


def _rows(played, package, name, **values):
    store = EmbeddedStore(played.store)
    try:
        return queries.rows(store, queries.load(package, name), **values)
    finally:
        store.close()


def test_demo_prints_the_whole_chain(played):
    figures = played.figures

    assert figures["homes"] == 6
    assert figures["campaigns"] == 1
    assert figures["asked_kwh"] == pytest.approx(6 * 1.0 * 2)  # 1 kW a home for two hours
    assert 0 < figures["delivered_kwh"] <= figures["asked_kwh"]
    assert Decimal(figures["paid_eur"]) > 0
    assert figures["refused"] == 0


def test_every_quarter_hour_of_every_home_is_in_the_store_once(played):
    store = EmbeddedStore(played.store)
    try:
        from kg.iris import Iris
        from scenario.dataset import FIRST
        from scenario.story import Story
        from telemetry.channels import Channels
        from telemetry.readings import Readings

        iris = Iris("http://127.0.0.1:8080")
        channels = Channels(store, iris)
        readings = Readings(store, iris, channels)
        over = Story(days=16, homes=6).over
        wanted = [iris.id("connection", f"h0{number}#activePower") for number in range(1, 7)]
        frame = readings.frame(wanted, FIRST, over)
    finally:
        store.close()

    assert frame.shape == (16 * 96, 6)
    assert frame.notna().all().all()


def test_power_balance_holds_in_every_quarter_hour(played):
    from kg.iris import Iris
    from scenario.dataset import FIRST
    from scenario.story import Story
    from telemetry.channels import Channels
    from telemetry.readings import Readings

    store = EmbeddedStore(played.store)
    try:
        iris = Iris("http://127.0.0.1:8080")
        channels = Channels(store, iris)
        readings = Readings(store, iris, channels)
        over = Story(days=16, homes=6).over
        for number in range(1, 7):
            key = f"h0{number}"
            parts = {iris.id("site", f"{key}#loadPower"): 1, iris.id("device", f"{key}-pv#activePower"): -1}
            parts |= {
                channel: 1
                for name in ("battery", "ev", "heatpump")
                if channels.get(channel := iris.id("device", f"{key}-{name}#activePower"))
            }
            connection = iris.id("connection", f"{key}#activePower")
            frame = readings.frame([connection, *parts], FIRST, over)
            balance = sum(sign * frame[channel] for channel, sign in parts.items()) - frame[connection]
            assert balance.abs().max() < 0.0005 * len(parts)  # each value is rounded to 0.1 W
    finally:
        store.close()


def test_money_adds_up_to_the_cent(played):
    rows = _rows(played, "api", "campaign_money", campaign="http://127.0.0.1:8080/id/campaign/c1")
    money = {row["role"].rsplit("/", 1)[-1]: row["amount"] for row in rows}

    assert money["MemberShare"] + money["CooperativeShare"] == money["MarketIncome"]
    assert money["MemberShare"] == Decimal(played.figures["paid_eur"])


def test_one_member_left_and_another_took_the_place(played):
    events = _rows(played, "api", "campaign_events", campaign="http://127.0.0.1:8080/id/campaign/c1")
    left = [row for row in events if row["status"].endswith("EventOptedOut")]

    assert len(left) == 1
    assert left[0]["released"] > left[0]["start"]
    took_over = [row for row in events if row["role"].endswith("Backup") and row.get("activated") == left[0]["released"]]
    assert took_over, "nobody took the place"
    assert all(row["status"].endswith("EventCompleted") for row in took_over)


def test_same_seed_gives_the_same_figures(played, tmp_path: Path, flex):
    again = flex("demo", "--days", "16", "--homes", "6", "--seed", "9", "--keep", str(tmp_path / "again"))

    drop = {"seconds", "peak_memory_mb"}
    assert {k: v for k, v in again.items() if k not in drop} == {k: v for k, v in played.figures.items() if k not in drop}
