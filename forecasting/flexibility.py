"""Flexibility of every device over a window: read forecasts, state and ratings, ask the physics, write in one transaction.

State of charge, temperature and plug at a window's start: the latest reading where the window begins within an hour of the issue time; else
the quartiles of that time of day over the last seven days, the lower one where less would be a broken promise, the upper one where more would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from pyoxigraph import Quad

from forecasting import series
from forecasting import weather as weather_feed
from forecasting.ders import Battery, Device, HeatPump, Photovoltaic, Vehicle
from forecasting.findings import Finding, finding_quads
from forecasting.forecast import STEP
from forecasting.grid import Grid
from forecasting.series import Flexibility, Forecast, compose, flexibility_iri, flexibility_quads, present
from forecasting.window import Array, Window, mean_known, recent_days
from kg import provenance, queries
from kg.iris import Iris, stamp
from kg.store import Store
from ontology.names import FC, FCV, UNIT
from registry.comfort import Profile, band_at, of_channels
from telemetry.channels import Channels
from telemetry.readings import Readings

NEAR = timedelta(hours=1)
_HISTORY_DAYS = 9  # seven days of every time of day, and the two that a day-ahead issue time may lack
_AHEAD = timedelta(days=1)  # a departure lies within a day of the window
_TYPES = (FC.BatterySystem, FC.EVCharger, FC.HeatPump, FC.PVSystem)
_TO_SI = {str(UNIT.W): 1e-3}


class _Missing(LookupError):  # noqa: N818 - becomes a finding, never an error for the caller
    """Something without which nothing can be promised; its text is the finding's sentence."""


@dataclass(frozen=True)
class Der:
    """A device as the graph describes it.

    Parameters
    ----------
    ratings
        By kind of quantity (`str(FCV.RatedPower)`): kW, kWh, %, K/W, MJ/K or 1.
    channels
        By kind of quantity (`str(FCV.StateOfCharge)`), with that of the zone it controls.
    control
        Its S2 control type (EN 50491-12-2), as its box says.
    departure, target_percent
        When the car leaves (local time) and how full it must be then; `None` for other devices.
    comfort
        What the owner wants of the zone, by weekday and hour; `None` where nothing is set.
    """

    iri: str
    kind: str
    graph: str
    site: str
    member: str
    zone: str
    control: str | None
    departure: time | None
    target_percent: float | None
    ratings: Mapping[str, float]
    channels: Mapping[str, str]
    comfort: Profile | None

    def rating(self, kind: str) -> float:
        """A rating that the device must have."""
        if str(kind) not in self.ratings:
            raise _Missing(f"{self.iri} states no {str(kind).rsplit('/', 1)[-1]}, so nothing is promised of it; let its box announce it")
        return self.ratings[str(kind)]

    def channel(self, kind: str) -> str:
        """A channel that the device must have."""
        if str(kind) not in self.channels:
            raise _Missing(
                f"{self.iri} has no channel of {str(kind).rsplit('/', 1)[-1]}, so nothing is promised of it; let its box announce one"
            )
        return self.channels[str(kind)]


