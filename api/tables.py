"""The lists that operators work in: members and controllable devices, and what every list has (search, filters, order, pages, CSV)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from flask import Blueprint, Flask, Response, current_app, make_response, render_template, request

from api import look_up
from api.guard import rule
from api.languages import _, language, said
from api.services import services
from forms import made, sheets
from forms.index import Index
from forms.lists import Tables
from forms.tables import Cell, Column, Page, Table, Wanted, ordered, page

pages = Blueprint("tables", __name__)
OWN = ("q", "sort", "page", "format", "bom", "lang")


def tables() -> Tables:
    """The lists of this platform, made when they are first asked for and kept true from then on."""
    known = current_app.extensions
    if "flexcoop.tables" not in known:
        iris = services().iris
        known["flexcoop.tables"] = Tables(Index(services().store, iris, time.monotonic), iris)
    found: Tables = known["flexcoop.tables"]
    return found


def warm(app: Flask) -> None:
    """Make the forms, and read the registry into memory, before the first list is asked for."""
    with app.app_context():
        made.forms()
        tables().ders()
        tables().members()


@dataclass(frozen=True)
class List:
    """What the template of a list needs beside its rows.

    Attributes
    ----------
    name : first part of the file's name when it is exported
    title, about : heading, and a sentence below it
    titles : words for the columns that the shapes don't name
    values : words for values that are no terms: `offered`
    links : address → words, above the list
    """

    name: str
    title: str
    about: str
    titles: Mapping[str, str]
    values: Mapping[str, str]
    links: Mapping[str, str]


@pages.get("/members")
@rule.operator
def everyone() -> Response:
    """List the members: home, feeder, devices, box and contract."""
    return listed(
        tables().members(),
        List(
            "members",
            _("Members"),
            "",
            common_titles(),
            common_values(),
            {"/ders": _("Controllable devices"), "/registry/member/new": _("New member"), "/registry/member/import": _("Import")},
        ),
    )


@pages.get("/ders")
@rule.operator
def ders() -> Response:
    """List the controllable devices: type, owner, feeder, rated power, and whether they may be called."""
    return listed(
        tables().ders(),
        List(
            "devices",
            _("Controllable devices"),
            _("What can be called to use less, use more or produce. Offered: its owner lets it take part."),
            common_titles(),
            common_values(),
            {"/members": _("Members"), "/registry": _("Registry")},
        ),
    )


def listed(table: Table, about: List) -> Response:
    """Answer with one page of a list, or with all that was asked for as CSV."""
    wanted = asked(table)
    if request.args.get("format") == "csv":
        return csv_answer(sheets.csv_of(_sheet(table, wanted)), about.name)
    shown = page(table, wanted, language())
    return make_response(
        render_template(
            "table_list.html",
            about=about,
            columns=table.columns,
            page=shown,
            wanted=wanted,
            title_of=lambda column: said(column.names) or about.titles.get(column.key, column.key),
            text_of=lambda cell: cell_text(cell, about.values),
            link_of=link,
            choice_of=lambda cell: cell.iri or str(cell.value),
            address=lambda **changes: _address(wanted, **changes),
            zone=look_up.zone(),
            narrow=_narrow(table.columns, shown),
        )
    )


def asked(table: Table) -> Wanted:
    """What the address asks of a list; what is not known to it is passed over."""
    args = request.args
    narrowed = {column.key: value for column in table.columns if column.choice and (value := args.get(column.key, ""))}
    order = args.get("sort", "")
    known = table.column(order.removeprefix("-")) is not None
    number = args.get("page", "1")
    return Wanted(
        args.get("q", "").strip()[:200], narrowed, order if known else "", int(number) if number.isdecimal() and len(number) < 9 else 1
    )


def csv_answer(text: str, name: str) -> Response:
    """Give a file to be opened in a spreadsheet; with `?bom=1` it begins with the mark by which some of them know UTF-8."""
    mark = "\ufeff" if request.args.get("bom") == "1" else ""
    answer = Response(mark + text, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def link(cell: Cell) -> str:
    """Where the name of a thing leads to; empty where it is no thing of ours."""
    prefix = f"{services().iris.base}/id/"
    if not cell.iri.startswith(prefix):
        return ""
    local = cell.iri[len(prefix) :]
    kind, _slash, key = local.partition("/")
    return f"/members/{quote(key)}" if kind == "member" and "/" not in key else f"/things/{quote(local)}"


def cell_text(cell: Cell, values: Mapping[str, str]) -> str:
    """The words of a cell that has any."""
    if isinstance(cell.value, bool):
        return _("Yes") if cell.value else _("No")
    return said(cell.names) or values.get(str(cell.value), "") or str(cell.value)


def _address(wanted: Wanted, **changes: str | int) -> str:
    """The address of the same list with something else asked of it."""
    now: dict[str, str | int] = {"q": wanted.search, "sort": wanted.order, **wanted.narrowed, **changes}
    given = {name: value for name, value in now.items() if value not in ("", 1)}
    return f"{request.path}?{urlencode(given)}" if given else request.path


def _narrow(columns: tuple[Column, ...], shown: Page) -> list[Column]:
    """The columns by which it is worth while to narrow."""
    return [column for column in columns if len(shown.options.get(column.key, ())) > 1]


def _sheet(table: Table, wanted: Wanted) -> list[list[str]]:
    """What was asked for as rows of text; things by their key, so that a program can use them."""
    head = ["key", *(column.key for column in table.columns)]
    return [
        head,
        *([row.key, *(_flat(row.cells.get(column.key, ())) for column in table.columns)] for row in ordered(table, wanted, language())),
    ]


def _flat(cells: tuple[Cell, ...]) -> str:
    return " | ".join(said(cell.names) or ("" if cell.value is None else str(cell.value)) for cell in cells)


def common_titles() -> dict[str, str]:
    """Words for columns that no shape names."""
    return {
        "name": _("Name"),
        "owner": _("Member"),
        "home": _("Home"),
        "type": _("Type"),
        "feeder": _("Feeder"),
        "devices": _("Devices"),
        "kw": _("Rated power, kW"),
        "box": _("Open Smart Box"),
        "state": _("State"),
        "contract": _("Under contract"),
        "twin": _("Copy of"),
    }


def common_values() -> dict[str, str]:
    """Words for values that no term stands for."""
    return {
        "offered": _("offered"),
        "withheld": _("withheld"),
        "undecided": _("not decided"),
        "ready": _("ready"),
        "nobox": _("no box yet"),
        "nocontract": _("no contract yet"),
        "yes": _("Yes"),
        "no": _("No"),
    }
