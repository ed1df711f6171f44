"""Registers that others keep, as lists in the shapes: every time zone that a clock knows is taken, and no other."""

from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pyoxigraph as ox
import pytest
from rdflib import SH, Graph, Literal, URIRef
from rdflib.collection import Collection

import shapes
from ontology.names import FCSH
from shapes.registers import TIME_ZONES, spell_out

SITE = (Path(__file__).parents[1] / "data" / "shapes" / "site" / "valid.ttl").read_text(encoding="utf-8")
ZONE = URIRef(f"{FCSH}Site-timeZone")


def conforms(zone: str) -> bool:
    text = SITE.replace('"America/Los_Angeles"', f'"{zone}"')
    assert f'"{zone}"' in text
    return shapes.validate(quad.triple for quad in ox.parse(text, format=ox.RdfFormat.TURTLE)).conforms


def test_every_zone_of_the_list_can_set_a_clock_and_is_in_the_shape():
    listed = {str(each) for each in Collection(shapes.graph(), shapes.graph().value(ZONE, SH["in"]))}

    assert {"Europe/Madrid", "Europe/Amsterdam", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC"} <= listed <= available_timezones()
    assert {ZoneInfo(zone).key for zone in listed} == listed


@pytest.mark.parametrize(
    ("zone", "known"),
    [
        ("America/Port-au-Prince", True),
        ("UTC", True),
        ("Mars/Olympus", False),
        ("Europe/Madird", False),
        ("localtime", False),
        ("CET", False),
    ],
)
def test_only_what_a_clock_knows_by_its_place_is_a_time_zone(zone, known):
    assert conforms(zone) is known


def test_the_published_file_says_the_rule_without_the_list():
    published = Graph().parse(Path(str(shapes.__file__)).parent / "site.ttl")

    assert str(published.value(ZONE, FCSH.register)) == TIME_ZONES
    assert published.value(ZONE, SH["in"]) is None
    assert all("IANA" in str(message) for message in published.objects(ZONE, SH.message))


def test_a_register_that_is_not_known_is_an_error_of_the_shape():
    wrong = Graph()
    wrong.add((ZONE, FCSH.register, URIRef("http://example.org/list")))

    with pytest.raises(ValueError, match=r"http://example.org/list, which is not known here; known are https://www.iana.org/time-zones"):
        spell_out(wrong)


def test_names_are_texts_as_the_shape_wants_them():
    assert {each.datatype for each in Collection(shapes.graph(), shapes.graph().value(ZONE, SH["in"])) if isinstance(each, Literal)} == {
        shapes.graph().value(ZONE, SH.datatype)
    }
