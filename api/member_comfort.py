"""The comfort editor: between which temperatures each room is wanted, by weekday and hour; works without script."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import time
from decimal import Decimal
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.errors import NotFoundError
from api.guard import principal, rule
from api.languages import _, language
from api.member_page import names, shown
from api.member_week import day_names, days_in_words, week
from api.services import services
from api.writing import gate
from forms.errors import UnreadableError
from forms.typed import decimal_of
from registry import comfort
from registry.comfort import Band, Profile
from registry.errors import RefusedEditError

pages = Blueprint("member_comfort", __name__)
LEAST, MOST = Decimal(5), Decimal(35)
WORKDAYS, WEEKEND = frozenset(range(5)), frozenset({5, 6})
DAYS = {"workdays": WORKDAYS, "weekend": WEEKEND, "all": WORKDAYS | WEEKEND}


@dataclass(frozen=True)
class Room:
    """One zone with its profile: its name, the anchor of its part of the page, the tag of what was shown."""

    profile: Profile
    key: str
    name: str
    tag: str


@dataclass
class Entered:
    """What somebody has typed, and what is wrong with it by the name of its field."""

    texts: dict[str, str] = field(default_factory=dict)
    days: frozenset[int] = frozenset()
    errors: dict[str, str] = field(default_factory=dict)
    room: str = ""
    action: str = ""
    band: str = ""


@pages.get("/members/<key>/comfort")
@rule.member("key")
def comfort_page(key: str) -> Response:
    """Show what is wanted of each room, with a form for one more band: `?preset=night|away`, or `?room=…&band=…` to change one."""
    return _page(key, _rooms(key), _begun(_rooms(key)))


@pages.post("/members/<key>/comfort")
@rule.member("key")
def change_comfort(key: str) -> BaseResponse:
    """Take a change: `action` is `limits`, `add`, `change` or `remove`, of the room `room` and the band `band`."""
    look_up.home(key)
    form, passing = request.form, gate()
    room = _named(_rooms(key), form.get("room", ""))
    entered = Entered(dict(form.items()), _days(form), {}, room.key, form.get("action", ""), form.get("band", ""))
    with passing.held():
        room = _named(_rooms(key), room.key)
        if form.get("seen") != room.tag:
            entered.errors["page"] = _("Somebody has changed this in the meantime. Here is how it is now; make your change again.")
            return _page(key, _rooms(key), entered, 412)
        wanted, why = _wanted(room.profile, entered)
        if not entered.errors:
            delta = comfort.change(services().store, room.profile, minimum=wanted.minimum, maximum=wanted.maximum, bands=wanted.bands)
            try:
                passing.apply(delta, by=principal().key, why=why)
            except RefusedEditError as error:
                entered.errors["page"] = str(error)
    if entered.errors:
        return _page(key, _rooms(key), entered, 422)
    return redirect(f"/members/{quote(key)}/comfort#{room.key}", code=303)


def _page(key: str, rooms: Sequence[Room], entered: Entered, status: int = 200) -> Response:
    return shown(
        "member_comfort.html",
        key,
        "comfort",
        status=status,
        rooms=rooms,
        weeks={room.key: week(room.profile) for room in rooms},
        entered=entered,
        days=day_names(),
        days_in_words=days_in_words,
        degrees=shown_number,
        least=LEAST,
        most=MOST,
    )


def _rooms(key: str) -> list[Room]:
    known = services()
    found = comfort.profiles(known.store, known.iris, known.iris.id("member", key))
    zones = [profile.channel.partition("#")[0] for profile in found]
    calls = names(zones)
    return [
        Room(profile, known.iris.key(zone).replace("/", "-"), calls.get(zone, known.iris.key(zone)), _tag(profile))
        for profile, zone in zip(found, zones, strict=True)
    ]


def _tag(profile: Profile) -> str:
    bands = sorted(repr(replace(band, weekdays=frozenset())) + repr(sorted(band.weekdays)) for band in profile.bands)
    return hashlib.sha256("\n".join([repr((profile.iri, profile.minimum, profile.maximum)), *bands]).encode()).hexdigest()[:16]


def _named(rooms: Sequence[Room], given: str) -> Room:
    for room in rooms:
        if room.key == given:
            return room
    raise NotFoundError(_("There is no room %(room)s of this home with limits of comfort.", room=given[:80]))


def _band(profile: Profile, given: str) -> Band:
    for band in profile.bands:
        if band.iri.partition("#")[2] == given:
            return band
    raise NotFoundError(_("There are no such hours any more; the list shows those that there are."))


# --- what is shown before anything was sent ---------------------------------------------------------------------------------------------


def _begun(rooms: Sequence[Room]) -> Entered:
    """The form as it begins: empty, with a suggestion, or with the band that is to be changed."""
    args = request.args
    if args.get("band"):
        room = _named(rooms, args.get("room", ""))
        band = _band(room.profile, args["band"])
        return Entered(_texts(band), band.weekdays, {}, room.key, "change", args["band"])
    room_key = args.get("room", rooms[0].key if rooms else "")
    if args.get("preset") in ("night", "away") and rooms:
        return _suggested(_named(rooms, room_key), args["preset"])
    return Entered(room=room_key)


def _suggested(room: Room, preset: str) -> Entered:
    """Hours in which less is asked of the room, as a beginning that people change."""
    profile = room.profile
    low, high = max(LEAST, profile.minimum - 3), min(MOST, profile.maximum + 2)
    hours = (time(22), time(6)) if preset == "night" else (time(8), time(16))
    days = DAYS["all"] if preset == "night" else WORKDAYS
    return Entered(_texts(Band(days, *hours, low, high)), days, {}, room.key, "add")


def _texts(band: Band) -> dict[str, str]:
    return {"start": f"{band.start:%H:%M}", "end": f"{band.end:%H:%M}", "minimum": shown_number(band.minimum), "maximum": shown_number(band.maximum)}  # fmt: skip


def shown_number(value: Decimal) -> str:
    """A number as it stands in an input: the reader's decimal sign, no zeros that say nothing."""
    text = format(value.normalize(), "f")
    return text if language() == "en" else text.replace(".", ",")


