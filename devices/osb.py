"""The Open Smart Box: announces what it manages, publishes readings, obeys dispatch, reports, and forgets nothing that wasn't acknowledged.

It reacts to messages: `receive` changes its state and fills its outbox inside one transaction, `flush` hands new messages over once that
is committed. So it is the same box whether one process hosts one or a hundred, and whatever ends that process.
"""

import json
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from devices import instructions, messages
from devices.config import OptOut
from devices.errors import DispatchError, ReplayError
from devices.gateway import Gateway
from devices.instructions import Instruction, Ledger
from devices.messages import TICK_TOPIC, Identity, instant, parse_instant
from devices.model import Model
from devices.outbox import Outbox, Outgoing
from devices.replay import STEP
from mappers import comfort
from mappers.errors import MappingError

log = logging.getLogger(__name__)


class OpenSmartBox:
    """One box.

    Parameters
    ----------
    me
        Who it is.
    model
        What it measures and controls.
    announcement
        What it says of itself whenever it starts.
    gateway, outbox
        Its way to the platform, and where it keeps what must not be lost; an earlier state is taken up from there.
    opt_outs
        What the people in the home will do.
    """

    def __init__(
        self,
        me: Identity,
        model: Model,
        announcement: Outgoing,
        gateway: Gateway,
        outbox: Outbox,
        opt_outs: Iterable[OptOut] = (),
    ) -> None:
        self.me, self._model, self._gateway, self._outbox = me, model, gateway, outbox
        self._opt_outs = tuple(opt_outs)
        self._fresh: list[Outgoing] = []
        self._overdue: set[str] = set()
        self._now: datetime | None = None
        self._ledger = Ledger()
        self._comfort: dict[str, Any] | None = None  # the platform's last word
        self._handlers = {
            TICK_TOPIC: self._tick,
            me.topic("dispatch"): self._dispatch,
            me.topic("comfort"): self._want,
            me.topic("ack"): self._acknowledge,
        }
        self._announcement = announcement
        self._take_up()

    @property
    def topics(self) -> tuple[str, ...]:
        """What it listens to."""
        return tuple(self._handlers)

    @property
    def now(self) -> datetime | None:
        """The moment up to which it has measured, aware UTC; `None` before the first tick."""
        return self._now

    def receive(self, topic: str, payload: bytes) -> None:
        """Take in a message; call it inside a transaction of the outbox, and `flush` after. What can't be read is logged and dropped."""
        handler = self._handlers.get(topic)
        try:
            body = json.loads(payload)
        except (ValueError, RecursionError) as error:
            log.warning("%s: a message on %s is not JSON (%s); dropped", self.me.osb, topic, error)
            return
        if handler is None or not isinstance(body, dict):
            log.warning("%s: a message on %s is not for a box; dropped", self.me.osb, topic)
            return
        handler(body)

    def flush(self) -> None:
        """Hand over what is new; without connection it stays in the outbox."""
        fresh, self._fresh = self._fresh, []
        self._hand_over(fresh)

    def resend(self) -> None:
        """Announce, and hand over everything that waits for an acknowledgement; call it after each (re)connection."""
        self._fresh, self._overdue = [], set()
        self._outbox.add(self.me.osb, self._announcement, again=True)
        waiting = self._outbox.waiting(self.me.osb)
        self._hand_over(sorted(waiting, key=lambda message: message.id != self._announcement.id))  # who speaks comes before what is said

    def retry(self) -> None:
        """Hand over again what already waited when this was last called; call it every half minute or so."""
        waiting = self._outbox.waiting(self.me.osb)
        self._hand_over([message for message in waiting if message.id in self._overdue])
        self._overdue = {message.id for message in waiting}

    # --- what comes in
    def _acknowledge(self, body: dict[str, Any]) -> None:
        id = body.get("message")
        if not isinstance(id, str) or not self._outbox.acknowledge(self.me.osb, id):
            return
        for refused in body.get("refused") or ():
            log.warning("%s: the platform refused %s", self.me.osb, refused)

    def _tick(self, body: dict[str, Any]) -> None:
        try:
            start, end = parse_instant(body.get("from")), parse_instant(body.get("to"))
        except ValueError as error:
            log.warning("%s: a tick can't be read (%s); dropped", self.me.osb, error)
            return
        begin = start if self._now is None else self._now
        if end <= begin:
            self._answer_again(end)
            return
        if (end - begin) % STEP:
            log.warning("%s: a tick to %s is off the quarter-hours from %s; dropped", self.me.osb, instant(end), instant(begin))
            return
        self._repeat(self._outbox.waiting(self.me.osb))
        fresh = list(self._fresh)
        try:
            with self._outbox.transaction():
                self._simulate(begin, end)
        except ReplayError as error:
            log.error("%s: %s", self.me.osb, error)
            self._fresh = fresh
            self._take_up()

    def _dispatch(self, body: dict[str, Any]) -> None:
        if "revoke" in body:
            self._revoke(str(body["revoke"]))
            return
        try:
            instruction = instructions.read(body)
        except DispatchError as error:
            log.warning("%s: %s", self.me.osb, error)
            if isinstance(iri := body.get("instruction"), str) and not self._ledger.knows(iri):
                self._reject(iri, self._now or _any_time(body), str(error))
            return
        if self._ledger.knows(instruction.iri):
            self._repeat(self._outbox.waiting(self.me.osb))
            return
        now = self._now or instruction.start
        if reason := self._objection(instruction, now):
            self._reject(instruction.iri, now, reason)
            return
        self._ledger.add(instruction)
        self._say(messages.report(self.me, instruction.iri, "Accepted", now))
        self._keep()

    def _want(self, body: dict[str, Any]) -> None:
        """Take in what is wanted of the rooms, which replaces what was."""
        try:
            tag, profiles = comfort.read(body)
        except MappingError as error:
            log.warning("%s: %s; what was wanted before still counts", self.me.osb, error)
            return
        if self._comfort is None or self._comfort["tag"] != tag:
            self._comfort = body
            self._model.want(profiles)
            self._keep()

    # --- dispatch
    def _objection(self, instruction: Instruction, now: datetime) -> str | None:
        path = instruction.device.removeprefix(self.me.iri(""))
        if path not in self._model.controllable:
            return f"this box controls no device {instruction.device}"
        if now > instruction.not_after:
            return f"it came at {instant(now)}, after its last moment {instant(instruction.not_after)}"
        if now >= instruction.end:
            return f"it came at {instant(now)}, when its end {instant(instruction.end)} had passed"
        if (instruction.start - now) % STEP:
            return f"its start {instant(instruction.start)} is off the quarter-hours of this box"
        if instruction.event in self._ledger.opted_out:
            return f"the home has opted out of {instruction.event}"
        return None

    def _reject(self, iri: str, now: datetime, reason: str) -> None:
        self._ledger.finish(iri)
        self._say(messages.report(self.me, iri, "Rejected", now, reason))
        self._keep()

    def _revoke(self, iri: str) -> None:
        if iri in self._ledger.finished:
            self._repeat(self._outbox.waiting(self.me.osb))
            return
        instruction = self._ledger.finish(iri)
        now = self._now or (instruction.start if instruction else None)
        if now is not None:
            self._say(messages.report(self.me, iri, "Aborted", now, "revoked by the platform"))
        self._keep()

    # --- the passing of time
    def _simulate(self, begin: datetime, end: datetime) -> None:
        rows = []
        at = begin
        while at < end:
            self._opt_out_if_wanted(at)
            rows.append(self._quarter_hour(at))
            at += STEP
            self._finish_what_is_over(at)
        self._now = end
        self._say(messages.telemetry(self.me, self._model.channels, begin, rows))
        self._keep()

    def _quarter_hour(self, at: datetime) -> tuple[float, ...]:
        prefix = self.me.iri("")
        limits = {device.removeprefix(prefix): kw for device, kw in self._ledger.limits(at).items()}
        readings = self._model.step(at, limits)
        for instruction in self._ledger.due(at):
            if not instruction.started:
                instruction.started = True
                self._say(messages.report(self.me, instruction.iri, "Started", at))
            why = readings.beyond_limit.get(instruction.device.removeprefix(prefix))
            instruction.kept, instruction.missed = instruction.kept + (not why), instruction.missed + bool(why)
            instruction.why = why or instruction.why
        return readings.values

    def _finish_what_is_over(self, at: datetime) -> None:
        for instruction in self._ledger.over(at):
            self._ledger.finish(instruction.iri)
            self._say(messages.report(self.me, instruction.iri, "Succeeded", instruction.end, instruction.outcome()))

    def _opt_out_if_wanted(self, at: datetime) -> None:
        for wish in self._opt_outs:
            for event in {one.event: None for one in self._ledger.active.values()}:
                mine = self._ledger.of_event(event)
                first = min(instruction.start for instruction in mine)
                if wish.event in (None, event) and at >= first + timedelta(minutes=wish.after_minutes):
                    self._opt_out(event, mine, at, wish.reason)

    def _opt_out(self, event: str, mine: list[Instruction], at: datetime, reason: str) -> None:
        self._ledger.opted_out[event] = None
        self._say(messages.opt_out(self.me, event, at, reason))
        for instruction in mine:
            self._ledger.finish(instruction.iri)
            self._say(messages.report(self.me, instruction.iri, "Aborted", at, f"the home opted out: {reason}"))

    # --- what is kept
    def _answer_again(self, end: datetime) -> None:
        """Answer a tick that is already simulated: what waits is sent again, the last answer even if it was acknowledged before."""
        if end == self._now:
            self._outbox.recall(self.me.osb, self.me.message_iri(messages.stamp(end)))
        self._repeat(self._outbox.waiting(self.me.osb))

    def _hand_over(self, waiting: Iterable[Outgoing]) -> None:
        if self._gateway.connected:
            for message in waiting:
                self._gateway.publish(message.topic, message.payload)

    def _say(self, message: Outgoing) -> None:
        self._outbox.add(self.me.osb, message)
        self._fresh.append(message)

    def _repeat(self, waiting: list[Outgoing]) -> None:
        """Send again what waits, but for the announcement: that costs the platform most, and a new connection brings it anyhow."""
        passed_over = {message.id for message in self._fresh}
        announce = self.me.topic("announce")
        self._fresh += [message for message in waiting if message.id not in passed_over and message.topic != announce]

    def _keep(self) -> None:
        now = instant(self._now) if self._now else None
        state = {"now": now, "model": self._model.save(), "ledger": self._ledger.save()}
        self._outbox.save(self.me.osb, state | ({"comfort": self._comfort} if self._comfort else {}))

    def _take_up(self) -> None:
        state = self._outbox.load(self.me.osb)
        if state is None:
            self._keep()
            return
        self._now = parse_instant(state["now"]) if state["now"] else None
        self._model.restore(state["model"])
        self._ledger = Ledger.restore(state["ledger"])
        if (wanted := state.get("comfort")) is not None:
            self._comfort = wanted
            self._model.want(comfort.read(wanted)[1])


def _any_time(body: dict[str, Any]) -> datetime:
    """A time to put on a rejection when the box has measured nothing yet: one of the instruction's own, else the epoch."""
    for name in ("start", "notAfter", "end"):
        try:
            return parse_instant(body.get(name))
        except ValueError:
            continue
    return parse_instant("1970-01-01T00:00:00Z")
