"""A bad week: thousands of channels with daily close, two outages, late data, corrections, replays and retention; is everything there, once?

`python -m bench week [--json] [--boxes 200] [--quarter-hours 14] [--minutes 1] [--days 7]`

The boxes send every hour through a real broker what they have measured. A third of them has no network for 30 hours and sends its backlog
afterwards, in order, beside what is new; the platform is down for five hours; one message in fifty arrives a day or more late, one in twenty
comes twice, and every day a few slots of the day before are corrected; 1-minute readings are thinned to 15 minutes after three days. At
the end the SHA-256 of every channel and day in the store is compared with that of what the boxes say they measured, thinned days with the
exact means. The last line of the output is one JSON object: `wrong_days` must be 0, and `disk_mb` tells how the store grew from day to
day, and what the rebuild gave back.
"""

import argparse
import hashlib
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench._boxes import BASE, DAY, START, Box, Channel, neighbourhood
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, DeadLetters, ReadingWriter, days
from telemetry.broker import start_broker
from telemetry.ingest import Ingest
from telemetry.rebuild import rebuild
from telemetry.retention import Policy, retain

HOUR = timedelta(hours=1)
LATE_CLOSE = timedelta(hours=2)
NO_NETWORK = (1 * DAY + 6 * HOUR, 2 * DAY + 12 * HOUR)  # of every third box
PLATFORM_DOWN = (4 * DAY + 9 * HOUR, 4 * DAY + 14 * HOUR)
CORRECTED_A_DAY = 200
FINE_DAYS = 3


@dataclass
class Outbox:
    """What a box has said and not yet seen acknowledged."""

    box: Box
    offline: bool
    waiting: dict[str, bytes] = field(default_factory=dict)
    late: list[tuple[datetime, str, bytes]] = field(default_factory=list)


