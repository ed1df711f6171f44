"""Sheets of many things: what each row would change, or why it is refused."""

import csv
import io
import itertools
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest

from forms import bulk, class_sheet, home_sheet
from forms.bulk import Outcome
from forms.index import Index
from forms.made import form, forms
from forms.sheets import Sheet, SheetError, csv_of
from forms.sheets import read as read_sheet
from forms.world import World
from kg.terms import Lang, describe
from ontology.names import FC, RDF, RDFS
from registry.edits import Delta
from registry.gate import Gate

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def filled(store):
    with (Path(__file__).parents[1] / "data" / "competency.trig").open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    return store


@pytest.fixture
def index(filled, iris):
    return Index(filled, iris, lambda: 0.0)


@pytest.fixture
def world(filled, iris, index):
    return World(filled, iris, index)


@pytest.fixture
def gate(filled, iris):
    numbers = itertools.count(1)
    return Gate(filled, iris, lambda: AT, lambda: f"t{next(numbers)}")


def sheet(text: str) -> Sheet:
    return read_sheet(text.encode())


def classes(world, slug, text, language="en"):
    given = sheet(text)
    return bulk.preview(world, given, class_sheet.rows(world, form(slug), given, language), language)


def all_of(found):
    """What the good rows change together."""
    parts = [line.delta for line in found.lines]
    return Delta(frozenset().union(*(part.delete for part in parts)), frozenset().union(*(part.insert for part in parts)))


def homes(world, text, language="en"):
    given = sheet(text)
    return bulk.preview(world, given, home_sheet.rows(world, given, language), language)


def test_a_new_thing_a_changed_one_and_one_as_it_was(world):
    found = classes(world, "grid-node", "key,label@en\nfeeder-1,Feeder 1\nfeeder-2,Feeder 2\n")

    assert [line.outcome for line in found.lines] == [Outcome.SAME, Outcome.NEW]
    renamed = classes(World(world._store, world.iris, world.index), "grid-node", "key,label@en\nnode/feeder-1,North\n")
    (change,) = renamed.lines[0].changes
    assert (change.names["es"], change.before, change.after) == ("Nombre", "Feeder 1", "North")


def test_a_row_of_a_rating_changes_that_rating_alone(world, gate, filled, iris):
    found = classes(world, "battery-system", "key,BatterySystem-ratedPower\nh01-battery,4.5\n")

    assert found.lines[0].errors == ()
    assert [(each.before, each.after) for each in found.lines[0].changes] == [("5 kW", "4.5 kW")]
    gate.apply(all_of(found), by="test", why="import")
    again = World(filled, iris, world.index)
    assert classes(again, "battery-system", "key,BatterySystem-ratedPower\nh01-battery,4.5\n").lines[0].outcome is Outcome.SAME


@pytest.mark.parametrize(
    ("text", "column", "sentence"),
    [
        ("key,BatterySystem-ratedPower\nh01-battery,much\n", "BatterySystem-ratedPower", "“much” is not a number"),
        ("key,BatterySystem-ratedPower\nh01-battery,-1\n", "BatterySystem-ratedPower", "rated power lies above 0"),
        ("key,BatterySystem-ratedPower\nh01-battery,\n", "BatterySystem-ratedPower", "is missing"),
        ("key,Rated power\nh01-battery,0\n", "Rated power", "rated power lies above 0"),
        ("key,locatedAt\nh01-battery,site/h99\n", "locatedAt", "Nothing called “site/h99” was found"),
        ("key,member\nx,h99\n", "member", "There is no member “h99”"),
        ("key,member\n,\n\n ,h01 x\n", "member", ""),
        ("key,label@en\nsite/h01,x\n", "key", ""),
        ("key,label@en\nh01-pv,x\n", "key", "is there already, but is something else (PV system)"),
    ],
)
def test_a_row_that_can_not_be_is_refused_at_its_column(world, text, column, sentence):
    line = classes(world, "battery-system", text).lines[0]

    assert line.outcome is Outcome.REFUSED
    assert any(each == column and sentence in told for each, told in line.errors), line.errors


