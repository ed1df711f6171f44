"""From what was filled in to the change of the graph: only what differs."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from kg_stores import AnyStore
from pyoxigraph import Literal, Quad
from stated_home import PLACES, turtle

from forms import changes, filled, made, things
from forms.changes import Place
from forms.errors import PlaceError
from forms.things import Thing, of_quads
from kg.iris import Iris
from kg.store import Store
from registry.edits import Delta
from registry.gate import Gate
from registry.owners_word import settled


def sent(thing: Thing, language: str = "en", **other: str) -> dict[str, list[str]]:
    """The form of a thing as a browser sends it, with some inputs changed; `__` stands for a dot, `_` for a dash."""
    inputs = filled.raws(thing, language) | {name.replace("__", ".").replace("_", "-"): text for name, text in other.items()}
    return {name: [text] for name, text in inputs.items()}


def edit(iris: Iris, thing: Thing, data: Mapping[str, list[str]], language: str = "en") -> Delta:
    given = filled.read(thing.form, data, language, "Europe/Madrid", thing)
    assert given.errors == {}
    return changes.delta(iris, thing, given, changes.place_of(iris, thing))


def told(quads: frozenset[Quad]) -> list[str]:
    """Quads in short: thing, property, value, graph."""

    def short(text: str) -> str:
        return text.rpartition("/id/")[2].rpartition("/ns#")[2].rpartition("/core/")[2].rpartition("#")[2]

    return sorted(
        f"{quad.subject.value.rpartition('/id/')[2]} {short(quad.predicate.value)} {short(quad.object.value)} "
        f"{quad.graph_name.value.rpartition('/graph/')[2]}"
        for quad in quads
    )


@pytest.mark.parametrize("key", ["member/h01", "site/h01", "device/h01-battery", "osb/h01", "contract/h01/r1", "cooperative/demo"])
@pytest.mark.parametrize("language", ["en", "es", "nl"])
def test_saving_without_a_change_changes_nothing(iris: Iris, thing, key, language):
    assert edit(iris, thing(key), sent(thing(key), language), language) == Delta()


def test_box_that_is_overruled_gives_way_and_the_owners_number_comes_among_the_facts(iris: Iris, thing):
    delta = edit(iris, thing("device/h01-battery"), sent(thing("device/h01-battery"), BatterySystem_ratedPower="4.6"))

    assert told(delta.delete) == ["device/h01-battery#ratedPower hasValue 5 member/h01/osb/h01"]
    assert told(delta.insert) == ["device/h01-battery#ratedPower hasValue 4.6 member/h01/facts"]


def test_gate_lets_an_overruled_box_pass(home: Store, iris: Iris, thing):
    battery = thing("device/h01-battery")
    delta = settled(home, iris, edit(iris, battery, sent(battery, BatterySystem_ratedPower="4.6", label="House battery")))

    Gate(home, iris, lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: "t1").apply(delta, by="clerk", why="Plate read.")

    edited = thing("device/h01-battery")
    assert filled.raws(edited, "es")["BatterySystem-ratedPower"] == "4,6"
    assert [entry.term for entry in edited.values["label"]] == [Literal("House battery", language="en")]
    assert {quad.triple for quad in edited.others} == {quad.triple for quad in battery.others}


def test_half_a_kilowatt_hour_and_an_efficiency_below_one_are_kept_exactly(iris: Iris, thing):
    battery = thing("device/h01-battery")

    assert edit(iris, battery, sent(battery, BatterySystem_storageCapacity="0.5", BatterySystem_roundTripEfficiency="0.95")) == Delta()
    changed = edit(iris, battery, sent(battery, "es", BatterySystem_storageCapacity="0,95", BatterySystem_roundTripEfficiency="0,5"), "es")
    assert {quad.object.value for quad in changed.insert} == {"0.95", "0.5"}


def test_term_keeps_its_exact_form_where_the_clerk_did_not_change_it(iris: Iris):
    facts = turtle(
        '<osb/h01> a fc:OpenSmartBox ; rdfs:label "e\u0301"@en , "e\u0301"@nl , " e" ; saref:hasManufacturer " FLEXCoop" ; '
        'saref:hasIdentifier "osb-h01" ; fc:claimedBy <member/h01> .',
        iris.graph("registry"),
    )
    thing = of_quads(made.form("open-smart-box"), iris.id("osb", "h01"), facts)

    assert edit(iris, thing, sent(thing, OpenSmartBox_model="OSB")).insert == frozenset(
        turtle('<osb/h01> saref:hasModel "OSB" .', iris.graph("registry"))
    )


@pytest.mark.parametrize("number", ["5.0", "5", "5.00", "+5"])
def test_number_keeps_its_exact_form_on_any_store(iris: Iris, number):
    statements = turtle(
        f"<device/x> a fc:PVSystem ; saref:hasPropertyValue <device/x#p> . <device/x#p> a saref:PropertyValue ; "
        f"saref:isValueOfProperty fcv:RatedPower ; saref:isMeasuredIn unit:KiloW ; saref:hasValue '{number}'^^xsd:decimal .",
        iris.graph("member", "h01", "facts"),
    )
    pv = of_quads(made.form("pv-system"), iris.id("device", "x"), statements)
    given = filled.read(pv.form, sent(pv), "en", "UTC", pv, only={"PVSystem-ratedPower"})

    assert given.errors == {}
    assert changes.delta(iris, pv, given, changes.place_of(iris, pv)) == Delta()


def test_other_names_stay_when_one_is_changed(iris: Iris, thing):
    member = thing("member/h01")

    delta = edit(iris, member, sent(member, "es", label="Casa 1"), "es")

    assert delta.delete == frozenset(turtle('<member/h01> rdfs:label "Socio h01"@es .', iris.graph("member", "h01", "facts")))
    assert delta.insert == frozenset(turtle('<member/h01> rdfs:label "Casa 1"@es .', iris.graph("member", "h01", "facts")))


def test_part_that_is_taken_away_takes_its_own_statements_along(iris: Iris, thing):
    contract = thing("contract/h01/r1")
    data = {name: text for name, text in sent(contract).items() if ".1." not in name}

    delta = edit(iris, contract, data)

    assert told(delta.delete) == [
        "contract/h01/r1 hasTerm window-2 member/h01/contracts",
        "contract/h01/r1#window-2 comment The evening. member/h01/contracts",
        "contract/h01/r1#window-2 type WindowTerm member/h01/contracts",
        "contract/h01/r1#window-2 windowEnd 22:00:00 member/h01/contracts",
        "contract/h01/r1#window-2 windowStart 16:00:00 member/h01/contracts",
    ]
    assert delta.insert == frozenset()


def test_row_can_be_taken_away_by_its_button_and_the_others_keep_their_names(iris: Iris, thing):
    contract = thing("contract/h01/r1")

    delta = edit(iris, contract, sent(contract, FlexibilityContract_window__0__remove="1"))

    assert {quad.subject.value.rpartition("#")[2] for quad in delta.delete if "#" in quad.subject.value} == {"window"}
    assert delta.insert == frozenset()


def test_new_part_gets_the_next_free_fragment(iris: Iris, thing):
    contract = thing("contract/h01/r1")
    new = {"FlexibilityContract-window.2.WindowTerm-start": ["10:00"], "FlexibilityContract-window.2.WindowTerm-end": ["12:00"]}

    delta = edit(iris, contract, sent(contract) | new)

    assert told(delta.insert) == [
        "contract/h01/r1 hasTerm window-3 member/h01/contracts",
        "contract/h01/r1#window-3 type WindowTerm member/h01/contracts",
        "contract/h01/r1#window-3 windowEnd 12:00:00 member/h01/contracts",
        "contract/h01/r1#window-3 windowStart 10:00:00 member/h01/contracts",
    ]
    assert delta.delete == frozenset()


def test_part_of_another_thing_cannot_be_slipped_in(iris: Iris, thing):
    contract = thing("contract/h01/r1")
    data = sent(contract) | {"FlexibilityContract-window.1.id": [iris.id("contract", "h02", "r1") + "#window"]}

    delta = edit(iris, contract, data)

    assert {quad.subject.value.partition("#")[0] for quad in delta.insert | delta.delete} == {contract.iri}


def test_field_that_was_not_asked_stays(iris: Iris, thing):
    member = thing("member/h01")
    given = filled.read(member.form, {"label": ["Home 1"]}, "en", "UTC", member, only={"label"})

    delta = changes.delta(iris, member, given, changes.place_of(iris, member))

    assert given.errors == {}
    assert told(delta.delete) == ["member/h01 label Member h01 member/h01/facts"]


def test_new_contract_begins_as_a_draft_with_its_fixed_units_and_the_digest_that_was_computed(iris: Iris, thing):
    old = thing("contract/h01/r1")
    data = {name: text for name, text in sent(old).items() if not name.endswith(".id")}
    form = old.form
    given = filled.read(form, data, "en")
    place = changes.place(form, iris, member="h01", taken=lambda iri: iri.endswith("/r1"))
    digest = Literal("sha256:" + "0" * 64)

    delta = changes.delta(iris, None, given, place, given={"FlexibilityContract-digest": [digest]})

    assert given.errors == {}
    assert place == Place(iris.graph("member", "h01", "contracts"), iris.id("contract", "h01", "r2"))
    without_comment = [quad for quad in old.quads if quad.predicate.value.rpartition("#")[2] != "comment"]
    renamed = {str(quad).replace("contract/h01/r1", "contract/h01/r2") for quad in without_comment}
    assert {str(quad) for quad in delta.insert if quad.object != digest} == renamed
    assert delta.delete == frozenset()


def test_signed_contracts_computed_fields_are_not_touched(iris: Iris, thing):
    contract = thing("contract/h01/r1")
    data = sent(contract) | {"FlexibilityContract-status": ["https://w3id.org/flexcoop/vocab/ContractActive"]}

    assert edit(iris, contract, data) == Delta()


def test_removal_takes_all_that_any_graph_says(home: Store, iris: Iris, thing):
    battery = thing("device/h01-battery")

    home.apply(delete=changes.removal(battery).delete)

    left = {triple.subject.value for graph in home.graphs() for triple in home.graph(graph)}
    assert [subject for subject in left if "h01-battery" in subject] == []
    assert iris.id("site", "h01") in left


def test_form_is_lossless_on_every_store(any_store: AnyStore, iris: Iris):
    any_store.apply(insert=[quad for place, text in PLACES.items() for quad in turtle(text, iris.graph(place))])

    for key in ("member/h01", "device/h01-battery", "contract/h01/r1"):
        found = things.read(any_store, iris, f"{iris.base}/id/{key}")
        assert found is not None
        assert edit(iris, found, sent(found, "nl"), "nl") == Delta()

    delta = edit(iris, found, sent(found, FlexibilityContract_capacity__0__CapacityTerm_value="0.95"))
    any_store.apply(delete=delta.delete, insert=delta.insert)
    again = things.read(any_store, iris, found.iri)
    assert again is not None
    assert filled.raws(again, "es")["FlexibilityContract-capacity.0.CapacityTerm-value"] == "0,95"
    assert len(again.quads) == len(found.quads)  # what was there is gone


# --- places


@pytest.mark.parametrize(
    ("slug", "given", "graph", "iri"),
    [
        ("battery-system", {"member": "h01"}, "member/h01/facts", "device/h01-battery"),
        ("battery-system", {"member": "h01", "key": "h01-cellar"}, "member/h01/facts", "device/h01-cellar"),
        ("member", {"member": "h01"}, "member/h01/facts", "member/h01"),
        ("thermal-zone", {"member": "h01"}, "member/h01/facts", "zone/h01-living"),
        ("grid-node", {"key": "feeder-2"}, "registry", "node/feeder-2"),
        ("grid-operator", {"key": "demo"}, "registry", "dso/demo"),
        ("flexibility-contract", {"member": "h01"}, "member/h01/contracts", "contract/h01/r1"),
    ],
)
def test_new_thing_is_placed_as_the_data_model_says(iris: Iris, slug, given, graph, iri):
    assert changes.place(made.form(slug), iris, **given) == Place(iris.graph(graph), f"{iris.base}/id/{iri}")


def test_key_that_is_in_use_gets_a_number(iris: Iris):
    taken = {iris.id("device", "h01-battery"), iris.id("device", "h01-battery-2")}

    assert changes.place(made.form("battery-system"), iris, member="h01", taken=taken.__contains__).iri == iris.id(
        "device", "h01-battery-3"
    )


@pytest.mark.parametrize(
    ("slug", "given"),
    [
        ("battery-system", {}),
        ("battery-system", {"member": "h01", "key": "h02-battery"}),
        ("battery-system", {"member": "h01", "key": "h011"}),
        ("battery-system", {"member": "../h02"}),
        ("battery-system", {"member": "h01", "key": "h01-<script>"}),
        ("grid-node", {}),
        ("grid-node", {"key": "a/../b"}),
        ("channel", {"member": "h01"}),
    ],
)
def test_key_that_cannot_be_one_is_refused_with_a_sentence(iris: Iris, slug, given):
    with pytest.raises(PlaceError, match=r"\.$"):
        changes.place(made.form(slug), iris, **given)
