"""From the broker into the graph: one thread listens, one writes, and a box is told only what the store has committed."""

import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson

from kg.errors import StoreError
from kg.iris import Iris
from kg.store import Store
from mappers import telemetry as mapped
from mappers.errors import MappingError
from mappers.records import Message, Refusal, Series
from shapes import InvalidGraphError
from telemetry import announce
from telemetry.answers import Answer, id_of
from telemetry.channels import Channels
from telemetry.errors import BrokerError, RefusedMessageError, TelemetryError
from telemetry.line import Arrived, Limits, Line
from telemetry.refused import DeadLetters
from telemetry.tls import TlsFiles
from telemetry.traffic import BoxState, Traffic
from telemetry.writer import Outcome, ReadingWriter

__all__ = ["Ingest", "Limits"]

_LOG = logging.getLogger(__name__)
_TOPIC = "flexcoop/osb"
_VERBS = ("announce", "telemetry", "report")
_SENTENCES = 20
_RENEW = "renew"
_REMEMBERED = 200_000
# An acknowledgement that is lost costs one message sent again, which adds nothing; at QoS 1 it would cost each one three times as much.
# It leaves before the message is confirmed to the broker, on the same connection: where the line breaks between, the message comes again.
_ACK_QOS = 0
_OUTCOMES = ("accepted", "duplicates", "superseded", "flagged", "reported")

_NOTHING: tuple[Sequence[Series], list[Refusal]] = ((), [])

OnReport = Callable[[str, dict[str, Any]], None]


