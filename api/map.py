"""The homes on a map of the feeders: drawn here from the grid's own coordinates, with a list that says the same."""

from flask import Blueprint, Response, make_response, render_template, request

from api import attention, kept, look_up, running
from api.errors import NotFoundError
from api.grid import STATES, Grid, State, read
from api.guard import rule
from api.languages import _
from api.map_drawing import draw
from api.operator import device_name
from api.services import services

pages = Blueprint("map", __name__)
MOST_HOMES = 120


@pages.get("/map")
@rule.operator
def grid() -> Response:
    """Show the grid's nodes with how many homes do what behind each; `?node=` for the homes behind one."""
    known = services()
    found = read(known.iris, states())
    wanted = request.args.get("node", "")
    chosen = known.iris.id("node", wanted) if wanted else None
    if chosen is not None and chosen not in found.nodes:
        raise NotFoundError(_("There is no grid node %(node)s; see the list on the map.", node=wanted))
    shown = found.shown(chosen)
    members = found.members_behind(chosen) if chosen is not None else []
    page = max(request.args.get("page", 1, type=int), 1)
    homes = _homes(found, members[(page - 1) * MOST_HOMES : page * MOST_HOMES])
    return make_response(
        render_template(
            "map.html",
            picture=draw(found, shown, homes),
            nodes=[found.nodes[node] for node in shown],
            homes=homes,
            total=len(members),
            page=page,
            pages=max(-(-len(members) // MOST_HOMES), 1),
            node=found.nodes.get(chosen) if chosen else None,
            above=found.nodes.get(found.nodes[chosen].above or "") if chosen else None,
            everybody=sum(found.all_counts().values()),
            counts=found.all_counts() if chosen is None else found.nodes[chosen].counts,
            unplaced=len(found.unplaced),
            states=STATES,
            state_name=state_name,
            device_name=device_name,
            zone=look_up.zone(),
        )
    )


def states() -> dict[str, State]:
    """What each member's home does that does not do nothing in particular."""
    known = services()
    doing = running.doing()
    words: dict[str, State] = {
        member: {"active": "delivering", "opted-out": "left", "scheduled": "waiting", "standby": "waiting"}.get(word, "normal")  # type: ignore[misc]
        for member, word in doing.items()
    }
    for key in attention.owners_of(attention.silent(attention.survey())).values():
        words[known.iris.id("member", key)] = "offline"
    return words


def state_name(state: str) -> str:
    """What a home does, in words."""
    return {
        "delivering": _("delivers"),
        "waiting": _("waits or stands by"),
        "left": _("opted out"),
        "offline": _("is silent"),
        "normal": _("runs as usual"),
    }[state]


def _homes(found: Grid, members: list[str]) -> list[dict[str, object]]:
    """The homes of some members, with name, state, devices and place."""
    known = services()
    rows = kept.rows("homes_described", member=members) if members else []
    homes: dict[str, dict[str, object]] = {}
    devices: dict[str, set[str]] = {}
    for row in rows:
        member = row["member"]
        place = (float(row["latitude"]), float(row["longitude"])) if "latitude" in row else None
        homes[member] = {
            "key": known.iris.key(member),
            "label": row["label"],
            "state": found.states.get(member, "normal"),
            "node": found.node_of[member],
            "node_label": found.nodes[found.node_of[member]].label
            if found.node_of[member] in found.nodes
            else known.iris.key(found.node_of[member]),
            "place": place,
        }
        if "type" in row:
            devices.setdefault(member, set()).add(str(row["type"]))
    return [home | {"devices": sorted(devices.get(member, ()))} for member, home in homes.items()]
