"""What the graph says of a thing, sorted into fields."""

from forms import made, things
from kg.iris import Iris
from kg.terms import Lang, describe
from ontology.names import RDFS


def graphs(thing, key):
    return {entry.graph.partition("/graph/")[2] for entry in thing.values[key]}


def test_each_value_says_which_graph_states_it(thing):
    battery = thing("device/h01-battery")

    assert graphs(battery, "ownedBy") == {"member/h01/facts"}
    assert graphs(battery, "locatedAt") == {"member/h01/osb/h01"}
    assert battery.form.slug == "battery-system"
    assert battery.names == {"en": "Battery"}


def test_rating_is_a_number_with_its_unit(thing):
    power = thing("device/h01-battery").values["BatterySystem-ratedPower"][0]

    assert power.term.value.endswith("#ratedPower")
    assert power.number is not None
    assert power.number.term.value == "5"
    assert [unit.term.value for unit in power.part["unit"]] == ["http://qudt.org/vocab/unit/KiloW"]


def test_what_no_field_asks_for_is_kept_apart(thing):
    others = {(quad.subject.value.partition("/id/")[2], quad.predicate.value) for quad in thing("device/h01-battery").others}

    assert others == {
        ("device/h01-battery", "http://example.org/colour"),
        ("device/h01-battery#ratedPower", "http://example.org/source"),
    }


def test_things_referred_to_are_called_by_their_names(thing):
    contract = thing("contract/h01/r1")

    assert contract.values["buyer"][0].names == {"en": "Demo cooperative", "es": "Cooperativa de demostración"}
    assert contract.values["buyer"][0].label == "Demo cooperative"


def test_names_come_from_graphs_that_may_be_seen(home, iris: Iris):
    def allows(graph):
        return "/member/h01/" in graph

    contract = things.read(home, iris, iris.id("contract", "h01", "r1"), allows)

    assert contract is not None
    assert contract.values["seller"][0].label == "Member h01"
    assert contract.values["buyer"][0].label is None


def test_graphs_that_may_not_be_seen_say_nothing(home, iris: Iris):
    battery = things.read(home, iris, iris.id("device", "h01-battery"), lambda graph: graph.endswith("/osb/h01"))

    assert battery is not None
    assert "ownedBy" not in battery.values
    assert battery.graphs == (iris.graph("member", "h01", "osb", "h01"),)
    assert things.read(home, iris, iris.id("device", "h01-battery"), lambda graph: False) is None


def test_parts_come_with_their_fields_in_order(thing):
    windows = thing("contract/h01/r1").values["FlexibilityContract-window"]

    assert [entry.term.value.rpartition("#")[2] for entry in windows] == ["window", "window-2"]
    assert [entry.part["WindowTerm-start"][0].term.value for entry in windows] == ["07:00:00", "16:00:00"]


def test_tenth_part_comes_behind_the_second(home, iris: Iris, thing):
    for number in range(3, 13):
        window = f"{iris.id('contract', 'h01', 'r1')}#window-{number}"
        part = [quad for quad in thing("contract/h01/r1").quads if quad.subject.value.endswith("#window")]
        graph = iris.graph("member", "h01", "contracts")
        moved = [type(quad)(type(quad.subject)(window), quad.predicate, quad.object, quad.graph_name) for quad in part]
        home.apply(
            insert=[*moved, *describe(graph, iris.id("contract", "h01", "r1"), {"https://w3id.org/flexcoop/ns#hasTerm": moved[0].subject})]
        )

    fragments = [entry.term.value.rpartition("#")[2] for entry in thing("contract/h01/r1").values["FlexibilityContract-window"]]

    assert fragments == ["window", *(f"window-{number}" for number in range(2, 13))]


def test_tag_names_all_that_is_said_of_a_thing_and_its_parts(home, iris: Iris, thing):
    before = thing("device/h01-battery").tag
    assert thing("device/h01-battery").tag == before

    home.apply(insert=describe(iris.graph("registry"), f"{iris.id('device', 'h01-battery')}#ratedPower", {RDFS.comment: Lang("Checked.")}))

    assert thing("device/h01-battery").tag != before


def test_records_of_edits_and_what_is_withheld_describe_nothing(home, iris: Iris, thing):
    before = thing("device/h01-battery")
    for place in (("member", "h01", "edits"), ("member", "h01", "differing", "h01"), ("member", "h01", "latest"), ("audit",)):
        home.apply(insert=describe(iris.graph(*place), iris.id("device", "h01-battery"), {RDFS.label: Lang("Otherwise")}))

    assert thing("device/h01-battery") == before


def test_thing_without_a_shape_is_not_read(home, iris: Iris):
    home.apply(insert=describe(iris.graph("registry"), iris.id("dataset", "x"), {RDFS.label: Lang("Data")}))

    assert things.read(home, iris, iris.id("dataset", "x")) is None
    assert things.read(home, iris, iris.id("device", "nothing"), form=made.form("heat-pump")) is None


def test_value_that_owner_and_box_both_state_is_one(home, iris: Iris, thing):
    home.apply(insert=describe(iris.graph("member", "h01", "facts"), iris.id("device", "h01-battery"), {RDFS.label: Lang("Battery")}))

    label = thing("device/h01-battery").values["label"]

    assert [(entry.graph, entry.also) for entry in label] == [
        (iris.graph("member", "h01", "facts"), (iris.graph("member", "h01", "osb", "h01"),))
    ]