@dataclass(frozen=True)
class _Known:
    """Everything that was known at the issue time, on one grid that reaches a day past the window."""

    grid: Grid
    steps: int
    near: bool
    measured: Mapping[str, Array]
    forecasts: Mapping[str, Sequence[Forecast]]
    outdoor_c: Array | None

    @property
    def hours(self) -> float:
        """Length of a step [h]."""
        return STEP / timedelta(hours=1)

    def forecast(self, channel: str, level: float | None = None) -> Array:
        """Expectation or quantile over the window and the day after it (grid steps,), NaN where there is none."""
        return compose(self.forecasts.get(channel, ()), self.grid.at(self.grid.first), self.grid.steps, STEP, level)

    def baseline(self, channel: str) -> Array:
        """Expectation over the window (steps,)."""
        found = self.forecast(channel)[: self.steps]
        if np.isnan(found).any():
            raise _Missing(
                f"{channel} has no forecast for {int(np.isnan(found).sum())} of {self.steps} steps, so nothing is promised against it; "
                "run the forecast for that window first"
            )
        return found

    def state(self, channel: str) -> tuple[float, float]:
        """A state at the window's start, at least and at most, in the channel's unit."""
        values = self.measured[channel]
        if self.near:
            lately = values[max(self.grid.known - int(NEAR / STEP), 0) : self.grid.known]
            lately = lately[np.isfinite(lately)]
            if lately.size:
                return float(lately[-1]), float(lately[-1])
        # a state is that at the end of its interval: the one that ends where the window starts
        first = max(self.grid.first - 1, self.grid.known)
        days = recent_days(values[None], Window(self.grid.known, first, 1, self.grid.window.per_day))[0, :, 0]
        days = days[np.isfinite(days)]
        if not days.size:
            raise _Missing(
                f"{channel} has no reading at that time of day in the last week, so its state is unknown and nothing is promised; check the device"
            )
        return float(np.percentile(days, 25)), float(np.percentile(days, 75))


def run(
    store: Store,
    iris: Iris,
    channels: Channels,
    readings: Readings,
    *,
    issued: datetime,
    start: datetime,
    steps: int,
) -> list[Flexibility]:
    """Tell what each device can do over `[start, start + steps · 15 min)`, from what was known at `issued`, and write it.

    Only devices whose owner lets them take part are asked. One of which too little is known gets a finding in its graph and no number.

    Raises
    ------
    ForecastError
        If the window lies before the issue time or is empty.
    """
    grid = Grid.of(issued, start, steps + int(_AHEAD / STEP), STEP, _HISTORY_DAYS)
    ders = read_ders(store, channels)
    facts = _known(store, iris, readings, ders, grid, steps, issued)
    name = iris.id("run", f"flexibility-{stamp(issued)}")
    made: list[tuple[Der, Flexibility]] = []
    findings: list[tuple[Der, Finding]] = []
    for der in ders:
        try:
            made.append((der, _flexibility(der, facts, start)))
        except _Missing as missing:
            findings.append((der, Finding(FCV.MissingReadings, str(missing), der.iri)))
    _write(store, iris, name, issued, made, findings)
    return [flexibility for _, flexibility in made]


def read_ders(store: Store, channels: Channels) -> list[Der]:
    """Read the devices whose owners let them take part, ordered by IRI."""
    rows = queries.rows(store, queries.load("forecasting", "ders"), type=[str(kind) for kind in _TYPES])
    taking_part = {str(row["der"]): row for row in rows if row.get("available") is True}
    names = list(taking_part)
    ratings: dict[str, dict[str, float]] = {der: {} for der in names}
    owned: dict[str, dict[str, str]] = {der: {} for der in names}
    if names:
        for row in queries.rows(store, queries.load("forecasting", "der_ratings"), der=names):
            ratings[str(row["der"])][str(row["kind"])] = float(row["value"]) * _TO_SI.get(str(row["unit"]), 1.0)
        for row in queries.rows(store, queries.load("forecasting", "der_channels"), der=names):
            if channels.get(str(row["channel"])) is not None:
                owned[str(row["der"])].setdefault(str(row["kind"]), str(row["channel"]))
    comfort = of_channels(store, [found[str(FCV.AirTemperature)] for found in owned.values() if str(FCV.AirTemperature) in found])
    return [_der(row, ratings[der], owned[der], comfort) for der, row in taking_part.items()]


def _der(row: Mapping[str, object], ratings: Mapping[str, float], owned: Mapping[str, str], comfort: Mapping[str, Profile]) -> Der:
    departure, target, control = row.get("departure"), row.get("target"), row.get("control")
    return Der(
        iri=str(row["der"]),
        kind=str(row["type"]),
        graph=str(row["graph"]),
        site=str(row["site"]),
        member=str(row["member"]),
        zone=str(row["zone"]),
        control=None if control is None else str(control),
        departure=departure if isinstance(departure, time) else None,
        target_percent=ratings.get(str(FCV.TargetStateOfCharge), float(target) if isinstance(target, Decimal | int) else None),
        ratings=ratings,
        channels=owned,
        comfort=comfort.get(owned.get(str(FCV.AirTemperature), "")),
    )