class Week:
    """The boxes, the truth that they know, and a platform that comes and goes."""

    def __init__(self, directory: Path, boxes: list[Box], seed: int) -> None:
        self.directory, self.random, self.now = directory, random.Random(seed), START  # noqa: S311 - nothing here is secret
        self.outboxes = [Outbox(box, number % 3 == 0) for number, box in enumerate(boxes)]
        self.corrected: dict[tuple[str, datetime], str] = {}
        self.sent = self.replayed = self.late = 0
        self.broker = start_broker("127.0.0.1", 0, directory / "broker", "mosquitto")
        self.acks = _Acks(self.broker.port)
        self.iris = Iris(BASE)
        store = EmbeddedStore(directory / "store")
        store.apply(insert=[quad for box in boxes for quad in box.quads(self.iris)])
        store.close()
        self.up()

    def up(self) -> None:
        """Start the platform."""
        self.store = EmbeddedStore(self.directory / "store")
        self.channels = Channels(self.store, self.iris)
        self.writer = ReadingWriter(self.store, self.iris, self.channels)
        self.letters = DeadLetters(self.directory / "dead.sqlite")
        self.ingest = Ingest(
            "127.0.0.1",
            self.broker.port,
            self.iris,
            self.store,
            self.writer,
            self.letters,
            channels=self.channels,
            clock=lambda: self.now,
            on_report=lambda *_: None,
        )
        self.ingest.start()

    def down(self) -> None:
        """Stop the platform."""
        self.ingest.stop()
        self.letters.close()
        self.store.close()

    def hour(self, start: datetime) -> None:
        """Let an hour pass: measure, send what can be sent, wait until it is acknowledged."""
        self.now = start + HOUR
        since = start - START
        platform_up = not PLATFORM_DOWN[0] <= since < PLATFORM_DOWN[1]
        if since == PLATFORM_DOWN[0]:
            self.down()
        if since == PLATFORM_DOWN[1]:
            self.up()
        wanted: dict[str, None] = {}
        for outbox in self.outboxes:
            self._measure(outbox, start)
            if not (outbox.offline and NO_NETWORK[0] <= since < NO_NETWORK[1]):
                wanted.update(self._send(outbox))
        if platform_up:
            self.acks.wait_for(wanted)
            self.store.tidy()
            for outbox in self.outboxes:
                for key in [key for key in outbox.waiting if key in self.acks.known]:
                    del outbox.waiting[key]

    def correct(self, yesterday: datetime) -> None:
        """Let boxes say of some slots of the day before that they were measured wrongly."""
        for outbox in self.random.sample(self.outboxes, min(CORRECTED_A_DAY, len(self.outboxes))):
            channel = self.random.choice(outbox.box.channels)
            at = yesterday + self.random.randrange(DAY // channel.step) * channel.step
            value = f"{self.random.randrange(-4000, 15000) / 1000:.3f}"
            self.corrected[channel.path, at] = value
            key, body, count = outbox.box.message(f"{self.now:%Y%m%dT%H}-correction", [(channel, at, [value])], self.now)
            outbox.waiting[key] = body
            self.sent += count

    def drain(self) -> None:
        """Send what is still waiting, late messages included."""
        wanted: dict[str, None] = {}
        for outbox in self.outboxes:
            outbox.waiting |= {key: body for _, key, body in outbox.late}
            outbox.late.clear()
            wanted.update(self._send(outbox))
        self.acks.wait_for(wanted)

    def keep(self) -> int:
        """Thin what is older than three days; how many days were thinned."""
        policy = Policy(fine_days=FINE_DAYS)
        done = retain(self.store, self.iris, self.channels, self.writer, policy, self.directory / "jobs", now=self.now)
        return int(done["counts"].get("days_thinned", 0))

    def wrong_days(self, length: int) -> list[str]:
        """Channel-days whose stored values differ from what the box measured."""
        wrong = []
        for outbox in self.outboxes:
            for channel in outbox.box.channels:
                keys = [(self.channels.known(f"{BASE}/id/{channel.path}"), (START + n * DAY).date()) for n in range(length)]
                for (iri, day), state in days.read(self.store, self.iris, keys).items():
                    step = timedelta(seconds=state.step_s)
                    if _digest(days.pack(state.values, state.step_s)) != _digest(self._truth(channel, day, step)):
                        wrong.append(f"{iri} on {day}")
        return wrong

    def _truth(self, channel: Channel, day: date, step: timedelta) -> str:
        """The array that a day should hold at a step: what was measured, or its exact means to six decimals."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=START.tzinfo)
        at = [midnight + n * channel.step for n in range(DAY // channel.step)]
        values = [self.corrected.get((channel.path, t)) or channel.value(t) for t in at]
        if step != channel.step:
            parts = step // channel.step
            sums = [sum(map(Decimal, values[first : first + parts])) for first in range(0, len(values), parts)]
            values = [f"{round(total / parts, 6):f}" for total in sums]
        return f"[{','.join(map(days.canonical, values))}]"

    def _measure(self, outbox: Outbox, start: datetime) -> None:
        key, body, count = outbox.box.message(f"{start:%Y%m%dT%H}", outbox.box.span(start, start + HOUR), start + HOUR)
        self.sent += count
        if self.random.random() < 0.02:
            self.late += 1
            outbox.late.append((start + timedelta(hours=self.random.randrange(24, 60)), key, body))
        else:
            outbox.waiting[key] = body
        for due in [one for one in outbox.late if one[0] <= self.now]:
            outbox.late.remove(due)
            outbox.waiting[due[1]] = due[2]

    def _send(self, outbox: Outbox) -> Iterator[tuple[str, None]]:
        for key, body in outbox.waiting.items():
            self.acks.publish(outbox.box.topic("telemetry"), body)
            if self.random.random() < 0.05:
                self.replayed += 1
                self.acks.publish(outbox.box.topic("telemetry"), body)
            yield key, None


class _Acks:
    """One client that speaks for all boxes and remembers which messages were acknowledged."""

    def __init__(self, port: int) -> None:
        self.known: set[str] = set()
        self._news = threading.Condition()
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-week", clean_session=False)
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = lambda client, *_: client.subscribe("flexcoop/osb/+/ack", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._received
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ready.wait(10)

    def publish(self, topic: str, body: bytes) -> None:
        self._client.publish(topic, body, qos=1)

    def wait_for(self, wanted: dict[str, None]) -> None:
        with self._news:
            if not self._news.wait_for(lambda: wanted.keys() <= self.known, 300):
                raise RuntimeError(f"{len(wanted.keys() - self.known)} messages were not acknowledged in 300 s; see the platform's log")

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()

    def _received(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self.known.add(orjson.loads(message.payload)["message"])
            self._news.notify_all()


def _digest(array: str) -> str:
    return hashlib.sha256(array.encode()).hexdigest()


def _megabytes(directory: Path) -> float:
    return round(sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6, 1)


def main() -> None:
    """Live through the week and print what is left of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--quarter-hours", type=int, default=14, help="15-minute channels of a box")
    parser.add_argument("--minutes", type=int, default=1, help="1-minute channels of a box")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    boxes = neighbourhood(given.boxes, given.quarter_hours, given.minutes)
    result: dict[str, Any] = {"boxes": given.boxes, "channels": sum(len(box.channels) for box in boxes), "days": given.days}
    disk: dict[str, float] = {}
    begun, thinned = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as folder:
        week = Week(Path(folder), boxes, given.seed)
        for hour in range(24 * given.days):
            at = START + hour * HOUR
            week.hour(at)
            if hour and at.hour == 3:
                week.writer.close_days((at - LATE_CLOSE).date())
                week.correct(START + (hour // 24 - 1) * DAY)
                thinned += week.keep()
                disk[f"day {hour // 24}"] = _megabytes(Path(folder) / "store")
                if not given.json:
                    print(f"{at:%a %H:%M}: {week.sent} readings, {disk[f'day {hour // 24}']} MB", file=sys.stderr)
        week.now += HOUR
        week.drain()
        week.writer.close_days((week.now + DAY).date())
        thinned += week.keep()
        disk["closed"] = _megabytes(Path(folder) / "store")
        rebuild(week.store, week.directory / "jobs", now=week.now)
        disk["rebuilt"] = _megabytes(Path(folder) / "store")
        wrong = week.wrong_days(given.days)
        result |= {
            "readings": week.sent,
            "messages_late": week.late,
            "messages_replayed": week.replayed,
            "corrections": len(week.corrected),
            "refused": week.letters.count(),
            "thinned_days": thinned,
            "wrong_days": len(wrong),
            "first_wrong": wrong[:3],
            "seconds": round(time.monotonic() - begun, 1),
            "disk_mb": disk,
        }
        week.acks.stop()
        week.down()
        week.broker.stop()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
