"""What a field may refer to: found by a part of its name, and never what may not be seen."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stated_home import turtle

from forms import made, options
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Lang, describe
from ontology.names import FC, FCV, RDF, RDFS
from sparql.scope import EVERYTHING, NOTHING, Scope

IRIS = Iris("http://127.0.0.1:8080")
SITE = made.form("battery-system").field("locatedAt")
DEVICES = made.form("flexibility-contract").field("FlexibilityContract-covers")


def of(*members: str) -> Scope:
    return Scope(
        graphs=frozenset(IRIS.graph("member", member, "facts") for member in members),
        families=frozenset(f"{IRIS.graph('member', member, 'osb')}/" for member in members),
    )


@pytest.fixture(scope="module")
def street() -> EmbeddedStore:
    """A hundred homes."""
    store = EmbeddedStore()
    quads = []
    for number in range(100):
        graph, key = IRIS.graph("member", f"h{number:02}", "facts"), f"h{number:02}"
        quads += describe(graph, IRIS.id("site", key), {RDF.type: FC.Site, RDFS.label: Lang(f"Home {key}")})
        quads += describe(
            IRIS.graph("member", key, "osb", key), IRIS.id("device", f"{key}-pv"), {RDF.type: FC.PVSystem, RDFS.label: Lang("PV")}
        )
    store.apply(insert=quads)
    return store


def found(store: EmbeddedStore, field, text: str, scope: Scope, limit: int = 20) -> list[str]:
    return [option.iri.partition("/id/")[2] for option in options.search(store, IRIS, field, text, scope, "en", limit)]


def test_things_are_found_by_a_part_of_their_name_or_key(street):
    assert found(street, SITE, "ME H4", EVERYTHING) == [f"site/h4{digit}" for digit in range(10)]
    assert found(street, SITE, "site/h07", EVERYTHING) == ["site/h07"]
    assert found(street, SITE, "127.0.0.1", EVERYTHING) == []


def test_things_of_a_class_below_are_found(street):
    assert found(street, DEVICES, "h03-pv", EVERYTHING) == ["device/h03-pv"]


def test_without_a_text_the_first_are_offered(street):
    assert found(street, SITE, "", EVERYTHING) == [f"site/h{number:02}" for number in range(20)]
    assert found(street, SITE, " ", EVERYTHING, limit=3) == ["site/h00", "site/h01", "site/h02"]


def test_option_tells_its_name_and_its_key(street):
    assert options.search(street, IRIS, SITE, "h05", EVERYTHING, "es") == [options.Option(IRIS.id("site", "h05"), "Home h05", "site/h05")]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.lists(st.integers(0, 99).map("h{:02}".format), max_size=4, unique=True),
    text=st.sampled_from(["", "home", "h1", "pv", "device/", "member", "0", "'", '"', "\\", "?x", "h01"]),
    field=st.sampled_from([SITE, DEVICES]),
)
def test_options_never_leave_the_scope(street, members, text, field):
    own = set(found(street, field, text, of(*members), limit=500))

    assert all(any(key.startswith((f"site/{member}", f"device/{member}")) for member in members) for key in own)
    assert own <= {key for key in found(street, field, text, of(*members), 500)}
    everywhere = {f"site/{member}" for member in members} if field is SITE else {f"device/{member}-pv" for member in members}
    if text == "":
        assert own == everywhere


def test_nobody_in_particular_finds_nothing(street):
    assert found(street, SITE, "", NOTHING) == []
    assert options.exact(street, IRIS, SITE, "Home h01", NOTHING) == []
    assert options.exact(street, IRIS, SITE, IRIS.id("site", "h01"), NOTHING) == []


def test_name_that_may_not_be_seen_finds_nothing_and_is_not_told():
    store = EmbeddedStore()
    mine, secret = IRIS.graph("member", "h01", "facts"), IRIS.graph("people")
    store.apply(insert=turtle("<site/h01> a fc:Site .", mine) + turtle('<site/h01> rdfs:label "Somewhere secret"@en .', secret))

    assert options.search(store, IRIS, SITE, "", of("h01"), "en") == [options.Option(IRIS.id("site", "h01"), "site/h01")]
    assert options.search(store, IRIS, SITE, "secret", of("h01"), "en") == []
    assert options.exact(store, IRIS, SITE, "somewhere secret", of("h01")) == []
    assert options.called(store, IRIS, IRIS.id("site", "h01"), of("h01"), "en").label == "site/h01"
    assert options.called(store, IRIS, IRIS.id("site", "h01"), EVERYTHING, "en").label == "Somewhere secret"


def test_thing_of_another_class_is_not_accepted(home):
    assert options.exact(home, IRIS, SITE, IRIS.id("member", "h01"), EVERYTHING) == []
    assert options.exact(home, IRIS, SITE, IRIS.id("site", "h01"), EVERYTHING) == [IRIS.id("site", "h01")]


def test_thing_is_known_by_its_name_its_key_or_its_iri(home):
    for text in ("home H01", "site/h01", IRIS.id("site", "h01"), " Home h01 "):
        assert options.exact(home, IRIS, SITE, text, of("h01")) == [IRIS.id("site", "h01")]


@pytest.mark.parametrize("text", ['"', "'", "\\", "> ; DROP ALL", "http://a b", "http://x/<", "}", "?thing", "\x00", "\ud800"], ids=ascii)
def test_hostile_text_finds_nothing_and_breaks_nothing(home, text):
    assert options.exact(home, IRIS, SITE, text, EVERYTHING) == []
    assert options.search(home, IRIS, SITE, text, EVERYTHING, "en") == []


def test_choices_are_searched_in_the_readers_language(home):
    method = made.form("flexibility-contract").field("baselineMethod")

    assert [option.iri for option in options.search(home, IRIS, method, "diez de", EVERYTHING, "es")] == [str(FCV.TenOfTen)]


def test_address_and_number_offer_nothing(home):
    for slug, key in (("site", "Site-source"), ("battery-system", "BatterySystem-ratedPower"), ("member", "label")):
        assert options.search(home, IRIS, made.form(slug).field(key), "", EVERYTHING, "en") == []
        assert options.exact(home, IRIS, made.form(slug).field(key), "Home h01", EVERYTHING) == []


def test_many_things_are_searched_without_fetching_them():
    store = EmbeddedStore()
    store.apply(
        insert=[
            quad
            for number in range(10_000)
            for quad in describe(
                IRIS.graph("member", f"h{number % 1000:03}", "facts"),
                IRIS.id("site", f"s{number:05}"),
                {RDF.type: FC.Site, RDFS.label: Lang(f"Site {number:05}")},
            )
        ]
    )
    fetched = []

    class Counting:
        def select(self, query):
            rows = store.select(query)
            fetched.append(len(rows))
            return rows

    assert len(options.search(Counting(), IRIS, SITE, "site 0", EVERYTHING, "en")) == 20  # type: ignore[arg-type]
    assert len(options.search(Counting(), IRIS, SITE, "", EVERYTHING, "en")) == 20  # type: ignore[arg-type]
    assert max(fetched) <= 250