def _known(store: Store, iris: Iris, readings: Readings, ders: Sequence[Der], grid: Grid, steps: int, issued: datetime) -> _Known:
    states = (FCV.StateOfCharge, FCV.PluggedIn, FCV.AirTemperature)
    wanted = [der.channels[str(kind)] for der in ders for kind in states if str(kind) in der.channels]
    measured: dict[str, Array] = {}
    if wanted:
        frame = readings.frame(wanted, grid.begin, grid.at(grid.known), STEP)
        measured = {channel: frame[channel].to_numpy() for channel in frame.columns}
    forecasts: dict[str, list[Forecast]] = {}
    for forecast in series.known(
        store, [der.channels[str(FCV.ActivePower)] for der in ders if str(FCV.ActivePower) in der.channels], at=issued
    ):
        forecasts.setdefault(forecast.channel, []).append(forecast)
    weather = weather_feed.read(store, iris, readings, grid, issued)
    outdoor = weather.foreseen(grid, grid.window)[0][0] if weather.channels else None
    return _Known(grid, steps, grid.at(grid.first) - issued <= NEAR, measured, forecasts, outdoor)


def _flexibility(der: Der, facts: _Known, start: datetime) -> Flexibility:
    power = der.channel(FCV.ActivePower)
    offer = _device(der, facts, start).offer(facts.baseline(power), facts.hours)
    return Flexibility(
        der=der.iri,
        kind=der.kind,
        site=der.site,
        member=der.member,
        start=start,
        step=STEP,
        baseline_kw=offer.baseline_kw,
        reduction_kw=_whole_watts(offer.reduction_kw),
        increase_kw=_whole_watts(offer.increase_kw),
        reduction_energy_kwh=float(_whole_watts(np.array(offer.reduction_energy_kwh))),
    )


def _whole_watts(values: Array) -> Array:
    """Round down to 0.1 W, so that rounding never promises more."""
    return np.floor(values * 1e4 + 1e-6) / 1e4


def _device(der: Der, facts: _Known, start: datetime) -> Device:
    match der.kind:
        case kind if kind == str(FC.BatterySystem):
            return _battery(der, facts)
        case kind if kind == str(FC.EVCharger):
            return _vehicle(der, facts, start)
        case kind if kind == str(FC.HeatPump):
            return _heat_pump(der, facts, start)
        case _:
            power = der.channel(FCV.ActivePower)
            sure = facts.forecast(power, 0.1)[: facts.steps]
            return Photovoltaic(np.where(np.isnan(sure), 0.0, sure))


def _battery(der: Der, facts: _Known) -> Battery:
    low, high = facts.state(der.channel(FCV.StateOfCharge))
    return Battery(
        rated_kw=der.rating(FCV.RatedPower),
        capacity_kwh=der.rating(FCV.StorageCapacity),
        efficiency=der.rating(FCV.RoundTripEfficiency),
        least=der.rating(FCV.MinimumStateOfCharge) / 100,
        low=low / 100,
        high=high / 100,
    )


def _vehicle(der: Der, facts: _Known, start: datetime) -> Vehicle:
    if der.departure is None or der.target_percent is None:
        raise _Missing(
            f"{der.iri} states no departure time or no state of charge for it, so no charging is put off; let its box announce both"
        )
    rated = der.rating(FCV.RatedPower)
    plugged, here = _plugged(der, facts, start)
    expected = facts.forecast(der.channel(FCV.ActivePower))
    # where nothing is forecast nobody knows what is still free, so nothing is counted
    spare = np.where(np.isnan(expected), 0.0, np.maximum(rated * plugged - expected, 0.0))
    low, high = facts.state(der.channel(FCV.StateOfCharge))
    per_percent = der.rating(FCV.StorageCapacity) / 100 / der.rating(FCV.ChargingEfficiency)
    return Vehicle(
        rated_kw=rated,
        wanted_low_kwh=max(der.target_percent - high, 0.0) * per_percent,
        # a car that is still out comes home with less than its last reading says
        wanted_high_kwh=max(der.target_percent - low, 0.0) * per_percent if here else float("inf"),
        plugged=plugged[: facts.steps],
        later_kwh=float(spare[facts.steps :].sum()) * facts.hours,
    )


