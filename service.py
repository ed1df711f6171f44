"""The platform: all services over one store, and the verbs that move it.

`Platform` is everything over one store. Its verbs are what the `flex` commands, the pages and the scheduler call alike; all state is in
the graph and in files below the data directory, so that a platform that was killed goes on where it was.
"""

import logging
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import kg.bootstrap
import opening
from access.audit import AuditLog, retention
from api import catalogue
from clockwork import Clockwork, campaigns_in
from forecasting.ahead import refuse_unless_near
from forecasting.foresight import Foresight
from forms.import_record import Records
from kg import queries
from kg.iris import Iris, stamp
from notices import Clocks
from ontology.names import FCV
from optimiser.campaigns import Campaigns
from optimiser.comfort import Comfort
from optimiser.scheduling import Schedule
from privacy.erasure import LEDGER, Ledger
from privacy.housekeeping import Housekeeping
from privacy.retention import drop_plans
from registry.gate import Gate
from settings import Settings
from settlement.books import check, totals
from settlement.run import settle
from settlement.summary import SettlementSummary
from telemetry.broker import Broker, start_broker
from telemetry.channels import Channels
from telemetry.health import Monitor
from telemetry.ingest import Ingest
from telemetry.jobs import Report, Stop
from telemetry.latest import Publisher
from telemetry.processes import collect_seldom, reachable
from telemetry.readings import Readings
from telemetry.rebuild import rebuild
from telemetry.refused import DeadLetters
from telemetry.replay import Replay
from telemetry.retention import Policy, retain
from telemetry.writer import ReadingWriter

log = logging.getLogger("flexcoop")

SCHEDULER_S = 5.0


def new_key() -> str:
    """A key that was never used before."""
    return uuid.uuid4().hex[:12]


class ForeignEventError(LookupError):
    """A member tried to leave somebody else's event."""


class NotConnectedError(RuntimeError):
    """Something was to be sent before the broker was reached."""


