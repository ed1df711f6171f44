"""Settlements name the readings they used, and a later change of one shows."""

from datetime import date, timedelta

import pytest
from settlement_world import END, KILOWATT, QUARTER, START, Home, World

from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from mappers.records import Series
from settlement.changes import changed_since

THREE = {"h01": Home(3.0, [-1.0] * 4, told=4.0), "h02": Home(2.0, [0.0] * 4, told=4.0)}


@pytest.fixture
def world(store: EmbeddedStore, iris: Iris) -> World:
    settled = World(store, iris, THREE)
    settled.settle()
    return settled


def test_each_result_names_day_revision_and_digest(world: World) -> None:
    rows = queries.rows(world.store, queries.load("settlement", "readings_used"), campaign=world.campaign)
    channel = world.iris.id("connection", "h01") + "#activePower"

    event = [row for row in rows if row["user"].endswith("/h01") and "/settlement/" in row["user"]]
    now = world.readings.used([channel], START, END)

    assert [(row["day"], row["revision"], row["digest"]) for row in event] == [(day.iri, day.revision, day.digest) for day in now]
    derived = {day for row in rows for day in [row["day"]] if "/baseline/" in row["user"]}
    assert len(derived) >= 10
    assert changed_since(world.store, world.iris, world.channels) == []


def test_closing_a_day_changes_nothing_and_a_correction_does(world: World) -> None:
    world.writer.close_days(date(2016, 12, 1))
    assert changed_since(world.store, world.iris, world.channels) == []

    channel = world.iris.id("connection", "h01") + "#activePower"
    world.writer.write([Series(channel, START, QUARTER, ("9.5",), KILOWATT)], received=END + timedelta(days=9))
    found = changed_since(world.store, world.iris, world.channels, world.campaign)

    assert {each.before.iri for each in found} == {world.iris.day(channel, START.date())}
    assert all(each.now is not None and each.now.revision > each.before.revision for each in found)
    assert "has been changed since" in found[0].sentence


def test_an_open_day_that_goes_on_changes_nothing_and_a_correction_does(world: World) -> None:
    channel = world.iris.id("connection", "h01") + "#activePower"
    last, _ = world.readings.latest([channel])[channel]
    assert (last + 2 * QUARTER).date() == START.date(), "the day of the event must have room for more readings"

    world.writer.write([Series(channel, last + 2 * QUARTER, QUARTER, ("1.5",), KILOWATT)], received=END)
    assert changed_since(world.store, world.iris, world.channels) == []

    world.writer.write([Series(channel, START, QUARTER, ("9.5",), KILOWATT)], received=END)
    assert {each.before.iri for each in changed_since(world.store, world.iris, world.channels)} == {world.iris.day(channel, START.date())}


def test_a_day_that_is_gone_is_told(world: World) -> None:
    world.store.drop([graph for graph in world.store.graphs() if "h02/telemetry" in graph])

    found = changed_since(world.store, world.iris, world.channels)

    assert found
    assert all(each.now is None and "/h02/" in each.before.iri for each in found)
    assert "is not kept any more" in found[0].sentence
