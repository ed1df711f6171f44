"""Imports are written in slices: whole rows, on record in the same transaction, nobody kept waiting, stopped and killed without a lie."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing import AT, IRIS, Office, example, feeders
from pyoxigraph import Literal, NamedNode, Quad

from forms import taking_back, writing
from forms.bulk import Outcome
from forms.import_record import KEPT, numbers, spans
from forms.sheets import csv_of, read
from kg.embedded import EmbeddedStore
from kg.terms import describe
from ontology.names import DCTERMS, FC, RDFS
from privacy.erasure import rewritten
from privacy.export import keys_of
from privacy.pseudonyms import Pseudonym
from registry import versions
from registry.edits import Delta
from telemetry.jobs import JobStoppedError

PIECE = writing.AT_ONCE


@pytest.fixture
def office(store):
    store.apply(insert=example())
    return Office(store)


def rename(office, key, name):
    """Give a grid node another name, as another clerk would."""
    thing, graph = NamedNode(IRIS.id("node", key)), NamedNode(IRIS.graph("registry"))
    (was,) = [each for each in office.store.graph(graph.value) if each.subject == thing and each.predicate.value == str(RDFS.label)]
    label = Quad(thing, was.predicate, Literal(name, language="en"), graph)
    office.gate.apply(
        Delta(frozenset({Quad(thing, was.predicate, was.object, graph)}), frozenset({label})), by="another clerk", why="renamed"
    )


def stopping_after(rows):
    def told(done, total):
        if done >= rows:
            raise JobStoppedError("enough")

    return told


def test_all_rows_are_written_and_on_record_under_one_import(office):
    preview, write = office.look(feeders(PIECE + 2) + "feeder-1,Feeder 1\nfeeder-x,\n")
    assert [preview.count(each) for each in Outcome] == [PIECE + 2, 0, 1, 1]

    done = write()

    assert {f"feeder-{number}" for number in range(10, 12 + PIECE)} <= office.nodes()
    assert done == office.records.find("i1")
    assert spans(done.written) == f"2-{PIECE + 3}"
    assert [(each.number, each.told) for each in done.rest] == [(PIECE + 5, preview.lines[-1].told)]
    assert "missing" in done.rest[0].told
    runs = {t.subject.value for t in office.store.graph(IRIS.graph("imports")) if t.predicate.value == str(DCTERMS.isPartOf)}
    assert len(runs) == 2
    (version,) = versions.history(office.store, IRIS, IRIS.id("node", "feeder-10"))
    assert version.run in runs
    assert (version.by, version.why) == ("clerk", "import of sheet.csv (import/i1)")


def test_a_stopped_import_says_which_rows_are_there_and_the_rest_can_be_sent_again(office):
    _, write = office.look(feeders(3 * PIECE))

    with pytest.raises(JobStoppedError):
        write(stopping_after(PIECE))

    kept = office.records.find("i1")
    assert spans(kept.written) == f"2-{PIECE + 1}"
    assert kept.ended == AT
    assert kept.waiting == 2 * PIECE
    assert office.nodes() & {f"feeder-{10 + number}" for number in range(3 * PIECE)} == {f"feeder-{10 + n}" for n in range(PIECE)}
    again, write_rest = office.look(csv_of(kept.mended))
    assert again.count(Outcome.NEW) == 2 * PIECE
    assert len(write_rest(key="i2").written) == 2 * PIECE


def test_a_row_that_became_wrong_is_told_and_keeps_no_other_out(office):
    head = "key,label@en,GridNode-fedBy\n"
    _, write = office.look(head + "feeder-10,Ten,feeder-1\nfeeder-11,Eleven,feeder-2\nfeeder-2,Two,\nfeeder-1,North,\n")
    rename(office, "feeder-1", "East")

    done = write()

    assert spans(done.written) == "2-4"
    assert [(each.number, each.told[:46]) for each in done.rest] == [(5, "Somebody else has changed what this row is abo")]


def test_what_the_gate_alone_refuses_keeps_no_other_out(office):
    _, write = office.look("member,home\nh01,House A\nh02,House B\n", "home")
    graph, site = IRIS.graph("member", "h01", "facts"), IRIS.id("site", "h01")
    zone = [t for t in office.store.graph(graph) if t.subject.value == site and t.predicate.value == str(FC.timeZone)]
    office.store.apply(delete=[Quad(t.subject, t.predicate, t.object, NamedNode(graph)) for t in zone])  # around the gate

    done = write()

    assert spans(done.written) == "3"
    (rest,) = done.rest
    assert rest.number == 2
    assert "Time zone" in rest.told


def test_rows_come_after_those_that_they_need_and_in_circles_together(office):
    text = "key,label@en,GridNode-fedBy\n" + "".join(f"n-{number},N {number},n-{number + 1}\n" for number in range(2 * PIECE))
    preview, write = office.look(text + f"n-{2 * PIECE},Last,feeder-1\nr-1,One,r-2\nr-2,Two,r-1\n")

    order = [[line.number for line in unit] for unit in writing.in_order(preview.lines)]

    assert order[:-1] == [[number] for number in range(2 * PIECE + 2, 1, -1)]
    assert sorted(order[-1]) == [2 * PIECE + 3, 2 * PIECE + 4]
    assert len(write().written) == 2 * PIECE + 3


def test_what_needs_a_row_that_could_not_be_written_is_told_so(office):
    preview, write = office.look("key,label@en,GridNode-fedBy\nn-2,Two,n-1\nn-1,One,feeder-1\nn-3,Three,feeder-1\n")
    assert preview.count(Outcome.NEW) == 3
    office.store.apply(insert=describe(IRIS.graph("registry"), IRIS.id("node", "n-1"), {str(RDFS.label): Literal("Mine", language="en")}))

    done = write()

    assert spans(done.written) == "4"
    assert [each.number for each in done.rest] == [2, 3]
    assert done.rest[0].told == "This row needs the thing of another row that is refused. Correct that one first."


def test_a_row_that_somebody_else_has_entered_likewise_is_there(office):
    _, write = office.look("key,label@en\nfeeder-1,North\n")
    rename(office, "feeder-1", "North")

    assert spans(write().written) == "2"


def test_others_edit_between_two_slices(office):
    _, write = office.look(feeders(6 * PIECE))
    held: list[float] = []
    order: list[str] = []
    begun = threading.Event()

    def another():
        begun.wait(60)
        since = time.monotonic()
        rename(office, "feeder-1", "East")
        held.append(time.monotonic() - since)
        order.append("edit")

    def told(done, total):
        order.append("slice")
        begun.set()

    other = threading.Thread(target=another)
    other.start()
    since = time.monotonic()
    write(told)
    whole = time.monotonic() - since
    other.join()

    assert order.index("edit") < 5  # of six slices: it waited for no more than the one under way and its neighbour
    assert held[0] < whole / 2


def test_a_member_who_is_erased_leaves_the_rest_and_does_not_come_back(office):
    erased = set()
    office.erased = lambda key: key in erased
    _, write = office.look(
        "member,time_zone,feeder,import_limit_kw\nn1,Europe/Madrid,feeder-1,5.75\nn2,Europe/Madrid,feeder-1,5.75\n", "home"
    )
    erased.add("n1")

    done = write()

    assert spans(done.written) == "3"
    assert [(each.number, each.member) for each in done.rest] == [(2, "n1")]


def test_an_erasure_takes_the_rows_that_speak_of_the_member_and_their_key_does_not_come_back(office):
    _, write = office.look("key,BatterySystem-ratedPower\nh01-battery,much\nh02-battery,much\n", "battery-system")
    assert [each.member for each in write().rest] == ["h01", "h02"]
    keys = keys_of(office.store, IRIS, "h01")

    rewritten(office.store, keys, Pseudonym(keys, "x-1", "secret"), AT)

    assert [each.member for each in office.records.find("i1").rest] == ["h02"]
    assert not any(keys.speaks(triple) for triple in office.store.graph(IRIS.graph("imports")))
    told = office.records.told(office.records.find("i1"), {2: "said of who is gone", 3: "said again"})
    assert [(each.number, each.told) for each in told.rest] == [(3, "said again")]


def test_the_rest_is_discarded_and_the_record_stays(office):
    _, write = office.look(feeders(1) + "feeder-x,\n")
    done = write()

    office.records.discard_old(AT + KEPT)
    assert office.records.find("i1") == done
    office.records.discard_old(AT + 2 * KEPT)

    (listed,) = office.records.listed()
    assert (listed.key, listed.file, listed.by, listed.written, listed.unwritten) == ("i1", "sheet.csv", "clerk", 1, 0)


@given(st.sets(st.integers(2, 60)))
def test_numbers_of_rows_are_read_as_they_are_written(rows):
    assert numbers(spans(rows)) == rows


def test_numbers_of_rows_are_written_short():
    assert spans({2, 3, 4, 7, 9, 10}) == "2-4, 7, 9-10"


KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from importing import Office, feeders
from kg.embedded import EmbeddedStore
office = Office(EmbeddedStore(Path(sys.argv[3])))
apply, seen = office.store.apply, []
def killed_in_the_middle(*, delete=(), insert=()):
    seen.append(1)
    if len(seen) == 5:  # the record, three slices, and the fourth is killed before it is written
        os.kill(os.getpid(), signal.SIGKILL)
    apply(delete=delete, insert=insert)
office.store.apply = killed_in_the_middle
office.look(feeders(40))[1]()
"""


