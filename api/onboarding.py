"""Onboarding, step by step: member, home, grid connection, box, devices, comfort, consent, contract, account (docs/onboarding.md).

Each step can be left and come back to; what is done is read from the graph each time. The steps of the contract and the account are in
`api.onboarding_signing`.
"""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up, onboarding_people, onboarding_writes
from api.audited import concerns
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _, language
from api.onboarding_contract import day_of, local_today
from api.onboarding_differences import differences
from api.onboarding_state import STEPS, Home, candidates, devices_of, home, homes, profiles, under_way
from api.onboarding_writes import CONNECTION, HOME, Entered
from api.present import number
from api.services import services
from forms import made
from forms.errors import UnreadableError
from forms.filled import decimal_of
from kg import queries
from ontology.names import FC
from registry import comfort, owners_word
from registry.edits import etag
from registry.errors import RefusedEditError
from telemetry.errors import BrokerError

pages = Blueprint("onboarding", __name__)
MOST = 100
BY_HAND = ("PVSystem", "BatterySystem", "HeatPump", "EVCharger")
HOW = ("on paper", "in person")


def page(template: str, found: Home | None, step: str, entered: Entered | None = None, **more: Any) -> Response:  # noqa: ANN401  (anything a template takes)
    """Show a step; with status 422 where something was wrong."""
    if found is not None:
        concerns(found.key)
    told = entered or Entered()
    shown = render_template(template, home=found, step=step, steps=found.steps if found else {}, all_steps=STEPS, entered=told, **more)
    answer = make_response(shown, 200 if told.ok else 422)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def onward(found: Home) -> BaseResponse:
    """Go on to the first step that is open."""
    step = home(found.key).next_step
    return redirect(f"/onboarding/{found.key}" + (f"/{step}" if step else ""), code=303)


def for_step(key: str, step: str) -> tuple[Home, BaseResponse | None]:
    """The home, and where to go first if what comes before this step is missing."""
    found = home(key)
    concerns(key)
    before = found.missing(step)
    return found, redirect(f"/onboarding/{key}/{before}", code=303) if before else None


@pages.get("/onboarding")
@rule.operator
def everyone() -> Response:
    """List the homes under way, with the step that each stands at."""
    wanted = request.args.get("q", "").strip().casefold()
    listed = [(key, label) for key, label in under_way() if wanted in key.casefold() or wanted in label.casefold()]
    shown = dict(listed[:MOST])
    concerns(*shown)
    return page(
        "onboarding.html", None, "", listed=homes(list(shown)), labels=shown, count=len(listed), most=MOST, q=request.args.get("q", "")
    )


@pages.route("/onboarding/new", methods=["GET", "POST"])
@rule.operator
def begin() -> BaseResponse:
    """Register a member."""
    concerns()
    entered = None
    if request.method == "POST":
        with onboarding_writes.alone():
            entered = onboarding_people.new_member(request.form)
        if entered.ok:
            return redirect(f"/onboarding/{request.form['key'].strip()}/home", code=303)
    usual = {"key": onboarding_people.suggested_key(onboarding_people.taken_keys()), "language": language()}
    return page("onboarding_member.html", None, "member", entered, raw=request.form if entered else usual)


@pages.get("/onboarding/<key>")
@rule.operator
def under_way_page(key: str) -> Response:
    """Show how far a home is."""
    found = home(key)
    return page("onboarding_steps.html", found, "", person=onboarding_people.person_of(key), differences=len(differences(key)))


@pages.route("/onboarding/<key>/member", methods=["GET", "POST"])
@rule.operator
def person(key: str) -> BaseResponse:
    """Correct the name of the person, and where letters go."""
    found, entered = home(key), None
    if request.method == "POST":
        entered = onboarding_people.change_person(found, request.form)
        if entered.ok:
            return onward(found)
    return page("onboarding_member.html", found, "member", entered, raw=request.form if entered else onboarding_people.person_of(key))


@pages.route("/onboarding/<key>/home", methods=["GET", "POST"])
@rule.operator
def site(key: str) -> BaseResponse:
    """Enter the home: its name, its time zone, its first room."""
    found, entered = home(key), None
    iri = found.site or services().iris.id("site", key)
    if request.method == "POST":
        entered = onboarding_writes.enter(
            "site", found, iri, request.form, {"ownedBy": found.member}, HOME, "Onboarding: the home was entered"
        )
        if entered.ok:
            entered = onboarding_writes.room(home(key), request.form.get("room", ""))
        if entered.ok:
            return onward(found)
    usual = {"label": _("Home %(key)s", key=key), "Site-timeZone": look_up.zone()}
    asked = onboarding_writes.asked("site", HOME, found.site, request.form if entered else None, usual)
    return page("onboarding_form.html", found, "home", entered, asked=asked, ask_room=found.site is None)


