"""What keeps the data in order, as commands: loads and jobs with their progress, dead letters, health. JSON in, JSON out, like `verbs`."""

import base64
import binascii
import dataclasses
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from kg.terms import duration, instant
from service import Platform
from telemetry.alarms import Health
from telemetry.jobs import JobStoppedError, Report
from telemetry.load import Loaded, Loader
from telemetry.refused import OPEN, STATES, DeadLetter, UnknownLetterError
from telemetry.replay import NotReplayableError, Replayed

log = logging.getLogger("flexcoop")
Arguments = dict[str, Any]
Command = Callable[[Arguments], dict[str, Any]]
_LISTED = 100
_TOLD_EVERY = 20  # transactions between two lines in the log


class ArgumentError(ValueError):
    """A command was given arguments it can't use."""


@dataclass(frozen=True)
class Step:
    """How far a long command has come: a share where it is known, and a sentence."""

    share: float | None
    sentence: str


def text_of(given: Arguments, name: str) -> str:
    """Return an argument that must be a text.

    Raises
    ------
    ArgumentError
        If it is missing or empty.
    """
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise ArgumentError(f"{name} is missing; give it as a text")
    return value


Tell = Callable[[Step], None]
Stop = Callable[[], bool]
Done = TypeVar("Done")


class Work:
    """Long commands that are under way, by a key that whoever started one has chosen; safe from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[str, threading.Event] = {}
        self._steps: dict[str, Step] = {}

    def run(self, key: str, name: str, task: Callable[[Tell, Stop], Done]) -> Done:
        """Do something long and return what came of it; meanwhile others may ask how far it is, and stop it."""
        stop = threading.Event()
        with self._lock:
            if key in self._stops:
                raise ArgumentError(f"something with the key {key!r} is under way already; choose another key")
            self._stops[key] = stop
        try:
            return task(self._told(name, key), stop.is_set)
        finally:
            with self._lock:
                del self._stops[key]
                self._steps.pop(key, None)

    def progress(self, key: str) -> dict[str, Any]:
        """How far a command has come; `under_way` is false once it is done."""
        with self._lock:
            found = self._steps.get(key, Step(None, "beginning")) if key in self._stops else None
        return {"under_way": False} if found is None else {"under_way": True, "share": found.share, "sentence": found.sentence}

    def stop(self, key: str) -> dict[str, Any]:
        """Let a command end after the portion at hand."""
        with self._lock:
            found = self._stops.get(key)
        if found is not None:
            found.set()
        return {"stopping": found is not None}

    def _told(self, name: str, key: str) -> Tell:
        steps = [0]

        def told(step: Step) -> None:
            with self._lock:
                self._steps[key] = step
            steps[0] += 1
            if steps[0] % _TOLD_EVERY == 0:
                log.info("%s: %s", name, step.sentence)

        return told


def commands(platform: Platform, work: Work) -> dict[str, Command]:
    """Return the commands, bound to a platform."""

    def progress(given: Arguments) -> dict[str, Any]:
        return work.progress(str(given.get("key", "")))

    def stop(given: Arguments) -> dict[str, Any]:
        return work.stop(str(given.get("key", "")))

    def job(name: str, task: Callable[[Report, Stop], dict[str, Any]]) -> Command:
        def run(given: Arguments) -> dict[str, Any]:
            def begin(tell: Tell, stop: Stop) -> dict[str, Any]:
                return task(lambda at: tell(Step(at.done / at.total if at.total else None, f"{at.phase}: {at.sentence}")), stop)

            try:
                return {"ok": True} | work.run(str(given.get("key") or name), name, begin)
            except JobStoppedError as stopped:
                return {"ok": False, "stopped": str(stopped)}

        return run

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
        return spelt(platform.monitor.survey())

    return {
        "progress": progress,
        "stop": stop,
        "refused": refused,
        "health": health,
        "retain": job("retain", lambda report, stop: platform.retain(platform.now(), stop=stop, report=report)),
        "rebuild": job("rebuild", lambda report, stop: platform.rebuild(stop=stop, report=report)),
    }


def load(platform: Platform, work: Work, file: Path, given: Arguments) -> dict[str, Any]:
    """Load a file of readings; `key` names the load for those who ask how far it is."""
    loader = Loader(platform.store, platform.iris, platform.channels, platform.writer, platform.dead_letters)

    def begin(tell: Tell, stop: Stop) -> Loaded:
        return loader.load(file, received=platform.now(), progress=lambda at: tell(Step(at.share, at.sentence)), stop=stop)

    loaded = work.run(str(given.get("key") or file), file.name, begin)
    found: dict[str, Any] = json_of(loaded)
    return {"ok": not loaded.refused and not loaded.interrupted, **found}


def spelt(health: Health) -> dict[str, Any]:
    """Spell the state of the data as JSON."""
    found: dict[str, Any] = json_of(health)
    return {"ok": health.ok, **found}


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
    return time_of(name, str(text)) if text else None


def time_of(name: str, text: str) -> datetime:
    """Read the time that an argument names.

    Raises
    ------
    ArgumentError
        If it is none, or has no offset.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentError(f"{name}={text!r} is not a time; write it like 2016-08-30T18:00-07:00") from error
    if at.tzinfo is None:
        raise ArgumentError(f"{name}={text!r} has no offset, so it names no instant; write it like 2016-08-30T18:00-07:00")
    return at


def json_of(value: Any) -> Any:  # noqa: ANN401  (anything JSON can hold)
    """Spell dataclasses, times and money as JSON."""
    match value:
        case dict():
            return {str(key): json_of(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [json_of(item) for item in value]
        case datetime():
            return instant(value)
        case timedelta():
            return duration(value)
        case date() | Decimal():
            return str(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case None | bool() | int() | float() | str():
            return value
    if dataclasses.is_dataclass(value):
        return {field.name: json_of(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value.tolist() if hasattr(value, "tolist") else str(value)
