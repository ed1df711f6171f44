"""Imports: a sheet is sent, what each row would change is shown, and the good rows are written in slices when that is confirmed.

What was looked at is kept in memory for a while (`api.background`); from the first row that is written on, the import is on record in the
graph (`forms.import_record`), and this address shows that record, whoever asks and whatever became of the process.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.background import Told, Work
from api.errors import NotFoundError
from api.guard import principal, rule
from api.languages import _, language, said
from api.registry_pages import PATIENCE_S, background, chosen_form, progress_page, world_maker
from api.services import services
from api.tables import csv_answer
from forms import bulk, class_sheet, home_sheet, taking_back, writing
from forms.bulk import Outcome, Preview, Row
from forms.import_record import KEPT, Import, Records, spans
from forms.made import forms
from forms.sheets import MOST_BYTES, MOST_ROWS, Sheet, SheetError, csv_of, read
from forms.tables import PER_PAGE
from forms.told import say
from forms.world import World

pages = Blueprint("imports", __name__)
HOME = "home"  # in the place of a class: members with their homes


@dataclass(frozen=True)
class Sent:
    """A sheet that was sent.

    Attributes
    ----------
    slug, title : of the class, or `home`
    file : its name, as it was sent
    rows : reads rows of it in a look at what is there
    language, zone : in which its numbers are written and its sentences told; IANA zone of its instants
    """

    slug: str
    title: str
    file: str
    rows: Callable[[World, Sheet], list[Row]]
    language: str
    zone: str


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
    _title(slug)
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _form(slug, _("No file was sent; choose one."))
    try:
        return _looked_at(slug, sent.filename[:80], read(sent.stream.read(MOST_BYTES + 1)))
    except SheetError as error:
        return _form(slug, error.sentence(language()))


def _looked_at(slug: str, file: str, sheet: Sheet) -> BaseResponse:
    """Begin to look at the rows, outside of this request; lead to what comes of it."""
    worlds, reader, zone = world_maker(), language(), look_up.zone()
    sent = Sent(slug, _title(slug), file, *_reader(slug, sheet, reader), zone)
    rows = sent.rows(worlds(), sheet)

    def look(told: Told) -> Preview:
        return bulk.preview(worlds(), sheet, rows, sent.language, zone, told)

    work = background().start(f"import {principal().key} {id(sheet)}", principal().key, look, sent, len(sheet.rows))
    work.wait(PATIENCE_S)
    return redirect(f"/registry/imports/{work.key}", code=303)


def _reader(slug: str, sheet: Sheet, reader: str) -> tuple[Callable[[World, Sheet], list[Row]], str]:
    """What reads rows of a sheet, and the language that it is written in."""
    if slug == HOME:
        return lambda world, part: home_sheet.rows(world, part, reader), reader
    form = chosen_form(slug)
    return lambda world, part: class_sheet.rows(world, form, part, reader), class_sheet.language_of(sheet, reader)


# --- what is there ----------------------------------------------------------------------------------------------------------------------


def records() -> Records:
    """The imports that are on record."""
    return Records(services().store, services().iris)


@pages.get("/registry/imports")
@rule.operator
def every() -> Response:
    """List the last imports: who sent what, and what became of it."""
    shown = records().listed()
    running = {each.key for each in shown if background().under_way(_writing(each.key)) is not None}
    titles = {HOME: _title(HOME)} | {form.slug: said(form.names) for form in forms()}  # a class that is no more has none
    return make_response(render_template("import_list.html", imports=shown, running=running, titles=titles, zone=look_up.zone()))


@pages.get("/registry/imports/<key>")
@rule.operator
def shown(key: str) -> BaseResponse:
    """Show what a sheet would change, or what came of it; with `?format=csv` the rows that are refused or were not written."""
    known = records().find(key)
    work = background().find(key, principal().key) if known is None else background().under_way(_writing(key))
    here = f"/registry/imports/{key}"
    if known is not None:
        if request.args.get("format") == "csv":
            return csv_answer(csv_of(known.mended), f"{known.slug}-rest")
        if work is not None and not work.wait(PATIENCE_S):
            page = render_template("import_writing.html", work=work, of=known, title=_title(known.slug), then=here, zone=look_up.zone())
            return make_response(page)
        back = background().last(_taking_back(key))
        if back is not None and not back.wait(PATIENCE_S):
            return progress_page(back, _("The import is being taken back"), here)
        return _recorded(records().find(key) or known, back)
    sent = work.about if work is not None else None
    if work is None or not isinstance(sent, Sent):
        raise NotFoundError(_gone())
    if not work.wait(PATIENCE_S):
        return progress_page(work, _("Looking at the rows"), here)
    if not isinstance(work.result, Preview):
        return _form(sent.slug, _("The import was stopped; nothing was written.") if work.stopped else str(work.error))
    if request.args.get("format") == "csv":
        return csv_answer(csv_of(work.result.refused), f"{sent.slug}-refused")
    return _shown(key, sent, work.result)


def _gone() -> str:
    return _(
        "This preview is kept no longer: nobody looked at it for an hour, newer ones took its place, or the platform was started anew. "
        "Nothing of it was written; send the file again."
    )


def _shown(key: str, sent: Sent, found: Preview, error: str = "") -> Response:
    only = request.args.get("only", "")
    lines = [line for line in found.lines if not only or line.outcome.value == only]
    at, pages_ = _page(len(lines))
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
            local=lambda iri: services().iris.local(iri),
            zone=look_up.zone(),
        )
    )


def _recorded(known: Import, back: Work | None) -> Response:
    at, pages_ = _page(len(known.rest))
    return make_response(
        render_template(
            "import_record.html",
            of=known,
            title=_title(known.slug),
            rest=known.rest[(at - 1) * PER_PAGE : at * PER_PAGE],
            spans=spans(known.written),
            kept_days=KEPT.days,
            left=back.result if back is not None and isinstance(back.result, tuple) else (),
            halted=back is not None and back.stopped,
            failed=back is not None and back.error is not None and not back.stopped,
            page=at,
            pages=pages_,
            address=lambda page=1: f"/registry/imports/{known.key}?page={page}",
            zone=look_up.zone(),
        )
    )


def _page(count: int) -> tuple[int, int]:
    """Which page is asked for, of how many."""
    number = request.args.get("page", "1")
    last = max(1, -(-count // PER_PAGE))
    return min(max(1, int(number) if number.isdecimal() and len(number) < 9 else 1), last), last


# --- what is done -----------------------------------------------------------------------------------------------------------------------


@pages.post("/registry/imports/<key>")
@rule.operator
def confirm(key: str) -> BaseResponse:
    """Begin to write the good rows; each slice of them is written wholly, and what can't be written any more is told."""
    known = services()
    work = background().find(key, principal().key)
    sent, found = (work.about, work.result) if work is not None else (None, None)
    if records().find(key) is not None:
        return redirect(f"/registry/imports/{key}", code=303)
    if not isinstance(sent, Sent) or not isinstance(found, Preview):
        raise NotFoundError(_gone())
    if known.gate is None:
        return _shown(key, sent, found, _("This platform only reads; start it with `flex serve`."))
    why = ": ".join(filter(None, (f"import of {sent.file} into {sent.slug}", request.form.get("why", "").strip()[:500])))
    begun = Import(key, sent.slug, sent.file, principal().key, why, known.now(), rest=writing.rest_of(found))
    desk = writing.Desk(known.gate, known.store, records(), known.now, world_maker(), sent.rows, sent.language, sent.zone)
    works = background()

    def write(told: Told) -> None:
        if desk.records.find(key) is None:  # pressed twice, it is begun once
            desk.records.begin(begun)
            try:
                writing.write(desk, begun, found, told)
            finally:
                works.forget(key)

    works.start(_writing(key), "", write, weight=len(found.sheet.rows)).wait(PATIENCE_S)
    return redirect(f"/registry/imports/{key}", code=303)