# --- what was sent ----------------------------------------------------------------------------------------------------------------------


def _days(form: MultiDict[str, str]) -> frozenset[int]:
    chosen = form.get("days", "")
    if chosen in DAYS:
        return DAYS[chosen]
    return frozenset(int(day) for day in form.getlist("day") if day in {"0", "1", "2", "3", "4", "5", "6"})


def _wanted(profile: Profile, entered: Entered) -> tuple[Profile, str]:
    """The profile as it shall be, and why in English for the audit; errors are added to `entered`."""
    match entered.action:
        case "limits":
            low, high = _limits(entered)
            return replace(profile, minimum=low, maximum=high), "The member set the limits of comfort"
        case "remove":
            gone = _band(profile, entered.band)
            return replace(profile, bands=tuple(band for band in profile.bands if band != gone)), "The member took hours of comfort away"
        case "add":
            return _with(profile, entered, Band(frozenset(), time(0), time(0), Decimal(0), Decimal(0))), "The member set hours of comfort"
        case "change":
            old = _band(profile, entered.band)
            rest = replace(profile, bands=tuple(band for band in profile.bands if band != old))
            return _with(rest, entered, old), "The member changed hours of comfort"
    entered.errors["page"] = _("Say what to do: limits, add, change or remove.")
    return profile, ""


def _with(rest: Profile, entered: Entered, old: Band) -> Profile:
    """The profile with one band more, which keeps the node of the one that it changes."""
    low, high = _limits(entered)
    start, end = _time(entered, "start"), _time(entered, "end")
    if not entered.days:
        entered.errors["day"] = _("Choose at least one day.")
    if start == end and start != time(0) and not entered.errors:
        entered.errors["end"] = _("From and to are the same; give hours with some time between them.")
    if entered.errors:
        return rest
    made = comfort.whole([Band(entered.days, start, end, low, high, old.iri)])
    clash = next(((mine, other) for mine in made for other in rest.bands if comfort.overlapping([mine, other])), None)
    if clash:
        entered.errors["start"] = _clash(*clash)
    return replace(rest, bands=(*rest.bands, *made))


def _clash(mine: Band, other: Band) -> str:
    day = day_names()[min(mine.weekdays & other.weekdays)][1]
    return _(
        "On %(day)s there are other hours from %(start)s to %(end)s already, and a room can't be kept in two bands at one time; let one end where the other begins.",
        day=day,
        start=f"{other.start:%H:%M}",
        end=f"{other.end:%H:%M}",
    )  # fmt: skip


def _limits(entered: Entered) -> tuple[Decimal, Decimal]:
    low, high = _number(entered, "minimum"), _number(entered, "maximum")
    if not {"minimum", "maximum"} & entered.errors.keys() and low >= high:
        entered.errors["maximum"] = _("The highest temperature must be above the lowest; between them the room needs some degrees.")
    return low, high


def _number(entered: Entered, name: str) -> Decimal:
    try:
        value = decimal_of(entered.texts.get(name, ""), language())
    except UnreadableError as error:
        entered.errors[name] = str(error)
        return Decimal(0)
    if not LEAST <= value <= MOST:
        entered.errors[name] = _(
            "%(given)s °C is out of the range that can be set; write a number from 5 to 35.", given=shown_number(value)
        )
    return value


def _time(entered: Entered, name: str) -> time:
    given = entered.texts.get(name, "")
    try:
        found = time.fromisoformat(given)
        if found.tzinfo is not None or found.second:
            raise ValueError
    except ValueError:
        entered.errors[name] = _("Write the time like 06:30; 00:00 as an end is the end of the day.")
        return time(0)
    return found


__all__ = ["pages", "shown_number"]
