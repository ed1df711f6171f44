"""Who looked: every answer that may hold members' data is put on record, and members and the operator can read that record."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from flask import Blueprint, Flask, Response, current_app, g, jsonify, render_template, request

from access.audit import EVERYBODY, Look
from access.layout import KEY
from access.principal import Principal, Role
from api import look_up
from api.charts import local_day
from api.errors import NotFoundError
from api.guard import Rule, principal, rule, scope
from api.languages import _
from api.services import services
from kg import queries
from kg.iris import Iris
from sparql.scope import Scope

pages = Blueprint("audited", __name__)
MOST, SHOWN = 500, 200
# What shows nothing of members. Everything else is put down: as about one member where its rule names one, else about all in reach.
QUIET = {
    "introspection",
    "enrolment",
    "health",
    "sign_in",
    "oauth",
    "contexts",
    "ontology_pages",
    "catalogue",
    "commands",
    "audited",
    "consents",
}
_PURPOSES = {Role.OPERATOR: "operation of the platform", Role.MEMBER: "own use"}


def install(app: Flask) -> None:
    """Put every answer on record that the rules above say must be."""
    app.after_request(_noted)


def concerns(*members: str) -> None:
    """Say whose data this request is about, by key, where its address does not tell; then it is not put down as being about all in reach."""
    g.members_concerned = members


def unseen() -> None:
    """Say that this answer shows nothing of members, whatever its address."""
    g.shows_nobody = True


def asked(query: str) -> None:
    """Say what was asked in words, where the address does not tell."""
    g.query_asked = query


@pages.get("/-/audit")
@rule.operator
def record() -> Response:
    """Show who looked at what, newest first.

    `?by=` for one of them, `?about=` for one member, `?role=`, `?what=` for a word in it, `?since=` and `?until=` for local days; the
    filters but the first two look through the newest 500 only.
    """
    kept, args = services().audit, request.args
    if kept is None:
        raise NotFoundError(_("This platform keeps no record of who looked at what; start it with `flex serve`"))
    wanted = {name: args.get(name, "").strip() for name in ("by", "about", "role", "what", "since", "until")}
    looks = kept.about(wanted["about"], MOST) if wanted["about"] else kept.by(wanted["by"], MOST)
    cut = len(looks) == MOST
    zone = look_up.zone()
    since, until = (_day(wanted[name], zone) for name in ("since", "until"))
    looks = [
        look
        for look in looks
        if (not wanted["by"] or look.principal == wanted["by"])
        and (not wanted["role"] or look.role == wanted["role"])
        and wanted["what"].lower() in f"{look.action} {look.resource} {look.query}".lower()
        and (since is None or look.at >= since[0])
        and (until is None or look.at < until[1])
    ]
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json":
        return jsonify([_spelt(look) for look in looks])
    roles = [str(role) for role in Role if role not in (Role.PUBLIC, Role.OSB)]
    page = render_template(
        "audit.html", tab="looks", looks=looks[:SHOWN], left=len(looks) - SHOWN, wanted=wanted, cut=cut, roles=roles, zone=zone
    )
    return Response(page)


@pages.get("/-/audit/edits")
@rule.operator
def edits() -> Response:
    """Show who edited what, newest first; `?by=` for one of them, `?what=` for graphs or reasons that hold a word."""
    known, wanted = services(), {name: request.args.get(name, "").strip() for name in ("by", "what", "since", "until")}
    zone = look_up.zone()
    since, until = (_day(wanted[name], zone) for name in ("since", "until"))
    agent = known.iris.id("agent", quote(wanted["by"], safe="")) if wanted["by"] else None
    runs: dict[str, dict[str, Any]] = {}
    for row in queries.rows(known.store, queries.load("api", "edits_made"), agent=agent):
        one = runs.setdefault(row["run"], row | {"graphs": [], "by": unquote(known.iris.key(row["agent"]))})
        one["graphs"].append(row["graph"])
    shown = [
        one
        for one in runs.values()
        if wanted["what"].lower() in f"{' '.join(one['graphs'])} {one.get('why', '')}".lower()
        and (since is None or one["at"] >= since[0])
        and (until is None or one["at"] < until[1])
    ]
    return Response(render_template("audit.html", tab="edits", edits=shown[:SHOWN], left=len(shown) - SHOWN, wanted=wanted, zone=zone))


def _day(text: str, zone: str) -> tuple[datetime, datetime] | None:
    return local_day(zone, text, services().now()) if text else None


@pages.get("/api/members/<key>/looked")
@rule.member("key")
def looked(key: str) -> Response:
    """Give the last looks of others at a member's data; queries' words are left out, which may name other members."""
    looks = looks_at(key, MOST)
    if looks is None:
        raise NotFoundError(_("This platform keeps no record of who looked at what; start it with `flex serve`"))
    left_out = ("query", "members", "resource", "reach")
    return jsonify([{name: value for name, value in _spelt(look).items() if name not in left_out} for look in looks])


def looks_at(member: str, limit: int) -> list[Look] | None:
    """The last looks of others at a member's data; `None` where nothing is kept."""
    kept = services().audit
    return None if kept is None else kept.about(member, limit)


