"""What a mapper hands on: series of exact decimal texts, and refusals."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

LONGEST_POINT = 400  # a refusal goes back to its sender in one message with others


@dataclass(frozen=True)
class Series:
    """Equidistant values of one channel, or one observation.

    Attributes
    ----------
    channel
        Absolute IRI of the channel.
    start
        Begin of the first interval, aware UTC.
    step
        Distance of the values; `None` for one observation, whose step the channel knows.
    values
        Plain decimals (`1.5`, never `1.5e0`), `None` where missing.
    unit
        IRI of the unit, or `None` when the sender named none.
    """

    channel: str
    start: datetime
    step: timedelta | None
    values: tuple[str | None, ...]
    unit: str | None


@dataclass(frozen=True)
class Refusal:
    """One reading that can't be used: where, which value, why, and what the sender should do."""

    point: str
    value: str
    reason: str
    remedy: str

    @property
    def sentence(self) -> str:
        """The refusal as a reader sees it."""
        return f"{self.point}: {self.value} {self.reason}; {self.remedy}"


@dataclass(frozen=True)
class ReportedFlag:
    """What a box says of readings that it doubts or doesn't have: from `start` to `end` (exclusive; `None`: one interval).

    Times are aware UTC, `reason` is the IRI of a member of `fcv:QualityReasons`, `comment` a sentence or empty.
    """

    channel: str
    start: datetime
    end: datetime | None
    reason: str
    comment: str


@dataclass(frozen=True)
class Message:
    """A telemetry message: absolute IRIs of itself and its sender, when it was sent, and what it brought.

    `clock_offset` is by how many seconds the box's clock was behind (+) or ahead (−) of the platform's; the times in the message are
    corrected already.
    """

    id: str
    made_by: str
    sent: datetime | None
    series: tuple[Series, ...]
    refused: tuple[Refusal, ...]
    flags: tuple[ReportedFlag, ...] = ()
    clock_offset: Decimal | None = None


class RefusedError(ValueError):
    """A value can't be read; carries the words of the `Refusal` it becomes once the point is known."""

    def __init__(self, value: object, reason: str, remedy: str) -> None:
        super().__init__(f"{shown(value)} {reason}; {remedy}")
        self.value, self.reason, self.remedy = shown(value), reason, remedy

    def at(self, point: str) -> Refusal:
        """Name the point; what a sender wrote there is cut where it is long, and halves of characters are spelt out."""
        named = point if len(point) <= LONGEST_POINT else f"{point[: LONGEST_POINT - 40]}… ({len(point)} characters)"
        return Refusal(named.encode(errors="backslashreplace").decode(), self.value, self.reason, self.remedy)


def shown(value: object) -> str:
    """A value as it may stand in a sentence: quoted when it is text, cut when it is long."""
    text = repr(str(value)) if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"