class Platform:
    """All services over one store.

    Parameters
    ----------
    settings
        Where things are.
    clock
        The time, aware; a scenario gives its own.
    wall
        The time on the wall, where the clock is a scenario's: certificates are compared with it.
    demo
        Whether people may sign in as the demo's operator and members by a click, on this machine.
    """

    def __init__(
        self, settings: Settings, clock: Callable[[], datetime], wall: Callable[[], datetime] | None = None, *, demo: bool = False
    ) -> None:
        self.settings = settings
        self.now = clock
        self.wall = wall or clock
        self.iris = Iris(settings.base)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.store = opening.store(settings.store)
        kg.bootstrap.load_public(self.store, self.iris)
        self.channels = Channels(self.store, self.iris)
        self.writer = ReadingWriter(self.store, self.iris, self.channels)
        self.readings = Readings(self.store, self.iris, self.channels)
        self.publisher = Publisher(self.store, self.channels)
        self.dead_letters = DeadLetters(settings.data_dir / "refused.sqlite")
        self.campaigns = Campaigns(self.store, self.iris, self._send)
        self.endpoint = opening.endpoint(settings, self.store, clock)
        clocks = Clocks(clock, self.wall)
        self.access = opening.access(settings, self.store, self.iris, clocks, demo=demo)
        self.audit = AuditLog(settings.data_dir / "audit.sqlite")
        self.comfort = Comfort(self.store, self.iris, self._tell_comfort)
        erased = Ledger(settings.data_dir / LEDGER).holds
        self.gate = Gate(self.store, self.iris, clock, new_key, self._edited, erased=erased, certified=lambda osb: self.boxes.knows(osb))
        self.notices = opening.notices(settings, self.store, self.iris, clocks)
        self.broker: Broker | None = None
        self.ingest: Ingest | None = None
        self.boxes = opening.boxes(settings.broker, self.store, self.iris, self.wall, lambda: self.broker)
        self.replay = Replay(self.store, self.iris, self.channels, self.writer, self.dead_letters, self._report, self.gate.held)
        self.monitor = Monitor(
            self.store,
            self.iris,
            self.channels,
            self.readings,
            self.dead_letters,
            data_dir=settings.data_dir,
            store_dir=settings.store.path if settings.store.kind == "embedded" else None,
            now=clock,
            listener=lambda: self.ingest,
        )
        self.scenario: dict[str, Any] = {}
        self.trouble = ""
        self._busy = threading.RLock()
        self._housekeeping = Housekeeping(
            self.store,
            self.iris,
            self.channels,
            self.readings,
            self.writer,
            k=settings.access.k,
            describe=lambda now: catalogue.publish(self.store, self.iris, now),
            clear=self._clear,
        )
        self._foresight = Foresight(self.store, self.iris, self.channels, self.readings)
        self._clockwork = Clockwork(
            self.store,
            self.iris,
            self.channels,
            self.readings,
            foresight=self._foresight,
            campaigns=self.campaigns,
            housekeeping=self._housekeeping,
            notices=self.notices,
        )

    # --- running -------------------------------------------------------------------------------------------------------------------

    def connect(self) -> tuple[str, int]:
        """Start or find the broker and listen to it; returns its address."""
        wanted = self.settings.broker
        host, port = wanted.host, wanted.port
        listens = self.boxes.server_tls()
        if not host:
            self.broker = start_broker(wanted.listen, port, wanted.state_dir, kind=wanted.kind, tls=listens)
            host, port = reachable(wanted.listen), self.broker.port
        self.ingest = Ingest(
            host,
            port,
            self.iris,
            self.store,
            self.writer,
            self.dead_letters,
            channels=self.channels,
            clock=self.now,
            on_report=self._report,
            on_announced=self.comfort.announced,
            alone=self.gate.held,
            on_renewal=self.boxes.renewals(),
            tls=self.boxes.platform_files(),
        )
        collect_seldom()
        self.ingest.start()
        self.publisher.start()
        self.comfort.everybody()
        self.notices.start()
        return host, port

    def run_scheduler(self, stop: threading.Event) -> None:
        """Do what is due every few seconds until told to stop: the live platform's heart."""
        while not stop.wait(SCHEDULER_S):
            try:
                self.monitor.sample()
                self.advance(self.now())
                self.boxes.renew_server_certificate()
                self.trouble = ""
            except Exception as error:  # one failed round must not end the platform: it is logged, shown at /health, and tried again
                self.trouble = f"the round of {self.now().isoformat()} failed: {error}"
                log.exception("the round of %s failed; it is tried again in %s s", self.now().isoformat(), SCHEDULER_S)

    def close(self) -> None:
        """Stop everything, in the order in which nothing is lost."""
        self._housekeeping.stop()
        if self.ingest is not None:
            self.ingest.stop()
        self._housekeeping.join()
        self.notices.close()
        self.publisher.stop()
        self.endpoint.close()
        self.audit.close()
        self.access.close()
        if self.broker is not None:
            self.broker.stop()
        self.dead_letters.close()
        self.boxes.close()
        self.store.close()

    def advance(self, now: datetime, *, planning: bool = True) -> None:
        """Do what is due at `now`; see `clockwork.Clockwork.advance`."""
        self.store.tidy()
        with self._busy:
            self._clockwork.advance(now, planning=planning)

    def _clear(self, now: datetime, stop: Stop) -> None:
        self.retain(now, stop=stop)
        Records(self.store, self.iris).discard_old(now)
        if (days := self.settings.access.audit_days) is not None:
            self.audit.prune(retention(self.wall(), days))

    # --- verbs ---------------------------------------------------------------------------------------------------------------------

    def forecast(self, issued: datetime, start: datetime, end: datetime) -> dict[str, Any]:
        """Forecast every power channel and the portfolio over `[start, end)`; see `forecasting.foresight.Foresight.forecast`."""
        with self._busy:
            return self._foresight.forecast(issued, start, end)

    def start_campaign(self, *, start: datetime, end: datetime, kw: float, price: Decimal, key: str | None = None) -> dict[str, Any]:
        """Take a request, forecast what it needs, pick the homes and dispatch them.

        Raises
        ------
        WindowError
            If the window is off the grid, past, too long or too far ahead; then nothing is written.
        """
        at = self.now()
        refuse_unless_near(at, start, end)
        with self._busy:
            campaign = self.campaigns.request(key or f"c{stamp(start)}", start, end, kw, price, at)
            self._foresight.plan(at, start, end)
            schedule = self.campaigns.schedule(campaign, at)
            return {"campaign": campaign, "schedule": schedule}

    def optimise(self, *, start: datetime, end: datetime, kw: float, price: Decimal) -> Schedule:
        """Say which homes would be picked for a window; forecasts are written, nobody is told."""
        with self._busy:
            at = self.now()
            self._foresight.plan(at, start, end)
            return self.campaigns.preview(start, end, kw, price, at)

    def foresee(self, start: datetime, end: datetime) -> None:
        """Forecast and compute the flexibility of a window for people to look at; nobody is picked or told.

        It is issued as of a second ago: a campaign that is started at this very moment must still be able to issue its own.
        """
        with self._busy:
            at = self.now() - timedelta(seconds=1)
            refuse_unless_near(at, start, end)
            self._foresight.plan(at, start, end)

    def settle(self, campaign: str) -> SettlementSummary:
        """Settle a finished campaign now."""
        with self._busy:
            return settle(self.store, self.iris, self.channels, self.readings, campaign, self.now())

    def abort(self, campaign: str) -> None:
        """Stop a campaign: every home returns to normal."""
        self.campaigns.abort(campaign, self.now())

    def pause(self, campaign: str) -> None:
        """Let a campaign rest: every home goes back to normal, and nobody is called, until it is resumed."""
        self.campaigns.pause(campaign, self.now())

    def resume(self, campaign: str) -> None:
        """Let a paused campaign go on with whoever is still in it."""
        self.campaigns.resume(campaign, self.now())

    def opt_out(self, event: str, reason: str = "MemberChoice", member: str | None = None) -> None:
        """Let a member leave an event; the home is told at once and another takes its place.

        Raises
        ------
        LookupError
            If a member is named and the event is not that member's.
        """
        if member is not None and not self.store.ask(queries.load("api", "event_of_member").bind(event=event, member=member)):
            raise ForeignEventError(f"{event} is not an event of {member}; open your own page and opt out there")
        self.campaigns.opt_out(event, self.now(), reason)

    def equip(self, boxes: Sequence[str], folder: Path) -> bool:
        """Write a certificate for each simulated box to a folder; returns `False`, and does nothing, where the broker wants none."""
        return self.boxes.equip(boxes, folder)

    def retain(self, now: datetime, *, stop: Stop | None = None, report: Report | None = None) -> dict[str, Any]:
        """Thin and drop the readings, and drop the forecasts, that the retention settings no longer keep.

        See `telemetry.retention.retain` and `privacy.retention.drop_plans`.
        """
        wanted = self.settings.retention
        policy = Policy(wanted.fine_days, wanted.kept_days, timedelta(minutes=wanted.step_minutes))
        done = retain(self.store, self.iris, self.channels, self.writer, policy, self._jobs, now=now, stop=stop, report=report)
        if wanted.plans_days is not None:
            done["plans"] = drop_plans(self.store, now - timedelta(days=wanted.plans_days), stop=stop or (lambda: False))
        return done

    def rebuild(self, *, stop: Stop | None = None, report: Report | None = None) -> dict[str, Any]:
        """Write the store anew, which gives back the room of what was dropped; see `telemetry.rebuild.rebuild`."""
        return rebuild(self.store, self._jobs, now=self.now(), stop=stop, report=report)

    @property
    def _jobs(self) -> Path:
        return self.settings.data_dir / "jobs"

    def restore(self, source: Path) -> None:
        """Replace the graph by a backup, and everything that is derived from it."""
        self.alone(lambda: self.store.restore(source))
        self.comfort.everybody()

    def alone(self, change: Callable[[], None]) -> None:
        """Run something that changes what the store holds behind everybody's back; nobody writes meanwhile, and all look again after."""
        with self._busy:
            self.writer.behind_its_back(change)
            self.channels.latest.forget()
            self.publisher.forget()
            self.reload()

    def reload(self) -> None:
        """Look again at what the graph says of the channels."""
        self.channels.reload()

    def check(self) -> dict[str, Any]:
        """Hold every graph against the shapes, and every settlement against itself; see `settlement.books.check`."""
        return check(self.store, self.iris, self.channels, campaigns_in(self.store, str(FCV.CampaignSettled)))

    # --- what the clock of a scenario and the pages ask -------------------------------------------------------------------------------

    def publish(self, topic: str, payload: dict[str, Any]) -> None:
        """Send a message to the boxes."""
        self._listening().publish(topic, payload)

    def wait_for(self, messages: Sequence[str], timeout_s: float) -> list[str]:
        """Wait until these messages are committed; returns those that are not."""
        return sorted(self._listening().wait_for(messages, timeout_s))

    def status(self) -> dict[str, Any]:
        """Say how the platform is: for `/health`, `/metrics` and the header of every page."""
        telemetry = self.ingest.metrics() if self.ingest is not None else {}
        trouble = self.trouble or (self.ingest.trouble if self.ingest is not None else None) or ""
        return {
            "ok": self.ingest is not None and bool(telemetry.get("connected", True)) and not trouble,
            "pid": os.getpid(),
            "trouble": trouble,
            "now": self.now().isoformat(),
            "store": self.settings.store.kind,
            "broker": self.broker.kind if self.broker is not None else self.settings.broker.host or "not connected yet",
            "refused": self.dead_letters.count(),
            "telemetry": telemetry,
            "scenario": dict(self.scenario),
        }

    def count_readings(self, start: datetime, end: datetime) -> int:
        """Count the readings that the store holds of a window, over all channels."""
        channels = [channel.iri for channel in self.channels.all()]
        return int(self.readings.frame(channels, start, end).count().sum()) if channels else 0

    def figures(self) -> dict[str, Any]:
        """Count what the store holds, and sum up its settled campaigns."""
        return {
            "triples": self.store.count(),
            **totals(self.store, campaigns_in(self.store, str(FCV.CampaignSettled))),
            "refused": self.dead_letters.count(),
        }

    # --- inside --------------------------------------------------------------------------------------------------------------------

    def _listening(self) -> Ingest:
        if self.ingest is None:
            raise NotConnectedError("the platform is not connected to its broker yet; call connect() first")
        return self.ingest

    def _send(self, osb: str, payload: dict[str, Any]) -> None:
        if self.ingest is not None:
            self.ingest.dispatch(osb, payload)

    def _tell_comfort(self, osb: str, payload: dict[str, Any]) -> None:
        if self.ingest is not None:
            self.ingest.publish(f"flexcoop/osb/{osb}/comfort", payload)

    def _edited(self, graphs: Sequence[str]) -> None:
        """Look again at what an edit may have changed."""
        self.reload()
        self.comfort.edited(graphs)

    def _report(self, osb: str, payload: dict[str, Any]) -> None:
        self.campaigns.report(osb, payload, self.now())
