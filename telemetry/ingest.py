"""From the broker into the graph: one thread listens, one writes, and a box is told only what the store has committed."""

import contextlib
import logging
import queue
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from kg.errors import StoreError
from kg.iris import Iris
from kg.store import Store
from kg.terms import instant as spell
from mappers import telemetry as mapped
from mappers.errors import MappingError
from mappers.records import Message, Refusal, Series
from shapes import InvalidGraphError
from telemetry import announce
from telemetry.channels import Channels
from telemetry.errors import BrokerError, RefusedMessageError, TelemetryError
from telemetry.refused import DeadLetters
from telemetry.tls import TlsFiles
from telemetry.traffic import BoxState, Traffic
from telemetry.writer import Outcome, ReadingWriter

_LOG = logging.getLogger(__name__)
_TOPIC = "flexcoop/osb"
_VERBS = ("announce", "telemetry", "report")
_SENTENCES = 20
_RENEW = "renew"
_LARGEST_ACK = 65_536
_LONGEST_TEXT = 2_000
_REMEMBERED = 200_000
_OUTCOMES = ("accepted", "duplicates", "superseded", "flagged", "reported")

_NOTHING: tuple[Sequence[Series], list[Refusal]] = ((), [])

OnReport = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Limits:
    """How much is taken in at once.

    Parameters
    ----------
    batch_messages, batch_bytes
        Most messages and bytes committed in one transaction.
    queued_messages
        Received messages that wait for the writer; beyond that the broker is left to wait.
    retry_s, retry_max_s
        First and longest pause after the store has failed [s].
    connect_s
        How long `start` waits for the broker [s].
    """

    batch_messages: int = 200
    batch_bytes: int = 8 << 20
    queued_messages: int = 10_000
    retry_s: float = 0.2
    retry_max_s: float = 30.0
    connect_s: float = 15.0


@dataclass(frozen=True)
class _Arrived:
    """One message as it came, and on which connection, as its number (`mid`) is worth nothing on another."""

    osb: str
    verb: str
    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int
    received: datetime


