"""The platform: all services over one store, and the verbs that move it.

`Platform` is everything over one store. Its verbs are what the `flex` commands, the pages and the scheduler call alike; all state is in
the graph and in files below the data directory, so that a platform that was killed goes on where it was.
"""

import logging
import os
import secrets
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pyoxigraph import NamedNode, Quad

import kg.bootstrap
from access.audit import AuditLog, retention
from access.opened import OidcSettings, open_access
from api import catalogue
from forecasting import flexibility, forecast
from forecasting.ahead import FURTHEST_AHEAD, LONGEST_WINDOW, STEP, refuse_unless_near
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris, stamp
from kg.remote import RemoteStore
from notices import Clocks, Desk, Office, Smtp
from ontology.names import FCV
from optimiser.campaigns import Campaigns, Schedule
from optimiser.comfort import Comfort
from optimiser.refresh import Refresh
from privacy.housekeeping import Housekeeping
from privacy.retention import drop_plans
from registry.edits import Delta
from registry.errors import RefusedEditError
from registry.gate import Gate
from settings import AccessSettings, MailSettings, Settings, SettingsError, StoreSettings
from settlement.books import check, totals
from settlement.errors import NotYetError, SettlementError
from settlement.run import settle
from settlement.summary import SettlementSummary
from sparql.service import QueryService
from telemetry.boxes import Boxes, Reached
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

GATE_HOUR = 12  # local: the day-ahead market closes, so tomorrow is forecast
SCHEDULER_S = 5.0


def open_store(settings: StoreSettings) -> EmbeddedStore | RemoteStore:
    """Open the graph where the settings say it is."""
    if settings.kind == "embedded":
        return EmbeddedStore(settings.path)
    return RemoteStore(
        settings.query_url,
        settings.update_url,
        settings.gsp_url,
        auth=(settings.user, settings.password) if settings.user else None,
        union_query_url=settings.union_url or None,
    )


def new_key() -> str:
    """A key that was never used before."""
    return uuid.uuid4().hex[:12]


def _oidc(wanted: AccessSettings) -> OidcSettings | None:
    return OidcSettings(wanted.issuer, wanted.client_id, wanted.client_secret, wanted.claim) if wanted.issuer else None


def _mail_server(wanted: MailSettings) -> Smtp | None:
    """The mail server of the settings, or none.

    Raises
    ------
    SettingsError
        If the file of its password can't be read.
    """
    if not wanted.host:
        return None
    password = ""
    if wanted.password_file is not None:
        try:
            password = wanted.password_file.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, ValueError) as error:
            raise SettingsError(f"FLEX_SMTP_PASSWORD_FILE={wanted.password_file} can't be read ({error}); name a file of text") from error
    return Smtp(wanted.host, wanted.port, wanted.security, wanted.address, wanted.user, password)


class ForeignEventError(LookupError):
    """A member tried to leave somebody else's event."""