def _spelt(look: Look) -> dict[str, Any]:
    return vars(look) | {"at": look.at.isoformat(), "members": list(look.members)}


def _noted(answer: Response) -> Response:
    kept, who = services().audit, principal()
    if kept is None or who.role in (Role.PUBLIC, Role.OSB) or request.endpoint is None or g.get("shows_nobody"):
        return answer
    members, reach, within, reached = _whose(who)
    if members or reach:
        known = () if kept.knows(reach) else reached
        kept.note(_look(who, answer.status_code, members, reach, within), known)
    return answer


def _look(who: Principal, status: int, members: tuple[str, ...], reach: str, within: int) -> Look:
    known = services()
    return Look(
        at=known.now(),
        principal=who.key,
        role=str(who.role),
        via=who.via,
        action=f"{request.method} {request.url_rule.rule if request.url_rule else request.path}",
        resource=request.path[:500],
        status=status,
        members=members,
        reach=reach,
        within=within,
        purpose=_purpose(who),
        query=g.get("query_asked") or _words(),
    )


def _words() -> str:
    """The query in words, wherever the protocol lets it stand."""
    if request.mimetype == "application/sparql-query":
        return request.get_data().decode("utf-8", "replace")
    return request.args.get("query", "") or request.form.get("query", "")


def _purpose(who: Principal) -> str:
    access = services().access
    if who.role is Role.PARTNER and who.subject is not None and access is not None:
        return ", ".join(dict.fromkeys(each.rpartition("#")[2] for each in access.policy.purposes(who.subject)))
    return _PURPOSES.get(who.role, str(who.role))


def _whose(who: Principal) -> tuple[tuple[str, ...], str, int, Iterable[str]]:
    """Whose data an answer is about: members, or a name for all in reach, how many they are, and who."""
    own = services().iris.key(who.subject) if who.role is Role.MEMBER and who.subject else None
    argument = _rule_of_view().own
    if argument is not None or "members_concerned" in g:
        keys = g.get("members_concerned") or ((request.view_args or {}).get(str(argument), ""),)
        others = tuple(key for key in keys if key != own and KEY.fullmatch(key))
        return others, "", 0, ()
    if request.blueprint is None or request.blueprint in QUIET:
        return (), "", 0, ()
    seen = scope()
    if seen.everything:
        return (), EVERYBODY, 0, ()
    reached = sorted(_members(seen, services().iris) - {own})
    return (), seen.digest if reached else "", len(reached), reached


def _members(seen: Scope, iris: Iris) -> set[str]:
    prefix = f"{iris.graph('member')}/"
    return {graph[len(prefix) :].split("/", 1)[0] for graph in (*seen.graphs, *seen.families) if graph.startswith(prefix)}


def _rule_of_view() -> Rule:
    view = current_app.view_functions.get(str(request.endpoint))
    found: Rule = getattr(view, "access_rule", Rule())
    return found