@pages.route("/onboarding/<key>/connection", methods=["GET", "POST"])
@rule.operator
def connection(key: str) -> BaseResponse:
    """Enter the grid connection: where it is in the grid, and what it carries."""
    found, first = for_step(key, "connection")
    if first is not None:
        return first
    entered = None
    iri = found.connection or services().iris.id("connection", key)
    if request.method == "POST":
        fixed = {"ownedBy": found.member, "locatedAt": str(found.site)}
        why = "Onboarding: the grid connection was entered"
        entered = onboarding_writes.enter("grid-connection-point", found, iri, request.form, fixed, CONNECTION, why)
        if entered.ok:
            return onward(found)
    nodes = onboarding_writes.parties(str(FC.GridNode))
    usual = {"label": _("Grid connection of %(key)s", key=key)} | ({"GridConnectionPoint-node": nodes[0][0]} if len(nodes) == 1 else {})
    asked = onboarding_writes.asked("grid-connection-point", CONNECTION, found.connection, request.form if entered else None, usual)
    return page("onboarding_form.html", found, "connection", entered, asked=asked, ask_room=False)


# --- box


@pages.route("/onboarding/<key>/box", methods=["GET", "POST"])
@rule.operator
def box(key: str) -> BaseResponse:
    """Bind a box to the member by its identifier."""
    found, first = for_step(key, "box")
    if first is not None:
        return first
    entered = None
    if request.method == "POST":
        with onboarding_writes.alone():
            entered = onboarding_writes.claim(home(key), request.form.get("identifier", ""))
        if entered.ok:
            return redirect(f"/onboarding/{key}/box", code=303)
    return _box_page(found, entered)


@pages.post("/onboarding/<key>/box/code")
@rule.operator
def code(key: str) -> BaseResponse:
    """Make a claim code for a box of this member, and show it this once."""
    found = home(key)
    wanted = {onboarding_writes.identifier_of(each, spoken) for each, spoken in found.boxes.items()}
    identifier = request.form.get("osb", "")
    if identifier not in wanted:
        raise NotFoundError(f"Member {key} has claimed no box {identifier[:64]}; claim it first")
    try:
        made_code = services().commands["claim"]({"osb": identifier})
    except (KeyError, BrokerError):
        return _box_page(found, Entered(general=[_("The broker here gives no claim codes; the box is bound by its identifier alone.")]))
    return _box_page(found, None, made_code)


def _box_page(found: Home, entered: Entered | None, made_code: Any = None) -> Response:  # noqa: ANN401  (JSON)
    certificates = _certificates()
    boxes = [(each, onboarding_writes.identifier_of(each, spoken), bool(spoken)) for each, spoken in found.boxes.items()]
    given = {row["osb"] for row in certificates or () if row["state"] == "valid"}
    return page(
        "onboarding_box.html",
        found,
        "box",
        entered,
        boxes=boxes,
        codes=certificates is not None,
        given=given,
        code=made_code,
        expires=datetime.fromisoformat(made_code["expires"]) if made_code else None,
        zone=zone_of(found),
        raw=request.form if entered else {"identifier": "" if boxes else f"osb-{found.key}"},
    )


def _certificates() -> list[dict[str, Any]] | None:
    """The boxes' certificates; nothing where the broker wants none."""
    command = services().commands.get("certificates")
    try:
        return None if command is None else list(command({})["certificates"])
    except BrokerError:
        return None


def zone_of(found: Home) -> str:
    """The time zone of a home; UTC as long as it has no site."""
    known = services()
    rows = queries.rows(known.store, queries.load("api", "member_home"), member=found.member) if found.site else []
    return str(rows[0]["zone"]) if rows else "UTC"


# --- devices


