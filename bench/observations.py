"""History as plain SAREF observations through the endpoint's own worker, beside the packed path and DuckDB on the same readings.

A part of `python -m bench query`: a day, a month and a year of one channel and a day of 100 channels, asked as somebody asks who has never
heard of packed days. Milliseconds until the answer stands as CSV (ours) or in numpy (the other two), and readings a second.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kg import queries
from kg.embedded import EmbeddedStore
from kg.terms import Value
from sparql.service import QueryService

Floats = NDArray[np.float64]
_DAY = timedelta(days=1)
_SLOTS = 96
_FILE = Path(__file__).with_suffix(".rq")  # not in queries/: those are asked of the store, and it holds no observations
_ASKED = queries.parse("bench/observations", _FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Question:
    """So many days of so many channels; only the first few channels have a year."""

    channels: int
    days: int
    among: int


QUESTIONS = {
    "day_of_one": Question(1, 1, 1000),
    "month_of_one": Question(1, 30, 6),
    "year_of_one": Question(1, 365, 6),
    "day_of_100": Question(100, 1, 1000),
}


class Engine(Protocol):
    """What answers for all slots of some days of some channels, named by their numbers, channel by channel."""

    def window(self, key: Any, days: int) -> Floats:  # noqa: ANN401 - the caller's own key
        """All slots of `days` days that end with the key's."""
        ...


def measure(
    store: EmbeddedStore,
    names: Sequence[str],
    midnight: datetime,
    peers: dict[str, Engine],
    key: Callable[[list[int], int], object],
    repetitions: int,
) -> dict[str, Any]:
    """Ask everything.

    Parameters
    ----------
    store
        Where the days are packed.
    names
        IRIs of all channels.
    midnight
        When the last day begins.
    peers
        Who answers the same from elsewhere.
    key
        Makes a key of theirs of channels and how many days it ends before the last one.
    """
    with tempfile.TemporaryDirectory(prefix="flexcoop-bench-") as folder:
        limits = {"deadline_s": 30.0, "max_rows": 200_000, "max_bytes": 64 << 20, "memory_mb": 512}
        service = QueryService(store, Path(folder), **limits)  # type: ignore[arg-type]
        try:
            return {name: _compared(service, names, midnight, peers, key, one, repetitions) for name, one in QUESTIONS.items()}
        finally:
            service.close()


def _compared(
    service: QueryService,
    names: Sequence[str],
    midnight: datetime,
    peers: dict[str, Engine],
    key: Callable[[list[int], int], object],
    question: Question,
    repetitions: int,
) -> dict[str, Any]:
    rng = np.random.default_rng(23)
    spent: dict[str, list[float]] = {"observations": [], **{name: [] for name in peers}}
    for _ in range(repetitions + 2):
        channels = rng.permutation(question.among)[: question.channels].tolist()
        back = int(rng.integers(0, 8))
        text = _text([names[number] for number in channels], midnight - (back - 1) * _DAY, question.days)
        begun = perf_counter()
        answer = service.run(text, "text/csv")
        spent["observations"].append(perf_counter() - begun)
        found = _values(answer.status, answer.body)
        for name, peer in peers.items():
            begun = perf_counter()
            expected = peer.window(key(channels, back), question.days)
            spent[name].append(perf_counter() - begun)
            if not np.array_equal(np.sort(expected.ravel()), found):
                raise RuntimeError(f"{name} has other readings than the endpoint for {question}; mend sparql.observations or the bench")
    readings = question.channels * question.days * _SLOTS
    result: dict[str, Any] = {name: _figures(times[2:]) for name, times in spent.items()}
    result["readings"] = readings
    result["observations_per_s"] = round(readings / result["observations"]["p50"] * 1000)
    result["ratio_packed"] = round(result["observations"]["p50"] / result["packed"]["p50"], 1)
    result["ratio_duckdb"] = round(result["observations"]["p50"] / result["duckdb"]["p50"], 1)
    return result


def _text(channels: list[str], end: datetime, days: int) -> str:
    rows: list[dict[str, Value | None]] = [{"channel": each, "start": end - days * _DAY, "end": end} for each in channels]
    return _ASKED.bind(rows)


def _values(status: int, body: bytes) -> Floats:
    if status != 200:
        raise RuntimeError(f"the endpoint answered {status}: {body.decode(errors='replace')}")
    lines = body.decode().split()[1:]
    return np.sort(np.array([line.rsplit(",", 1)[1] for line in lines], dtype=np.float64))


def _figures(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}
