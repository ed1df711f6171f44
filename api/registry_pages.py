"""The registry as a whole: what classes there are, the things of each, and everything that is wrong in it."""

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, current_app, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.background import Background, Work
from api.errors import NotFoundError
from api.guard import principal, rule
from api.languages import _, language, said
from api.services import services
from api.tables import List, asked, common_titles, common_values, csv_answer, listed, tables
from forms import class_sheet
from forms.errors import UnknownFormError
from forms.findings import Fault, Found, Survey
from forms.made import form as form_of_slug
from forms.made import forms
from forms.model import Form
from forms.sheets import csv_of
from forms.tables import PER_PAGE, ordered
from forms.world import World

pages = Blueprint("registry_pages", __name__)
PATIENCE_S = 1.5  # before a page says how far the work is instead of what came of it


def background() -> Background:
    """What runs beside the requests of this application."""
    found: Background = current_app.extensions.setdefault("flexcoop.background", Background())
    return found


def survey() -> Survey:
    """What is wrong in the registry."""
    known = services()
    found: Survey = current_app.extensions.setdefault("flexcoop.survey", Survey(known.store, known.iris, tables().index))
    return found


def chosen_form(slug: str) -> Form:
    """The form of an address.

    Raises
    ------
    NotFoundError
        If there is none that is entered by hand.
    """
    try:
        found = form_of_slug(slug)
    except UnknownFormError as error:
        raise NotFoundError(_("There is no class %(name)s in the registry; the classes are listed at /registry", name=slug)) from error
    if not found.stored_in:
        raise NotFoundError(_("There is no class %(name)s in the registry; the classes are listed at /registry", name=slug))
    return found


def world_maker() -> Callable[[], World]:
    """What looks anew at what is there, also outside of this request."""
    known, listed_ = services(), tables().index
    erased = known.rights.was_erased if known.rights is not None else lambda _key: False
    return lambda: World(known.store, known.iris, listed_, erased)


@pages.get("/registry")
@rule.operator
def index() -> Response:
    """List the classes of the registry, with how many things there are of each."""
    found = forms()
    counts = tables().counts(found)
    ordered_forms = sorted(found, key=lambda form: said(form.names).casefold())
    return make_response(render_template("registry.html", forms=ordered_forms, counts=counts, zone=look_up.zone()))


@pages.get("/registry/<slug>")
@rule.operator
def things(slug: str) -> Response:
    """List the things of one class; as CSV with all that its form asks, to be changed in a spreadsheet and imported again."""
    form = chosen_form(slug)
    table = tables().of(form)
    if request.args.get("format") == "csv":
        keys = [(row.owner, row.iri) for row in ordered(table, asked(table), language())]
        return csv_answer(csv_of(class_sheet.exported(world_maker()(), form, keys, language(), look_up.zone())), slug)
    links = {f"/registry/{slug}/new": _("New"), f"/registry/{slug}/import": _("Import"), "/registry": _("Registry")}
    return listed(table, List(slug, said(form.names), said(form.help), common_titles(), common_values(), links))


# --- what is wrong ----------------------------------------------------------------------------------------------------------------------


