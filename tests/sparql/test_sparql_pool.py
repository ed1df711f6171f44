"""Who waits for whom: the line before the quick lane, and turns in the slow one."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import until

from sparql.lanes import SlowLane, cpu_s
from sparql.turns import FullError, GoneError, LateError, Line

LONG = time.monotonic() + 3600.0


class Crowd:
    """Threads that stand in a line, in the order in which they came; each says when it got in."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.inside: list[str] = []
        self._threads: list[threading.Thread] = []

    def comes(self, client: str) -> None:
        before = self.line.waiting + len(self.inside)

        def stand() -> None:
            self.line.enter(client, LONG)
            self.inside.append(client)

        self._threads.append(threading.Thread(target=stand))
        self._threads[-1].start()
        assert until(lambda: self.line.waiting + len(self.inside) == before + 1)

    def one_leaves(self, client: str) -> None:
        inside = len(self.inside)
        waiting = self.line.waiting
        self.line.leave(client)
        if waiting:
            until(lambda: len(self.inside) > inside, 1.0)


def test_clients_take_turns_however_many_one_of_them_sends() -> None:
    crowd = Crowd(Line(places=1, per_client=1, longest=100))
    for client in ("a", "a", "a", "a", "b", "c", "b"):
        crowd.comes(client)

    for done in range(6):
        crowd.one_leaves(crowd.inside[done])

    assert crowd.inside == ["a", "a", "b", "c", "a", "b", "a"]


def test_no_client_holds_all_places() -> None:
    crowd = Crowd(Line(places=3, per_client=2, longest=100))
    for client in ("a", "a", "a", "a"):
        crowd.comes(client)
    assert crowd.inside == ["a", "a"]

    crowd.comes("b")
    assert crowd.inside == ["a", "a", "b"]

    crowd.one_leaves("b")
    assert crowd.inside == ["a", "a", "b"]
    crowd.one_leaves("a")
    crowd.one_leaves("a")
    assert crowd.inside == ["a", "a", "b", "a", "a"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(1, 4), st.integers(1, 4))
def test_every_place_is_used_and_none_twice(clients: list[str], places: int, per_client: int) -> None:
    line = Line(places=places, per_client=per_client, longest=1000)
    inside: list[str] = []
    for client in clients:
        try:
            line.enter(client, time.monotonic())
            inside.append(client)
        except LateError:
            others = [each for each in inside if each == client]
            assert len(inside) == places or len(others) == per_client

    assert len(inside) <= places
    assert all(inside.count(client) <= per_client for client in "abc")
    assert line.waiting == 0
    for client in inside:
        line.leave(client)
    line.enter("a", time.monotonic())


def test_a_full_line_says_so_and_keeps_room_for_others() -> None:
    line = Line(places=1, per_client=1, longest=4)
    crowd = Crowd(line)
    for client in ("a", "a", "a"):
        crowd.comes(client)

    with pytest.raises(FullError, match="2 queries wait already, 2 of them from this client"):
        line.enter("a", LONG)
    for client in ("b", "c"):
        crowd.comes(client)
    with pytest.raises(FullError, match="4 queries wait already, 0 of them from this client"):
        line.enter("d", LONG)

    for done in range(5):
        crowd.one_leaves(crowd.inside[done])
    assert sorted(crowd.inside) == ["a", "a", "a", "b", "c"]


def test_who_gives_up_or_hangs_up_is_no_longer_in_the_way() -> None:
    line = Line(places=1, per_client=1, longest=10)
    line.enter("a", LONG)

    with pytest.raises(LateError):
        line.enter("b", time.monotonic() + 0.02)
    with pytest.raises(GoneError):
        line.enter("c", LONG, gone=lambda: True)

    assert line.waiting == 0
    line.leave("a")
    line.enter("d", time.monotonic())


# --- the slow lane -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def spin() -> Iterator[Callable[[], int]]:
    """Start processes that do nothing but use the processor."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str = "while True: pass") -> int:
        started.append(subprocess.Popen([sys.executable, "-S", "-c", program]))
        assert until(lambda: cpu_s(started[-1].pid) > 0.01)
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"


def test_only_so_many_run_and_all_get_their_turn(spin: Callable[[], int]) -> None:
    lane = SlowLane(running=1, most=8, memory_mb=4096)
    pids = [spin() for _ in range(3)]
    inside = [lane.enter(pid, "a") for pid in pids]
    first = [each.first_s for each in inside]
    assert until(lambda: sum(map(is_stopped, pids)) == 2)

    def all_had_some() -> bool:
        lane.turn()
        assert sum(each.running for each in inside) == 1
        return all(cpu_s(pid) - start > 0.02 for pid, start in zip(pids, first, strict=True))

    assert until(all_had_some)
    assert all(os.getpriority(os.PRIO_PROCESS, pid) == 10 for pid in pids)

    for each in inside[:2]:
        lane.leave(each)
    assert until(lambda: not is_stopped(pids[2]))


def test_a_newcomer_goes_before_those_that_had_much(spin: Callable[[], int]) -> None:
    lane = SlowLane(running=1, most=8, memory_mb=4096)
    greedy = [lane.enter(spin(), "greedy") for _ in range(3)]
    until(lambda: lane.turn() or sum(cpu_s(each.pid) - each.first_s for each in greedy) > 0.5)  # type: ignore[func-returns-value]

    late = lane.enter(spin(), "modest")

    assert late.running
    assert not any(each.running for each in greedy)


def test_one_too_many_ends_the_last_of_the_greediest(spin: Callable[[], int]) -> None:
    lane = SlowLane(running=1, most=3, memory_mb=4096)
    greedy = [lane.enter(spin(), "greedy") for _ in range(3)]

    modest = lane.enter(spin(), "modest")

    assert [bool(each.evicted) for each in (*greedy, modest)] == [False, False, True, False]
    assert greedy[2].evicted.startswith("3 long queries run already")
    assert lane.count == 3


def test_memory_is_bounded_for_all_together(spin: Callable[[str], int]) -> None:
    lane = SlowLane(running=2, most=8, memory_mb=150)
    small, large = lane.enter(spin("while True: pass"), "a"), lane.enter(spin("x = b'1' * (160 << 20)\nwhile True: pass"), "b")

    assert until(lambda: lane.turn() or bool(large.evicted))  # type: ignore[func-returns-value]

    assert not small.evicted
    assert "150 MB" in large.evicted


def test_a_process_that_has_ended_uses_no_time() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert cpu_s(process.pid) == 0.0
