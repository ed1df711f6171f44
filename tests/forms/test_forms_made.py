"""Forms made from shapes: what is asked, in which words, within which limits."""

from decimal import Decimal
from pathlib import Path

import pyoxigraph as ox
import pytest
from rdflib import URIRef

import shapes
from forms import made
from forms.errors import UnknownFormError
from forms.made import Maker
from forms.model import Form, Kind
from forms.vocabulary import read, vocabulary
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Lang, describe
from ontology.names import FC, FCV, RDF, RDFS, SAREF, UNIT
from shapes.convert import to_graph

LANGUAGES = {"en", "es", "nl"}
ENTERED = {
    *("battery-system", "comfort-profile", "cooperative", "ev-charger", "flexibility-contract", "grid-connection-point", "grid-node"),
    *("grid-operator", "heat-pump", "member", "open-smart-box", "partner", "pv-system", "site", "smart-meter", "smart-plug", "tariff"),
    *("thermal-zone", "thermostat", "virtual-power-plant", "weather-station"),
}
# docs/data-model.md §2
ID_TYPES = {
    **dict.fromkeys(("battery-system", "pv-system", "heat-pump", "ev-charger", "smart-plug", "smart-meter", "thermostat"), "device"),
    **{"member": "member", "site": "site", "thermal-zone": "zone", "grid-connection-point": "connection", "comfort-profile": "comfort"},
    **{"cooperative": "cooperative", "grid-operator": "dso", "grid-node": "node", "virtual-power-plant": "vpp", "partner": "partner"},
    **{"open-smart-box": "osb", "weather-station": "station", "tariff": "tariff", "flexibility-contract": "contract"},
}


def keys(form: Form) -> set[str]:
    return {field.key for field in form.fields}


def test_every_class_that_the_registry_keeps_has_a_form():
    assert {form.slug for form in made.forms()} == ENTERED


def test_things_are_named_as_the_data_model_says():
    assert {form.slug: form.id_type for form in made.forms()} == ID_TYPES


@pytest.mark.parametrize("form", made.forms(), ids=lambda form: form.slug)
def test_form_is_named_and_grouped_in_three_languages(form):
    asked = [field for field in form.fields if not field.fixed]

    assert set(form.names) == LANGUAGES
    assert {field.group for field in asked} == {group.iri for group in form.groups}
    assert all(set(group.names) == LANGUAGES for group in form.groups)
    assert all(set(field.names) == LANGUAGES for field in asked)
    assert [group.order for group in form.groups] == sorted(group.order for group in form.groups)
    assert len({field.key for field in form.fields}) == len(form.fields)


@pytest.mark.parametrize("form", made.forms(), ids=lambda form: form.slug)
def test_choices_and_units_are_named_in_three_languages(form):
    for field in form.fields:
        assert all(set(choice.names) == LANGUAGES for choice in field.choices), field.key
        assert not field.unit_names or set(field.unit_names) == LANGUAGES


def test_battery_asks_what_all_devices_have_its_own_ratings_and_its_owners_word():
    form = made.form("battery-system")

    assert form == made.form(str(FC.BatterySystem))
    assert keys(form) == {
        *("label", "locatedAt", "managedBy", "connectedVia", "deviceProfile", "DER-controlType"),
        *("BatterySystem-ratedPower", "BatterySystem-storageCapacity", "BatterySystem-roundTripEfficiency"),
        "BatterySystem-minimumStateOfCharge",
        *("ownedBy", "OfferedDER-available"),
    }
    assert (form.stored_in, form.id_type, form.suffix) == ("facts", "device", "battery")


def test_rating_has_the_limits_and_the_unit_of_its_kind():
    power = made.form("battery-system").field("BatterySystem-ratedPower")
    efficiency = made.form("battery-system").field("BatterySystem-roundTripEfficiency")
    charge = made.form("battery-system").field("BatterySystem-minimumStateOfCharge")

    assert (power.kind, power.of_kind, power.unit, power.unit_names["en"]) == (Kind.VALUE, str(FCV.RatedPower), str(UNIT.KiloW), "kW")
    assert (power.above, power.most, power.minimum_count, power.maximum_count) == (Decimal(0), Decimal(10000), 1, 1)
    assert (efficiency.above, efficiency.most, efficiency.unit_names) == (Decimal(0), Decimal(1), {})
    assert (charge.least, charge.most, charge.unit_names["nl"]) == (Decimal(0), Decimal(100), "%")


def test_units_are_written_as_people_write_them():
    units = {
        field.unit_names["en"]
        for form in made.forms()
        for outer in form.fields
        for field in (outer, *(outer.part.fields if outer.part else ()))
        if field.unit_names
    }

    assert units == {"kW", "kWh", "%", "°C", "K/W", "MJ/K", "EUR/kWh"}


def test_kinds_come_from_datatypes_lists_and_references():
    charger, site, profile = made.form("ev-charger"), made.form("site"), made.form("comfort-profile")
    kinds = {field.key: field.kind for form in (charger, site, profile) for field in form.fields}

    assert kinds["label"] == Kind.NAME
    assert kinds["Site-timeZone"] == Kind.CHOICE  # of a register
    assert kinds["Site-source"] == Kind.IRI
    assert kinds["ownedBy"] == Kind.REFERENCE
    assert kinds["DER-controlType"] == Kind.CHOICE
    assert kinds["EVCharger-departureTime"] == Kind.TIME
    assert kinds["OfferedDER-available"] == Kind.BOOLEAN
    assert kinds["ComfortProfile-minimum"] == Kind.DECIMAL  # sh:or of decimal and integer
    assert kinds["EVCharger-targetStateOfCharge"] == Kind.VALUE
    assert kinds["ComfortProfile-band"] == Kind.PART


