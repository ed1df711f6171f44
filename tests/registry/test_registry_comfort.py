"""Comfort by weekday and hour: which limits are wanted when, how they are changed, and what the gate refuses."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri
from mappers import comfort as wire
from mappers.errors import MappingError
from ontology.names import FC, QUDT, RDF, RDFS, UNIT
from registry import comfort
from registry.comfort import Band, Profile, band_at
from registry.errors import RefusedEditError
from registry.gate import Gate

MADRID = "Europe/Madrid"
WORKDAYS, EVERY_DAY = frozenset(range(5)), frozenset(range(7))
DAY, NIGHT = (Decimal("21.0"), Decimal("26.0")), (Decimal("16.0"), Decimal("20.0"))


LOCAL = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31))  # noqa: DTZ001  (what a clock on the wall shows)


def night(weekdays: frozenset[int] = WORKDAYS, start: time = time(22), end: time = time(0)) -> Band:
    return Band(weekdays, start, end, *NIGHT)


def profile(*bands: Band, zone: str = MADRID) -> Profile:
    return Profile("http://127.0.0.1:8080/id/comfort/h01", "http://127.0.0.1:8080/id/zone/h01-living#airTemperature", *DAY, bands, zone)


@pytest.fixture
def home(store: EmbeddedStore, iris: Iris) -> EmbeddedStore:
    """A member with one room and a profile without bands, and a note beside it that no form knows."""
    facts, member, site, room = (
        iris.graph("member", "h01", "facts"),
        *(iris.id(kind, "h01") for kind in ("member", "site")),
        iris.id("zone", "h01-living"),
    )
    quads = [
        *describe(facts, site, {str(RDF.type): FC.Site, str(FC.ownedBy): iri(member), str(FC.timeZone): MADRID}),
        *describe(facts, room, {str(RDF.type): FC.ThermalZone, str(FC.locatedAt): iri(site)}),
        *describe(
            facts,
            iris.id("comfort", "h01"),
            {
                str(RDF.type): FC.ComfortProfile,
                str(FC.ownedBy): iri(member),
                str(FC.forProperty): iri(f"{room}#airTemperature"),
                str(FC.minimum): DAY[0],
                str(FC.maximum): DAY[1],
                str(QUDT.hasUnit): UNIT.DEG_C,
                str(RDFS.comment): "said by the installer",
            },
        ),
    ]
    store.apply(insert=quads)
    return store


def only(store: EmbeddedStore, iris: Iris) -> Profile:
    (found,) = comfort.profiles(store, iris, iris.id("member", "h01"))
    return found


# --- which limits are wanted when -------------------------------------------------------------------------------------------------------


def test_without_bands_the_limits_hold_all_the_time() -> None:
    assert band_at(profile(), datetime(2026, 1, 5, 3, tzinfo=UTC)) == DAY


@pytest.mark.parametrize(
    ("local", "wanted"),
    [
        ("2026-01-05T21:59:59", DAY),  # a Monday
        ("2026-01-05T22:00:00", NIGHT),
        ("2026-01-05T23:59:59", NIGHT),  # 00:00 as an end is the end of the day
        ("2026-01-06T00:00:00", DAY),
        ("2026-01-10T22:30:00", DAY),  # a Saturday
    ],
)
def test_a_band_is_in_force_by_the_clock_and_the_weekday_of_the_site(local: str, wanted: tuple[Decimal, Decimal]) -> None:
    assert band_at(profile(night()), datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(MADRID))) == wanted


def test_the_weekday_is_that_of_the_site_and_not_of_utc() -> None:
    monday_in_utc = datetime(2026, 1, 5, 1, tzinfo=UTC)  # Sunday, 17:00 in Los Angeles
    sunday = profile(night(frozenset({6}), time(16), time(18)), zone="America/Los_Angeles")

    assert band_at(sunday, monday_in_utc) == NIGHT
    assert band_at(sunday, monday_in_utc, "Europe/Madrid") == DAY


def test_a_day_of_23_hours_has_the_band_of_the_hours_that_its_clock_shows() -> None:
    # 29 March 2026: 02:00 becomes 03:00 in Madrid
    banded = profile(Band(frozenset({6}), time(2), time(4), *NIGHT))
    wanted = [band_at(banded, datetime(2026, 3, 29, 0, 30, tzinfo=UTC) + timedelta(hours=n)) for n in range(3)]  # 01:30, 03:30, 04:30

    assert wanted == [DAY, NIGHT, DAY]


def test_a_day_of_25_hours_has_the_band_of_an_hour_that_comes_twice_in_both() -> None:
    # 25 October 2026: 03:00 becomes 02:00 in Madrid
    banded = profile(Band(frozenset({6}), time(2), time(3), *NIGHT))
    wanted = [
        band_at(banded, datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(hours=n)) for n in range(4)
    ]  # 01:30, 02:30, 02:30, 03:30

    assert wanted == [DAY, NIGHT, NIGHT, DAY]


def test_a_band_past_midnight_is_cut_in_two_and_the_second_is_on_the_days_after() -> None:
    first, second = comfort.whole([night(frozenset({4, 6}), time(22), time(6, 30))])

    assert (first.weekdays, first.start, first.end) == ({4, 6}, time(22), time(0))
    assert (second.weekdays, second.start, second.end) == ({5, 0}, time(0), time(6, 30))


times = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30)))
bands = st.builds(Band, st.frozensets(st.integers(0, 6), min_size=1), times, times, st.just(NIGHT[0]), st.just(NIGHT[1]))


@given(bands, LOCAL)
def test_cutting_at_midnight_changes_nothing_of_when_a_band_holds(band: Band, local: datetime) -> None:
    held = (local.weekday() in band.weekdays and local.time() >= band.start) if band.end <= band.start else band.covers(local)
    if band.end <= band.start and band.end != time(0):  # it goes on the next morning
        held = held or ((local.weekday() - 1) % 7 in band.weekdays and local.time() < band.end)

    assert any(each.covers(local) for each in comfort.whole([band])) == held


@given(bands, bands, LOCAL)
def test_bands_that_do_not_overlap_never_hold_at_one_time(one: Band, other: Band, local: datetime) -> None:
    both = [*comfort.whole([one]), *comfort.whole([other])]

    if not comfort.overlapping(both):
        assert sum(each.covers(local) for each in both) <= 1


# --- the graph --------------------------------------------------------------------------------------------------------------------------


def test_bands_are_written_through_the_gate_and_read_back_as_they_were(home: EmbeddedStore, gate: Gate, iris: Iris) -> None:
    wanted = [night(end=time(6, 30)), Band(frozenset({5}), time(8), time(12), Decimal("22.5"), Decimal("24.5"))]

    gate.apply(comfort.change(home, only(home, iris), minimum=Decimal(20), maximum=Decimal(25), bands=wanted), by="h01", why="comfort")
    found = only(home, iris)

    assert (found.minimum, found.maximum, found.zone) == (20, 25, MADRID)
    assert {replace(band, iri="") for band in found.bands} == set(comfort.whole(wanted))
    assert {band.iri for band in found.bands} == {f"{found.iri}#b{n}" for n in (1, 2, 3)}


def test_a_change_leaves_what_else_is_said_of_the_profile_and_of_bands_that_stay(home: EmbeddedStore, gate: Gate, iris: Iris) -> None:
    gate.apply(
        comfort.change(home, only(home, iris), minimum=DAY[0], maximum=DAY[1], bands=[night(), night(frozenset({5}))]), by="h01", why="x"
    )
    found, facts = only(home, iris), NamedNode(iris.graph("member", "h01", "facts"))
    kept, gone = found.bands
    note = Quad(NamedNode(kept.iri), NamedNode(str(RDFS.comment)), Literal("mine"), facts)
    home.apply(insert=[note, Quad(NamedNode(gone.iri), note.predicate, note.object, facts)])

    warmer = replace(kept, minimum=Decimal("17.0"))
    delta = comfort.change(home, found, minimum=DAY[0], maximum=DAY[1], bands=[warmer])
    gate.apply(delta, by="h01", why="x")

    assert {quad.object.value for quad in delta.insert} == {"17.0"}
    assert only(home, iris).bands == (warmer,)
    said = set(home.graph(facts.value))
    assert note.triple in said
    assert (Literal("said by the installer")) in {triple.object for triple in said}
    assert not any(gone.iri in str(triple) for triple in said)


def test_no_change_is_an_empty_edit(home: EmbeddedStore, gate: Gate, iris: Iris) -> None:
    gate.apply(comfort.change(home, only(home, iris), minimum=DAY[0], maximum=DAY[1], bands=[night()]), by="h01", why="x")
    found = only(home, iris)

    delta = comfort.change(home, found, minimum=found.minimum, maximum=found.maximum, bands=found.bands)

    assert (delta.delete, delta.insert) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("bands", "says"),
    [
        (
            [night(), night(frozenset({4}), time(21), time(23))],
            "on fcv:Friday those from 22:00:00 to 00:00:00 and from 21:00:00 to 23:00:00 overlap",
        ),
        ([night(end=time(6)), night(frozenset({1}), time(5), time(7))], "overlap; let one end where the other begins"),
        ([replace(night(), minimum=Decimal(21), maximum=Decimal(20))], "A band needs room between its limits"),
        ([replace(night(), maximum=Decimal(36))], "A comfort limit is one decimal from 5 to 35 °C"),
        ([night(frozenset())], "choose at least one weekday"),
    ],
)
def test_the_gate_refuses_bands_that_can_not_be(home: EmbeddedStore, gate: Gate, iris: Iris, bands: list[Band], says: str) -> None:
    with pytest.raises(RefusedEditError, match=says.replace("(", r"\(")):
        gate.apply(comfort.change(home, only(home, iris), minimum=DAY[0], maximum=DAY[1], bands=bands), by="h01", why="x")

    assert only(home, iris).bands == ()


def test_bands_of_two_profiles_of_one_room_must_not_overlap_either(home: EmbeddedStore, gate: Gate, iris: Iris) -> None:
    first = only(home, iris)
    gate.apply(comfort.change(home, first, minimum=DAY[0], maximum=DAY[1], bands=[night()]), by="h01", why="x")
    second = comfort.new(iris, iris.id("member", "h01"), first.channel, minimum=DAY[0], maximum=DAY[1], number=2)

    with pytest.raises(RefusedEditError, match="overlap"):
        gate.apply(
            comfort.change(home, second, minimum=DAY[0], maximum=DAY[1], bands=[night(EVERY_DAY, time(21), time(23))]), by="h01", why="x"
        )


def test_a_first_profile_is_written_whole(store: EmbeddedStore, gate: Gate, iris: Iris) -> None:
    member, room = iris.id("member", "h02"), iris.id("zone", "h02-living") + "#airTemperature"
    begun = comfort.new(iris, member, room, minimum=DAY[0], maximum=DAY[1])

    gate.apply(comfort.change(store, begun, minimum=DAY[0], maximum=DAY[1], bands=[night()]), by="h02", why="x")

    (found,) = comfort.profiles(store, iris, member)
    assert (found.iri, found.channel, len(found.bands)) == (iris.id("comfort", "h02"), room, 1)
    assert comfort.of_channels(store, [room]).keys() == {room}
    assert [each.owner for each in comfort.profiles(store, iris, None)] == [member]


def test_a_member_sees_no_profile_of_another(home: EmbeddedStore, iris: Iris) -> None:
    assert comfort.profiles(home, iris, iris.id("member", "h02")) == []
    assert comfort.of_channels(home, []) == {}


# --- on the way to a box ----------------------------------------------------------------------------------------------------------------

bare = st.lists(bands, max_size=4).map(
    lambda given: tuple(replace(band, iri=f"http://127.0.0.1:8080/id/comfort/h01#b{n}") for n, band in enumerate(given, 1))
)


@given(bare)
def test_a_box_reads_what_was_written_for_it(given_bands: tuple[Band, ...]) -> None:
    said = wire.message("http://127.0.0.1:8080", "h01", [profile(*given_bands)])

    tag, (found,) = wire.read(said)

    assert tag == said["tag"]
    assert replace(found, bands=frozenset(found.bands)) == replace(profile(), bands=frozenset(given_bands))  # type: ignore[arg-type]


def test_the_message_is_json_ld_of_the_same_triples(home: EmbeddedStore, gate: Gate, iris: Iris) -> None:
    from mappers.document import with_bundled_contexts

    gate.apply(comfort.change(home, only(home, iris), minimum=DAY[0], maximum=DAY[1], bands=[night()]), by="h01", why="x")
    said = with_bundled_contexts(wire.message(iris.base, "h01", [only(home, iris)]))

    triples = {(quad.subject, quad.predicate, quad.object) for quad in ox.parse(wire.json.dumps(said), format=ox.RdfFormat.JSON_LD)}
    facts = {
        (each.subject, each.predicate, each.object)
        for each in home.graph(iris.graph("member", "h01", "facts"))
        if "#b1" in each.subject.value
    }
    numbers = {str(FC.minimum), str(FC.maximum)}  # 16 and 16.0 are one number spelt in two ways
    assert {each for each in facts if each[1].value not in numbers} <= triples


def test_the_tag_names_the_content() -> None:
    one, same, other = (
        wire.message("http://127.0.0.1:8080", "h01", [profile(band)])["tag"] for band in (night(), night(), night(EVERY_DAY))
    )

    assert one == same != other


@pytest.mark.parametrize(
    "change",
    [
        {"tag": None},
        {"comfort": "none"},
        {"comfort": [{"@id": "comfort/h01"}]},
        {"comfort": ["comfort/h01"]},
        {"@context": "https://w3id.org/flexcoop/context/v1.jsonld"},
        {"comfort": [{"bands": [{}] * 500}]},
    ],
)
def test_a_message_that_is_none_is_refused_whole(change: dict[str, object]) -> None:
    with pytest.raises(MappingError, match="comfort"):
        wire.read(wire.message("http://127.0.0.1:8080", "h01", [profile(night())]) | change)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weekdays", ["fcv:Caturday"]),
        ("windowStart", "22:00:00+01:00"),
        ("windowEnd", "25:00:00"),
        ("minimum", "21.5"),
        ("unit", "unit:DEG_F"),
    ],
)
def test_a_band_that_is_none_is_refused(name: str, value: object) -> None:
    said = wire.message("http://127.0.0.1:8080", "h01", [profile(night())])
    said["comfort"][0]["bands"][0][name] = value

    with pytest.raises(MappingError, match="a comfort profile can't be read"):
        wire.read(said)