@dataclass(frozen=True)
class _Answer:
    """What a box is told of its message."""

    message: str | None
    accepted: int
    refused: Sequence[Refusal | str]

    def body(self, received: datetime, sent: datetime) -> bytes:
        """The acknowledgement, with when the message arrived and when this was handed over, so that a box can compare its clock.

        It fits into a packet however much was refused, or a box could make the broker cut the platform off: long texts are cut, and beyond
        `_LARGEST_ACK` only the first refusals are told, with how many are `omitted`; the dead letter has them all.
        """
        message = self.message if len(self.message or "") <= _LONGEST_TEXT else None
        points = [
            {"point": r.point[:_LONGEST_TEXT], "sentence": r.sentence[:_LONGEST_TEXT]}
            if isinstance(r, Refusal)
            else {"point": message, "sentence": r[:_LONGEST_TEXT]}
            for r in self.refused
        ]
        said = {"message": message, "accepted": self.accepted, "received": spell(received), "sent": spell(sent)}
        body = orjson.dumps(said | {"refused": points})
        while len(body) > _LARGEST_ACK:
            points = points[: len(points) // 2]
            body = orjson.dumps(said | {"refused": points, "omitted": len(self.refused) - len(points)})
        return body


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
    ) -> None:
        self._address = (host, port)
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
        self._verbs = _VERBS if on_renewal is None else (*_VERBS, _RENEW)
        self._tls = tls
        self._limits = limits or Limits()
        self._queue: queue.Queue[_Arrived] = queue.Queue(self._limits.queued_messages)
        self._stopping = threading.Event()
        self._subscribed = threading.Event()
        self._handled: OrderedDict[str, None] = OrderedDict()
        self._news = threading.Condition()
        self._connection = 0
        self._counts = dict.fromkeys((*_OUTCOMES, "messages", "refused", "batches", "store_failures"), 0)
        self._traffic = Traffic()
        self._backlog = 0
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._work, name="ingest-writer", daemon=True)
        self._client = self._make_client(client_id)

    def start(self) -> None:
        """Connect, subscribe and begin to write; returns once the broker has confirmed the subscription.

        Raises
        ------
        BrokerError
            If the broker can't be reached or does not let us subscribe in time.
        """
        host, port = self._address
        try:
            self._client.connect(host, port, keepalive=60)
        except OSError as error:
            raise BrokerError(f"the MQTT broker at {host}:{port} can't be reached ({error}); start it, or correct FLEX_BROKER") from error
        self._client.loop_start()
        self._thread.start()
        if not self._subscribed.wait(self._limits.connect_s):
            self.stop()
            raise BrokerError(
                f"the MQTT broker at {host}:{port} did not confirm our subscription in {self._limits.connect_s:.0f} s; see its log"
            )

    def stop(self) -> None:
        """Finish the batch that is being written and leave; what is not written yet stays with the broker and the boxes."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()  # closes the sockets that paho's thread may leave open when it ends

    def publish(self, topic: str, payload: Mapping[str, Any] | bytes) -> None:
        """Send a message (QoS 1, not retained); while the broker is away it waits in memory."""
        self._client.publish(topic, payload if isinstance(payload, bytes) else orjson.dumps(payload), qos=1)

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
        queued = self._queue.qsize()
        now = {"queued": queued, "backlog": queued + self._backlog, "trouble": float(self._trouble is not None)}
        return {**self._counts, **now, "connected": float(self._client.is_connected()), **self._traffic.metrics()}

    def boxes(self) -> dict[str, BoxState]:
        """What each OSB has sent since the start, by its identifier: when last, how late, with which clock."""
        return self._traffic.boxes()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at the moment, in words for the operator; `None` while all is well."""
        return self._trouble

    # --- the network thread

    def _make_client(self, client_id: str) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311, manual_ack=True)
        if self._tls is not None:
            client.tls_set_context(self._tls.client_context())
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 10)
        client.on_connect = self._connected
        client.on_subscribe = self._confirmed
        client.on_message = self._received
        return client

    def _connected(self, client: mqtt.Client, _: object, __: mqtt.ConnectFlags, reason: object, *___: object) -> None:
        self._connection += 1
        if reason != "Success":
            _LOG.error("the MQTT broker refuses us: %s", reason)
            return
        client.subscribe([(f"{_TOPIC}/+/{verb}", 1) for verb in self._verbs])

    def _confirmed(self, *_: object) -> None:
        self._subscribed.set()

    def _received(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        osb, verb = message.topic.split("/")[-2:]
        arrived = _Arrived(osb, verb, message.topic, bytes(message.payload), message.mid, message.qos, self._connection, self._clock())
        self._traffic.seen(osb, arrived.received)
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(arrived, timeout=0.5)
                return

    # --- the writer thread

    def _work(self) -> None:
        while not self._stopping.is_set():
            batch = self._next_batch()
            self._backlog = len(batch)
            for verb, group in groupby(batch, key=lambda each: each.verb):
                self._handle(verb, list(group))

    def _next_batch(self) -> list[_Arrived]:
        try:
            batch = [self._queue.get(timeout=0.2)]
        except queue.Empty:
            return []
        size = len(batch[0].payload)
        while len(batch) < self._limits.batch_messages and size < self._limits.batch_bytes:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
            size += len(batch[-1].payload)
        return batch

    def _handle(self, verb: str, group: list[_Arrived]) -> None:
        if verb == "telemetry":
            self._until_stored(group, self._telemetry)
            return
        if verb == _RENEW:
            self._renewals(group)
            return
        work = self._announcement if verb == "announce" else self._report
        for each in group:
            self._until_stored([each], work)

    def _until_stored(self, group: list[_Arrived], work: Callable[[list[_Arrived]], list[_Answer]]) -> None:
        """Do it until the store takes it; nothing is acknowledged before."""
        pause = self._limits.retry_s
        while not self._stopping.is_set():
            try:
                answers = self._isolated(group, work)
            except (StoreError, sqlite3.Error, OSError) as error:
                self._counts["store_failures"] += 1
                self._trouble = (
                    f"readings can't be stored ({error}); the boxes keep theirs and nothing is lost, but make room or mend the store"
                )
                log = _LOG.error if pause == self._limits.retry_s else _LOG.debug
                log("%d messages could not be stored (%s); they are kept and tried again", len(group), error)
                self._stopping.wait(pause)
                pause = min(2 * pause, self._limits.retry_max_s)
            else:
                self._trouble = None
                self._acknowledge(group, answers)
                return

    def _isolated(self, group: list[_Arrived], work: Callable[[list[_Arrived]], list[_Answer]]) -> list[_Answer]:
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
            return [self._refused(group[0], _id_of(group[0].payload, self._iris), why)]

    def _telemetry(self, group: list[_Arrived]) -> list[_Answer]:
        lifted = [self._lift(each) for each in group]
        mine = [self._own(each, message) if isinstance(message, Message) else _NOTHING for each, message in zip(group, lifted, strict=True)]
        outcomes = self._writer.write_many([message for message, _ in mine], received=group[-1].received)
        answers = []
        for each, message, (_, foreign), outcome in zip(group, lifted, mine, outcomes, strict=True):
            if isinstance(message, Message):
                answers.append(self._answer(each, message, [*message.refused, *foreign, *outcome.refused], outcome))
            else:
                answers.append(self._refused(each, _id_of(each.payload, self._iris), message))
        self._counts["batches"] += 1
        return answers

    def _lift(self, each: _Arrived) -> Message | str:
        """The message, or why all of it is refused."""
        try:
            message = mapped.lift(
                each.payload, base=f"{self._iris.base}/id/", sender=announce.osb_iri(self._iris, each.osb), received=each.received
            )
        except MappingError as error:
            return str(error)
        if message.made_by != announce.osb_iri(self._iris, each.osb):
            return (
                f"{message.id}: it says it was made by {message.made_by}, but came on the topic of {each.osb}; "
                "send it on the sender's own topic"
            )
        return message

    def _own(self, each: _Arrived, message: Message) -> tuple[Sequence[Series] | Message, list[Refusal]]:
        """Part what is said of the sender's own channels from what is said of others."""
        own_graph = f"/osb/{each.osb.removeprefix('osb-')}"
        named = {one.channel for one in message.series} | {one.channel for one in message.flags}
        known = {iri: channel for iri in named if (channel := self._channels.get(iri)) is not None}
        foreign = {iri for iri, channel in known.items() if not channel.graph.endswith(own_graph)}
        if not foreign:
            return message, []
        why = f"is a channel of another OSB, and {each.osb} may not speak for it"
        remedy = "send only readings of the channels you have announced"
        refused = [Refusal(message.id, iri, why, remedy) for iri in sorted(foreign)]
        series = tuple(one for one in message.series if one.channel not in foreign)
        return replace(message, series=series, flags=tuple(one for one in message.flags if one.channel not in foreign)), refused

    def _answer(self, each: _Arrived, message: Message, refused: list[Refusal], outcome: Outcome) -> _Answer:
        if refused:
            self._bury(each, [r.sentence for r in refused], refused)
        self._count(outcome, len(refused))
        self._traffic.stored(each.osb, each.received, message, outcome, len(refused))
        return _Answer(message.id, outcome.accepted + outcome.duplicates + outcome.reported, refused)

    def _announcement(self, group: list[_Arrived]) -> list[_Answer]:
        (each,) = group
        try:
            message = announce.register(self._store, self._iris, self._channels, each.osb, each.payload)
        except (MappingError, RefusedMessageError, InvalidGraphError) as error:
            return [self._refused(each, _id_of(each.payload, self._iris), str(error))]
        if self._on_announced is not None:
            self._on_announced(each.osb)
        return [_Answer(message, 1, ())]

    def _report(self, group: list[_Arrived]) -> list[_Answer]:
        (each,) = group
        try:
            report = orjson.loads(each.payload)
            if not isinstance(report, dict) or not isinstance(report.get("message"), str):
                raise TelemetryError('a report must be a JSON object with the id of the message; add "message"')
            self._on_report(each.osb, report)
        except ValueError as error:
            return [self._refused(each, _id_of(each.payload, self._iris), str(error))]
        return [_Answer(report["message"], 1, ())]

    def _renewals(self, group: list[_Arrived]) -> None:
        answer = self._on_renewal or (lambda *_: b"")
        for each in group:
            try:
                self._client.publish(f"{_TOPIC}/{each.osb}/certificate", answer(each.osb, each.payload), qos=1)
            except Exception:  # noqa: BLE001 - the one writer thread must outlive any single message; the box asks again
                _LOG.exception("the renewal of %s's certificate failed; it asks again", each.osb)
            if each.connection == self._connection:
                self._client.ack(each.mid, each.qos)

    def _refused(self, each: _Arrived, message: str | None, sentence: str) -> _Answer:
        self._bury(each, [sentence], [])
        self._counts["refused"] += 1
        self._traffic.refused(each.osb, each.received)
        return _Answer(message, 0, [sentence])

    def _bury(self, each: _Arrived, sentences: list[str], points: list[Refusal]) -> None:
        distinct = list(dict.fromkeys(sentences))
        more = [f"… and {len(distinct) - _SENTENCES} more"] if len(distinct) > _SENTENCES else []
        detail = orjson.dumps([{"point": r.point, "sentence": r.sentence} for r in points]).decode() if points else ""
        self._letters.add(each.received, each.topic, each.payload, "\n".join(distinct[:_SENTENCES] + more), detail)

    def _acknowledge(self, group: list[_Arrived], answers: list[_Answer]) -> None:
        for each, answer in zip(group, answers, strict=True):
            now = self._clock()
            self._client.publish(f"{_TOPIC}/{each.osb}/ack", answer.body(each.received, now), qos=1)
            self._traffic.acknowledged(each.received, now)
            if each.connection == self._connection:
                self._client.ack(each.mid, each.qos)
            if answer.message is not None and self._on_ack_sent is not None:
                self._on_ack_sent(each.osb, answer.message)
        self._backlog -= len(group)
        self._counts["messages"] += len(group)
        with self._news:
            self._handled.update((answer.message, None) for answer in answers if answer.message is not None)
            while len(self._handled) > _REMEMBERED:
                self._handled.popitem(last=False)
            self._news.notify_all()

    def _count(self, outcome: Outcome, refused: int) -> None:
        for name in _OUTCOMES:
            self._counts[name] += getattr(outcome, name)
        self._counts["refused"] += refused


def _id_of(payload: bytes, iris: Iris) -> str | None:
    """The id of a message that could not be read otherwise, as an absolute IRI, so that the box need not send it for ever."""
    with contextlib.suppress(ValueError):
        document = orjson.loads(mapped.unpacked(payload))
        found = next(_ids(document), None) if isinstance(document, dict) else None
        if found is not None:
            return found if ":" in found.split("/")[0] else f"{iris.base}/id/{found}"
    return None


def _ids(document: dict[str, Any]) -> Iterator[str]:
    candidates = [document.get("message"), document.get("@id"), document.get("id")]
    graph = document.get("@graph")
    candidates += (
        [node.get("@id") for node in graph if isinstance(node, dict) and node.get("@type") == "Message"] if isinstance(graph, list) else []
    )
    return (each for each in candidates if isinstance(each, str))
