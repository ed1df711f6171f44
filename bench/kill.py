"""Kills: platform, broker and box ended with −9 at random moments, a full disk, a clock that is a day wrong; what is lost, what is doubled.

`python -m bench kill [--json] [--kills 20] [--speed 120] [--seed 7] [--parts platform,broker,box,disk,clock]`

A box (the product itself) with two devices sends four 1-minute channels to the platform's services over Mosquitto with persistence, on a
clock that is `speed` times as fast as the wall's. *Lost* is what the box had taken over durably and what is not in the store with that
value after its outbox was emptied; *doubled* is a reading in the place of another (`fcv:Superseded`), or one that the box has taken over
with two values; *misplaced* is one whose value says that it was measured at another time. The last line of the output is one JSON object.
"""

import argparse
import json
import os
import pwd
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench._lives import BASE, CHANNELS, MINUTE, PER_MINUTE, Job, rising
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri
from ontology.names import FC
from telemetry import Channels, Readings, mosquitto
from telemetry import tethered as _tethered

PARTS = ("platform", "broker", "box", "disk", "clock")
PATIENCE_S = 120.0
SMALL_DISK, LEFT_FREE = "64m", 8192  # bytes: the journal soon needs more
WAITING = 4  # batches in the outbox that show that nothing is acknowledged
DAY_S = 86_400
FULL_S = 6.0


class Process:
    """A process that is started again and again."""

    def __init__(self, command: Sequence[str], log: Path, ready: Callable[[Path], bool]) -> None:
        self._command, self._log, self._ready = command, log, ready
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it; returns once it says that it is ready, if told to wait."""
        self._log.write_bytes(b"")
        tether = [sys.executable, "-I", _tethered.__file__, str(os.getpid())]
        with self._log.open("ab") as log:
            self._running = subprocess.Popen([*tether, *self._command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        if wait:
            until(lambda: self._ready(self._log), f"{self._command} did not start", self.output)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Have it end in good order."""
        self._end(signal.SIGTERM)

    def output(self) -> str:
        """What it said since it was started."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def _end(self, how: signal.Signals) -> None:
        if self._running is not None:
            self._running.send_signal(how)
            self._running.wait(30)
            self._running = None


class World:
    """Platform, broker and box in a folder, on one fast clock."""

    def __init__(self, folder: Path, speed: float, seed: int) -> None:
        self.folder, self.iris, self.rng = folder, Iris(BASE), random.Random(seed)  # noqa: S311 - when to kill is no secret
        port = _free_port()
        self.job = Job(folder, port, time.time(), speed)
        self.job.write(folder / "job.json")
        state = folder / "broker"
        state.mkdir()
        config = state / "mosquitto.conf"
        config.write_text(mosquitto.configuration("127.0.0.1", port, state, None, pwd.getpwuid(os.geteuid()).pw_name), encoding="utf-8")
        program = mosquitto.mosquitto_program()
        if program is None:
            raise RuntimeError("Mosquitto is not installed; apt-get install mosquitto")
        lives = [sys.executable, "-m", "bench._lives"]
        job = str(folder / "job.json")
        self.broker = Process([program, "-c", str(config)], folder / "broker.log", lambda _: _listens(port))
        self.platform = Process([*lives, "platform", job], folder / "platform.log", _said_ready)
        self.box = Process([*lives, "box", job], folder / "box.log", _said_ready)

    def begin(self) -> None:
        """Enter the owner's claim, start everything, and wait for the first readings."""
        with closing(EmbeddedStore(self.folder / "platform" / "store")) as store:
            facts = self.iris.graph("member", "h01", "facts")
            store.apply(insert=describe(facts, self.iris.id("osb", "h01"), {FC.claimedBy: iri(self.iris.id("member", "h01"))}))
        for one in (self.broker, self.platform, self.box):
            one.start()
        self.flows()

    def end(self) -> None:
        """Stop everything in good order: the box once it was left with nothing to send, which takes more than one try on a busy machine."""
        self.box.stop()
        while self.waiting():
            self.box.start()
            until(lambda: not self.waiting(), "the outbox was not emptied", self.trouble)
            self.box.stop()
        self.platform.stop()
        self.broker.stop()

    def flows(self, batches: int = 2) -> None:
        """Wait until more readings were taken over, and the outbox was empty after that."""
        wanted = len(self.taken()) + batches * len(CHANNELS)
        until(lambda: len(self.taken()) >= wanted and self.waiting() == 0, "the outbox was not emptied", self.trouble)

    def trouble(self) -> str:
        """What the processes said, for whoever has to find out."""
        return "\n".join(f"--- {one.output()}" for one in (self.platform, self.box, self.broker))

    def waiting(self) -> int:
        """How many batches wait in the box's outbox."""
        with closing(sqlite3.connect(f"file:{self.job.state}?mode=ro", uri=True)) as file:
            (count,) = file.execute("SELECT COUNT(*) FROM batch").fetchone()
        return int(count)

    def noted(self) -> Iterator[dict[str, Any]]:
        """What the box has noted; a kill may have cut the last line of a life."""
        for line in self.job.record.read_text(encoding="utf-8").splitlines() if self.job.record.exists() else ():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def taken(self) -> dict[tuple[str, datetime], set[str]]:
        """Every reading that the box has taken over durably: its values by channel and beginning."""
        found: dict[tuple[str, datetime], set[str]] = {}
        for said in self.noted():
            for channel, start, value in said.get("readings", ()):
                found.setdefault((channel, datetime.fromisoformat(start)), set()).add(value)
        return found

    def messages(self) -> int:
        """How many messages the platform has acknowledged."""
        return sum("acknowledged" in said for said in self.noted())

    def pause(self, longest_s: float) -> None:
        """Let a random time pass."""
        time.sleep(self.rng.uniform(0.05, longest_s))


