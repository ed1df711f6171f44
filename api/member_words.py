"""Sentences for members, in their language: what an event is, why it was called, what a device will do."""

from zoneinfo import ZoneInfo

from api.languages import _
from api.member_parts import ACTIVE, CANCELLED, DONE, LEFT, SCHEDULED, STANDBY, Action, Part
from api.present import clock, number, when
from ontology.names import FCV

_IN_WORDS_KW = 0.05


def state(part: Part) -> str:
    """The state of an event in a word or two."""
    words = {
        SCHEDULED: _("planned"),
        STANDBY: _("standing by"),
        ACTIVE: _("running"),
        LEFT: _("opted out"),
        DONE: _("done"),
        CANCELLED: _("not needed"),
    }
    return words.get(part.status, part.status.rsplit("/", 1)[-1])


def mark(part: Part) -> str:
    """The class of the mark that shows the state."""
    marks = {SCHEDULED: "scheduled", STANDBY: "standby", ACTIVE: "active", LEFT: "opted-out", DONE: "completed", CANCELLED: "quiet"}
    return marks.get(part.status, "")


def span(part: Part, zone: str) -> str:
    """From when to when, with both days where they differ."""
    area = ZoneInfo(zone)
    same = part.start.astimezone(area).date() == part.end.astimezone(area).date()
    return f"{when(part.start, zone)}–{clock(part.end, zone) if same else when(part.end, zone)}"


def why(part: Part) -> str:
    """Who asks for what."""
    who = part.requester or _("The grid operator")
    if part.direction == str(FCV.LoadIncrease):
        return _("%(who)s asks homes to take more power from the grid in this time.", who=who)
    return _("%(who)s asks homes to take less power from the grid in this time.", who=who)


def left_because(part: Part) -> str:
    """Why the home is no longer part of it."""
    reasons = {
        str(FCV.MemberChoice): _("Somebody of the home opted out."),
        str(FCV.ManualOverride): _("Somebody set a device by hand."),
        str(FCV.DeviceOffline): _("The box or the device could not be reached."),
    }
    return reasons.get(part.reason or "", "")


def action(each: Action) -> str:
    """What a device does in an event."""
    if each.kind == "battery":
        return _battery(each)
    if each.kind == "car":
        return _("does not charge") if each.most < _IN_WORDS_KW else _("charges with %(kw)s kW at most", kw=number(each.most, 1))
    if each.kind == "heatpump":
        return _("pauses") if each.most < _IN_WORDS_KW else _("runs with %(kw)s kW at most", kw=number(each.most, 1))
    if each.most < _IN_WORDS_KW:
        return _("is off")
    return _("uses %(kw)s kW at most", kw=number(each.most, 1))


def _battery(each: Action) -> str:
    if each.most <= -_IN_WORDS_KW:
        low, high = number(-each.most, 1), number(-each.least, 1)
        if low == high:
            return _("gives the home %(kw)s kW or more", kw=low)
        return _("gives the home %(low)s to %(high)s kW or more", low=low, high=high)
    if each.least <= -_IN_WORDS_KW and each.most >= _IN_WORDS_KW:
        give, take = number(-each.least, 1), number(each.most, 1)
        return _("gives the home up to %(give)s kW, and charges with %(take)s kW at most", give=give, take=take)
    if each.least <= -_IN_WORDS_KW:
        return _("gives the home up to %(kw)s kW, and does not charge", kw=number(-each.least, 1))
    if each.most < _IN_WORDS_KW:
        return _("does not charge")
    return _("charges with %(kw)s kW at most", kw=number(each.most, 1))