def test_a_platform_that_is_killed_in_the_middle_knows_what_it_has_written(tmp_path):
    folder = tmp_path / "store"
    with_example = EmbeddedStore(folder)
    with_example.apply(insert=example())
    with_example.close()
    here = Path(__file__).parent

    child = subprocess.run([sys.executable, "-c", KILLED, str(here.parents[1]), str(here), str(folder)], env=dict(os.environ), check=False)

    assert child.returncode == -signal.SIGKILL
    store = EmbeddedStore(folder)
    office = Office(store)
    kept = office.records.find("i1")
    there = {int(key.partition("-")[2]) - 8 for key in office.nodes() - {"feeder-1"}}
    assert kept.written == there == set(range(2, 2 + 3 * PIECE))
    assert kept.ended is None
    assert [each.number for each in kept.rest] == list(range(2 + 3 * PIECE, 42))
    assert read(csv_of(kept.mended).encode()).rows[0][1][0] == f"feeder-{10 + 3 * PIECE}"
    _, write = office.look(csv_of(kept.mended))
    write(key="i2")
    assert len(office.nodes() - {"feeder-1"}) == 40
    store.close()


def take_back(office, told=lambda done, total: None):
    desk = taking_back.Office(office.gate, office.store, IRIS, office.records, lambda: AT, "clerk", "en")
    return taking_back.take_back(desk, office.records.find("i1"), told)