# --- the parts: each gives how often something was done to the world
def kill_platform(world: World, kills: int) -> int:
    """Kill it while it writes, and every fourth time while it starts."""
    for number in range(kills):
        if number % 4 == 1:
            world.flows(1)
        world.pause(2.0)
        world.platform.kill()
        world.platform.start(wait=number % 4 != 3)
    world.platform.kill()
    world.platform.start()
    return kills + 1


def kill_broker(world: World, kills: int) -> int:
    """Kill it, every other time in the midst of a stream; every fifth time it is ended in good order besides."""
    for number in range(kills):
        if number % 2:
            world.flows(1)
        world.pause(2.0)
        world.broker.kill()
        world.broker.start()
        if number % 5 == 4:
            world.pause(1.0)
            world.broker.stop()
            world.broker.start()
    return kills


def kill_box(world: World, kills: int) -> int:
    """Kill it while it measures and sends, and every fourth time while it starts."""
    for number in range(kills):
        world.pause(3.0)
        world.box.kill()
        world.box.start(wait=number % 4 != 3)
    return kills


def fill_disk(world: World, _: int) -> int:
    """Leave the platform's store no room for some seconds."""
    place = world.folder / "platform"
    state = os.statvfs(place)
    others = place / "others"
    others.write_bytes(b"\0" * max(state.f_bavail * state.f_frsize - LEFT_FREE, 0))
    until(lambda: world.waiting() > WAITING, "the full disk held nothing up", world.trouble)
    before = world.messages()
    time.sleep(FULL_S)
    if world.messages() > before:
        raise RuntimeError("a platform that could not store readings has acknowledged some")
    others.unlink()
    return 1


def set_clock(world: World, _: int) -> int:
    """Set the box's clock a day ahead and a day back while it runs, and start it with each; then right again."""
    changes = 0
    for wrong in (DAY_S, -DAY_S, 0):
        world.job.wrong.write_text(str(wrong))
        changes += 1
        world.flows()
        world.box.kill()
        world.box.start()
        world.flows()
    return changes


def run(folder: Path, kills: int, speed: float, seed: int, parts: Sequence[str]) -> dict[str, Any]:
    """Do all of it; returns the figures."""
    found: dict[str, Any] = {}
    together = [part for part in parts if part != "disk"]
    if together:
        (folder / "kills").mkdir()
        found |= _run(World(folder / "kills", speed, seed), together, kills)
    if "disk" in parts:
        (folder / "disk").mkdir()
        with small_disk(folder / "disk" / "platform") as why:
            disk = {"disk": {"skipped": why}} if why else _run(World(folder / "disk", speed, seed), ["disk"], kills)
        found = _added(found, disk)
    return found


