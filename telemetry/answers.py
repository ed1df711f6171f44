"""What a box is told of its message."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from kg.iris import Iris
from kg.terms import instant as spell
from mappers import telemetry as mapped
from mappers.records import Refusal

_LARGEST = 65_536
_LONGEST_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement: of which message, how many readings and flags were taken, and what was refused."""

    message: str | None
    accepted: int
    refused: Sequence[Refusal | str]

    def body(self, received: datetime, sent: datetime) -> bytes:
        """The acknowledgement, with when the message arrived and when this was handed over, so that a box can compare its clock.

        It fits into a packet however much was refused, or a box could make the broker cut the platform off: long texts are cut, and beyond
        64 KiB only the first refusals are told, with how many are `omitted`; the dead letter has them all.
        """
        message = self.message if len(self.message or "") <= _LONGEST_TEXT else None
        points = [
            {"point": r.point[:_LONGEST_TEXT], "sentence": r.sentence[:_LONGEST_TEXT]}
            if isinstance(r, Refusal)
            else {"point": message, "sentence": r[:_LONGEST_TEXT]}
            for r in self.refused
        ]
        said = {"message": message, "accepted": self.accepted, "received": spell(received), "sent": spell(sent), "refused": points}
        body = orjson.dumps(said)
        while len(body) > _LARGEST:
            points = points[: len(points) // 2]
            body = orjson.dumps(said | {"refused": points, "omitted": len(self.refused) - len(points)})
        return body


def id_of(payload: bytes, iris: Iris) -> str | None:
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