def test_a_thing_in_two_rows_is_refused_the_second_time(world):
    found = classes(world, "grid-node", "key,label@en\nfeeder-2,A\nfeeder-2,B\n")

    assert [line.outcome for line in found.lines] == [Outcome.NEW, Outcome.REFUSED]
    assert found.lines[1].errors == (("", "Row 2 is about the same thing. Leave one of the two."),)


def test_what_needs_a_refused_row_is_refused_too(world):
    text = "key,label@en,GridNode-fedBy\nfeeder-8,Eight,feeder-9\nfeeder-9,,\nfeeder-7,Seven,feeder-8\nfeeder-6,Six,feeder-1\n"

    found = classes(world, "grid-node", text)

    assert [line.outcome for line in found.lines] == [Outcome.REFUSED, Outcome.REFUSED, Outcome.REFUSED, Outcome.NEW]


def test_a_column_that_is_no_field_is_named(world):
    with pytest.raises(SheetError, match="The columns colour are not known here"):
        classes(world, "grid-node", "key,label@en,colour\nx,X,red\n")


def test_sentences_are_in_the_readers_language(world):
    found = classes(world, "battery-system", "key,BatterySystem-ratedPower\nh01-battery,mucho\n", "es")

    assert found.lines[0].errors[0][1].startswith("“mucho” no es un número.")


@pytest.mark.parametrize("slug", [each.slug for each in forms()])
def test_what_is_exported_and_imported_again_changes_nothing(world, slug):
    table = [
        (home.key, thing)
        for home in world.index.homes()
        for thing, said in home.things.items()
        if any(t.value == form(slug).cls for t in said.get(str(RDF.type), ()))
    ]
    for language in ("en", "es"):
        if table:
            text = csv_of(class_sheet.exported(world, form(slug), table, language))
            found = classes(World(world._store, world.iris, world.index), slug, text, language)
            assert [(line.outcome, line.errors) for line in found.lines] == [(Outcome.SAME, ())] * len(table)


def test_names_like_formulas_come_back_as_they_were(world, filled, iris):
    name = '=HYPERLINK("http://x")'
    filled.apply(insert=describe(iris.graph("registry"), iris.id("node", "x"), {RDF.type: FC.GridNode, RDFS.label: [Lang(name)]}))
    rows = class_sheet.exported(world, form("grid-node"), [("", iris.id("node", "x"))], "en")

    assert "'=HYPERLINK" in csv_of(rows)
    assert classes(world, "grid-node", csv_of(rows)).lines[0].outcome is Outcome.SAME


def test_a_number_with_three_decimals_is_no_thousand_in_any_language(world, filled, iris):
    rows = class_sheet.exported(world, form("battery-system"), [("h01", iris.id("device", "h01-battery"))], "es")

    assert "6.4" in rows[1]
    assert class_sheet._plain("1,125") == "1.1250"
    assert class_sheet._plain("1.125") == "1.1250"
    assert class_sheet._plain("-12.5") == "-12.5"
    assert class_sheet._plain("1.1255") == "1.1255"


HOMES = (
    "member,home,time_zone,feeder,import_limit_kw,export_limit_kw,pv_kw,battery_kw,battery_kwh,battery_efficiency,battery_minimum_percent\n"
)


def test_a_row_makes_a_member_with_home_connection_box_and_devices(world, gate, filled, iris):
    found = homes(world, HOMES + "n1,Casa 1,Europe/Madrid,Feeder 1,5.75,5.75,4.2,3,6.5,0.9,10\n")

    assert found.lines[0].errors == ()
    assert found.lines[0].outcome is Outcome.NEW
    gate.apply(all_of(found), by="test", why="import")
    facts = {(t.subject.value.split("/id/")[1], t.predicate.value) for t in filled.graph(iris.graph("member", "n1", "facts"))}
    assert ("osb/n1", str(FC.claimedBy)) in facts
    assert ("device/n1-battery", str(FC.availableForDR)) in facts
    assert {key for key, _ in facts if "#" not in key} == {
        *("member/n1", "site/n1", "connection/n1", "device/n1-pv", "device/n1-battery", "osb/n1"),
    }


