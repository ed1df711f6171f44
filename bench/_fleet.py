"""Many boxes in a process of their own: `python -m bench._fleet JOB.json` sends what they say and times each acknowledgement.

Each box is one MQTT client with a certificate of its own where the job names a folder of them. The last line of the output is one JSON
object: how many readings were acknowledged, in how many seconds, the lag from handing over to acknowledgement, and the CPU that this cost.
"""

import heapq
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bench._boxes import Box, neighbourhood
from devices.config import Broker
from devices.mqtt import MqttGateway, MqttLoop

CONNECT_S, GIVE_UP_S = 60.0, 900.0


def _broker(job: dict[str, Any]) -> Broker:
    if not job.get("certificates"):
        return Broker(job["host"], job["port"])
    folder = Path(job["certificates"])
    return Broker(job["host"], job["port"], folder / "ca.pem", folder / "{osb}.pem", folder / "{osb}.key")


class Fleet:
    """All boxes of a job on one broker."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._loop = MqttLoop(_broker(job))
        self._boxes = neighbourhood(job["boxes"], job["quarter_hours"], job["minutes"])
        self._gateways = [self._loop.gateway(box.osb, (box.topic("ack"),)) for box in self._boxes]
        self._sent: dict[str, tuple[float, int]] = {}
        self.lags: list[float] = []
        self.acknowledged = self.accepted = 0

    def connect(self) -> None:
        """Wait until every box is subscribed."""
        until = time.monotonic() + CONNECT_S
        while not all(gateway.connected for gateway in self._gateways):
            if time.monotonic() > until:
                missing = sum(not gateway.connected for gateway in self._gateways)
                raise RuntimeError(f"{missing} of {len(self._gateways)} boxes could not connect in {CONNECT_S:.0f} s; see the broker's log")
            self._loop.poll(0.1)

    def run(self) -> float:
        """Send everything and wait for all acknowledgements; seconds."""
        waiting = self._messages()
        rate, window = self._job.get("rate") or float("inf"), self._job["window"]
        total, handed_over, next_message = sum(one[-1] for one in waiting), 0, 0
        begun = time.monotonic()
        while self.acknowledged < total:
            now = time.monotonic()
            while next_message < len(waiting) and len(self._sent) < window and handed_over <= rate * (now - begun):
                _, number, key, topic, body, count = waiting[next_message]
                self._sent[key] = time.monotonic(), count
                self._gateways[number].publish(topic, body)
                handed_over, next_message = handed_over + count, next_message + 1
            self._loop.poll(0.002 if next_message < len(waiting) else 0.05)
            self._collect()
            if now - begun > GIVE_UP_S:
                raise RuntimeError(
                    f"{total - self.acknowledged} readings were not acknowledged in {GIVE_UP_S:.0f} s; see the platform's log"
                )
        return time.monotonic() - begun

    def close(self) -> None:
        """Leave the broker."""
        self._loop.close()

    def _messages(self) -> list[tuple[str, int, str, str, bytes, int]]:
        """Everything to be sent, in the order of the minutes in which it was measured."""
        start, end = (datetime.fromisoformat(self._job[name]) for name in ("start", "end"))
        streams = [self._said(number, box, start, end) for number, box in enumerate(self._boxes)]
        return list(heapq.merge(*streams, key=lambda one: one[0]))

    def _said(self, number: int, box: Box, start: datetime, end: datetime) -> list[tuple[str, int, str, str, bytes, int]]:
        topic = box.topic("telemetry")
        said = [box.message(f"{start:%Y%m%d}-whole", box.span(start, end), end)] if self._job["whole"] else box.live(start, end)
        return [(key.rsplit("/", 1)[-1], number, key, topic, body, count) for key, body, count in said]

    def _collect(self) -> None:
        for gateway in self._gateways:
            if gateway.deliveries:
                self._acknowledged(gateway)

    def _acknowledged(self, gateway: MqttGateway) -> None:
        for delivery in gateway.take():
            body = orjson.loads(delivery.payload)
            delivery.confirm()
            if body["message"] not in self._sent:
                continue  # of an earlier run: the broker had not seen our confirmation
            at, count = self._sent.pop(body["message"])
            self.lags.append(time.monotonic() - at)
            self.acknowledged += count
            self.accepted += body["accepted"]


def main(file: Path) -> None:
    """Run a job and print what came of it."""
    fleet = Fleet(json.loads(file.read_text(encoding="utf-8")))
    fleet.connect()
    print("connected", flush=True)
    cpu = time.process_time()
    seconds = fleet.run()
    p50, p99 = np.percentile(fleet.lags, (50, 99))
    result = {
        "readings": fleet.acknowledged,
        "accepted": fleet.accepted,
        "messages": len(fleet.lags),
        "seconds": round(seconds, 3),
        "lag_p50_ms": round(float(p50) * 1000, 1),
        "lag_p99_ms": round(float(p99) * 1000, 1),
        "cpu_s": round(time.process_time() - cpu, 2),
    }
    fleet.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
