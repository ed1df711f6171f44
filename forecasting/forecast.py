"""Forecast every power channel and the portfolio: read, backtest, choose, forecast, write in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pyoxigraph import Quad

from forecasting import portfolio as quantile_regression
from forecasting import weather as weather_feed
from forecasting.backtest import Backtest, Score, backtest, origins
from forecasting.findings import Finding, finding_quads
from forecasting.grid import Grid
from forecasting.intervals import LEVELS
from forecasting.models import Data
from forecasting.series import Forecast, forecast_quads, present
from forecasting.weather import Weather
from forecasting.window import Array, Window, mean_known, recent_days
from kg import provenance, queries
from kg.iris import Iris, stamp
from kg.store import Store
from kg.terms import instant
from ontology.names import FC, FCV
from telemetry.channels import Channels
from telemetry.readings import Readings

STEP = timedelta(minutes=15)
LEAST_DAYS = 8
KINDS: dict[str, str] = {
    str(FC.Site): "load",
    str(FC.PVSystem): "pv",
    str(FC.HeatPump): "heatpump",
    str(FC.EVCharger): "ev",
    str(FC.BatterySystem): "battery",
    str(FC.GridConnectionPoint): "connection",
}
_ONE_SIGN = frozenset({"load", "pv", "heatpump", "ev"})  # never below zero in the sign of their channel
_SHARE_KNOWN = 0.9  # of the connections, below which a portfolio's step is not summed


@dataclass(frozen=True)
class Target:
    """One channel to forecast, with the graph that its forecast goes to."""

    channel: str
    kind: str
    zone: str
    graph: str


@dataclass(frozen=True)
class KindReport:
    """How one kind of channel was forecast.

    Parameters
    ----------
    chosen
        IRI of the model.
    scores
        Of each model tried, over the same past steps.
    coverage
        Share of past steps inside p10 … p90, each judged by bands made without its day; the aim is 0.8.
    pinball_kw
        Mean quantile loss of those bands [kW].
    """

    kind: str
    series: int
    chosen: str
    scores: tuple[Score, ...]
    coverage: float
    pinball_kw: float


@dataclass(frozen=True)
class ForecastReport:
    """What a run made, how well its models did on the days before, and what is doubtful."""

    run: str
    issued: datetime
    start: datetime
    step: timedelta
    forecasts: tuple[Forecast, ...]
    kinds: tuple[KindReport, ...]
    findings: tuple[Finding, ...]

    def summary(self) -> dict[str, object]:
        """The report without its series, for JSON: models tried and chosen by kind, figures that could not be had are `None`."""
        return {
            "run": self.run,
            "issued": instant(self.issued),
            "start": instant(self.start),
            "forecasts": len(self.forecasts),
            "kinds": {
                kind.kind: {
                    "series": kind.series,
                    "chosen": _name(kind.chosen),
                    "coverage": _figure(kind.coverage),
                    "rmse_kw": {_name(score.model): _figure(score.rmse_kw) for score in kind.scores},
                    "mase": {_name(score.model): _figure(score.mase) for score in kind.scores},
                }
                for kind in self.kinds
            },
            "findings": [finding.sentence for finding in self.findings],
        }


@dataclass(frozen=True)
class _Issue:
    """What all parts of one run share."""

    run: str
    issued: datetime
    grid: Grid
    weather: Weather
    foreseen: Mapping[Window, Array]


def run(
    store: Store,
    iris: Iris,
    channels: Channels,
    readings: Readings,
    *,
    issued: datetime,
    start: datetime,
    steps: int,
    history_days: int = 28,
    targets: Sequence[str] | None = None,
    portfolio: str | None = None,
) -> ForecastReport:
    """Forecast power channels from what was known at `issued`, and write the forecasts.

    Parameters
    ----------
    start, steps
        The forecast covers `[start, start + steps · 15 min)`.
    targets
        IRIs of channels; all power channels of sites, devices and connections if not given.
    portfolio
        Channel of the portfolio's sum; its forecast goes to graph `portfolio/plans`.

    Returns
    -------
    ForecastReport
        Forecasts [kW] in the sign of their channel; a channel with fewer than 8 days of history has a finding and no number.

    Raises
    ------
    ForecastError
        If the window can't be forecast.
    """
    grid = Grid.of(issued, start, steps, STEP, history_days)
    weather = weather_feed.read(store, iris, readings, grid, issued)
    windows = [grid.window, *origins(grid.window)]
    seen = {window: weather.foreseen(grid, window) for window in windows}
    issue = _Issue(iris.id("run", f"forecast-{stamp(issued)}"), issued, grid, weather, {window: found[0] for window, found in seen.items()})
    asked = _targets(store, iris, channels, None if targets is None else set(targets))
    made: list[Forecast] = []
    kinds: list[KindReport] = []
    findings = _weather_findings(weather, [seen[window][1] for window in windows], steps)
    for kind, zone in sorted({(target.kind, target.zone) for target in asked}):
        group = [target for target in asked if (target.kind, target.zone) == (kind, zone)]
        values = readings.frame([target.channel for target in group], grid.begin, grid.at(grid.known), STEP).to_numpy().T
        done, report, doubts = _batch(iris, issue, kind, group, values)
        made += done
        kinds += report
        findings += doubts
    if portfolio is not None:
        done, report, doubts = _portfolio(store, iris, channels, readings, issue, portfolio)
        made += done
        kinds += report
        findings += doubts
    _write(store, iris, issue, made, findings, {target.channel: target.graph for target in asked})
    return ForecastReport(issue.run, issued, start, STEP, tuple(made), tuple(kinds), tuple(findings))


def _targets(store: Store, iris: Iris, channels: Channels, wanted: set[str] | None) -> list[Target]:
    rows = queries.rows(store, queries.load("forecasting", "power_channels"), type=list(KINDS))
    found: dict[str, Target] = {}
    for row in rows:
        channel = str(row["channel"])
        if (wanted is None or channel in wanted) and channels.get(channel) is not None:
            graph = iris.sibling(str(row["graph"]), "plans")
            found.setdefault(channel, Target(channel, KINDS[str(row["type"])], str(row.get("zone", "UTC")), graph))
    return list(found.values())


def _batch(
    iris: Iris, issue: _Issue, kind: str, group: Sequence[Target], values: Array
) -> tuple[list[Forecast], list[KindReport], list[Finding]]:
    days = known_days(values, issue.grid.window.per_day)
    enough = days >= LEAST_DAYS
    findings = [_too_short(target.channel, int(day)) for target, day in zip(group, days, strict=True) if day < LEAST_DAYS]
    kept = [target for target, good in zip(group, enough, strict=True) if good]
    if not kept:
        return [], [], findings
    data = Data(values[enough], issue.grid.calendar(kept[0].zone), issue.weather.measured, issue.foreseen)
    tested, expected, quantiles = _predict(kind, data, issue.grid.window)
    made = [
        _forecast(iris, issue, target.channel, target.graph, str(tested.chosen.iri), expected[row], quantiles[:, row])
        for row, target in enumerate(kept)
    ]
    report = KindReport(kind, len(kept), str(tested.chosen.iri), tested.scores, tested.coverage, tested.pinball_kw)
    return made, [report], findings


def _predict(kind: str, data: Data, window: Window) -> tuple[Backtest, Array, Array]:
    """Expectation (series, steps) and quantiles (3, series, steps) [kW] by the model that did best on the days before."""
    floor = 0.0 if kind in _ONE_SIGN else -np.inf
    tested = backtest(kind, data, window, floor=floor)
    expected = np.maximum(tested.chosen.predict(data, [window])[:, 0], floor)
    quantiles = np.maximum(expected + np.where(np.isnan(tested.offsets), 0.0, tested.offsets), floor)
    if kind == "pv":
        dark = _dark(data.values, window)
        expected, quantiles = np.where(dark, 0.0, expected), np.where(dark, 0.0, quantiles)
    return tested, expected, quantiles


def _dark(values: Array, window: Window) -> NDArray[np.bool_]:
    """Steps at which none of the last 14 known days produced anything: night."""
    return np.asarray(mean_known(recent_days(values, window, 14), axis=1) <= 1e-6)


def known_days(values: Array, per_day: int) -> NDArray[np.intp]:
    """Count the days, back from the latest value, of which at least half is known (series,)."""
    whole = values[:, values.shape[1] % per_day :].reshape(values.shape[0], -1, per_day)
    counts: NDArray[np.intp] = (np.isfinite(whole).mean(axis=2) >= 0.5).sum(axis=1)
    return counts


def _portfolio(
    store: Store, iris: Iris, channels: Channels, readings: Readings, issue: _Issue, channel: str
) -> tuple[list[Forecast], list[KindReport], list[Finding]]:
    connections = [target for target in _targets(store, iris, channels, None) if target.kind == "connection"]
    if not connections:
        return [], [], [_too_short(channel, 0)]
    grid = issue.grid
    values = readings.frame([target.channel for target in connections], grid.begin, grid.at(grid.known), STEP).to_numpy().T
    total = portfolio_sum(values)[None]
    target = Target(channel, "portfolio", connections[0].zone, iris.graph("portfolio", "plans"))
    made, reports, findings = _batch(iris, issue, "portfolio", [target], total)
    if not made:
        return made, reports, findings
    data = Data(total, grid.calendar(target.zone), issue.weather.measured, issue.foreseen)
    trial = quantile_regression.trial(data, grid.window)
    score = Score("portfolio", FCV.QuantileRegression, trial.rmse_kw, float("nan"), trial.steps)
    report, scores = reports[0], (*reports[0].scores, score)
    if not trial.pinball_kw < report.pinball_kw:
        return made, [KindReport("portfolio", 1, report.chosen, scores, report.coverage, report.pinball_kw)], findings
    found = quantile_regression.QuantileRegression().quantiles(data, [grid.window])[:, 0]
    wide = quantile_regression.widened(found, trial.widen_kw)
    better = _forecast(iris, issue, channel, target.graph, str(FCV.QuantileRegression), wide[1], wide)
    chosen = KindReport("portfolio", 1, str(FCV.QuantileRegression), scores, trial.coverage, trial.pinball_kw)
    return [better], [chosen], findings


def portfolio_sum(values: Array) -> Array:
    """Sum connections (connections, T) to the portfolio (T,) [kW].

    Where up to a tenth of the connections is missing, the mean of the others stands for them; where more is missing, NaN.
    """
    known = np.isfinite(values).mean(axis=0)
    return np.where(known >= _SHARE_KNOWN, mean_known(values, axis=0) * values.shape[0], np.nan)


def _forecast(iris: Iris, issue: _Issue, channel: str, graph: str, model: str, expected: Array, quantiles: Array) -> Forecast:
    return Forecast(
        iri=iris.forecast(channel, issue.issued),
        channel=channel,
        graph=graph,
        issued=issue.issued,
        start=issue.grid.at(issue.grid.first),
        step=STEP,
        model=model,
        values=expected,
        quantiles=dict(zip(LEVELS, quantiles, strict=True)),
    )


def _name(concept: str) -> str:
    return str(concept).rsplit("/", 1)[-1]


def _figure(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _too_short(channel: str, days: int) -> Finding:
    return Finding(
        FCV.ShortHistory,
        f"{channel} has {days} days of readings before the issue time and a forecast needs {LEAST_DAYS}, so none was made; wait, or load older readings",
        channel,
    )


def _weather_findings(weather: Weather, persisted: Sequence[int], steps: int) -> list[Finding]:
    if not weather.channels:
        return [
            Finding(
                FCV.PersistedWeather,
                "no weather channel is described in the feed, so the models saw no weather; let a weather station announce itself",
            )
        ]
    findings = []
    if persisted[0]:
        findings.append(
            Finding(
                FCV.PersistedWeather,
                f"{persisted[0]} of {steps} steps had no weather forecast at the issue time, so the same time of the latest known day stood in; let the feed forecast further",
            )
        )
    blind = sum(1 for count in persisted[1:] if count)
    if blind:
        findings.append(
            Finding(
                FCV.PersistedWeather,
                f"{blind} of {len(persisted) - 1} backtest days lacked weather forecasts of their own, so weather counted for less in the choice of models than it will; keep the feed's forecasts",
            )
        )
    return findings


def _write(
    store: Store, iris: Iris, issue: _Issue, made: Sequence[Forecast], findings: Sequence[Finding], graphs: Mapping[str, str]
) -> None:
    """Write what is not in the graph yet: a forecast once issued is never overwritten."""
    there = present(store, [forecast.iri for forecast in made]) if made else set()
    new = [forecast for forecast in made if forecast.iri not in there]
    quads: list[Quad] = [quad for forecast in new for quad in forecast_quads(forecast, issue.run)]
    common = issue.weather.used(issue.issued)
    for graph in dict.fromkeys(forecast.graph for forecast in new):
        here = [forecast for forecast in new if forecast.graph == graph]
        used = [*(forecast.channel for forecast in here), *common]
        quads += provenance.activity(iris, graph, issue.run, at=issue.issued, used=used, generated=[forecast.iri for forecast in here])
    quads += _doubts(iris, issue.run, findings, graphs) if new or not made else []
    store.apply(insert=quads)


def _doubts(iris: Iris, run_iri: str, findings: Iterable[Finding], graphs: Mapping[str, str]) -> list[Quad]:
    public = iris.graph("feed", "plans")
    quads = []
    for number, finding in enumerate(findings, 1):
        graph = public if finding.about is None else graphs.get(finding.about, iris.graph("portfolio", "plans"))
        key = str(number) if finding.about is None else iris.channel_path(finding.about).replace("/", "-")
        quads += finding_quads(finding, graph, run_iri, key)
    return quads