def test_the_same_sheet_again_changes_nothing_and_an_empty_cell_leaves_what_is_there(world, gate, filled, iris):
    text = HOMES + "n1,Casa 1,Europe/Madrid,Feeder 1,5.75,5.75,4.2,,,,\n"
    gate.apply(all_of(homes(world, text)), by="test", why="import")

    assert homes(World(filled, iris, world.index), text).lines[0].outcome is Outcome.SAME
    less = homes(World(filled, iris, world.index), HOMES + "n1,,,,6.9,,,,,,\n")
    assert [(each.before, each.after) for each in less.lines[0].changes] == [("5.75 kW", "6.9 kW")]


def test_a_heat_pump_brings_its_zone(world, gate):
    head = "member,time_zone,feeder,import_limit_kw,heatpump_kw,heatpump_cop,heatpump_k_per_w,heatpump_mj_per_k\n"

    found = homes(world, head + "n2,Europe/Madrid,feeder-1,9.2,2.5,3.1,0.005,20\n")

    assert found.lines[0].errors == ()
    gate.apply(all_of(found), by="test", why="import")


def sheet_of_500(bad=20):
    """Members n000 … n499; of the first `bad` one cell each is wrong, each in another way."""
    wrong = [
        ("time_zone", "Madrid"),
        ("feeder", "feeder-77"),
        ("import_limit_kw", "0"),
        ("battery_kwh", "x"),
        ("battery_efficiency", "1.5"),
    ]
    head = HOMES.strip().split(",")
    rows = []
    for number in range(500):
        row = dict(
            zip(
                head,
                [f"n{number:03}", f"Home {number}", "Europe/Madrid", "Feeder 1", "5.75", "5.75", "4.2", "3", "6.5", "0.9", "10"],
                strict=True,
            )
        )
        if number < bad:
            column, value = wrong[number % len(wrong)]
            row[column] = value
        rows.append(list(row.values()))
    return csv_of([head, *rows]), [wrong[number % len(wrong)][0] for number in range(bad)]


@pytest.mark.journey
def test_500_members_of_whom_20_are_wrong(world, gate, filled, iris):
    text, columns = sheet_of_500()
    found = homes(world, text)

    refused = [line for line in found.lines if line.outcome is Outcome.REFUSED]
    assert [line.errors[0][0] for line in refused] == columns
    assert found.count(Outcome.NEW) == 480
    mended = list(csv.reader(io.StringIO(csv_of(found.refused))))
    assert len(mended) == 21
    assert mended[0][-1] == "sentences"
    receipt = gate.apply(all_of(found), by="test", why="import")
    assert receipt.inserted == len(all_of(found).insert)


def test_a_preview_can_be_stopped(world):
    def stop(done, total):
        raise InterruptedError

    given = sheet(sheet_of_500(0)[0])
    rows = home_sheet.rows(world, given, "en")[:30]

    with pytest.raises(InterruptedError):
        bulk.preview(world, given, rows, "en", told=stop)


def test_a_row_that_is_read_again_tells_what_it_would_change_now(world, filled, iris):
    given = sheet("key,BatterySystem-ratedPower\nh01-battery,4.5\n")
    rows = class_sheet.rows(world, form("battery-system"), given, "en")
    shown = bulk.preview(world, given, rows, "en").lines[0]
    assert bulk.again(World(filled, iris, world.index), rows, "en") == {2: (shown.delta, "")}

    filled.apply(delete=list(shown.delta.delete), insert=list(shown.delta.insert))

    assert bulk.again(World(filled, iris, world.index), rows, "en") == {2: (Delta(), "")}