class Ingest:
    """The platform's ear and voice on the broker.

    Parameters
    ----------
    host, port
        The broker.
    iris, store, writer, dead_letters, channels
        Where messages go; `channels` must be the registry that `writer` uses.
    clock
        Tells when a message is received (aware).
    on_report
        Called on the writer thread with the OSB's identifier and the report. A `StoreError` makes it be called again later; a
        `ValueError` refuses the report with that sentence.
    on_announced
        Called on the writer thread with the OSB's identifier once its graph is stored.
    on_ack_sent
        Called on the writer thread with the OSB's identifier and the message's id after each acknowledgement.
    on_renewal
        Called on the writer thread with the OSB's identifier and its request for a new certificate; returns what the OSB is answered on
        its topic `certificate`. Without it nobody listens to such requests.
    tls
        The platform's certificate, where the broker wants one; then the certificate's name is the name of the session, too.
    client_id
        Name of this platform's session on the broker; two platforms on one broker need different ones.
    """

    def __init__(
        self,
        host: str,
        port: int,
        iris: Iris,
        store: Store,
        writer: ReadingWriter,
        dead_letters: DeadLetters,
        *,
        channels: Channels,
        clock: Callable[[], datetime],
        on_report: OnReport,
        on_announced: Callable[[str], None] | None = None,
        on_ack_sent: Callable[[str, str], None] | None = None,
        on_renewal: Callable[[str, bytes], bytes] | None = None,
        tls: TlsFiles | None = None,
        client_id: str = "flexcoop-platform",
        limits: Limits | None = None,
        alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._iris = iris
        self._store = store
        self._writer = writer
        self._letters = dead_letters
        self._channels = channels
        self._clock = clock
        self._on_report = on_report
        self._on_announced = on_announced
        self._on_ack_sent = on_ack_sent
        self._on_renewal = on_renewal
        self._limits = limits or Limits()
        self._alone = alone
        self._handled: OrderedDict[str, None] = OrderedDict()
        self._news = threading.Condition()
        self._counts = dict.fromkeys((*_OUTCOMES, "messages", "refused", "batches", "store_failures"), 0)
        self._traffic = Traffic()
        self._backlog = 0
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._work, name="ingest-writer", daemon=True)
        self._line = Line(
            (host, port),
            [f"{_TOPIC}/+/{verb}" for verb in (_VERBS if on_renewal is None else (*_VERBS, _RENEW))],
            clock=clock,
            on_received=self._traffic.seen,
            tls=tls,
            client_id=client_id,
            limits=self._limits,
        )
        self._address = f"{host}:{port}"

    def start(self) -> None:
        """Connect, subscribe and begin to write; returns once the broker has confirmed the subscription.

        Raises
        ------
        BrokerError
            If the broker can't be reached or does not let us subscribe in time.
        """
        self._line.open()
        self._thread.start()
        if not self._line.wait_subscribed():
            self.stop()
            raise BrokerError(
                f"the MQTT broker at {self._address} did not confirm our subscription in {self._limits.connect_s:.0f} s; see its log"
            )

    def stop(self) -> None:
        """Finish the batch that is being written and leave; what is not written yet stays with the broker and the boxes."""
        self._line.stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._line.close()

    def publish(self, topic: str, payload: Mapping[str, Any] | bytes) -> None:
        """Send a message (QoS 1, not retained); while the broker is away it waits in memory."""
        self._line.publish(topic, payload if isinstance(payload, bytes) else orjson.dumps(payload))

    def dispatch(self, osb: str, payload: Mapping[str, Any]) -> None:
        """Send an instruction to the OSB with this identifier (`osb-h01`)."""
        self.publish(f"{_TOPIC}/{osb}/dispatch", payload)

    def wait_for(self, message_ids: Iterable[str], timeout: float) -> set[str]:
        """Wait until messages with these ids are committed (or refused for good) and acknowledged.

        Parameters
        ----------
        message_ids
            Absolute IRIs.
        timeout
            Longest wait [s].

        Returns
        -------
        The ids that are still missing: empty if all are there.
        """
        missing = set(message_ids)

        def arrived() -> bool:
            missing.difference_update([each for each in missing if each in self._handled])
            return not missing

        with self._news:
            self._news.wait_for(arrived, timeout)
        return missing

    def metrics(self) -> dict[str, float]:
        """Counts since the start, lags, and the state now.

        Messages, readings by what became of them, batches, store failures; `queued` and `backlog`: messages that wait for the writer,
        and that are not acknowledged yet; `trouble`: 1 while the store takes nothing; lags and delays as in `Traffic.metrics`.
        """
        queued = self._line.queued
        now = {"queued": queued, "backlog": queued + self._backlog, "trouble": float(self._trouble is not None)}
        return {**self._counts, **now, "connected": float(self._line.connected), **self._traffic.metrics()}

    def boxes(self) -> dict[str, BoxState]:
        """What each OSB has sent since the start, by its identifier: when last, how late, with which clock."""
        return self._traffic.boxes()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at the moment, in words for the operator; `None` while all is well."""
        return self._trouble

    # --- the writer thread

    def _work(self) -> None:
        while not self._line.stopping.is_set():
            batch = self._line.next_batch()
            self._backlog = len(batch)
            for verb, group in groupby(batch, key=lambda each: each.verb):
                self._handle(verb, list(group))

    def _handle(self, verb: str, group: list[Arrived]) -> None:
        if verb == "telemetry":
            self._until_stored(group, self._telemetry)
            return
        if verb == _RENEW:
            self._renewals(group)
            return
        work = self._announcement if verb == "announce" else self._report
        for each in group:
            self._until_stored([each], work)

    def _until_stored(self, group: list[Arrived], work: Callable[[list[Arrived]], list[Answer]]) -> None:
        """Do it until the store takes it; nothing is acknowledged before."""
        pause = self._limits.retry_s
        while not self._line.stopping.is_set():
            try:
                answers = self._isolated(group, work)
            except (StoreError, sqlite3.Error, OSError) as error:
                self._counts["store_failures"] += 1
                self._trouble = (
                    f"readings can't be stored ({error}); the boxes keep theirs and nothing is lost, but make room or mend the store"
                )
                log = _LOG.error if pause == self._limits.retry_s else _LOG.debug
                log("%d messages could not be stored (%s); they are kept and tried again", len(group), error)
                self._line.stopping.wait(pause)
                pause = min(2 * pause, self._limits.retry_max_s)
            else:
                self._trouble = None
                self._acknowledge(group, answers)
                return

    def _isolated(self, group: list[Arrived], work: Callable[[list[Arrived]], list[Answer]]) -> list[Answer]:
        """Let one message that breaks our own code spoil no other, nor end the thread."""
        try:
            return work(group)
        except (StoreError, sqlite3.Error, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - the one writer thread must outlive any single message
            _LOG.exception("a batch of %d messages failed", len(group))
            if len(group) > 1:
                return [answer for each in group for answer in self._isolated([each], work)]
            why = f"the message could not be processed ({type(error).__name__}: {error}); tell the operator, who finds it in the list"
            return [self._refused(group[0], id_of(group[0].payload, self._iris), why)]

    def _telemetry(self, group: list[Arrived]) -> list[Answer]:
        lifted = [self._lift(each) for each in group]
        mine = [self._own(each, message) if isinstance(message, Message) else _NOTHING for each, message in zip(group, lifted, strict=True)]
        outcomes = self._writer.write_many([message for message, _ in mine], received=group[-1].received)
        answers = []
        for each, message, (_, foreign), outcome in zip(group, lifted, mine, outcomes, strict=True):
            if isinstance(message, Message):
                answers.append(self._answer(each, message, [*message.refused, *foreign, *outcome.refused], outcome))
            else:
                answers.append(self._refused(each, id_of(each.payload, self._iris), message))
        for name in _OUTCOMES:
            self._counts[name] += sum(getattr(outcome, name) for outcome in outcomes)
        self._counts["batches"] += 1
        return answers

    def _lift(self, each: Arrived) -> Message | str:
        """The message, or why all of it is refused."""
        sender = announce.osb_iri(self._iris, each.osb)
        try:
            message = mapped.lift(each.payload, base=f"{self._iris.base}/id/", sender=sender, received=each.received)
        except MappingError as error:
            return str(error)
        if message.made_by != sender:
            return (
                f"{message.id}: it says it was made by {message.made_by}, but came on the topic of {each.osb}; "
                "send it on the sender's own topic"
            )
        return message

    def _own(self, each: Arrived, message: Message) -> tuple[Sequence[Series] | Message, list[Refusal]]:
        """Part what is said of the sender's own channels from what is said of others."""
        own_graph, channel_of = f"/osb/{each.osb.removeprefix('osb-')}", self._channels.get
        foreign: set[str] = set()
        for iri in [one.channel for one in message.series] + [one.channel for one in message.flags]:
            channel = channel_of(iri)
            if channel is not None and not channel.graph.endswith(own_graph):
                foreign.add(iri)
        if not foreign:
            return message, []
        why = f"is a channel of another OSB, and {each.osb} may not speak for it"
        remedy = "send only readings of the channels you have announced"
        refused = [Refusal(message.id, iri, why, remedy) for iri in sorted(foreign)]
        series = tuple(one for one in message.series if one.channel not in foreign)
        return replace(message, series=series, flags=tuple(one for one in message.flags if one.channel not in foreign)), refused

    def _answer(self, each: Arrived, message: Message, refused: list[Refusal], outcome: Outcome) -> Answer:
        if refused:
            self._bury(each, [r.sentence for r in refused], refused)
            self._counts["refused"] += len(refused)
        self._traffic.stored(each.osb, each.received, message, outcome, len(refused))
        return Answer(message.id, outcome.accepted + outcome.duplicates + outcome.reported, refused)

    def _announcement(self, group: list[Arrived]) -> list[Answer]:
        (each,) = group
        try:
            message = announce.register(self._store, self._iris, self._channels, each.osb, each.payload, self._alone)
        except (MappingError, RefusedMessageError, InvalidGraphError) as error:
            return [self._refused(each, id_of(each.payload, self._iris), str(error))]
        if self._on_announced is not None:
            self._on_announced(each.osb)
        return [Answer(message, 1, ())]

    def _report(self, group: list[Arrived]) -> list[Answer]:
        (each,) = group
        try:
            report = orjson.loads(each.payload)
            if not isinstance(report, dict) or not isinstance(report.get("message"), str):
                raise TelemetryError('a report must be a JSON object with the id of the message; add "message"')
            self._on_report(each.osb, report)
        except ValueError as error:
            return [self._refused(each, id_of(each.payload, self._iris), str(error))]
        return [Answer(report["message"], 1, ())]

    def _renewals(self, group: list[Arrived]) -> None:
        answer = self._on_renewal or (lambda *_: b"")
        for each in group:
            try:
                self._line.publish(f"{_TOPIC}/{each.osb}/certificate", answer(each.osb, each.payload))
            except Exception:  # noqa: BLE001 - the one writer thread must outlive any single message; the box asks again
                _LOG.exception("the renewal of %s's certificate failed; it asks again", each.osb)
            self._line.confirm(each)

    def _refused(self, each: Arrived, message: str | None, sentence: str) -> Answer:
        self._bury(each, [sentence], [])
        self._counts["refused"] += 1
        self._traffic.refused(each.osb, each.received)
        return Answer(message, 0, [sentence])

    def _bury(self, each: Arrived, sentences: list[str], points: list[Refusal]) -> None:
        distinct = list(dict.fromkeys(sentences))
        more = [f"… and {len(distinct) - _SENTENCES} more"] if len(distinct) > _SENTENCES else []
        detail = orjson.dumps([{"point": r.point, "sentence": r.sentence} for r in points]).decode() if points else ""
        self._letters.add(each.received, each.topic, each.payload, "\n".join(distinct[:_SENTENCES] + more), detail)

    def _acknowledge(self, group: list[Arrived], answers: list[Answer]) -> None:
        for each, answer in zip(group, answers, strict=True):
            now = self._clock()
            self._traffic.acknowledged(each.received, now)  # first: who has the ack finds it counted
            self._line.publish(f"{_TOPIC}/{each.osb}/ack", answer.body(each.received, now), qos=_ACK_QOS)
            self._line.confirm(each)
            if answer.message is not None and self._on_ack_sent is not None:
                self._on_ack_sent(each.osb, answer.message)
        self._backlog -= len(group)
        self._counts["messages"] += len(group)
        with self._news:
            self._handled.update((answer.message, None) for answer in answers if answer.message is not None)
            while len(self._handled) > _REMEMBERED:
                self._handled.popitem(last=False)
            self._news.notify_all()