def registry(office):
    return set(office.store.graph(IRIS.graph("registry")))


def test_an_import_is_taken_back_as_a_whole(office):
    before = registry(office)
    text = "key,label@en,GridNode-fedBy\n" + "".join(f"n-{number},N {number},n-{number + 1}\n" for number in range(6))
    office.look(text + "n-6,Six,feeder-1\nfeeder-1,North,\n")[1]()
    assert registry(office) != before

    assert take_back(office) == ()

    assert registry(office) == before
    assert office.records.find("i1").back == AT
    newest = versions.history(office.store, IRIS, IRIS.id("node", "feeder-1"))[0]
    assert newest.why == "import of sheet.csv (import/i1) taken back"


def test_homes_are_taken_back_with_their_devices(office):
    head = "member,time_zone,feeder,import_limit_kw,pv_kw\n"
    before = set(office.store.graph(IRIS.graph("member", "h01", "facts")))
    office.look(head + "n1,Europe/Madrid,feeder-1,5.75,4.2\nh01,,,15.5,\n", "home")[1]()
    assert office.store.graph(IRIS.graph("member", "n1", "facts"))

    assert take_back(office) == ()

    assert office.store.graph(IRIS.graph("member", "n1", "facts")) == []
    assert set(office.store.graph(IRIS.graph("member", "h01", "facts"))) == before


def test_what_was_edited_or_is_used_since_stays_and_is_told(office):
    office.look(feeders(3))[1]()
    rename(office, "feeder-10", "Mine now")
    user = describe(IRIS.graph("registry"), IRIS.id("node", "cabinet-9"), {str(FC.fedBy): NamedNode(IRIS.id("node", "feeder-11"))})
    office.store.apply(insert=user)

    left = {each.key: each.told for each in take_back(office)}

    assert left == {
        "node/feeder-10": "It was edited again after the import. Look at its history, and decide there what it shall be.",
        "node/feeder-11": "Something else speaks of it by now (node/cabinet-9). Take that away first, then take the import back once more.",
    }
    assert office.nodes() & {"feeder-10", "feeder-11", "feeder-12"} == {"feeder-10", "feeder-11"}
    office.store.apply(delete=user)
    assert [each.key for each in take_back(office)] == ["node/feeder-10"]
    assert "feeder-11" not in office.nodes()


def test_taking_back_can_be_stopped_and_gone_on_with(office):
    office.look(feeders(4))[1]()

    with pytest.raises(JobStoppedError):
        take_back(office, stopping_after(2))

    assert len(office.nodes() & {f"feeder-{number}" for number in range(10, 14)}) == 2
    assert take_back(office) == ()
    assert office.nodes() & {f"feeder-{number}" for number in range(10, 14)} == set()
