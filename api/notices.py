"""What members were told of events, for operators; and each member's events as a calendar that needs no sign-in, only its secret."""

from datetime import timedelta

from flask import Blueprint, Response, make_response, render_template, request

from api import look_up
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _
from api.services import services
from notices import Desk, Entry, Status

pages = Blueprint("notices", __name__)

SHOWN = timedelta(days=30)
MOST = 200
# what an operator should look at: nobody was told, or not in time, or not yet
TROUBLED = (Status.MISSED, Status.REFUSED, Status.WAITING)


def status_names() -> dict[Status, str]:
    """What became of a notice, in words."""
    return {
        Status.WAITING: _("waits for the mail server"),
        Status.SENT: _("sent"),
        Status.MISSED: _("not told in time"),
        Status.REFUSED: _("refused by the mail server"),
        Status.KEPT: _("would be sent (no mail server is set up)"),
        Status.UNADDRESSED: _("on the page only (no e-mail address)"),
        Status.UNWANTED: _("on the page only (no letter wanted)"),
        Status.WITHDRAWN: _("withdrawn before it left"),
        Status.NEEDLESS: _("not needed"),
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
