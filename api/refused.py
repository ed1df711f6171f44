"""Dead letters: the list, one letter with its payload, and its mending."""

import base64
import gzip
import io
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.errors import NotFoundError
from api.guard import rule
from api.languages import _, later
from api.services import services
from telemetry.refused import OPEN, STATES, DeadLetter

pages = Blueprint("refused", __name__)
MOST = 100
LONGEST_SHOWN = 1 << 20
REASONS = {  # the words of `telemetry.refused.reason_of`, as people call them
    "unknown-channel": later("unknown channel"),
    "foreign-channel": later("channel of another box"),
    "foreign-sender": later("another sender"),
    "unclaimed-box": later("box without an owner"),
    "wrong-unit": later("wrong unit"),
    "no-unit": later("without a unit"),
    "wrong-step": later("wrong step"),
    "off-grid": later("between two intervals"),
    "time-too-early": later("time too early"),
    "time-too-late": later("time too late"),
    "no-offset": later("time without an offset"),
    "not-a-time": later("not a time"),
    "not-a-number": later("not a number"),
    "foreign-context": later("unknown context"),
    "wrong-columns": later("wrong columns"),
    "described-elsewhere": later("described elsewhere"),
    "our-own-fault": later("fault of the platform"),
    "not-readable": later("not readable"),
    "other": later("another reason"),
}
FILTERS = ("source", "reason", "since", "until", "state")


class FilterError(ValueError):
    """A list was asked for by something that is no filter."""


@pages.get("/-/refused")
@rule.operator
def refused() -> Response:
    """List what was refused at the border, newest first, each with its sentence; filters by source, reason, time and state."""
    known, args = services(), request.args
    state = args.get("state", OPEN)
    if state not in (*STATES, "all"):
        raise FilterError(f"state={state!r} is no state of a dead letter; use {', '.join(STATES)} or all")
    letters = known.dead_letters.list(
        MOST,
        source=args.get("source", ""),
        reason=args.get("reason", ""),
        since=_time("since"),
        until=_time("until"),
        state="" if state == "all" else state,
        before=args.get("before", type=int),
    )
    if _wants_json():
        return jsonify([_spelt(letter) for letter in letters])
    given = {name: args.get(name, "") for name in FILTERS} | {"state": state}
    older = urlencode({**{name: value for name, value in given.items() if value}, "before": letters[-1].id}) if len(letters) == MOST else ""
    counts = {each: known.dead_letters.count(each) for each in STATES}
    page = render_template(
        "refused.html",
        data=letters,
        given=given,
        reasons=known.dead_letters.reasons(),
        called=_called,
        counts=counts,
        states=(*STATES, "all"),
        older=older,
        zone=look_up.zone(),
    )
    return make_response(page)


def _called(word: str) -> str:
    """A word for a reason in the reader's language."""
    return _(REASONS.get(word, word))


@pages.get("/-/refused/<int:number>")
@rule.operator
def letter(number: int) -> Response:
    """Show one letter with its payload, and the form that mends and replays it."""
    found = services().dead_letters.get(number)
    if found is None:
        raise NotFoundError(f"There is no dead letter {number}; the list is at /-/refused")
    if _wants_json():
        return jsonify(_spelt(found))
    text = readable(found.latest_payload)
    return make_response(
        render_template(
            "letter.html",
            letter=found,
            text=text,
            original=readable(found.payload) or found.payload[:LONGEST_SHOWN].decode("utf-8", "backslashreplace"),
            zone=look_up.zone(),
        )
    )


@pages.get("/-/refused/<int:number>/payload")
@rule.operator
def payload(number: int) -> Response:
    """Give the payload of a letter as it came, to be mended elsewhere."""
    found = services().dead_letters.get(number)
    if found is None:
        raise NotFoundError(f"There is no dead letter {number}; the list is at /-/refused")
    answer = Response(found.payload, content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="letter-{number}"'
    return answer


@pages.post("/-/refused/<int:number>/replay")
@rule.operator
def replay(number: int) -> BaseResponse:
    """Send the letter over the border again, with the payload of the form where it was mended."""
    known = services()
    found = known.dead_letters.known(number)
    arguments: dict[str, Any] = {"replay": number}
    text = request.form.get("payload")
    if text is not None and _unified(text) != _unified(readable(found.latest_payload) or ""):
        arguments["payload64"] = base64.b64encode(_as_sent(text, found.payload).encode()).decode()
    known.commands["refused"](arguments)
    return redirect(f"/-/refused/{number}", code=303)


@pages.post("/-/refused/<int:number>/drop")
@rule.operator
def drop(number: int) -> BaseResponse:
    """Set the letter aside."""
    services().commands["refused"]({"drop": number})
    return redirect("/-/refused", code=303)


def readable(payload: bytes) -> str | None:
    """A payload as text to be edited: unpacked, and JSON indented; `None` where it is no text or too long for a page."""
    try:
        if payload[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(payload)) as packed:
                payload = packed.read(LONGEST_SHOWN + 1)
        if len(payload) > LONGEST_SHOWN:
            return None
        text = payload.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError):
        return None
    if "\0" in text:
        return None
    return _indented(text) or text


def _indented(text: str) -> str | None:
    """JSON over several lines, unless that would change a number's spelling."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    shown = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    same = "".join(orjson.dumps(document).decode().split()) == "".join(text.split())
    return shown if same else None


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip("\n")


def _as_sent(text: str, original: bytes) -> str:
    """A browser ends the lines of a form with CR LF; the payload had its own way."""
    return text if b"\r\n" in original else text.replace("\r\n", "\n")


def _time(name: str) -> datetime | None:
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise FilterError(f"{name}={text!r} is not a time; write it like 2016-08-30T18:00Z") from error
    if at.tzinfo is None:
        raise FilterError(f"{name}={text!r} has no offset, so it names no instant; write it like 2016-08-30T18:00Z")
    return at


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json"


def _spelt(letter: DeadLetter) -> dict[str, Any]:
    """Spell a letter as JSON; a payload that is no text is shown with its bytes escaped."""
    return {
        "id": letter.id,
        "at": letter.at.isoformat(),
        "last": letter.last.isoformat(),
        "source": letter.source,
        "reasons": list(letter.reasons),
        "sentence": letter.sentence,
        "times": letter.times,
        "state": letter.state,
        "payload": letter.payload.decode("utf-8", "backslashreplace"),
        "mendings": [{"at": one.at.isoformat(), "accepted": one.accepted, "sentence": one.sentence} for one in letter.mendings],
    }