@pages.get("/registry/findings")
@rule.operator
def findings() -> BaseResponse:
    """List everything that is wrong in the registry, by severity and kind; while it is looked for, say how far that is."""
    looked = survey()
    if looked.pending():
        work = background().start("findings", "", looked.look)  # every operator's alike
        if not work.wait(PATIENCE_S):
            return progress_page(work, _("Looking at the whole registry"), "/registry/findings")
        if work.stopped:
            return redirect("/registry", code=303)
        if work.error is not None:
            raise work.error
    found = looked.look()
    shown = _narrowed(found)
    if request.args.get("format") == "csv":
        return csv_answer(csv_of(_sheet(shown)), "findings")
    number = request.args.get("page", "1")
    pages_ = max(1, -(-len(shown) // PER_PAGE))
    at = min(max(1, int(number) if number.isdecimal() and len(number) < 9 else 1), pages_)
    part = shown[(at - 1) * PER_PAGE : at * PER_PAGE]
    return make_response(
        render_template(
            "findings.html",
            groups=[(key, list(each)) for key, each in groupby(part, key=lambda one: (one.severity, one.fault))],
            counts=_counts(shown),
            kinds=kinds(),
            severities=severities(),
            faults=list(Fault),
            found=len(shown),
            of=len(found),
            page=at,
            pages=pages_,
            given={name: request.args.get(name, "") for name in ("q", "severity", "fault")},
            address=_address,
            text_of=lambda each: said(each.told),
            mend=mend,
            zone=look_up.zone(),
        )
    )


def mend(each: Found) -> str:
    """The address of the form that mends it, at its field; empty where no form does."""
    prefix = f"{services().iris.base}/id/"
    if not each.thing.startswith(prefix):
        return ""
    return f"/things/{quote(each.key)}/edit#f-{each.field}" if each.field else f"/things/{quote(each.key)}"


def _narrowed(found: Iterable[Found]) -> list[Found]:
    words = request.args.get("q", "").casefold().split()
    severity, fault = request.args.get("severity", ""), request.args.get("fault", "")
    return [
        each
        for each in found
        if (not severity or each.severity == severity) and (not fault or each.fault == fault) and all(word in each.text for word in words)
    ]


def _counts(found: Iterable[Found]) -> dict[tuple[str, Fault], int]:
    counts: dict[tuple[str, Fault], int] = {}
    for each in found:
        counts[each.severity, each.fault] = counts.get((each.severity, each.fault), 0) + 1
    return counts


def _address(**changes: str | int) -> str:
    asked_for = {name: value for name, value in {**request.args.to_dict(), **changes}.items() if value not in ("", 1)}
    return f"{request.path}?{urlencode(asked_for)}" if asked_for else request.path


def _sheet(found: Iterable[Found]) -> list[list[str]]:
    rows = [[each.severity, each.fault.value, each.key, each.owner, each.field, said(each.names), said(each.told)] for each in found]
    return [["severity", "kind", "key", "member", "field", "name", "sentence"], *rows]


def kinds() -> Mapping[str, str]:
    """What the kinds of findings are called."""
    return {
        Fault.MISSING: _("Something is missing"),
        Fault.WRONG: _("A value is not allowed"),
        Fault.UNKNOWN: _("Unknown terms"),
        Fault.NOWHERE: _("Refers to nothing"),
        Fault.FOREIGN: _("Refers to another member's things"),
        Fault.TWICE: _("Described twice"),
    }


def severities() -> Mapping[str, str]:
    """What the severities of findings are called."""
    return {"Violation": _("Wrong"), "Warning": _("Doubtful"), "Info": _("Worth knowing")}


# --- work under way ----------------------------------------------------------------------------------------------------------------------


def progress_page(work: Work, title: str, then: str) -> Response:
    """Say how far some work is, until it has ended; `then` is where its result is shown."""
    return make_response(render_template("progress.html", work=work, title=title, then=then, zone=look_up.zone()))


def my_work(key: str) -> Work:
    """The work of whoever asks.

    Raises
    ------
    NotFoundError
        If there is none of that key, or it is somebody else's.
    """
    found = background().find(key, principal().key)
    if found is None:
        raise NotFoundError(_("There is no such work, or no longer; begin it again"))
    return found


@pages.get("/registry/work/<key>")
@rule.operator
def work(key: str) -> Response:
    """Say in JSON how far some work is."""
    found = my_work(key)
    return jsonify({"done": found.done, "total": found.total, "ended": found.ended.is_set()})


@pages.post("/registry/work/<key>/stop")
@rule.operator
def stop(key: str) -> BaseResponse:
    """Stop some work."""
    my_work(key).stop()
    return redirect("/registry", code=303)