def _plugged(der: Der, facts: _Known, start: datetime) -> tuple[Array, bool]:
    """Expected share of each step at the charger until the car leaves, and whether it is known to be there now."""
    channel, grid = der.channel(FCV.PluggedIn), facts.grid
    here = facts.near and facts.state(channel)[0] >= 0.5
    usual = mean_known(recent_days(facts.measured[channel][None], grid.window), axis=1)[0]
    expected = np.ones_like(usual) if here else np.where(np.isnan(usual), 0.0, usual)
    leaving = int((_next_local(start, der.departure or time(), der.zone) - start) / STEP)
    return np.where(np.arange(grid.steps) >= leaving, 0.0, expected), here


def _limits(comfort: Profile, zone: ZoneInfo, start: datetime, steps: int) -> tuple[float | Array, float | Array]:
    """The comfort band of each step [°C]: at its beginning and at its end, whichever asks for more; one for all where it never changes."""
    if not comfort.bands:
        return float(comfort.minimum), float(comfort.maximum)
    at = np.array([band_at(comfort, start + step * STEP, zone) for step in range(steps + 1)], dtype=np.float64)
    return np.maximum(at[:-1, 0], at[1:, 0]), np.minimum(at[:-1, 1], at[1:, 1])


def _heat_pump(der: Der, facts: _Known, start: datetime) -> HeatPump:
    zone = der.channel(FCV.AirTemperature)
    if der.comfort is None:
        raise _Missing(f"{zone} has no comfort band, so nobody knows how far its heat pump may be reduced; ask the member to set one")
    if facts.outdoor_c is None or np.isnan(facts.outdoor_c[: facts.steps]).any():
        raise _Missing(
            f"no outdoor temperature is known for the window, so {der.iri} is promised nothing; let the weather station announce itself"
        )
    cold, warm = facts.state(zone)
    lowest, highest = _limits(der.comfort, ZoneInfo(der.zone), start, facts.steps)
    return HeatPump(
        rated_kw=der.rating(FCV.RatedPower),
        cop=der.rating(FCV.CoefficientOfPerformance),
        resistance_k_per_kw=der.rating(FCV.ThermalResistance) * 1000,  # K/W
        capacitance_kwh_per_k=der.rating(FCV.ThermalCapacitance) / 3.6,  # MJ/K
        lowest_c=lowest,
        highest_c=highest,
        cold_c=cold,
        warm_c=warm,
        outdoor_c=facts.outdoor_c[: facts.steps],
    )


def _next_local(after: datetime, at: time, zone: str) -> datetime:
    """The first instant not before `after` at which the local clock shows a time."""
    local = after.astimezone(ZoneInfo(zone))
    today = local.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0)
    return today if today >= local else today + timedelta(days=1)


def _write(
    store: Store,
    iris: Iris,
    name: str,
    issued: datetime,
    made: Sequence[tuple[Der, Flexibility]],
    findings: Sequence[tuple[Der, Finding]],
) -> None:
    """Write what is not in the graph yet."""
    quads: list[Quad] = []
    nodes = {der.iri: flexibility_iri(iris, der.iri, issued) for der, _ in made}
    there = present(store, list(nodes.values()))
    for der, flexibility in made:
        node, graph = nodes[der.iri], iris.sibling(der.graph, "plans")
        if node not in there:
            used = [der.iri, *der.channels.values()]
            quads += flexibility_quads(flexibility, node, graph, issued, name)
            quads += provenance.activity(iris, graph, name, at=issued, used=used, generated=[node])
    for der, finding in findings:
        quads += finding_quads(finding, iris.sibling(der.graph, "plans"), name, iris.key(der.iri))
    store.apply(insert=quads)
