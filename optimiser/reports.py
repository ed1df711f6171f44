"""What a box reports: how far an instruction is, or that somebody at home opted out (docs/data-model.md §4)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kg import queries
from kg.store import Store
from ontology.names import S4ENER
from optimiser import records, statements, states
from optimiser.change import Change
from optimiser.errors import ReportError
from optimiser.opt_outs import REASONS, OptOuts
from optimiser.states import OPEN_EVENTS, REPORTED

_LOST = {"Rejected": "DeviceOffline", "Aborted": "ManualOverride"}  # and the reason for which its site is let go


class Reports:
    """Takes reports of boxes."""

    def __init__(self, store: Store, opt_outs: OptOuts) -> None:
        self._store, self._opt_outs = store, opt_outs

    def report(self, osb: str, payload: Mapping[str, Any], at: datetime) -> Change:
        """Take a report that came at a time. See `Campaigns.report`."""
        when = _time(osb, payload, at)
        if "optOut" in payload:
            return self._opt_out(osb, str(payload["optOut"]), str(payload.get("reason", "MemberChoice")), when, at)
        if "instruction" in payload:
            return self._status(osb, str(payload["instruction"]), str(payload.get("status")), str(payload.get("reason") or ""), when, at)
        raise ReportError(
            f"{osb} reports {sorted(payload)}, which names neither an instruction nor an optOut; send one of the forms in docs/data-model.md §4"
        )

    def _opt_out(self, osb: str, event: str, reason: str, when: datetime, at: datetime) -> Change:
        self._require_own(osb, event, "event_boxes", "event")
        if reason not in REASONS:
            raise ReportError(f"{osb} opts out of {event} for {reason!r}; give one of {', '.join(sorted(REASONS))}")
        _, found = records.one_event(self._store, event)
        return self._opt_outs.opt_out(event, when, reason, known=at) if found.status in OPEN_EVENTS else Change()

    def _status(self, osb: str, instruction: str, status: str, said: str, when: datetime, at: datetime) -> Change:
        row = self._require_own(osb, instruction, "instruction_boxes", "instruction")
        if status not in REPORTED:
            raise ReportError(f"{osb} reports status {status!r} of {instruction}; give one of {', '.join(sorted(REPORTED))}")
        before, after = row["status"], str(S4ENER[status])
        change = Change()
        if not states.is_forward(before, after):
            return change
        change.move_instruction(row["graph"], instruction, before, after)
        if status == "Succeeded" and said:  # the window is over; whether the device kept its limit all the time is another matter
            change.insert += statements.remark(row["graph"], instruction, said)
        if status in _LOST:
            self._opt_outs.lose(change, row["campaign"], instruction, when, _LOST[status], known=at)
        return change

    def _require_own(self, osb: str, thing: str, query: str, name: str) -> dict[str, Any]:
        try:
            rows = queries.rows(self._store, queries.load("optimiser", query), [{name: thing}])
        except ValueError as error:
            raise ReportError(f"{osb} reports on {thing!r}, which is no IRI ({error}); send the one from the dispatch message") from error
        own = [row for row in rows if row.get("identifier") == osb]
        if not own:
            raise ReportError(f"{osb} reports on {thing}, which isn't one of its own; a box reports only on what it was told itself")
        return own[0]


def _time(osb: str, payload: Mapping[str, Any], at: datetime) -> datetime:
    """When a report's news happened; never later than it came."""
    try:
        when = datetime.fromisoformat(str(payload["at"]))
    except (KeyError, ValueError) as error:
        raise ReportError(
            f"{osb} reports without a readable time ({payload.get('at')!r}); give one like 2016-08-31T00:30:00Z (at)"
        ) from error
    if when.tzinfo is None:
        raise ReportError(f"{osb} reports at {payload['at']}, which has no offset; give one like 2016-08-31T00:30:00Z (at)")
    return min(when.astimezone(UTC), at)
