"""How a live box obeys: instructions from the ledger become set-points, slot by slot, and each step of it a report.

An instruction is executed once, never begun after its last moment, and followed only while the platform can be heard and the members are
comfortable. Whenever it ends, for whatever reason, the device goes back to rest. What comes before the box knows the time waits for that.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from devices import instructions, messages
from devices.control import CHOSEN_BY_MEMBERS, SG_LONGEST_BLOCK, Control, Latest, objection, uncomfortable
from devices.errors import DispatchError
from devices.instructions import Instruction, Ledger
from devices.messages import Identity, instant
from devices.model import State
from devices.outbox import Outgoing

log = logging.getLogger(__name__)

LATE_BEGIN = timedelta(minutes=1)  # an instruction that came in time is begun this late at most
TIMELESS = timedelta(minutes=1)  # a device isn't left with a set-point for longer by a box that doesn't know the time
WAITING = 100  # messages kept while the time isn't known
JUDGED_AFTER = timedelta(seconds=10)  # the last interval is closed a little after its end


@dataclass(frozen=True, slots=True)
class Moment:
    """What the box knows when it looks at its instructions: the time, and for how long the platform has not been heard."""

    now: datetime
    now_s: float
    silent: timedelta


class Dispatcher:
    """The instructions of one box and the devices that follow them.

    Parameters
    ----------
    controls
        The steered devices by their IRI.
    say
        Takes a report to keep and send.
    latest
        The newest samples, for the comfort band.
    longest_silence
        After so long without a word of the platform its instructions end.
    begun_s
        When the box begins, on the monotonic clock.
    """

    def __init__(
        self,
        me: Identity,
        controls: Mapping[str, Control],
        say: Callable[[Outgoing], None],
        latest: Latest,
        longest_silence: timedelta,
        begun_s: float,
    ) -> None:
        self._me, self._controls, self._say, self._latest = me, controls, say, latest
        self._longest_silence, self._begun_s = longest_silence, begun_s
        self._rest_at_s = begun_s + TIMELESS.total_seconds()
        self._ledger = Ledger()
        self._waiting: list[Mapping[str, Any]] = []
        self._gone: dict[str, object] = {}  # devices no longer in the configuration that hold a set-point of ours

    @property
    def active(self) -> list[Instruction]:
        """The instructions in force or to come."""
        return list(self._ledger.active.values())

    def receive(self, body: Mapping[str, Any], moment: Moment) -> None:
        """Take a dispatch message in."""
        if "revoke" in body:
            self._revoke(body["revoke"], moment)
            return
        try:
            instruction = instructions.read(body)
        except DispatchError as error:
            log.warning("%s: %s", self._me.osb, error)
            if isinstance(iri := body.get("instruction"), str) and not self._ledger.knows(iri):
                self._end(iri, "Rejected", moment.now, str(error))
            return
        if self._ledger.knows(instruction.iri):
            return  # executed once; its reports wait until they are acknowledged
        if reason := self._objection(instruction, moment):
            self._end(instruction.iri, "Rejected", moment.now, reason)
            return
        self._ledger.add(instruction)
        self._say(messages.report(self._me, instruction.iri, "Accepted", moment.now))

    def wait(self, body: Mapping[str, Any]) -> None:
        """Keep a dispatch message until the time is known."""
        if len(self._waiting) >= WAITING:
            log.error("%s: %d dispatch messages wait for the time to be known; the oldest is dropped", self._me.osb, WAITING)
            del self._waiting[0]
        self._waiting.append(body)

    def timeless(self, now_s: float) -> bool:
        """Let time pass while nobody knows how late it is: nothing is begun; True once what devices were left with is to be taken back."""
        if now_s < self._rest_at_s:
            return False
        for control in self._controls.values():
            control.hold(None, now_s)
        return True

    def work(self, moment: Moment) -> None:
        """Judge what is due, and decide what each device is to hold; `act` writes it. Call both every second or so."""
        waiting, self._waiting = self._waiting, []
        for body in waiting:
            try:
                self.receive(body, moment)
            except Exception:  # it would end the box at every start
                log.exception("%s: a dispatch message can't be taken in; dropped: %.200r", self._me.osb, body)
        for iri, control in self._controls.items():
            self._opt_out_if_overruled(iri, control, moment)
        for instruction in self.active:
            self._judge(instruction, moment)
        limits = self._ledger.limits(moment.now)
        for iri, control in self._controls.items():
            begun = any(one.device == iri and one.started for one in self.active)
            limit = limits.get(iri) if begun else None
            control.hold(None if limit is None else Decimal(str(limit)), moment.now_s)

    def act(self, now_s: float) -> None:
        """Have the devices told what was decided, once that is written down."""
        for control in self._controls.values():
            control.act(now_s)

    def slot_over(self, device: str, start: datetime, end: datetime, mean_kw: Decimal | None) -> None:
        """Note whether a device kept its limit in an interval: by what it drew, and by what was wrong with its set-point."""
        for instruction in self.active:
            limit = instruction.most_within(start, end)
            if instruction.device != device or limit is None or not instruction.started:
                continue
            control = self._controls[device]
            why = control.trouble_so_far() or _too_much(mean_kw, Decimal(str(limit)), control.rated_kw)
            instruction.kept, instruction.missed = instruction.kept + (not why), instruction.missed + bool(why)
            instruction.why = why or instruction.why

    def release(self, now_s: float) -> None:
        """Have every device go back to rest, because the box stops; what is still to be done is taken up when it starts again."""
        for iri, control in self._controls.items():
            for one in self.active:
                if control.wanted is not None and one.device == iri and one.started:
                    one.missed, one.why = one.missed + 1, "the box was stopped while it was in force"
            control.release(now_s)

    def save(self) -> State:
        """The state, for JSON."""
        held = {
            control.name: [control.command.name, None if control.before is None else str(control.before)]
            for control in self._controls.values()
            if control.holds_ours
        }
        return {"ledger": self._ledger.save(), "held": self._gone | held, "waiting": list(self._waiting)}

    def restore(self, state: State) -> None:
        """Take up a saved state: devices that were left with one of our set-points are told again, or brought to rest."""
        self._ledger, self._waiting = Ledger.restore(state["ledger"]), list(state.get("waiting", ()))
        controls = {(control.name, control.command.name): control for control in self._controls.values()}
        for name, (command, before) in state.get("held", {}).items():
            if control := controls.get((name, command)):
                control.left(None if before is None else Decimal(before))
                continue
            self._gone[name] = [command, before]
            log.error(
                "%s: %s was left with a %s of this box, and the configuration names no such device any more; set it back at the device, "
                "or bring it back into the configuration",
                self._me.osb,
                name,
                command,
            )

    def suspect(self) -> None:
        """Bring every device to rest at once whose state of rest is known, because what the box had told them is lost."""
        self._rest_at_s = self._begun_s
        for control in self._controls.values():
            if control.command.name not in CHOSEN_BY_MEMBERS:
                control.left(None)

    # --- one instruction
    def _objection(self, instruction: Instruction, moment: Moment) -> str | None:
        control = self._controls.get(instruction.device)
        if control is None:
            return f"this box steers no device {instruction.device}"
        if moment.now > instruction.not_after:
            return f"it came at {instant(moment.now)}, after its last moment {instant(instruction.not_after)}"
        if moment.now >= instruction.end:
            return f"it came at {instant(moment.now)}, when its end {instant(instruction.end)} had passed"
        if instruction.event in self._ledger.opted_out:
            return f"the home has opted out of {instruction.event}"
        if reason := objection(control.command, instruction.limit_kw, instruction.step, control.comfort):
            return reason
        return uncomfortable(control.comfort, self._latest, self._begun_s, moment.now_s)

    def _judge(self, instruction: Instruction, moment: Moment) -> None:
        control = self._controls.get(instruction.device)
        if control is None:
            self._end(instruction.iri, "Aborted", moment.now, f"this box steers {instruction.device} no longer")
        elif moment.now >= instruction.end:
            self._judge_past(instruction, control, moment)
        elif moment.now < instruction.start:
            return
        elif not instruction.started and moment.now - max(instruction.not_after, instruction.start) > LATE_BEGIN:
            self._end(
                instruction.iri, "Aborted", moment.now, f"its last moment {instant(instruction.not_after)} had passed when it was due"
            )
        elif moment.silent > self._longest_silence:
            self._end(
                instruction.iri, "Aborted", moment.now, f"the platform was not heard for {moment.silent // timedelta(minutes=1)} minutes"
            )
        elif reason := uncomfortable(control.comfort, self._latest, self._begun_s, moment.now_s):
            self._end(instruction.iri, "Aborted", moment.now, reason)
        elif control.blocked_too_long(moment.now_s):
            self._end(
                instruction.iri, "Aborted", moment.now, f"the heat pump has been blocked for {SG_LONGEST_BLOCK}, as long as it may be"
            )
        elif not instruction.started:
            instruction.started, control.trouble = True, ""
            self._say(messages.report(self._me, instruction.iri, "Started", moment.now))

    def _judge_past(self, instruction: Instruction, control: Control, moment: Moment) -> None:
        if not instruction.started:
            self._end(instruction.iri, "Aborted", moment.now, "the box was not running when it was due")
        elif moment.now - instruction.end >= JUDGED_AFTER:
            unseen = control.trouble if not instruction.kept + instruction.missed else ""
            self._end(instruction.iri, "Succeeded", instruction.end, instruction.outcome("intervals") or unseen or None)

    def _revoke(self, iri: object, moment: Moment) -> None:
        if not isinstance(iri, str):
            log.warning("%s: a revoke names %r, which is no instruction; dropped", self._me.osb, iri)
        elif iri not in self._ledger.finished:
            self._end(iri, "Aborted", moment.now, "revoked by the platform")

    def _opt_out_if_overruled(self, device: str, control: Control, moment: Moment) -> None:
        """What a member sets by hand ends the events that the device takes part in, as a word to the platform would."""
        why, control.overruled = control.overruled, ""
        if not why:
            return
        for event in {one.event: None for one in self.active if one.device == device and one.started}:
            self._ledger.opt_out(event)
            self._say(messages.opt_out(self._me, event, moment.now, "ManualOverride"))
            for instruction in self._ledger.of_event(event):
                self._end(instruction.iri, "Aborted", moment.now, f"the home opted out: {why}")

    def _end(self, iri: str, status: str, at: datetime, reason: str | None) -> None:
        self._ledger.finish(iri)
        self._say(messages.report(self._me, iri, status, at, reason))


def _too_much(mean_kw: Decimal | None, limit: Decimal, rated_kw: Decimal | None) -> str:
    """Why a mean power breaks a limit, allowing for 2 % of the rated power and 50 W of measuring error; empty if it doesn't."""
    allowed = limit + max((rated_kw or Decimal(0)) * Decimal("0.02"), Decimal("0.05"))
    return "" if mean_kw is None or mean_kw <= allowed else f"the device drew {mean_kw:f} kW where {limit} kW was the limit"
