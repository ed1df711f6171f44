"""Long verbs tell how far they are, end when they are stopped, and are never begun twice under one key."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from commands.arguments import ArgumentError
from commands.work import Step, Stop, Tell, Work

BEGINNING = {"under_way": True, "share": None, "sentence": "beginning"}
NOTHING = {"under_way": False}


def test_others_see_how_far_a_verb_is_and_stop_it() -> None:
    work, begun, told = Work(), threading.Event(), threading.Event()

    def long(tell: Tell, stop: Stop) -> str:
        begun.set()
        assert told.wait(10)
        tell(Step(0.25, "25 of 100"))
        begun.set()
        while not stop():
            pass
        return "stopped after 25"

    with ThreadPoolExecutor(1) as worker:
        running = worker.submit(work.run, "k1", "load", long)
        assert begun.wait(10)
        at_first = work.progress("k1")
        begun.clear()
        told.set()
        assert begun.wait(10)
        after = work.progress("k1")
        with pytest.raises(ArgumentError, match=r"^something with the key 'k1' is under way already; choose another key$"):
            work.run("k1", "load", long)
        stopping = work.stop("k1")
        result = running.result(10)

    assert (at_first, after, stopping) == (BEGINNING, {"under_way": True, "share": 0.25, "sentence": "25 of 100"}, {"stopping": True})
    assert (result, work.progress("k1"), work.stop("k1")) == ("stopped after 25", NOTHING, {"stopping": False})


def test_a_key_is_free_again_after_a_failure() -> None:
    work = Work()

    def fails(_tell: Tell, _stop: Stop) -> None:
        raise OSError("no room left")

    with pytest.raises(OSError, match="no room left"):
        work.run("k1", "rebuild", fails)

    assert work.progress("k1") == NOTHING
    assert work.run("k1", "rebuild", lambda tell, stop: 7) == 7
