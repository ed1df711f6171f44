"""Sheets of members can't take what is somebody else's: boxes, keys that differ in case alone, keys of who was erased."""

from pathlib import Path

import pyoxigraph as ox
import pytest

from forms import bulk, class_sheet, home_sheet
from forms.bulk import Outcome
from forms.index import Index
from forms.made import form
from forms.sheets import read
from forms.world import World

NEW = "member,time_zone,feeder,import_limit_kw,box\n{},Europe/Madrid,feeder-1,5.75,{}\n"


@pytest.fixture
def index(store, iris):
    with (Path(__file__).parents[1] / "data" / "competency.trig").open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    return Index(store, iris, lambda: 0.0)


@pytest.fixture
def world(store, iris, index):
    return World(store, iris, index, lambda key: key == "h77")


def homes(world, text):
    sheet = read(text.encode())
    return bulk.preview(world, sheet, home_sheet.rows(world, sheet, "en"), "en")


@pytest.mark.parametrize("text", ["member,box\nh02,h01\n", "member,box\nh02,osb/h01\n", NEW.format("n1", "h01")])
def test_a_row_does_not_take_the_box_of_another_home(world, text):
    found = homes(world, text)

    assert found.lines[0].outcome is Outcome.REFUSED
    assert found.lines[0].errors == (
        ("box", "The box h01 belongs to somebody else. Look at its label again, or have it let go there first."),
    )
    assert not found.lines[0].delta.insert


def test_two_rows_of_one_sheet_do_not_claim_the_same_box(world):
    found = homes(world, NEW.format("n1", "b9") + "n2,Europe/Madrid,feeder-1,5.75,b9\n")

    assert [line.outcome for line in found.lines] == [Outcome.NEW, Outcome.REFUSED]
    assert found.lines[1].errors == (("", "Row 2 is about the same thing. Leave one of the two."),)


def test_a_home_keeps_its_own_box(world):
    assert homes(world, "member,box\nh01,h01\n").lines[0].outcome is Outcome.SAME


@pytest.mark.parametrize("key", ["H01", "x-1", "h.9", "h_9", "h" * 33, "h77"])
def test_a_new_member_has_a_key_that_nobody_has_or_had(world, key):
    sheet = read(f"key,label,Member-memberOf\n{key},Somebody,cooperative/demo\n".encode())
    found = bulk.preview(world, sheet, class_sheet.rows(world, form("member"), sheet, "en"), "en")

    for line in (homes(world, NEW.format(key, "")).lines[0], found.lines[0]):
        assert line.outcome is Outcome.REFUSED
        assert line.errors[0][1].startswith(f"“{key}” can't be the key of a new member.")


def test_the_preview_tells_that_a_box_is_claimed(world, iris):
    line = homes(world, "member,box\nh01,b9\n").lines[0]

    assert line.outcome is Outcome.CHANGED
    assert [(each.thing, each.names["en"], each.before, each.after) for each in line.changes] == [
        (iris.id("osb", "b9"), "claimed by", "", "Member h01"),
        (iris.id("osb", "b9"), "located at", "", "Home h01"),
    ]
