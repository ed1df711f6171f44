"""What the gate finds wrong is told beside the inputs that it is about."""

import pytest
from pyoxigraph import Quad
from stated_home import turtle

import shapes
from forms import changes, filled
from forms.filled import place_findings
from kg.iris import Iris


def refused(iris: Iris, thing, **other: str):
    """Sentences beside inputs, and those about the whole, for a form with some inputs changed."""
    data = filled.raws(thing, "en") | {name.replace("__", ".").replace("_", "-"): text for name, text in other.items()}
    given = filled.read(thing.form, {name: [text] for name, text in data.items()}, "en", "UTC", thing)
    assert given.errors == {}
    delta = changes.delta(iris, thing, given, changes.place_of(iris, thing))
    after: set[Quad] = (set(thing.quads) - delta.delete) | delta.insert
    findings = shapes.validate(quad.triple for quad in after).findings
    return place_findings(thing.form, thing.iri, findings, "en", given, thing), findings


def test_rule_across_two_dates_is_told_beside_the_first(iris: Iris, thing):
    (beside, general), _ = refused(iris, thing("contract/h01/r1"), validFrom="2018-01-01")

    assert list(beside) == ["validFrom"]
    assert "It must not end before it starts" in beside["validFrom"]
    assert general == []


def test_rule_within_a_part_is_told_beside_its_row(iris: Iris, thing):
    (beside, general), findings = refused(iris, thing("contract/h01/r1"), FlexibilityContract_window__1__WindowTerm_start="23:00")

    assert list(beside) == ["FlexibilityContract-window.1.WindowTerm-start"]
    assert general == []
    without_rows, _ = place_findings(thing("contract/h01/r1").form, thing("contract/h01/r1").iri, findings, "en")
    assert list(without_rows) == ["FlexibilityContract-window.0.WindowTerm-start"]  # which row it was, only the form that was sent tells


def test_rule_within_a_new_part_is_told_beside_its_row(iris: Iris, thing):
    new = {"FlexibilityContract_window__5__WindowTerm_start": "12:00", "FlexibilityContract_window__5__WindowTerm_end": "11:00"}

    (beside, _), _ = refused(iris, thing("contract/h01/r1"), **new)

    assert list(beside) == ["FlexibilityContract-window.5.WindowTerm-start"]


@pytest.mark.parametrize("language", ["en", "es", "nl"])
def test_breach_of_a_rating_is_told_beside_its_number(iris: Iris, thing, language):
    battery = thing("device/h01-battery")
    wrong = [quad.triple for quad in battery.quads]
    graph = iris.graph("member", "h01", "facts")
    gone = turtle("<device/h01-battery#ratedPower> saref:hasValue 5.0 .", graph)[0].triple
    come = turtle("<device/h01-battery#ratedPower> saref:hasValue 50000.0 .", graph)[0].triple
    judged = [triple for triple in wrong if str(triple.object) not in (str(gone.object), '"5"^^<http://www.w3.org/2001/XMLSchema#decimal>')]
    findings = shapes.validate([*judged, come]).findings

    beside, general = place_findings(battery.form, battery.iri, findings, language, None, battery)

    assert list(beside) == ["BatterySystem-ratedPower"]
    assert "10000 kW" in beside["BatterySystem-ratedPower"]
    assert general == []


def test_what_is_missing_is_told_beside_its_input(thing):
    battery = thing("device/h01-battery")
    without = [quad.triple for quad in battery.quads if not quad.predicate.value.endswith(("controlType", "hasPropertyValue"))]

    beside, general = place_findings(battery.form, battery.iri, shapes.validate(without).findings, "en", None, battery)

    assert "DER-controlType" in beside
    assert {"BatterySystem-ratedPower", "BatterySystem-storageCapacity"} < set(beside)
    assert general == []


def test_breach_of_another_thing_is_told_on_top_with_its_name(iris: Iris, thing):
    member = thing("member/h01")
    finding = next(iter(refused_site().findings))

    beside, general = place_findings(member.form, member.iri, [finding], "en")

    assert beside == {}
    assert len(general) == 1
    assert general[0].startswith("“Broken home”")


def refused_site():
    return shapes.validate(quad.triple for quad in turtle('<site/h09> a fc:Site ; rdfs:label "Broken home"@en .', "urn:g"))
