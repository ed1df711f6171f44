"""Imports: a sheet is sent, what each row would change is shown, and all good rows are written at once when that is confirmed."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.background import Told, Work
from api.guard import principal, rule
from api.languages import _, language, said
from api.registry_pages import PATIENCE_S, background, chosen_form, fresh_world, my_work, progress_page
from api.services import services
from api.tables import csv_answer
from forms import bulk, class_sheet, home_sheet
from forms.bulk import Outcome, Preview
from forms.sheets import MOST_BYTES, MOST_ROWS, Sheet, SheetError, csv_of, read
from forms.tables import PER_PAGE
from forms.told import say
from registry.edits import Receipt
from registry.errors import StaleEditError

pages = Blueprint("imports", __name__)
HOME = "home"  # in the place of a class: members with their homes


@dataclass
class Import:
    """A sheet under way.

    Attributes
    ----------
    slug, title : of the class, or `home`
    file : its name, as it was sent
    writing : the work of writing it, once it was confirmed
    """

    slug: str
    title: str
    file: str
    writing: Work | None = None


@pages.get("/registry/<slug>/import")
@rule.operator
def ask(slug: str) -> Response:
    """Ask for a sheet, and say which columns it has; with `?format=csv` as an empty sheet."""
    columns = _columns(slug)
    if request.args.get("format") == "csv":
        return csv_answer(csv_of([columns]), f"{slug}-empty")
    return _form(slug)


@pages.post("/registry/<slug>/import")
@rule.operator
def preview(slug: str) -> BaseResponse:
    """Read a sheet, and begin to look at its rows; nothing is written."""
    title = _title(slug)
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _form(slug, _("No file was sent; choose one."))
    content = sent.stream.read(MOST_BYTES + 1)
    try:
        sheet = read(content)
        look = _looker(slug, sheet)
    except SheetError as error:
        return _form(slug, error.sentence(language()))
    work = background().start(f"import {principal().key} {id(sheet)}", principal().key, look, Import(slug, title, sent.filename[:80]))
    work.wait(PATIENCE_S)
    return redirect(f"/registry/imports/{work.key}", code=303)


def _looker(slug: str, sheet: Sheet) -> Callable[[Told], Preview]:
    """What looks at the rows; it runs outside of this request, so it takes with it what it needs of it."""
    world, reader, zone = fresh_world(), language(), look_up.zone()
    if slug == HOME:
        rows = home_sheet.rows(world, sheet, reader)
        return lambda told: bulk.preview(world, sheet, rows, reader, zone, told)
    form = chosen_form(slug)
    written = class_sheet.language_of(sheet, reader)
    rows = class_sheet.rows(world, form, sheet, reader)
    return lambda told: bulk.preview(world, sheet, rows, written, zone, told)


@pages.get("/registry/imports/<key>")
@rule.operator
def shown(key: str) -> BaseResponse:
    """Show what a sheet would change, row by row, or what came of it; with `?format=csv` the refused rows."""
    work = my_work(key)
    sent = work.about
    if not isinstance(sent, Import):
        return redirect("/registry", code=303)
    if not work.wait(PATIENCE_S):
        return progress_page(work, _("Looking at the rows"), f"/registry/imports/{key}")
    if not isinstance(work.result, Preview):
        return _form(sent.slug, _("The import was stopped; nothing was written.") if work.stopped else str(work.error))
    if request.args.get("format") == "csv":
        return csv_answer(csv_of(work.result.refused), f"{sent.slug}-refused")
    if sent.writing is not None and not sent.writing.wait(PATIENCE_S):
        return make_response(
            render_template("import_writing.html", work=sent.writing, then=f"/registry/imports/{key}", zone=look_up.zone())
        )
    return _shown(key, sent, work.result)


def _shown(key: str, sent: Import, found: Preview, error: str = "") -> Response:
    only = request.args.get("only", "")
    lines = [line for line in found.lines if not only or line.outcome.value == only]
    number = request.args.get("page", "1")
    pages_ = max(1, -(-len(lines) // PER_PAGE))
    at = min(max(1, int(number) if number.isdecimal() and len(number) < 9 else 1), pages_)
    receipt = sent.writing.result if sent.writing is not None else None
    if sent.writing is not None and sent.writing.error is not None:
        error = str(sent.writing.error)
    return make_response(
        render_template(
            "import_preview.html",
            key=key,
            sent=sent,
            lines=lines[(at - 1) * PER_PAGE : at * PER_PAGE],
            cells=dict(found.sheet.rows),
            head=found.sheet.head,
            notes=[say(name, language(), **values) for name, values in found.sheet.notes],
            counts={outcome: found.count(outcome) for outcome in Outcome},
            outcomes=_outcomes(),
            only=only,
            page=at,
            pages=pages_,
            address=lambda page=1: f"/registry/imports/{key}?only={only}&page={page}",
            error=error,
            receipt=receipt if isinstance(receipt, Receipt) else None,
            local=lambda iri: services().iris.local(iri),
            zone=look_up.zone(),
        )
    )


@pages.post("/registry/imports/<key>")
@rule.operator
def confirm(key: str) -> BaseResponse:
    """Write all good rows in one transaction, unless something has changed since they were looked at."""
    work = my_work(key)
    sent, found = work.about, work.result
    if not isinstance(sent, Import) or not isinstance(found, Preview):
        return redirect("/registry", code=303)
    gate, by, reader = services().gate, principal().key, language()
    if gate is None:
        return _shown(key, sent, found, _("This platform only reads; start it with `flex serve`."))
    store = services().store
    why = request.form.get("why", "").strip()[:500] or f"import of {sent.file} into {sent.slug}"

    def write(told: Told) -> Receipt:
        del told  # one transaction: there is no half way
        with gate.held():
            if any(bulk.tag_of(store.graph(graph)) != tag for graph, tag in found.tags.items()):
                raise StaleEditError(say("changed-since", reader))
            return gate.apply(found.delta, by=by, why=why)

    if sent.writing is None or sent.writing.result is None:
        sent.writing = background().start(f"write {key}", by, write, sent)
        sent.writing.wait(PATIENCE_S)
    return redirect(f"/registry/imports/{key}", code=303)


def _form(slug: str, error: str = "") -> Response:
    page = render_template(
        "import.html",
        slug=slug,
        title=_title(slug),
        columns=_columns(slug),
        home=slug == HOME,
        form=None if slug == HOME else chosen_form(slug),
        error=error,
        most_rows=MOST_ROWS,
        most_mb=MOST_BYTES >> 20,
        zone=look_up.zone(),
    )
    return make_response(page, 422 if error else 200)


def _columns(slug: str) -> list[str]:
    return list(home_sheet.HEAD) if slug == HOME else class_sheet.columns(chosen_form(slug), language())


def _title(slug: str) -> str:
    return _("Members with home") if slug == HOME else said(chosen_form(slug).names)


def _outcomes() -> dict[Outcome, str]:
    return {
        Outcome.NEW: _("new"),
        Outcome.CHANGED: _("changed"),
        Outcome.SAME: _("as it is"),
        Outcome.REFUSED: _("refused"),
    }