@pages.route("/onboarding/<key>/devices", methods=["GET", "POST"])
@rule.operator
def devices(key: str) -> BaseResponse:
    """Show the devices that the box reports or somebody entered, and take the owner's word on each."""
    found, first = for_step(key, "devices")
    if first is not None:
        return first
    entered, listed = None, devices_of(found)
    if request.method == "POST":
        entered = onboarding_writes.offer(found, listed, request.form)
        if entered.ok:
            return onward(found)
    forms = {each.cls: each for each in made.forms()}
    return page(
        "onboarding_devices.html",
        found,
        "devices",
        entered,
        devices=listed,
        classes={each.type: forms[each.type].names for each in listed if each.type in forms},
        matched=profiles(),
        candidates={each.key: candidates(each) for each in listed},
        by_hand=[forms[str(FC[name])] for name in BY_HAND if str(FC[name]) in forms],
        differences=differences(key),
        raw=request.form if entered else {},
        tag=_news(found),
        silent=not any(found.boxes.values()),
    )


@pages.get("/onboarding/<key>/devices/news")
@rule.operator
def news(key: str) -> Response:
    """Name what the boxes of a home say, so that a page can tell whether it is still so."""
    concerns(key)
    return jsonify({"tag": _news(home(key))})


def _news(found: Home) -> str:
    known = services()
    graphs = [known.iris.graph("member", found.key, "osb", known.iris.key(each)) for each in found.boxes]
    return etag(triple for graph in graphs for triple in known.store.graph(graph))


@pages.post("/onboarding/<key>/devices/word")
@rule.operator
def word(key: str) -> BaseResponse:
    """Take the box's word on something that the owner had said otherwise."""
    found, known = home(key), services()
    given = (request.form.get("thing", ""), request.form.get("path", ""), request.form.get("kind", ""))
    try:
        onboarding_writes.apply(owners_word.take_the_boxs_word(known.store, known.iris, key, [given]), "The box's word was taken again")
    except RefusedEditError as refused:
        return page(
            "onboarding_steps.html",
            found,
            "",
            Entered(general=list(refused.sentences)),
            person=onboarding_people.person_of(key),
            differences=0,
        )
    return redirect(f"/onboarding/{key}/devices", code=303)


# --- comfort, consent


@pages.route("/onboarding/<key>/comfort", methods=["GET", "POST"])
@rule.operator
def comfort_page(key: str) -> BaseResponse:
    """Enter between which temperatures the member wants their rooms."""
    found, first = for_step(key, "comfort")
    if first is not None:
        return first
    known, entered = services(), None
    profile = next(iter(comfort.profiles(known.store, known.iris, found.member)), None)
    if request.method == "POST":
        entered = Entered()
        limits = {}
        for name in ("minimum", "maximum"):
            try:
                limits[name] = decimal_of(request.form.get(name, ""), language())
            except UnreadableError as error:
                entered.errors[name] = error.sentence
        if entered.ok:
            channel = next(iter(found.temperatures), known.iris.id("zone", f"{key}-living") + "#airTemperature")
            there = profile or comfort.new(
                known.iris, found.member, channel, zone=zone_of(found), minimum=limits["minimum"], maximum=limits["maximum"]
            )
            delta = comfort.change(known.store, there, bands=there.bands, minimum=limits["minimum"], maximum=limits["maximum"])
            entered = onboarding_writes.tried(delta, "Onboarding: the comfort band, as the member said")
        if entered.ok:
            return onward(found)
    raw = {"minimum": number(profile.minimum, 1), "maximum": number(profile.maximum, 1)} if profile else {}
    return page("onboarding_comfort.html", found, "comfort", entered, raw=request.form if entered else raw, needed=bool(found.temperatures))


@pages.route("/onboarding/<key>/consent", methods=["GET", "POST"])
@rule.operator
def consent(key: str) -> BaseResponse:
    """Record that the member let the cooperative use their data for its service."""
    found, entered = home(key), None
    today = local_today(zone_of(found))
    if request.method == "POST":
        entered = Entered()
        first, last = (day_of(request.form.get(name, ""), name, entered.errors) for name in ("first", "last"))
        how = request.form.get("how", "")
        if how not in HOW:
            entered.errors["how"] = _("Say how the member gave their consent: on paper or in person.")
        if entered.ok:
            entered = onboarding_writes.consent(found, first, last, how)
        if entered.ok:
            return onward(found)
    usual = {"first": today.isoformat(), "last": today.replace(year=today.year + 5, day=min(today.day, 28)).isoformat(), "how": ""}
    return page("onboarding_consent.html", found, "consent", entered, raw=request.form if entered else usual)
