"""Replay dead letters: a payload, as it came or mended, goes over the same border as a fresh message.

What came on a topic is read, checked against its sender and written as `telemetry.ingest` does it; rows of a file as `telemetry.load`
does it. The outcome is kept with the letter. Replaying is idempotent, so that one that was cut off half-way is simply repeated.
"""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from kg.errors import StoreError
from kg.iris import Iris
from kg.store import Store
from mappers import telemetry as mapped
from mappers.errors import MappingError
from mappers.records import Message, Refusal
from shapes import InvalidGraphError
from telemetry import announce
from telemetry.channels import Channels
from telemetry.errors import RefusedMessageError, TelemetryError
from telemetry.load import Loader
from telemetry.refused import OPEN, DeadLetter, DeadLetters, Mending
from telemetry.writer import ReadingWriter

_TOPIC = "flexcoop/osb/"
_FILE = "file "
_SENTENCES = 20


class NotReplayableError(TelemetryError, RuntimeError):
    """A letter can't be replayed: it holds no payload, came from nowhere known, or isn't open any more."""


@dataclass(frozen=True)
class Replayed:
    """What came of a replay.

    Parameters
    ----------
    letter
        Its number.
    accepted
        Readings that the store took or had already (1 for an announcement or a report).
    refused
        What was still refused, with its sentence.
    state
        The letter's state now: it is no longer `open` only if nothing was refused.
    """

    letter: int
    accepted: int
    refused: tuple[str, ...]
    state: str

    @property
    def ok(self) -> bool:
        """Whether everything was accepted."""
        return not self.refused


class Replay:
    """Replays dead letters.

    Parameters
    ----------
    store, iris, channels, writer, letters
        The graph, the writer of the platform, and the list.
    on_report
        Takes a box's report: its identifier and the report. A `ValueError` refuses it with that sentence.
    """

    def __init__(
        self,
        store: Store,
        iris: Iris,
        channels: Channels,
        writer: ReadingWriter,
        letters: DeadLetters,
        on_report: Callable[[str, dict[str, Any]], None],
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._store = store
        self._iris = iris
        self._channels = channels
        self._writer = writer
        self._letters = letters
        self._on_report = on_report
        self._alone = alone

    def replay(self, number: int, *, now: datetime, payload: bytes | None = None) -> Replayed:
        """Send one letter over the border again.

        Parameters
        ----------
        number
            Of the letter.
        now
            When it counts as received.
        payload
            The mended one; the last one that was tried, or the letter's own, where absent.

        Raises
        ------
        UnknownLetterError
            If there is no such letter.
        NotReplayableError
            If it is not open, holds nothing, or its source is unknown.
        kg.errors.StoreError
            If the store did not take it; then nothing is recorded, and the replay may be repeated.
        """
        letter = self._letters.known(number)
        if letter.state != OPEN:
            raise NotReplayableError(f"dead letter {number} is {letter.state}, not open; there is nothing to replay")
        given = letter.latest_payload if payload is None else payload
        if not given:
            raise NotReplayableError(f"dead letter {number} holds no payload; give one with --with, or drop it with --drop")
        accepted, refused = self._send(letter, given, now)
        if not accepted and not refused:
            refused = [f"nothing in it is a reading, so nothing came of dead letter {number}; mend it again, or drop it with --drop"]
        sentence = _lines(refused)
        self._letters.record(number, Mending(now, None if given == letter.payload else given, accepted, sentence))
        return Replayed(number, accepted, tuple(refused), self._letters.known(number).state)

    def _send(self, letter: DeadLetter, payload: bytes, now: datetime) -> tuple[int, list[str]]:
        """Accepted readings, and the sentences of what was refused."""
        if letter.source.startswith(_FILE):
            return self._rows(payload, now)
        osb, _, verb = letter.source.removeprefix(_TOPIC).partition("/")
        ways: dict[str, Callable[[str, bytes, datetime, datetime], tuple[int, list[str]]]] = {
            "telemetry": self._telemetry,
            "announce": self._announcement,
            "report": self._report,
        }
        if not letter.source.startswith(_TOPIC) or verb not in ways:
            raise NotReplayableError(
                f"dead letter {letter.id} came from {letter.source!r}, which nothing here listens to; drop it with --drop"
            )
        try:
            return ways[verb](osb, payload, now, letter.at)
        except (StoreError, OSError):
            raise
        except (MappingError, RefusedMessageError, InvalidGraphError, ValueError) as error:
            return 0, [str(error)]

    def _telemetry(self, osb: str, payload: bytes, now: datetime, came: datetime) -> tuple[int, list[str]]:
        sender = announce.osb_iri(self._iris, osb)
        message = mapped.lift(payload, base=f"{self._iris.base}/id/", sender=sender, received=came)
        if message.made_by != sender:
            raise RefusedMessageError(
                f"{message.id}: it says it was made by {message.made_by}, but came on the topic of {osb}; send it on the sender's own topic"
            )
        own, foreign = self._own(osb, message)
        (outcome,) = self._writer.write_many([own], received=now)
        taken = outcome.accepted + outcome.duplicates + outcome.reported
        return taken, [one.sentence for one in (*message.refused, *foreign, *outcome.refused)]

    def _own(self, osb: str, message: Message) -> tuple[Message, list[Refusal]]:
        """Part what is said of the sender's own channels from what is said of others."""
        own_graph = f"/osb/{osb.removeprefix('osb-')}"
        named = {one.channel for one in message.series} | {one.channel for one in message.flags}
        known = {iri: channel for iri in named if (channel := self._channels.get(iri)) is not None}
        foreign = {iri for iri, channel in known.items() if not channel.graph.endswith(own_graph)}
        why = f"is a channel of another OSB, and {osb} may not speak for it"
        refused = [Refusal(message.id, iri, why, "send only readings of the channels you have announced") for iri in sorted(foreign)]
        series = tuple(one for one in message.series if one.channel not in foreign)
        return replace(message, series=series, flags=tuple(one for one in message.flags if one.channel not in foreign)), refused

    def _announcement(self, osb: str, payload: bytes, *_: datetime) -> tuple[int, list[str]]:
        announce.register(self._store, self._iris, self._channels, osb, payload, self._alone)
        return 1, []

    def _report(self, osb: str, payload: bytes, *_: datetime) -> tuple[int, list[str]]:
        report = orjson.loads(payload)
        if not isinstance(report, dict) or not isinstance(report.get("message"), str):
            raise TelemetryError('a report must be a JSON object with the id of the message; add "message"')
        self._on_report(osb, report)
        return 1, []

    def _rows(self, payload: bytes, now: datetime) -> tuple[int, list[str]]:
        with tempfile.TemporaryDirectory(prefix="flexcoop-replay-") as folder:
            path = Path(folder) / "mended.csv"
            path.write_bytes(payload)
            try:
                loaded = Loader(self._store, self._iris, self._channels, self._writer).load(path, received=now)
            except MappingError as error:
                return 0, [str(error)]
        return loaded.accepted + loaded.duplicates, list(loaded.sentences)


def _lines(sentences: list[str]) -> str:
    distinct = list(dict.fromkeys(sentences))
    more = [f"… and {len(distinct) - _SENTENCES} more"] if len(distinct) > _SENTENCES else []
    return "\n".join(distinct[:_SENTENCES] + more)
