"""The platform's clockwork: tomorrow is forecast once the day-ahead market has closed, and requests that were left over come to an end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from clockwork import Clockwork, campaigns_in
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import Lang, describe, iri
from notices import Clocks, Desk, Office
from ontology.names import FC, FCV, QUDT, RDF, RDFS, S4ENER, SAREF, UNIT
from optimiser.campaigns import Campaigns
from privacy.housekeeping import Housekeeping
from telemetry.channels import Channels
from telemetry.readings import Readings
from telemetry.writer import ReadingWriter

MADRID = ZoneInfo("Europe/Madrid")
Window = tuple[datetime, datetime, datetime]


class Foresight:
    """Keeps what was asked of it; fails as often as it is told to."""

    def __init__(self) -> None:
        self.forecasts: list[Window] = []
        self.plans: list[Window] = []
        self.failures = 0

    def forecast(self, issued: datetime, start: datetime, end: datetime) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no room left")
        self.forecasts.append((issued, start, end))

    def plan(self, at: datetime, start: datetime, end: datetime) -> None:
        self.plans.append((at, start, end))


@pytest.fixture
def foresight() -> Foresight:
    return Foresight()


@pytest.fixture
def campaigns(store: EmbeddedStore, iris: Iris) -> Campaigns:
    return Campaigns(store, iris, lambda osb, payload: None)


@pytest.fixture
def clockwork(store: EmbeddedStore, iris: Iris, foresight: Foresight, campaigns: Campaigns, tmp_path: Path) -> Iterator[Clockwork]:
    """Over a cooperative with one site in Madrid and one channel."""
    site, channel = iris.id("site", "h01"), iris.id("connection", "h01#activePower")
    measured = {
        RDF.type: [iri(str(FC.Channel)), iri(str(SAREF.PropertyOfInterest))],
        SAREF.isPropertyOfInterestOf: iri(iris.id("connection", "h01")),
        SAREF.hasPropertyKind: iri(str(FCV.ActivePower)),
        QUDT.hasUnit: iri(str(UNIT.KiloW)),
        FC.signConvention: iri(str(FCV.ImportPositive)),
        S4ENER.hasTemporalResolution: timedelta(minutes=15),
        FC.minimum: -25.0,
        FC.maximum: 25.0,
    }
    store.apply(
        insert=[
            *describe(iris.graph("member", "h01", "facts"), site, {RDF.type: FC.Site, FC.timeZone: "Europe/Madrid"}),
            *describe(iris.graph("member", "h01", "osb", "h01"), channel, measured),
            *describe(iris.graph("registry"), iris.id("dso", "demo"), {RDF.type: FC.GridOperator, RDFS.label: Lang("Grid")}),
            *describe(iris.graph("registry"), iris.id("cooperative", "demo"), {RDF.type: FC.Cooperative, RDFS.label: Lang("Homes")}),
        ]
    )
    channels = Channels(store, iris)
    readings, writer = Readings(store, iris, channels), ReadingWriter(store, iris, channels)
    house = Housekeeping(store, iris, channels, readings, writer, k=10, describe=lambda now: None, clear=lambda now, stop: None)
    clocks = Clocks(lambda: datetime(2026, 3, 28, tzinfo=UTC), lambda: datetime(2026, 3, 28, tzinfo=UTC))
    desk = Desk(store, iris, tmp_path / "notices.sqlite", clocks, Office(iris.base, "a@b.example", "a@b.example"), None, lambda: "secret")
    yield Clockwork(store, iris, channels, readings, foresight=foresight, campaigns=campaigns, housekeeping=house, notices=desk)
    house.stop()
    house.join()
    desk.close()


def test_tomorrow_is_forecast_once_from_local_noon_on_whole_local_days(clockwork: Clockwork, foresight: Foresight) -> None:
    noon = datetime(2026, 3, 28, 12, tzinfo=MADRID)  # clocks go forward in the night of the 29th

    for minutes in (-1, 0, 1, 24 * 60):
        clockwork.advance(noon.astimezone(UTC) + timedelta(minutes=minutes))

    asked = [(start.isoformat(), (end - start) / timedelta(hours=1)) for _, start, end in foresight.forecasts]
    assert asked == [("2026-03-28T23:00:00+00:00", 23.0), ("2026-03-29T22:00:00+00:00", 24.0)]


def test_a_forecast_that_failed_is_made_in_the_next_round(clockwork: Clockwork, foresight: Foresight) -> None:
    noon = datetime(2026, 3, 27, 12, tzinfo=MADRID).astimezone(UTC)
    foresight.failures = 1

    with pytest.raises(OSError, match="no room left"):
        clockwork.advance(noon)
    clockwork.advance(noon + timedelta(seconds=5))

    assert foresight.forecasts == [(noon + timedelta(seconds=5), noon + timedelta(hours=12), noon + timedelta(hours=36))]


def test_who_only_moves_the_clock_gets_no_forecast(clockwork: Clockwork, foresight: Foresight) -> None:
    clockwork.advance(datetime(2026, 3, 27, 15, tzinfo=UTC), planning=False)

    assert foresight.forecasts == []


def test_a_request_whose_window_has_begun_is_aborted(
    clockwork: Clockwork, foresight: Foresight, campaigns: Campaigns, store: EmbeddedStore
) -> None:
    asked, start = datetime(2026, 3, 27, 9, tzinfo=UTC), datetime(2026, 3, 27, 10, tzinfo=UTC)
    campaign = campaigns.request("c1", start, start + timedelta(hours=2), 5.0, Decimal("0.40"), asked)
    requested = campaigns_in(store, str(FCV.CampaignRequested))

    clockwork.advance(start)

    assert (requested, foresight.plans) == ([campaign], [])
    assert campaigns_in(store, str(FCV.CampaignRequested)) == []
    assert campaigns_in(store, str(FCV.CampaignAborted)) == [campaign]
