"""The writing of an import as clerks see it: progress, stop, what is left over, after a restart too; and others who work meanwhile."""

import csv
import io
import itertools
import threading
import time
from dataclasses import replace

import pytest

from api import ApiSettings, create_app
from api.background import KEPT_S as KEPT_IN_MEMORY_S
from api.background import MOST_AT_ONCE, MOST_WEIGHT, Background, BusyError
from forms import writing
from forms.sheets import csv_of
from kg.terms import Lang, describe
from ontology.names import FC, RDF, RDFS
from registry.edits import Delta
from registry.gate import Gate

PIECE = writing.AT_ONCE


@pytest.fixture
def gate(services, iris):
    numbers = itertools.count(1)
    return Gate(services.store, iris, services.now, lambda: f"t{next(numbers)}")


@pytest.fixture
def start(services, gate, signed_in):
    """Start the platform (again) over the same store: an operator's client."""
    return lambda: signed_in(create_app(ApiSettings(shown_settings=()), replace(services, gate=gate)))


def text_of(answer, status=200):
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text[:800]
    return text


def ended(client, path):
    until = time.monotonic() + 120
    while "data-progress" in (text := text_of(client.get(path))):
        assert time.monotonic() < until
    return text


def feeders(count):
    return csv_of([["key", "label@en"], *([f"feeder-{10 + number}", f"Feeder {10 + number}"] for number in range(count))])


def looked_at(client, sheet, slug="grid-node"):
    sent = {"file": (io.BytesIO(sheet.encode()), "sheet.csv")}
    answer = client.post(f"/registry/{slug}/import", data=sent, content_type="multipart/form-data")
    ended(client, answer.location)
    return answer.location


def rest(client, path):
    return list(csv.reader(io.StringIO(text_of(client.get(f"{path}?format=csv")))))


def test_a_writing_shows_how_far_it_is_and_is_stopped_by_a_button(start, gate):
    operator = start()
    path = looked_at(operator, feeders(3 * PIECE))

    with gate.held():  # somebody else's edit takes its time, so the first slice waits
        assert operator.post(path, data={"why": "spring"}).location == path
        page = text_of(operator.get(path))
        assert f"0 / {3 * PIECE}" in page
        assert f'action="{path}/stop"' in page
        assert "is being written" in text_of(operator.get("/registry/imports"))
        assert operator.post(f"{path}/stop").location == path
    page = ended(operator, path)

    assert f"{PIECE} rows were written. It was stopped; the other rows had no turn." in page
    assert f"Rows of the file that are written: 2-{PIECE + 1}." in page
    assert [row[0] for row in rest(operator, path)[1:]] == [f"feeder-{10 + number}" for number in range(PIECE, 3 * PIECE)]
    assert text_of(operator.get("/registry/grid-node?format=csv&q=feeder")).count("Feeder 1") == PIECE + 1  # 10 … 14, and feeder-1
    history = text_of(operator.get("/things/node/feeder-10/history"))
    assert f"import of sheet.csv into grid-node: spring (import/{path.rpartition('/')[2]})" in history


def test_what_is_left_over_is_looked_at_again_and_written(start, gate):
    operator = start()
    path = looked_at(operator, feeders(2 * PIECE))
    with gate.held():
        operator.post(path)
        operator.post(f"{path}/stop")
    ended(operator, path)

    again = operator.post(f"{path}/again").location
    assert f"Write {PIECE} rows" in ended(operator, again)
    operator.post(again)

    assert f"{PIECE} rows were written." in ended(operator, again)
    assert text_of(operator.get("/registry/imports")).count("sheet.csv") == 2
    assert text_of(operator.post(f"{path}/discard", follow_redirects=True)).count("It had no turn.") == 0
    assert rest(operator, path) == [["sentences"]]


def test_after_a_restart_the_record_is_there_and_a_preview_is_told_to_be_gone(start, services, gate, iris):
    operator = start()
    written, only_shown = looked_at(operator, feeders(1)), looked_at(operator, feeders(2))
    operator.post(written)
    ended(operator, written)

    anew = start()

    assert "1 row was written." in text_of(anew.get(written))
    gone = text_of(anew.get(only_shown, headers={"Accept": "application/json"}), 404)
    assert "Nothing of it was written; send the file again." in gone
    assert anew.post(only_shown, headers={"Accept": "application/json"}).status_code == 404


