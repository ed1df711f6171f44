"""Run the demo on a platform: found the cooperative, start its boxes, play the story, and say what came of it."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from kg import queries
from kg.iris import Iris
from kg.store import Store
from market import contracts
from registry.edits import Delta
from registry.gate import Gate
from scenario import cooperative, dataset, weather
from scenario.clock import Clock, Conductor, SteppedTime
from scenario.homes import write_neighbourhood
from scenario.story import PRICE_EUR_PER_KWH, QUARTER, Story, StoryError

log = logging.getLogger("flexcoop.scenario")
CAMPAIGN = "c1"
FORECAST_EVERY_H = 6
CLERK = "local"  # whoever starts a demo enters what a clerk would


class DemoPlatform(Conductor, Protocol):
    """What the demo needs of a platform."""

    @property
    def store(self) -> Store: ...
    @property
    def iris(self) -> Iris: ...
    @property
    def gate(self) -> Gate: ...

    def connect(self) -> tuple[str, int]:
        """Start or find the broker, listen to it, return its address."""
        ...

    def equip(self, boxes: Sequence[str], folder: Path) -> bool:
        """Write a certificate for each box to a folder; `False` where the broker wants none."""
        ...

    def reload(self) -> None:
        """Look again at what the graph says of the channels."""
        ...

    def start_campaign(self, *, start: datetime, end: datetime, kw: float, price: Decimal, key: str | None = None) -> dict[str, Any]:
        """Take a request, pick the homes, dispatch them."""
        ...

    def opt_out(self, event: str, reason: str) -> None:
        """Let a member leave an event."""
        ...


@dataclass
class Demo:
    """One demo cooperative on one platform.

    Parameters
    ----------
    folder : where the boxes keep their configuration and state, and the clock its time
    time : the platform's clock
    progress : told how far the history has come (share, sentence)
    """

    platform: DemoPlatform
    story: Story
    seed: int
    folder: Path
    time: SteppedTime
    stop: threading.Event
    progress: Callable[[float, str], None]

    def __post_init__(self) -> None:
        self.data = dataset.load()
        self.homes = cooperative.plan(self.story.homes, self.seed)
        self._boxes: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Found the cooperative if it isn't there, connect, and start the boxes."""
        self._found()
        boxes = [f"osb-{home.key}" for home in self.homes] + [f"osb-{cooperative.FEED}"]
        # the clock first: what waits at the broker must not meet a platform that believes it is the first day again
        self.clock = Clock(self.platform, boxes, self.platform.iris.base, self.folder / "clock.json", self.time, self.stop, self._weather)
        host, port = self.platform.connect()
        certificates = self.folder / "certificates"
        equipped = self.platform.equip(boxes, certificates)
        config = write_neighbourhood(
            self.homes,
            self.data,
            base=self.platform.iris.base,
            broker=(host, port),
            certificates=certificates if equipped else None,
            folder=self.folder,
            seed=self.seed,
        )
        command = [sys.executable, "-m", "devices.neighbourhood", "--config", str(config), "--die-with-parent"]
        self._boxes = subprocess.Popen(command)  # noqa: S603  (our own interpreter and module)

    def play_history(self) -> None:
        """Run the story up to the local midnight after its last day; where it was already played, nothing happens."""
        begin, whole = dataset.FIRST, self.story.over - dataset.FIRST

        def seen(now: datetime) -> None:
            self.progress((now - begin) / whole, f"{now:%Y-%m-%d %H:%M} UTC")
            self._act(now)

        if self.clock.now < self.story.over:
            self._act(self.clock.now)
        self.clock.run_until(self.story.over, self.story.step, planning=self.story.planning, seen=seen)

    def play_live(self, speed: float) -> None:
        """Go on at `speed` times the wall clock until the measured year ends."""
        self.clock.run_live(self.data.end.astimezone(UTC) - QUARTER, speed, lambda _: None)

    def finish(self) -> None:
        """Stop the boxes by their own pid."""
        if self._boxes is not None:
            self._boxes.terminate()
            try:
                self._boxes.wait(10)
            except subprocess.TimeoutExpired:
                self._boxes.kill()
                self._boxes.wait()

    def _found(self) -> None:
        self._refuse_another()
        platform = self.platform
        if not platform.store.ask(
            queries.load("scenario", "founded").bind(cooperative=platform.iris.id("cooperative", cooperative.COOPERATIVE))
        ):
            facts = frozenset(cooperative.facts(self.homes, platform.iris))
            platform.gate.apply(Delta(insert=facts), by=CLERK, why="The demo cooperative was founded")
        self._sign_contracts()
        platform.reload()

    def _refuse_another(self) -> None:
        """Hold what is asked for against what was founded in this folder.

        Raises
        ------
        StoryError
            If it was another cooperative: its homes can't be changed under it.
        """
        note = self.folder / "cooperative.json"
        wanted = {"homes": self.story.homes, "days": self.story.days, "seed": self.seed}
        if note.exists():
            founded = json.loads(note.read_text())
            if founded != wanted:
                raise StoryError(
                    f"{self.folder.parent} holds a demo of {founded}, and {wanted} was asked for; "
                    "give the same figures, or another FLEX_DATA_DIR (or --keep) for another cooperative"
                )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps(wanted))

    def _sign_contracts(self) -> None:
        """Agree a contract with every member who has none: drafted by the cooperative, signed by both."""
        platform = self.platform
        store, iris, gate = platform.store, platform.iris, platform.gate
        have = {row["member"] for row in queries.rows(store, queries.load("scenario", "contracted"))}
        without = [home for home in self.homes if iris.id("member", home.key) not in have]
        offers = [quad for home in without for quad in contracts.countersigned(iris, cooperative.contract(home, iris), dataset.FIRST)]
        gate.apply(Delta(insert=frozenset(offers)), by=CLERK, why="The demo's contracts were offered, signed for the cooperative")
        signed = [
            contracts.sign(store, iris, iris.id("contract", home.key, "r1"), iris.id("member", home.key), dataset.FIRST) for home in without
        ]
        both = Delta(frozenset().union(*(each.delete for each in signed)), frozenset().union(*(each.insert for each in signed)))
        gate.apply(both, by=CLERK, why="The demo's members signed their contracts")

    def _act(self, now: datetime) -> None:
        """Do what the people of the story do at this instant, unless they have done it."""
        story, platform = self.story, self.platform
        campaign = platform.iris.id("campaign", CAMPAIGN)
        if now >= story.request_at and not self._known("campaign_exists", campaign):
            platform.start_campaign(start=story.start, end=story.end, kw=story.asked_kw, price=Decimal(PRICE_EUR_PER_KWH), key=CAMPAIGN)
        if story.opt_out_at <= now < story.end and not self._known("campaign_left", campaign):
            taking_part = queries.rows(platform.store, queries.load("scenario", "taking_part"), campaign=campaign)
            if taking_part:
                platform.opt_out(taking_part[self.seed % len(taking_part)]["event"], "MemberChoice")

    def _weather(self, now: datetime) -> None:
        """Publish the weather forecast four times a day, before anybody plans with it; noon is one of them."""
        if now.astimezone(ZoneInfo(cooperative.ZONE)).hour % FORECAST_EVERY_H == 0 and now.minute == 0:
            weather.publish(self.platform.store, self.platform.iris, self.data, now)

    def _known(self, query: str, campaign: str) -> bool:
        return self.platform.store.ask(queries.load("scenario", query).bind(campaign=campaign))