def _taking_back(key: str) -> str:
    """What taking an import back is called among the works."""
    return f"take back {key}"


def _writing(key: str) -> str:
    """What the writing of an import is called among the works."""
    return f"write {key}"


@pages.post("/registry/imports/<key>/stop")
@rule.operator
def stop(key: str) -> BaseResponse:
    """Stop the writing of an import before its next slice; what is written stays."""
    work = background().under_way(_writing(key))
    if work is not None:
        work.stop()
        work.wait(PATIENCE_S)
    return redirect(f"/registry/imports/{key}", code=303)


@pages.post("/registry/imports/<key>/again")
@rule.operator
def again(key: str) -> BaseResponse:
    """Look once more at the rows that were not written, as if they had been sent again."""
    known = _ended(key)
    if not known.rest:
        return redirect(f"/registry/imports/{key}", code=303)
    return _looked_at(known.slug, known.file, known.sheet)


@pages.post("/registry/imports/<key>/discard")
@rule.operator
def discard(key: str) -> BaseResponse:
    """Keep the rows that were not written no longer."""
    records().discard(_ended(key))
    return redirect(f"/registry/imports/{key}", code=303)


@pages.post("/registry/imports/<key>/undo")
@rule.operator
def undo(key: str) -> BaseResponse:
    """Take back what an import wrote, owner by owner, if it was said that this is meant."""
    of, known = _ended(key), services()
    if known.gate is not None and request.form.get("sure") == "1":
        office = taking_back.Office(known.gate, known.store, known.iris, records(), known.now, principal().key, language())
        work = background().start(_taking_back(key), "", lambda told: taking_back.take_back(office, of, told))
        work.wait(PATIENCE_S)
    return redirect(f"/registry/imports/{key}", code=303)


def _ended(key: str) -> Import:
    """An import that nobody is writing.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    known = records().find(key)
    if known is None or background().under_way(_writing(key)) is not None:
        raise NotFoundError(_("There is no such import, or it is still being written; the imports are listed at /registry/imports"))
    return known


# --- words ------------------------------------------------------------------------------------------------------------------------------


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
