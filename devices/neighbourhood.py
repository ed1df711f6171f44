"""Many boxes in one process: `python -m devices.neighbourhood --config FILE`.

All boxes of a configuration and the feed gateway, each with its own MQTT client, share one thread, one selector and one SQLite file: what
came for many boxes at once is committed at once. The process follows the scenario's ticks until it is told to stop (SIGTERM, SIGINT).
"""

import argparse
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from devices import announcement, config
from devices.errors import ConfigError, DeviceError
from devices.home import FeedModel, HomeModel
from devices.messages import TICK_TOPIC, Identity
from devices.mqtt import Delivery, MqttGateway, MqttLoop
from devices.osb import OpenSmartBox
from devices.outbox import Outbox
from devices.replay import Replay

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
POLL_S = 1.0
RETRY_S = 30.0  # what had no acknowledgement for this long, at most twice as long, is sent again


class Neighbourhood:
    """The boxes of one configuration, on one broker."""

    def __init__(self, given: config.Neighbourhood, replay: Replay) -> None:
        self._loop = MqttLoop(given.broker)
        self._outbox = Outbox(given.state, durable=False)  # the homes are simulated: surviving the end of the process is enough
        self._stopping = False
        self._next_retry = monotonic() + RETRY_S
        with self._outbox.transaction():
            self._boxes = [self._home(given, home, replay) for home in given.homes]
            self._boxes += [self._feed(given, given.feed, replay)] if given.feed else []

    def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping:
            self.work(POLL_S)
        self._loop.close()
        self._outbox.close()

    def stop(self) -> None:
        """End `run` after the messages at hand; may be called from a signal handler."""
        self._stopping = True
        self._loop.wake()

    def work(self, timeout_s: float) -> None:
        """Wait for messages, let the boxes react in one transaction, send what they say, and only then confirm to the broker."""
        self._loop.poll(timeout_s)
        arrived = [(box, gateway.take()) for box, gateway in self._boxes if gateway.deliveries]
        if arrived:
            self._react(arrived)
        for box, gateway in self._boxes:
            if gateway.just_connected:
                gateway.just_connected = False
                box.resend()
        if monotonic() >= self._next_retry:
            self._next_retry = monotonic() + RETRY_S
            for box, _ in self._boxes:
                box.retry()

    def _react(self, arrived: list[tuple[OpenSmartBox, list[Delivery]]]) -> None:
        with self._outbox.transaction():
            for box, deliveries in arrived:
                for delivery in deliveries:
                    box.receive(delivery.topic, delivery.payload)
        for box, deliveries in arrived:
            box.flush()
            for delivery in deliveries:
                delivery.confirm()

    def _home(self, given: config.Neighbourhood, home: config.Home, replay: Replay) -> tuple[OpenSmartBox, MqttGateway]:
        if not 0 <= home.source < len(replay.load_kw):
            raise ConfigError(
                f"home {home.key} repeats series {home.source}, and {given.series} has {len(replay.load_kw)}; number them from 0"
            )
        me = Identity(given.base, home.osb, home.key)
        model = HomeModel(home, replay, given.spread_from)
        gateway = self._loop.gateway(me.osb, _topics(me))
        opt_outs = [wish for wish in given.behaviour.opt_outs if wish.home == home.key]
        said = announcement.of_home(me, home, model.channels)
        return OpenSmartBox(me, model, said, gateway, self._outbox, opt_outs), gateway

    def _feed(self, given: config.Neighbourhood, feed: config.Feed, replay: Replay) -> tuple[OpenSmartBox, MqttGateway]:
        me = Identity(given.base, feed.osb, feed.key)
        model = FeedModel(feed, replay, given.spread_from)
        gateway = self._loop.gateway(me.osb, _topics(me))
        return OpenSmartBox(me, model, announcement.of_feed(me, feed, model.channels), gateway, self._outbox), gateway


def die_with_parent() -> None:
    """Have the kernel end this process when the thread that started it ends; only Linux can."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was gone before the kernel knew
            raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 when the configuration doesn't fit."""
    parser = argparse.ArgumentParser(prog="python -m devices.neighbourhood", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see devices/config.py")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starting process ends (Linux)")
    parser.add_argument("--verbose", action="store_true", help="log connections, too")
    given = parser.parse_args(arguments)
    if given.die_with_parent:
        die_with_parent()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if given.verbose else logging.WARNING, format="%(name)s: %(message)s")
    try:
        settings = config.load(given.config)
        boxes = Neighbourhood(settings, Replay.read(settings.series))
    except DeviceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: boxes.stop())
    boxes.run()
    return 0


def _topics(me: Identity) -> tuple[str, ...]:
    return (TICK_TOPIC, me.topic("dispatch"), me.topic("comfort"), me.topic("ack"))


if __name__ == "__main__":
    sys.exit(main())
