"""What was refused at the border, and what is wrong with the data that came in: dead letters and the boxes' health."""

import argparse
import base64
import binascii
from datetime import datetime
from pathlib import Path
from typing import Any

from commands.arguments import ArgumentError, Arguments, Verbs, json_of, read_time
from commands.context import Context
from commands.line import Declare
from commands.relay import relayed
from kg.terms import instant
from service import Platform
from telemetry.refused import OPEN, STATES, DeadLetter, UnknownLetterError
from telemetry.replay import NotReplayableError, Replayed

_LISTED = 100


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    refused = verb("refused", _refused, "list what was refused at the border; show, mend and replay it")
    refused.add_argument("letter", nargs="?", metavar="N", help="show this letter with its payload")
    refused.add_argument("--replay", metavar="N", help="send it over the border again; `all` takes every open letter that the filters find")
    refused.add_argument("--with", dest="mended", metavar="FILE", help="the mended payload of the letter that is replayed")
    refused.add_argument("--export", nargs=2, metavar=("N", "FILE"), help="write the letter's payload to a file, to be mended")
    refused.add_argument("--drop", metavar="N", help="set it aside without replaying it")
    refused.add_argument("--source", help="only of this box, topic or file")
    refused.add_argument("--reason", help="only for this reason, such as unknown-channel, or words of the sentence")
    refused.add_argument("--since", metavar="TIME", help="only refused since then, with offset")
    refused.add_argument("--until", metavar="TIME", help="only refused before then")
    refused.add_argument("--state", choices=("open", "mended", "dropped", "all"), help="open ones unless told otherwise")
    refused.add_argument("--limit", type=int, help="the newest so many; 100 unless told otherwise")
    verb("health", relayed("health"), "say what each box sends, what is missing, doubtful or refused, and what needs a look")


def verbs(platform: Platform) -> Verbs:
    """Return the verbs, bound to a platform."""

    def refused(given: Arguments) -> dict[str, Any]:
        if "letter" in given:
            return _letter(platform.dead_letters.known(_whole(given, "letter")), whole=True)
        if "drop" in given:
            number = _whole(given, "drop")
            platform.dead_letters.known(number)
            return {"ok": platform.dead_letters.drop(number), "dropped": number}
        if "replay" in given:
            return _replay(platform, given)
        return {"refused": [_letter(letter) for letter in _listed(platform, given)], "open": platform.dead_letters.count()}

    def health(_: Arguments) -> dict[str, Any]:
        found = platform.monitor.survey()
        spelt: dict[str, Any] = json_of(found)
        return {"ok": found.ok, **spelt}

    return {"refused": refused, "health": health}


def _refused(context: Context, given: argparse.Namespace) -> dict[str, Any]:
    """List dead letters, show one, export, mend and replay it, or set it aside."""
    filters = {name: getattr(given, name) for name in ("source", "reason", "since", "until", "state", "limit") if getattr(given, name)}
    if given.export is not None:
        number, file = given.export
        letter = context.ask("refused", {"letter": number})
        Path(file).write_bytes(base64.b64decode(letter["payload64"]))
        return {"letter": int(number), "file": str(Path(file).absolute()), "bytes": Path(file).stat().st_size}
    if given.replay is not None:
        mended = {} if given.mended is None else {"payload64": base64.b64encode(Path(given.mended).read_bytes()).decode()}
        return context.ask("refused", {"replay": given.replay} | mended | filters)
    if given.drop is not None:
        return context.ask("refused", {"drop": given.drop})
    if given.letter is not None:
        return {name: value for name, value in context.ask("refused", {"letter": given.letter}).items() if name != "payload64"}
    return context.ask("refused", filters)


def _replay(platform: Platform, given: Arguments) -> dict[str, Any]:
    """Replay one letter, or all open ones that a filter finds, the oldest first."""
    if given["replay"] != "all":
        return _outcome(platform.replay.replay(_whole(given, "replay"), now=platform.now(), payload=_payload(given)))
    if "payload64" in given:
        raise ArgumentError("a mended payload belongs to one letter; name its number instead of `all`")
    letters = sorted(letter.id for letter in _listed(platform, {"limit": 1_000_000} | given) if letter.latest_payload)
    done: list[Replayed] = []
    passed_over: list[int] = []
    for number in letters:
        try:
            done.append(platform.replay.replay(number, now=platform.now()))
        except (NotReplayableError, UnknownLetterError):  # one that can't be replayed, or was mended meanwhile, must not end the others
            passed_over.append(number)
    return {
        "ok": all(each.ok for each in done) and not passed_over,
        "replayed": len(done),
        "accepted": sum(each.accepted for each in done),
        "still_open": sorted([each.letter for each in done if not each.ok] + passed_over),
    }


def _outcome(done: Replayed) -> dict[str, Any]:
    return {"ok": done.ok, "letter": done.letter, "accepted": done.accepted, "refused": list(done.refused), "state": done.state}


def _payload(given: Arguments) -> bytes | None:
    if "payload64" not in given:
        return None
    try:
        return base64.b64decode(str(given["payload64"]), validate=True)
    except binascii.Error as error:
        raise ArgumentError(f"payload64 is no base64 ({error}); send the payload's bytes in base64") from error


def _listed(platform: Platform, given: Arguments) -> list[DeadLetter]:
    state = str(given.get("state", OPEN))
    if state not in (*STATES, "all"):
        raise ArgumentError(f"state={state!r} is no state of a dead letter; use {', '.join(STATES)} or all")
    return platform.dead_letters.list(
        _whole(given, "limit") if "limit" in given else _LISTED,
        source=str(given.get("source", "")),
        reason=str(given.get("reason", "")),
        since=_time(given, "since"),
        until=_time(given, "until"),
        state="" if state == "all" else state,
    )


def _letter(letter: DeadLetter, *, whole: bool = False) -> dict[str, Any]:
    """Spell a letter as JSON; its payload only where one letter was asked for."""
    shown: dict[str, Any] = {
        "id": letter.id,
        "at": instant(letter.at),
        "last": instant(letter.last),
        "times": letter.times,
        "source": letter.source,
        "reasons": list(letter.reasons),
        "sentence": letter.sentence,
        "state": letter.state,
        "bytes": len(letter.payload),
        "mendings": [{"at": instant(one.at), "accepted": one.accepted, "sentence": one.sentence} for one in letter.mendings],
    }
    if whole:
        shown["payload"] = letter.payload.decode("utf-8", "backslashreplace")
        shown["payload64"] = base64.b64encode(letter.latest_payload).decode()
    return shown


def _whole(given: Arguments, name: str) -> int:
    try:
        return int(given[name])
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name}={given[name]!r} is not a whole number; the numbers are in `flex refused`") from error


def _time(given: Arguments, name: str) -> datetime | None:
    text = given.get(name)
    return read_time(name, str(text)) if text else None
