"""What members were told of events, for operators; and what needs no sign-in, only its secret: a member's calendar, and the end of letters."""

from datetime import timedelta

from flask import Blueprint, Response, make_response, render_template, request

from api import look_up
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _
from api.services import services
from api.writing import gate
from kg import queries
from notices import Desk, Entry, Kind, Status, wishes

pages = Blueprint("notices", __name__)

SHOWN = timedelta(days=30)
MOST = 200
# what an operator should look at: nobody was told, or not in time, or not yet
TROUBLED = (Status.MISSED, Status.UNSURE, Status.REFUSED, Status.WAITING)


def status_names() -> dict[Status, str]:
    """What became of a notice, in words."""
    return {
        Status.WAITING: _("waits for the mail server"),
        Status.SENT: _("sent"),
        Status.UNSURE: _("perhaps sent (the mail server got it and did not answer)"),
        Status.MISSED: _("not told in time"),
        Status.REFUSED: _("refused by the mail server"),
        Status.KEPT: _("would be sent (no mail server is set up)"),
        Status.UNADDRESSED: _("on the page only (no e-mail address)"),
        Status.UNWANTED: _("on the page only (no letter wanted)"),
        Status.WITHDRAWN: _("withdrawn before it left"),
        Status.NEEDLESS: _("not needed"),
    }


def kind_names() -> dict[str, str]:
    """What a notice may be about, in words."""
    return {
        Kind.PLANNED.value: _("An event is planned, or your home stands by for one"),
        Kind.CHANGED.value: _("An event changes or is paused, or your home is called in another one's place"),
        Kind.CANCELLED.value: _("An event is called off"),
        Kind.SETTLED.value: _("An event is settled: what you earned"),
    }


@pages.get("/-/notices")
@rule.operator
def overview() -> Response:
    """Show who was not told in time, what waits, and the newest notices."""
    desk = services().notices
    since = services().now() - SHOWN
    return make_response(
        render_template(
            "notices_sent.html",
            sends=desk is not None and desk.sends,
            troubled=_shown(desk, TROUBLED),
            newest=_shown(desk, tuple(Status)),
            counts=desk.post.counts(since) if desk is not None else {},
            names=status_names(),
            days=SHOWN.days,
            zone=look_up.zone(),
            key=services().iris.key,
        )
    )


def _shown(desk: Desk | None, statuses: tuple[Status, ...]) -> list[Entry]:
    return desk.post.with_status(statuses, MOST) if desk is not None else []


@pages.get("/members/<key>/calendar.ics")
@rule.anybody
def calendar(key: str) -> Response:
    """Give a member's calendar to whoever has its secret; without it, there is nothing here, whoever asks."""
    known = services()
    found = known.notices.calendar(known.iris.id("member", key), request.args.get("key", "")) if known.notices is not None else None
    if found is None:
        raise NotFoundError(_("There is no such calendar; copy the whole address from your page, or make a new one there."))
    answer = make_response(found)
    answer.headers["Content-Type"] = "text/calendar; charset=utf-8"
    answer.headers["Content-Disposition"] = 'inline; filename="events.ics"'
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@pages.get("/members/<key>/unsubscribe/<kind>")
@rule.anybody
def ask_to_end(key: str, kind: str) -> Response:
    """Ask whether letters of a kind shall end. Opening this ends nothing: scanners of mail follow links."""
    return _letters(key, _opened(key, kind))


@pages.post("/members/<key>/unsubscribe/<kind>")
@rule.anybody
def end(key: str, kind: str) -> Response:
    """End letters of a kind, for the button on the page and for mail programs, which send neither cookie nor sign-in (RFC 8058)."""
    known, opened, passing = services(), _opened(key, kind), gate()
    member = known.iris.id("member", key)
    wish = wishes.of(known.store, member)
    if opened in wish.kinds:
        delta = wishes.change(known.store, known.iris, member, address=wish.address, language=wish.language, kinds=wish.kinds - {opened})
        passing.apply(delta, by=key, why="The member ended letters of this kind by the link in one")
    return _letters(key, opened)


def _opened(key: str, kind: str) -> Kind:
    """The kind of letters that the address names, if its token is the one that they carry; else there is nothing here, whoever asks."""
    known = services()
    found = next((each for each in Kind if each.value == kind), None)
    desk, member = known.notices, known.iris.id("member", key)
    signed = desk is not None and found is not None and desk.may_end(member, found, request.args.get("key", ""))
    # who was erased has no home any more, and nothing is to be written of them; the token stands for the scope here
    if found is None or not signed or not queries.rows(known.store, queries.load("api", "member_home"), member=member):
        raise NotFoundError(_("This link ends no letters; copy the whole address from the letter, or sign in and choose on your page."))
    return found


def _letters(key: str, kind: Kind) -> Response:
    known = services()
    wish = wishes.of(known.store, known.iris.id("member", key))
    page = render_template("notices_end.html", key=key, about=kind_names()[kind], ended=kind not in wish.kinds)
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