def _run(world: World, parts: Sequence[str], kills: int) -> dict[str, Any]:
    ways = {"platform": kill_platform, "broker": kill_broker, "box": kill_box, "disk": fill_disk, "clock": set_clock}
    found: dict[str, Any] = {}
    world.begin()
    try:
        for part in parts:
            begun, before, messages = time.monotonic(), len(world.taken()), world.messages()
            times = ways[part](world, kills)
            world.flows()
            found[part] = {
                "times": times,
                "messages": world.messages() - messages,
                "readings": len(world.taken()) - before,
                "seconds": round(time.monotonic() - begun, 1),
            }
    finally:
        world.end()
    return found | {"outcome": outcome(world)}


def outcome(world: World) -> dict[str, Any]:
    """Hold the store against what the box has noted."""
    taken = world.taken()
    lost = misplaced = stored = 0
    with closing(EmbeddedStore(world.folder / "platform" / "store")) as store:
        flags = _flags(store)
        channels = Channels(store, world.iris)
        begin, end = world.job.at_begin() - timedelta(days=2), world.job.now() + timedelta(days=2)
        begin -= timedelta(seconds=begin.timestamp() % 60)
        frame = Readings(store, world.iris, channels).frame([f"{BASE}/id/{path}" for path in CHANNELS], begin, end, MINUTE)
        for path in CHANNELS:
            column = frame[f"{BASE}/id/{path}"].dropna()
            stored += len(column)
            have = dict(zip((at.to_pydatetime() for at in column.index), column.to_numpy().tolist(), strict=True))
            for (channel, at), values in taken.items():
                lost += channel == path and have.get(at) not in {float(value) for value in values}
            misplaced += sum(abs(Decimal(value) - rising(world.job, at)) > 3 * PER_MINUTE for at, value in have.items())
    return {
        "messages": world.messages(),
        "readings": len(taken),
        "stored": stored,
        "lost": lost,
        "doubled": flags["Superseded"] + sum(len(values) - 1 for values in taken.values()),
        "misplaced": misplaced,
        "waiting": world.waiting(),
        "refused": sum(said.get("refused", 0) for said in world.noted()),
        "flags": dict(sorted(flags.items())),
    }


def _flags(store: EmbeddedStore) -> Counter[str]:
    reason = str(FC.reason)
    return Counter(
        str(triple.object).strip("<>").rsplit("/", 1)[-1]
        for graph in store.graphs()
        if "/telemetry/" in graph
        for triple in store.graph(graph)
        if triple.predicate.value == reason
    )


def _added(some: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Join the figures of two worlds."""
    outcomes = [one.pop("outcome") for one in (some, more) if "outcome" in one]
    total: dict[str, Any] = {}
    for one in outcomes:
        for name, value in one.items():
            total[name] = dict(Counter(total.get(name, {})) + Counter(value)) if isinstance(value, dict) else total.get(name, 0) + value
    return some | more | {"outcome": total}


@contextmanager
def small_disk(place: Path) -> Iterator[str]:
    """A file system that is soon full; gives why there is none, if so."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(place)], capture_output=True, text=True, check=False
    )
    try:
        yield done.stderr.strip() if done.returncode else ""
    finally:
        if not done.returncode:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def until(done: Callable[[], bool], what: str, more: Callable[[], str]) -> None:
    """Wait for something, and say what there is to say if it doesn't come."""
    end = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} in {PATIENCE_S:.0f} s\n{more()}")
        time.sleep(0.1)


def _said_ready(log: Path) -> bool:
    return "ready\n" in log.read_text(encoding="utf-8", errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="the figures alone")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--speed", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--parts", default=",".join(PARTS))
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flexcoop-kill-") as folder:
        found = run(Path(folder), given.kills, given.speed, given.seed, given.parts.split(","))
    figures = {"kills": given.kills, "speed": given.speed, "seed": given.seed, **found, "seconds": round(time.monotonic() - begun, 1)}
    if not given.json:
        for name, value in figures.items():
            print(f"{name}: {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