class GraphNameError(ValueError):
    """Facts were to be entered where none belong."""


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
        self.store = open_store(settings.store)
        kg.bootstrap.load_public(self.store, self.iris)
        self.channels = Channels(self.store, self.iris)
        self.writer = ReadingWriter(self.store, self.iris, self.channels)
        self.readings = Readings(self.store, self.iris, self.channels)
        self.publisher = Publisher(self.store, self.channels)
        self.dead_letters = DeadLetters(settings.data_dir / "refused.sqlite")
        self.campaigns = Campaigns(self.store, self.iris, self._send)
        self.endpoint = QueryService(
            self.store,
            settings.data_dir / "reader",
            deadline_s=settings.web.sparql_deadline_s,
            max_rows=settings.web.sparql_max_rows,
            max_bytes=settings.web.sparql_max_bytes,
            memory_mb=settings.web.sparql_memory_mb,
            now=clock,
            base=settings.base,
        )
        self.access = open_access(
            settings.data_dir, self.store, self.iris, now=clock, wall=self.wall, oidc=_oidc(settings.access), demo=demo
        )
        self.audit = AuditLog(settings.data_dir / "audit.sqlite")
        self.comfort = Comfort(self.store, self.iris, self._tell_comfort)
        self.gate = Gate(self.store, self.iris, clock, new_key, self._edited)
        mail = settings.mail
        self.notices = Desk(
            self.store,
            self.iris,
            settings.data_dir / "notices.sqlite",
            Clocks(clock, self.wall),
            Office(settings.base, mail.sender or "FLEXCoop <notices@localhost>", mail.address or "notices@localhost"),
            _mail_server(mail),
            secrets.token_urlsafe,
        )
        self.broker: Broker | None = None
        self.ingest: Ingest | None = None
        wanted = settings.broker
        self.boxes = Boxes(
            self.store,
            self.iris,
            self.wall,
            Reached(wanted.host, wanted.port, wanted.listen, wanted.names),
            lambda: self.broker,
            folder=wanted.authority_dir if wanted.tls else None,
            days=wanted.certificate_days,
        )
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
        self._forecast_days: set[date] = set()
        self._refresh = Refresh(self.store, self.iris, self.channels, self.readings)
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
        """Do what is due at `now`: pack days, keep house, forecast tomorrow, move campaigns on, settle those that are over."""
        self.store.tidy()
        with self._busy:
            self._housekeeping.advance(now)
            if planning:
                self._forecast_at_gate(now)
            self._take_up_requests(now)
            self._refresh.advance(now)
            self.campaigns.advance(now)
            for campaign in self._campaigns_in(str(FCV.CampaignFinished)):
                self._try_to_settle(campaign, now)
            self.notices.advance(now)

    def _clear(self, now: datetime, stop: Stop) -> None:
        self.retain(now, stop=stop)
        if (days := self.settings.access.audit_days) is not None:
            self.audit.prune(retention(self.wall(), days))

    # --- verbs ---------------------------------------------------------------------------------------------------------------------

    def forecast(self, issued: datetime, start: datetime, end: datetime) -> dict[str, Any]:
        """Forecast every power channel and the portfolio over `[start, end)`.

        Raises
        ------
        WindowError
            If the window is off the grid, begins before it is issued, or is too long or too far ahead.
        """
        refuse_unless_near(issued, start, end, longest=FURTHEST_AHEAD + LONGEST_WINDOW)
        with self._busy:
            steps = (end - start) // STEP
            report = forecast.run(
                self.store,
                self.iris,
                self.channels,
                self.readings,
                issued=issued,
                start=start,
                steps=steps,
                portfolio=self._portfolio(),
            )
            return {"start": start.isoformat(), "steps": steps, "report": report}

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
            self.plan(at, start, end)
            schedule = self.campaigns.schedule(campaign, at)
            return {"campaign": campaign, "schedule": schedule}

    def optimise(self, *, start: datetime, end: datetime, kw: float, price: Decimal) -> Schedule:
        """Say which homes would be picked for a window; forecasts are written, nobody is told."""
        with self._busy:
            at = self.now()
            self.plan(at, start, end)
            return self.campaigns.preview(start, end, kw, price, at)

    def foresee(self, start: datetime, end: datetime) -> None:
        """Forecast and compute the flexibility of a window for people to look at; nobody is picked or told.

        It is issued as of a second ago: a campaign that is started at this very moment must still be able to issue its own.
        """
        with self._busy:
            at = self.now() - timedelta(seconds=1)
            refuse_unless_near(at, start, end)
            self.plan(at, start, end)

    def plan(self, at: datetime, start: datetime, end: datetime) -> None:
        """Forecast and compute the flexibility of a window, as known at `at`."""
        begin = at - (at - datetime.min.replace(tzinfo=UTC)) % STEP + STEP
        self.forecast(at, min(begin, start), end)
        flexibility.run(self.store, self.iris, self.channels, self.readings, issued=at, start=start, steps=(end - start) // STEP)

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

    def add_graphs(self, quads: Sequence[Quad], by: str = "local", why: str = "facts were loaded from a file") -> list[str]:
        """Add a cooperative's own facts to its graphs: all of them, or none if one breaks a shape.

        Returns
        -------
        The sentences of what is wrong; empty if everything was written.

        Raises
        ------
        GraphNameError
            If something lies in no graph of this platform.
        """
        ours = self.iris.graph("")
        for graph in {quad.graph_name.value if isinstance(quad.graph_name, NamedNode) else "" for quad in quads}:
            if not graph.startswith(ours) or graph == ours:
                raise GraphNameError(
                    f"{graph or 'the default graph'} is not a graph that facts are entered in; use {self.iris.graph('registry')}, "
                    f"{self.iris.graph('member', '{key}', 'facts')} and the like (docs/data-model.md §2)"
                )
        try:
            self.gate.apply(Delta(frozenset(), frozenset(quads)), by=by, why=why)
        except RefusedEditError as refused:
            return list(refused.sentences)
        return []

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
        return check(self.store, self.iris, self.channels, self._campaigns_in(str(FCV.CampaignSettled)))

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
            **totals(self.store, self._campaigns_in(str(FCV.CampaignSettled))),
            "refused": self.dead_letters.count(),
        }

    # --- inside --------------------------------------------------------------------------------------------------------------------

    def _forecast_at_gate(self, now: datetime) -> None:
        zone = self._zone()
        local = now.astimezone(zone)
        tomorrow = local.date() + timedelta(days=1)
        # marked as done only when it is: a failed forecast is tried again in the next round
        if local.hour < GATE_HOUR or tomorrow in self._forecast_days or not self.channels.all():
            return
        start = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)
        following = tomorrow + timedelta(days=1)
        end = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)  # 23, 24 or 25 hours
        self.forecast(now, start, end)
        self._forecast_days.add(tomorrow)

    def _listening(self) -> Ingest:
        if self.ingest is None:
            raise NotConnectedError("the platform is not connected to its broker yet; call connect() first")
        return self.ingest

    def _take_up_requests(self, now: datetime) -> None:
        """Schedule what was asked for before the platform was stopped, and end what nobody can answer any more."""
        for row in queries.rows(self.store, queries.load("optimiser", "campaigns"), campaign=None):
            if row["status"] != str(FCV.CampaignRequested):
                continue
            if row["start"] > now:
                self.plan(now, row["start"], row["end"])
                self.campaigns.schedule(row["campaign"], now)
            else:
                log.warning("%s was never scheduled and its window has begun; it is aborted", row["campaign"])
                self.campaigns.abort(row["campaign"], now)

    def _try_to_settle(self, campaign: str, now: datetime) -> None:
        try:
            settle(self.store, self.iris, self.channels, self.readings, campaign, now)
        except NotYetError as reason:
            log.info("not settled yet: %s", reason)
        except SettlementError:  # one campaign that can't be settled must not hold up the others
            log.exception("%s can't be settled; flex settle says why, once it is mended", campaign)

    def _campaigns_in(self, status: str) -> list[str]:
        found = queries.rows(self.store, queries.load("optimiser", "campaigns"), campaign=None)
        return [row["campaign"] for row in found if row["status"] == status]

    def _zone(self) -> ZoneInfo:
        rows = queries.rows(self.store, queries.load("api", "time_zones"))
        return ZoneInfo(rows[0]["zone"]) if rows else ZoneInfo("UTC")

    def _portfolio(self) -> str | None:
        channel = self.iris.id("vpp", "demo#activePower")
        return channel if self.channels.get(channel) else None

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
