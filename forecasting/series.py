"""Forecasts and flexibility as triples: written once, read back as they were known at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import orjson
from pyoxigraph import Quad

from forecasting.window import Array
from kg import queries
from kg.iris import Iris, stamp
from kg.store import Store
from kg.terms import Json, Value, describe, iri
from ontology.names import FC, FCV, PROV, QUDT, RDF, S4ENER, SAREF, UNIT

LOOK_BACK = timedelta(days=4)  # how old a forecast may be and still be asked for
_AT_ONCE = 200  # IRIs in one VALUES block


@dataclass(frozen=True)
class Forecast:
    """A forecast of one channel, as known when it was issued.

    Parameters
    ----------
    values
        Expectation (steps,) in the channel's unit and sign; NaN where nothing could be said.
    quantiles
        By level (0.1, 0.5, 0.9), each (steps,).
    graph
        The named graph that holds it.
    """

    iri: str
    channel: str
    graph: str
    issued: datetime
    start: datetime
    step: timedelta
    model: str | None
    values: Array
    quantiles: Mapping[float, Array]


@dataclass(frozen=True)
class Flexibility:
    """By how much one device can change its power over a window.

    Parameters
    ----------
    der, kind, site, member
        IRIs of the device, its class, its site and its owner.
    baseline_kw
        Expected power without any instruction (steps,) [kW], in the sign of the device's power channel.
    reduction_kw, increase_kw
        By how much the load can be lowered or raised in each step (steps,) [kW], never negative.
    reduction_energy_kwh
        The most by which it can be lowered over the whole window [kWh]. Any plan within `reduction_kw` whose sum stays within this is deliverable.
    """

    der: str
    kind: str
    site: str
    member: str
    start: datetime
    step: timedelta
    baseline_kw: Array
    reduction_kw: Array
    increase_kw: Array
    reduction_energy_kwh: float


def pack(values: Array) -> Json:
    """Write values as a JSON array, rounded to 0.1 W; NaN becomes null.

    Examples
    --------
    >>> str(pack(np.array([1.23456, np.nan, -0.00001])))
    '[1.2346,null,0.0]'
    """
    rounded = np.round(values, 4) + 0.0  # −0.0 becomes 0.0
    return Json(orjson.dumps([None if np.isnan(value) else value for value in rounded.tolist()]).decode())


def unpack(text: str) -> Array:
    """Read a JSON array of numbers; null becomes NaN."""
    return np.array([np.nan if value is None else value for value in orjson.loads(text)], dtype=np.float64)


def forecast_quads(forecast: Forecast, run: str, unit: str = str(UNIT.KiloW)) -> list[Quad]:
    """Spell a forecast as in docs/data-model.md §3."""
    levels = {f"{forecast.iri}#p{round(100 * level)}": (level, values) for level, values in forecast.quantiles.items()}
    quads = describe(
        forecast.graph,
        forecast.iri,
        {
            RDF.type: FC.ForecastSeries,
            FC.forProperty: iri(forecast.channel),
            S4ENER.hasCreationTime: forecast.issued,
            FC.start: forecast.start,
            S4ENER.hasTemporalResolution: forecast.step,
            QUDT.hasUnit: iri(unit),
            FC.model: None if forecast.model is None else iri(forecast.model),
            FC["values"]: pack(forecast.values),
            FC.hasQuantile: [iri(node) for node in levels],
            PROV.wasGeneratedBy: iri(run),
        },
    )
    for node, (level, values) in levels.items():
        quads += describe(
            forecast.graph,
            node,
            {RDF.type: S4ENER.TimeSeries, S4ENER.hasQuantile: level, QUDT.hasUnit: iri(unit), FC["values"]: pack(values)},
        )
    return quads


def flexibility_iri(iris: Iris, der: str, issued: datetime) -> str:
    """Name a flexibility forecast by device and issue time."""
    return iris.id("flexibility", iris.key(der), stamp(issued))


def flexibility_quads(flexibility: Flexibility, name: str, graph: str, issued: datetime, run: str) -> list[Quad]:
    """Spell a flexibility forecast as in docs/data-model.md §3."""
    roles = {
        "baseline": (FCV.BaselinePower, flexibility.baseline_kw),
        "reduction": (FCV.LoadReduction, flexibility.reduction_kw),
        "increase": (FCV.LoadIncrease, flexibility.increase_kw),
    }
    quads = describe(
        graph,
        name,
        {
            RDF.type: FC.FlexibilityForecast,
            FC.forDER: iri(flexibility.der),
            S4ENER.hasCreationTime: issued,
            FC.start: flexibility.start,
            S4ENER.hasTemporalResolution: flexibility.step,
            FC.hasSeries: [iri(f"{name}#{role}") for role in roles],
            FC.reductionEnergy: iri(f"{name}#energy"),
            PROV.wasGeneratedBy: iri(run),
        },
    )
    for role, (concept, values) in roles.items():
        quads += describe(
            graph,
            f"{name}#{role}",
            {RDF.type: S4ENER.TimeSeries, FC.seriesRole: concept, QUDT.hasUnit: UNIT.KiloW, FC["values"]: pack(values)},
        )
    energy: dict[str, Value] = {
        RDF.type: SAREF.PropertyValue,
        SAREF.isValueOfProperty: FCV.ReductionEnergy,
        SAREF.hasValue: round(flexibility.reduction_energy_kwh, 4),
        SAREF.isMeasuredIn: UNIT["KiloW-HR"],
    }
    return quads + describe(graph, f"{name}#energy", energy)


def known(store: Store, channels: Iterable[str], *, at: datetime, since: datetime | None = None) -> list[Forecast]:
    """Read the forecasts of channels that had been issued at a time, by channel, the oldest first.

    Parameters
    ----------
    since
        The earliest issue time asked for; four days before `at` if not given.
    """
    asked = sorted(set(channels))
    listed = [
        row
        for part in _slices(asked)
        for row in queries.rows(store, queries.load("forecasting", "forecasts_known"), channel=part, since=since or at - LOOK_BACK, at=at)
    ]
    values: dict[str, dict[float | None, Array]] = {}
    for part in _slices(list(dict.fromkeys(str(row["forecast"]) for row in listed))):
        for row in queries.rows(store, queries.load("forecasting", "forecast_values"), forecast=part):
            level = None if row.get("quantile") is None else float(row["quantile"])
            values.setdefault(str(row["forecast"]), {})[level] = unpack(row["values"])
    return [_forecast(row, values[str(row["forecast"])]) for row in listed if None in values.get(str(row["forecast"]), {})]


def read_latest(
    store: Store,
    channels: Iterable[str],
    *,
    at: datetime,
    start: datetime | None = None,
    since: datetime | None = None,
) -> dict[str, Forecast]:
    """Read the latest forecast of each channel that was known at a time.

    Parameters
    ----------
    start
        If given, only forecasts that cover this instant count.
    """
    latest: dict[str, Forecast] = {}
    for forecast in known(store, channels, at=at, since=since):
        end = forecast.start + len(forecast.values) * forecast.step
        if start is None or forecast.start <= start < end:
            latest[forecast.channel] = forecast
    return latest


def compose(forecasts: Iterable[Forecast], start: datetime, steps: int, step: timedelta, level: float | None = None) -> Array:
    """Lay forecasts of one channel over a window, the latest on top.

    Parameters
    ----------
    forecasts
        In the order of their issue times.
    level
        A quantile instead of the expectation.

    Returns
    -------
    Array
        (steps,), NaN where no forecast covers the step. A forecast of longer steps is held over each of them.
    """
    window = np.full(steps, np.nan)
    for forecast in forecasts:
        values = forecast.values if level is None else forecast.quantiles.get(level)
        if values is None:
            continue
        offset = (start - forecast.start) / forecast.step
        index = np.floor(offset + np.arange(steps) * (step / forecast.step) + 1e-9).astype(int)
        inside = (index >= 0) & (index < len(values))
        taken = np.where(inside, values[np.clip(index, 0, len(values) - 1)], np.nan)
        window = np.where(np.isnan(taken), window, taken)
    return window


def read_flexibility(store: Store, *, at: datetime, start: datetime, since: datetime | None = None) -> list[Flexibility]:
    """Read the latest flexibility of each device that covers an instant, as known at a time, ordered by device."""
    listed = queries.rows(store, queries.load("forecasting", "flexibility_known"), since=since or at - LOOK_BACK, at=at)
    series: dict[str, dict[str, Array]] = {}
    for part in _slices([str(row["flexibility"]) for row in listed]):
        for row in queries.rows(store, queries.load("forecasting", "flexibility_values"), flexibility=part):
            series.setdefault(str(row["flexibility"]), {})[str(row["role"])] = unpack(row["values"])
    latest: dict[str, Flexibility] = {}
    for row in listed:
        found = _flexibility(row, series[str(row["flexibility"])])
        if found.start <= start < found.start + len(found.baseline_kw) * found.step:
            latest[found.der] = found
    return list(latest.values())


def present(store: Store, series: Sequence[str]) -> set[str]:
    """Tell which forecasts or flexibilities are in the graph already."""
    query = queries.load("forecasting", "forecasts_present")
    return {str(row["series"]) for part in _slices(series) for row in queries.rows(store, query, series=part)}


def _forecast(row: Mapping[str, object], values: Mapping[float | None, Array]) -> Forecast:
    issued, start, step = row["issued"], row["start"], row["step"]
    if not isinstance(issued, datetime) or not isinstance(start, datetime) or not isinstance(step, timedelta):
        raise TypeError(f"{row['forecast']} has no readable times ({issued}, {start}, {step}); write it again as in docs/data-model.md §3")
    model = row.get("model")
    return Forecast(
        iri=str(row["forecast"]),
        channel=str(row["channel"]),
        graph=str(row["graph"]),
        issued=issued,
        start=start,
        step=step,
        model=None if model is None else str(model),
        values=values[None],
        quantiles={level: found for level, found in values.items() if level is not None},
    )


def _flexibility(row: Mapping[str, object], series: Mapping[str, Array]) -> Flexibility:
    start, step = row["start"], row["step"]
    if not isinstance(start, datetime) or not isinstance(step, timedelta):
        raise TypeError(f"{row['flexibility']} has no readable times ({start}, {step}); write it again as in docs/data-model.md §3")
    return Flexibility(
        der=str(row["der"]),
        kind=str(row["type"]),
        site=str(row["site"]),
        member=str(row["member"]),
        start=start,
        step=step,
        baseline_kw=series[str(FCV.BaselinePower)],
        reduction_kw=series[str(FCV.LoadReduction)],
        increase_kw=series[str(FCV.LoadIncrease)],
        reduction_energy_kwh=float(str(row["energy"])),
    )


def _slices(iris: Sequence[str]) -> Iterable[list[str]]:
    return (list(iris[at : at + _AT_ONCE]) for at in range(0, len(iris), _AT_ONCE))
