"""How a member hears of events: by e-mail, which notices, and a calendar that any program can read."""

from collections.abc import Mapping
from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.errors import problem
from api.guard import principal, rule
from api.languages import LANGUAGES, _, language
from api.member_page import shown
from api.notices import kind_names, status_names
from api.services import services
from api.writing import gate
from notices import Kind, wishes
from notices.errors import WishError
from registry.errors import RefusedEditError

pages = Blueprint("member_notices", __name__)
SHOWN = 20


@pages.get("/members/<key>/notices")
@rule.member("key")
def settings(key: str) -> Response:
    """Show where and of what a member is told, and the last notices."""
    return _page(key)


@pages.post("/members/<key>/notices")
@rule.member("key")
def change(key: str) -> BaseResponse:
    """Take what a member wants: `address`, `language`, and `kind` for each notice wanted by e-mail."""
    known = services()
    look_up.home(key)
    form, passing = request.form, gate()
    kinds = [kind for kind in Kind if kind.value in form.getlist("kind")]
    member = known.iris.id("member", key)
    try:
        delta = wishes.change(
            known.store, known.iris, member, address=form.get("address", ""), language=form.get("language", ""), kinds=kinds
        )
        passing.apply(delta, by=principal().key, why="The member chose how to be told of events")
    except WishError as error:
        return _page(key, _sentence(error), form, 422)
    except RefusedEditError as error:
        return _page(key, str(error), form, 422)
    return redirect(f"/members/{quote(key)}/notices#saved", code=303)


@pages.post("/members/<key>/notices/calendar")
@rule.member("key")
def calendar(key: str) -> BaseResponse:
    """Make a new address of the calendar, which ends the one before; with `end`, have none."""
    known = services()
    look_up.home(key)
    if known.notices is None:
        return problem(409, _("This platform tells nobody of events, so it has no calendars."))
    member = known.iris.id("member", key)
    if "end" in request.form:
        known.notices.end_calendar(member)
        return redirect(f"/members/{quote(key)}/notices#calendar", code=303)
    secret = known.notices.renew_calendar(member)
    answer = _page(key, secret=f"{known.iris.base}/members/{quote(key)}/calendar.ics?key={quote(secret)}")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _sentence(error: WishError) -> str:
    """What is wrong, in the reader's language."""
    return _(error.sentence, value=error.value)


def _page(key: str, trouble: str = "", form: Mapping[str, str] | None = None, status: int = 200, secret: str = "") -> Response:
    known = services()
    member = known.iris.id("member", key)
    wish = wishes.of(known.store, member)
    chosen = {kind.value for kind in wish.kinds} if form is None else set(request.form.getlist("kind"))
    desk = known.notices
    return shown(
        "member_notices.html",
        key,
        "notices",
        status=status,
        trouble=trouble,
        address=wish.address if form is None else form.get("address", ""),
        told_in=(wish.language if wish.address else language()) if form is None else form.get("language", ""),
        languages=LANGUAGES,
        kinds=kind_names(),
        chosen=chosen,
        secret=secret,
        desk=desk is not None,
        sends=desk is not None and desk.sends,
        has_calendar=desk is not None and desk.has_calendar(member),
        told=desk.post.of_member(member, SHOWN) if desk is not None else [],
        statuses=status_names(),
        event_key=known.iris.key,
    )
