"""Boxes are told what is wanted of their rooms: when they announce themselves, when it changes, and never of anybody else's."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri
from mappers.comfort import read
from ontology.names import FC, RDF, RDFS
from optimiser.comfort import Comfort
from registry import comfort
from registry.comfort import Band
from registry.edits import Delta
from registry.gate import Gate

NIGHT = Band(frozenset(range(7)), time(22), time(0), Decimal(16), Decimal(20))


class World:
    """Two members with a box and a room each, one without a wish, and what the boxes were told."""

    def __init__(self, store: EmbeddedStore, iris: Iris) -> None:
        self.store, self.iris = store, iris
        self.told: list[tuple[str, dict]] = []
        self.comfort = Comfort(store, iris, lambda osb, message: self.told.append((osb, message)))
        numbers = itertools.count(1)
        self.gate = Gate(store, iris, lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: f"t{next(numbers)}", self.comfort.edited)
        for key in ("h01", "h02", "h03"):
            facts, member, site = self.facts(key), iri(self.member(key)), iris.id("site", key)
            store.apply(
                insert=[
                    *describe(facts, site, {str(RDF.type): FC.Site, str(FC.ownedBy): member, str(FC.timeZone): "Europe/Madrid"}),
                    *describe(facts, iris.id("zone", f"{key}-living"), {str(FC.locatedAt): iri(site)}),
                    *describe(facts, iris.id("osb", key), {str(FC.claimedBy): member, str(FC.locatedAt): iri(site)}),
                ]
            )
        for key in ("h01", "h02"):
            self.want(key)
        self.told.clear()

    def facts(self, key: str) -> str:
        return self.iris.graph("member", key, "facts")

    def member(self, key: str) -> str:
        return self.iris.id("member", key)

    def want(self, key: str, *bands: Band, minimum: int = 21) -> None:
        room = self.iris.id("zone", f"{key}-living") + "#airTemperature"
        known = comfort.profiles(self.store, self.iris, self.member(key))
        profile = known[0] if known else comfort.new(self.iris, self.member(key), room, minimum=Decimal(21), maximum=Decimal(26))
        self.gate.apply(
            comfort.change(self.store, profile, minimum=Decimal(minimum), maximum=Decimal(26), bands=bands), by=key, why="comfort"
        )

    def heard(self) -> list[tuple[str, list[str], int]]:
        """Which boxes were told of which profiles with how many bands, since this was last asked."""
        found = [
            (osb, [self.iris.key(one.iri) for one in read(message)[1]], sum(len(one.bands) for one in read(message)[1]))
            for osb, message in self.told
        ]
        self.told.clear()
        return found


@pytest.fixture
def world(store: EmbeddedStore, iris: Iris) -> World:
    return World(store, iris)


def test_a_box_that_announces_itself_is_told_what_is_wanted_in_its_own_home(world: World) -> None:
    world.comfort.announced("osb-h01")

    assert world.heard() == [("osb-h01", ["h01"], 0)]


def test_a_box_in_whose_home_nothing_is_wanted_is_told_so_as_it_may_remember_otherwise(world: World) -> None:
    world.comfort.announced("osb-h03")

    assert world.heard() == [("osb-h03", [], 0)]


def test_a_box_that_nobody_claimed_is_told_nothing(world: World) -> None:
    world.comfort.announced("osb-h99")

    assert world.heard() == []


def test_a_change_reaches_the_members_own_box_at_once_and_no_other(world: World) -> None:
    world.want("h01", NIGHT, replace(NIGHT, start=time(0), end=time(6)))

    assert world.heard() == [("osb-h01", ["h01"], 2)]


def test_an_edit_that_changes_nothing_of_comfort_says_nothing(world: World) -> None:
    note = describe(world.facts("h01"), world.iris.id("comfort", "h01"), {str(RDFS.comment): "painted"})
    world.gate.apply(Delta(frozenset(), frozenset(note)), by="h01", why="x")
    world.want("h01")

    assert world.heard() == []


def test_each_announcement_is_answered_even_if_nothing_changed(world: World) -> None:
    for _ in range(2):
        world.comfort.announced("osb-h01")

    assert len(world.heard()) == 2


def test_at_the_start_every_box_in_whose_home_something_is_wanted_is_told(world: World) -> None:
    world.comfort.everybody()

    assert world.heard() == [("osb-h01", ["h01"], 0), ("osb-h02", ["h02"], 0)]


def test_the_message_says_the_zone_of_the_site_and_whose_it_is(world: World) -> None:
    world.want("h02", NIGHT)
    ((osb, message),) = world.told

    (profile,) = read(message)[1]
    assert (osb, profile.zone) == ("osb-h02", "Europe/Madrid")
    assert profile.channel == world.iris.id("zone", "h02-living") + "#airTemperature"
    assert "h01" not in str(message)