def test_an_import_without_an_end_that_nobody_writes_was_interrupted(start, gate, services):
    operator = start()
    path = looked_at(operator, feeders(3 * PIECE))
    apply, calls = services.store.apply, []

    def failing(*, delete=(), insert=()):
        calls.append(1)
        if len(calls) > 2:  # the record and one slice
            raise MemoryError("the disk is full")
        apply(delete=delete, insert=insert)

    services.store.apply = failing
    try:
        operator.post(path)
        page = ended(operator, path)
    finally:
        services.store.apply = apply

    assert f"{PIECE} rows were written. Then it was interrupted" in page
    assert len(rest(operator, path)) == 1 + 2 * PIECE
    assert "was interrupted" in text_of(operator.get("/registry/imports"))


def test_pressed_twice_it_is_written_once(start, gate):
    operator = start()
    path = looked_at(operator, feeders(2))
    operator.post(path)
    ended(operator, path)

    assert operator.post(path).location == path
    assert text_of(operator.get("/registry/imports")).count("sheet.csv") == 1


def test_another_clerk_writes_between_two_slices(start, services, gate, iris):
    operator = start()
    head = ["member", "time_zone", "feeder", "import_limit_kw", "pv_kw", "battery_kw", "battery_kwh", "battery_efficiency", "battery_minimum_percent"]  # fmt: skip
    sheet = csv_of(
        [head, *([f"n{number}", "Europe/Madrid", "feeder-1", "5.75", "4", "3", "6.5", "0.9", "10"] for number in range(8 * PIECE))]
    )
    path = looked_at(operator, sheet, "home")
    waits: list[float] = []

    def another() -> None:
        for number in range(4):
            node = iris.id("node", f"other-{number}")
            delta = Delta(insert=frozenset(describe(iris.graph("registry"), node, {RDF.type: FC.GridNode, RDFS.label: Lang("Other")})))
            since = time.monotonic()
            gate.apply(delta, by="another", why="")
            waits.append(time.monotonic() - since)

    other = threading.Thread(target=another)
    since = time.monotonic()
    with gate.held():
        threading.Thread(target=lambda: operator.post(path)).start()
        other.start()
    other.join()
    others_done = time.monotonic() - since
    ended(operator, path)
    whole = time.monotonic() - since

    assert others_done < whole  # eight slices, and four edits among them
    assert max(waits) < whole / 2


def test_previews_are_kept_for_an_hour_and_not_many():
    now = [0.0]
    works = Background(lambda: now[0])
    first = works.start("first", "me", lambda told: "what was found", weight=1)
    assert first.wait(10)
    assert works.find(first.key, "me").result == "what was found"
    assert works.find(first.key, "somebody else") is None

    heavy = works.start("heavy", "me", lambda told: None, weight=MOST_WEIGHT)
    assert heavy.wait(10)
    small = works.start("small", "me", lambda told: None, weight=1)
    assert small.wait(10)
    assert works.find(small.key, "me") is not None
    assert works.find(first.key, "me") is None  # the longest unseen goes first
    now[0] = KEPT_IN_MEMORY_S + 1
    assert works.find(small.key, "me") is None


def test_no_more_is_begun_than_runs_at_once(app):
    go = threading.Event()
    works = Background()
    with app.test_request_context():
        begun = [works.start(f"work {number}", "me", lambda told: go.wait(60)) for number in range(MOST_AT_ONCE)]
        with pytest.raises(BusyError, match="begin it again in a few minutes"):
            works.start("one more", "me", lambda told: None)
        go.set()
        assert all(work.wait(60) for work in begun)
        assert works.start("one more", "me", lambda told: None).wait(60)


def test_an_import_is_taken_back_by_a_button_that_wants_a_yes(start):
    operator = start()
    path = looked_at(operator, feeders(2))
    operator.post(path)
    assert "Take back" in ended(operator, path)

    operator.post(f"{path}/undo")
    assert "Feeder 11" in text_of(operator.get("/registry/grid-node?format=csv"))
    operator.post(f"{path}/undo", data={"sure": "1"})

    assert "It was taken back on" in ended(operator, path)
    assert "Feeder 11" not in text_of(operator.get("/registry/grid-node?format=csv"))
