"""What a member looks at first: what flows now, how the day goes, and what is asked of the home next."""

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from api import look_up, member_words
from api.charts import local_day
from api.guard import rule
from api.member_energy import measured
from api.member_flow import flow
from api.member_page import shown
from api.member_parts import last_left, next_part, replaced_by
from api.services import services

pages = Blueprint("member", __name__)


@pages.get("/members/<key>")
@rule.member("key")
def today(key: str) -> Response:
    """Show a member's home now and its day so far, or another day with `?date=`."""
    now = services().now()
    home = look_up.home(key)
    zone = ZoneInfo(home["zone"])
    begin, end = local_day(home["zone"], request.args.get("date"), now)
    is_today = begin <= now < end
    (energy,) = measured(key).energies([begin, end])
    left = last_left(key, now) if is_today else None
    return shown(
        "member.html",
        key,
        "today",
        home,
        words=member_words,
        day=begin.astimezone(zone).date(),
        end=end,
        is_today=is_today,
        energy=energy,
        flow=flow(key, now) if is_today else None,
        part=next_part(key, now) if is_today else None,
        left=left,
        others=replaced_by(left.iri) if left else 0,
    )