def test_contract_has_its_terms_inside():
    form = made.form("flexibility-contract")
    capacity = form.field("FlexibilityContract-capacity").part
    window = form.field("FlexibilityContract-window")

    assert capacity is not None
    assert {field.key: field.kind for field in capacity.fields if not field.fixed} == {
        "CapacityTerm-value": Kind.DECIMAL,
        "direction": Kind.CHOICE,
    }
    assert {field.path: field.fixed for field in capacity.fields if field.fixed} == {
        str(RDF.type): str(SAREF.PropertyValue),
        str(SAREF.isMeasuredIn): str(UNIT.KiloW),
    }
    assert (window.repeated, window.required) == (True, True)
    assert [field.key for field in window.part.fields] == ["WindowTerm-start", "WindowTerm-end"]
    assert form.field("FlexibilityContract-duration").part.field("DurationTerm-minimum").kind == Kind.DURATION


def test_what_the_platform_states_itself_is_not_asked():
    computed = {field.key: field.fixed for field in made.form("flexibility-contract").fields if field.computed}

    assert computed == {
        "FlexibilityContract-status": str(FCV.ContractDraft),
        "FlexibilityContract-digest": None,
        "FlexibilityContract-signature": None,
        "FlexibilityContract-revisionOf": None,
    }


def test_number_beside_one_unit_is_shown_with_it():
    assert made.form("comfort-profile").field("ComfortProfile-maximum").unit_names["es"] == "°C"


def test_concepts_of_a_list_are_choices_in_the_readers_language():
    method = made.form("flexibility-contract").field("baselineMethod")

    assert {choice.names["es"] for choice in method.choices if choice.value == str(FCV.TenOfTen)} == {"Diez de diez"}


def test_messages_are_for_people():
    message = made.form("battery-system").field("DER-controlType").messages["en"]

    assert "fcv:" not in message
    assert "“Fill rate based control”" in message


def test_claim_of_a_box_is_asked_with_the_box():
    assert {"OpenSmartBox-identifier", "ClaimedBox-claimedBy", "ClaimedBox-locatedAt"} < keys(made.form("open-smart-box"))


def test_unknown_class_is_refused_with_a_sentence():
    with pytest.raises(UnknownFormError, match=r"No shape describes things of class 'wormhole'"):
        made.form("wormhole")


SHAPE = """
@prefix fcsh: <https://w3id.org/flexcoop/shapes#> . @prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix ex: <http://example.org/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
fcsh:HydroTurbine a sh:NodeShape ; rdfs:label "Turbine"@en ; sh:targetClass ex:HydroTurbine ;
  fcsh:storedIn "registry" ; fcsh:idType "turbine" ; sh:property fcsh:label , fcsh:HydroTurbine-head .
fcsh:HydroTurbine-head a sh:PropertyShape ; sh:path ex:head ; sh:name "Head"@en ; sh:order 9 ; sh:group fcsh:group-rating ;
  sh:datatype xsd:decimal ; sh:minExclusive 0 ; sh:maxCount 1 ; sh:message "Water falls; state a head."@en .
"""


def test_class_is_added_by_a_shape_alone(tmp_path: Path):
    (tmp_path / "turbine.ttl").write_text(SHAPE, encoding="utf-8")
    added = to_graph(quad.triple for quad in ox.parse(path=str(tmp_path / "turbine.ttl")))
    maker = Maker(shapes.graph() + added, vocabulary())

    form = maker.form("hydro-turbine")

    assert form.slug in {each.slug for each in maker.forms()}
    assert [(field.key, field.kind) for field in form.fields] == [("label", Kind.NAME), ("HydroTurbine-head", Kind.DECIMAL)]
    assert (form.cls, form.stored_in, form.id_type) == ("http://example.org/HydroTurbine", "registry", "turbine")


def test_form_of_a_thing_is_that_of_its_most_special_class(store: EmbeddedStore, iris: Iris):
    store.apply(
        insert=describe(iris.graph("registry"), iris.id("device", "x"), {RDF.type: [FC.DER, FC.HeatPump], RDFS.label: Lang("Heat pump")})
    )

    form = made.form_of(store, iris.id("device", "x"))

    assert form is not None
    assert form.slug == "heat-pump"


def test_box_that_was_claimed_and_is_yet_to_speak_has_a_form(store: EmbeddedStore, iris: Iris):
    claim = describe(iris.graph("member", "h01", "facts"), iris.id("osb", "h01"), {FC.claimedBy: URIRef(iris.id("member", "h01"))})
    store.apply(insert=claim)

    form = made.form_of(store, iris.id("osb", "h01"))

    assert form is not None
    assert form.slug == "open-smart-box"
    assert made.form_of(store, iris.id("device", "h01-new")) is None


def test_classes_above_and_below_are_read_from_the_ontology(tmp_path: Path):
    (tmp_path / "small.ttl").write_text(
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix ex: <http://example.org/> . "
        "ex:c rdfs:subClassOf ex:b . ex:b rdfs:subClassOf ex:a . ex:a rdfs:subClassOf ex:c .",
        encoding="utf-8",
    )
    terms = read([tmp_path / "small.ttl"])

    assert [str(each)[-1] for each in terms.above(URIRef("http://example.org/b"))] == ["b", "a", "c"]  # a circle has an end
    assert [str(each)[-1] for each in terms.below(URIRef("http://example.org/a"))] == ["a", "b", "c"]
