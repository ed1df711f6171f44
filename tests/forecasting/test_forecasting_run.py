"""Forecasts from graph to graph."""

import json
from datetime import timedelta

import numpy as np
import pytest
from forecasting_coop import ISSUED, PORTFOLIO, START, STEP, Coop, foresee, live

from forecasting import forecast, series
from forecasting.errors import ForecastError
from forecasting.forecast import ForecastReport, portfolio_sum
from ontology.names import FCV
from shapes import validate


def run(coop: Coop, **given: object) -> ForecastReport:
    asked = {"issued": ISSUED, "start": START, "steps": 96, **given}
    return forecast.run(coop.store, coop.iris, coop.channels, coop.readings, **asked)


def test_every_power_channel_and_the_portfolio_get_a_forecast(coop: Coop) -> None:
    report = run(coop, portfolio=PORTFOLIO)

    kinds = {kind.kind: kind for kind in report.kinds}
    assert set(kinds) == {"load", "pv", "heatpump", "ev", "battery", "connection", "portfolio"}
    assert len(report.forecasts) == 2 * 6 + 1
    assert all(np.isfinite(made.values).all() and len(made.values) == 96 for made in report.forecasts)
    assert all(0.7 <= kind.coverage <= 1.0 for kind in report.kinds)
    assert {score.model for score in kinds["portfolio"].scores} >= {FCV.SevenDayMean, FCV.RidgeRegression, FCV.QuantileRegression}


def test_the_summary_is_json_and_names_the_models_tried(coop: Coop) -> None:
    found = json.loads(json.dumps(run(coop, targets=[coop.channel("site/h01", "loadPower")]).summary()))

    load = found["kinds"]["load"]
    assert found["issued"] == "2016-08-29T19:00:00Z"
    assert set(load["rmse_kw"]) == {"SeasonalNaive", "SevenDayMean", "RidgeRegression"}
    assert load["chosen"] in load["rmse_kw"]
    assert load["mase"]["SeasonalNaive"] == 1.0


def test_days_that_repeat_are_forecast_to_repeat(coop: Coop) -> None:
    run(coop)

    found = series.read_latest(coop.store, [coop.channel("site/h02", "loadPower")], at=ISSUED)
    load = next(iter(found.values()))
    assert load.values[12] == pytest.approx(1.0, abs=0.1)  # 03:00 local
    assert load.values[4 * 19] == pytest.approx(5.0, abs=0.1)  # 19:00 local
    assert (load.quantiles[0.1] <= load.quantiles[0.5]).all()
    assert (load.quantiles[0.5] <= load.quantiles[0.9]).all()


def test_pv_is_zero_at_night_and_never_below(coop: Coop) -> None:
    run(coop)

    pv = series.read_latest(coop.store, [coop.channel("device/h01-pv")], at=ISSUED).popitem()[1]
    night = [*range(23), *range(4 * 19, 96)]  # before 05:45 and after 19:00 local
    for values in (pv.values, *pv.quantiles.values()):
        assert (values >= 0).all()
        assert not values[night].any()
    assert pv.values[48] == pytest.approx(3.0, abs=0.3)


def test_what_is_written_fits_its_shape(coop: Coop) -> None:
    run(coop, portfolio=PORTFOLIO)

    for graph in (coop.iris.graph("member", "h01", "plans"), coop.iris.graph("portfolio", "plans")):
        assert validate(coop.store.graph(graph)).sentences == ()


def test_a_member_s_graph_holds_only_its_own(coop: Coop) -> None:
    run(coop, portfolio=PORTFOLIO)

    own = coop.store.graph(coop.iris.graph("member", "h01", "plans"))
    assert own
    assert not [triple for triple in own if "h02" in str(triple)]


def test_running_twice_adds_nothing(coop: Coop) -> None:
    run(coop, portfolio=PORTFOLIO)
    before = coop.store.count()

    run(coop, portfolio=PORTFOLIO)

    assert coop.store.count() == before


def test_later_readings_and_forecasts_change_nothing(coop: Coop) -> None:
    first = run(coop, portfolio=PORTFOLIO)
    coop.measure(coop.channel("site/h01", "loadPower"), np.full(96, 24.0), ISSUED)
    coop.measure(coop.channel("station/demo", "airTemperature"), np.full(96, 45.0), ISSUED)
    foresee(coop, ISSUED + timedelta(hours=1), add_k=15.0)

    again = run(coop, portfolio=PORTFOLIO)

    for before, after in zip(first.forecasts, again.forecasts, strict=True):
        assert np.array_equal(before.values, after.values)
        assert all(np.array_equal(before.quantiles[level], after.quantiles[level]) for level in before.quantiles)


def test_a_short_history_gives_a_finding_and_no_number(bare: Coop) -> None:
    live(bare, ("h01",))
    foresee(bare)
    short = bare.channel("site/h02", "loadPower")
    bare.measure(short, np.full(7 * 96, 1.0), ISSUED - timedelta(days=7))

    report = run(bare, targets=[short, bare.channel("site/h01", "loadPower")])

    assert [made.channel for made in report.forecasts] == [bare.channel("site/h01", "loadPower")]
    finding = next(each for each in report.findings if each.about == short)
    assert finding.code == FCV.ShortHistory
    assert finding.sentence == (
        f"{short} has 7 days of readings before the issue time and a forecast needs 8, so none was made; wait, or load older readings"
    )
    assert any(finding.sentence in str(triple) for triple in bare.store.graph(bare.iris.graph("member", "h02", "plans")))


def test_steps_beyond_the_weather_forecast_are_named(bare: Coop) -> None:
    live(bare, ("h01",))
    foresee(bare, steps=96)  # 24 h from noon: twelve hours of the day ahead are not covered

    report = run(bare, targets=[bare.channel("site/h01", "loadPower")])

    sentences = [finding.sentence for finding in report.findings if finding.code == FCV.PersistedWeather]
    assert sentences[0].startswith("48 of 96 steps had no weather forecast at the issue time")
    assert sentences[1].startswith("14 of 14 backtest days lacked weather forecasts of their own")


def test_a_forecast_into_the_past_is_refused(coop: Coop) -> None:
    with pytest.raises(ForecastError, match="would begin in its own past; ask for a later start"):
        run(coop, start=ISSUED - STEP)


def test_what_was_known_at_a_time_can_be_asked(coop: Coop) -> None:
    run(coop)
    later = ISSUED + timedelta(hours=3)
    run(coop, issued=later)
    channel = coop.channel("site/h01", "loadPower")

    then = series.read_latest(coop.store, [channel], at=ISSUED + timedelta(hours=1))
    now = series.read_latest(coop.store, [channel], at=later)

    assert then[channel].issued == ISSUED
    assert now[channel].issued == later
    assert series.read_latest(coop.store, [channel], at=ISSUED - STEP) == {}


def test_a_later_forecast_lies_on_top_of_an_earlier_one(coop: Coop) -> None:
    channel = coop.channel("site/h01", "loadPower")
    made = run(coop, targets=[channel], steps=8).forecasts[0]
    older = series.Forecast(**{**vars(made), "values": np.ones(8)})
    newer = series.Forecast(**{**vars(made), "start": START + 4 * STEP, "values": np.full(8, 2.0)})

    found = series.compose([older, newer], START - STEP, 10, STEP)

    assert np.isnan(found[0])
    assert found[1:].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_hourly_forecasts_are_held_over_their_quarters(coop: Coop) -> None:
    made = run(coop, targets=[coop.channel("site/h01", "loadPower")], steps=8).forecasts[0]
    hourly = series.Forecast(**{**vars(made), "step": timedelta(hours=1), "values": np.array([1.0, 2.0])})

    assert series.compose([hourly], START + 2 * STEP, 4, STEP).tolist() == [1.0, 1.0, 2.0, 2.0]


def test_a_portfolio_s_step_is_summed_only_where_it_is_known() -> None:
    values = np.ones((20, 3))
    values[0, 1] = np.nan
    values[:5, 2] = np.nan

    assert portfolio_sum(values)[:2].tolist() == [20.0, 20.0]
    assert np.isnan(portfolio_sum(values)[2])


def test_values_are_packed_without_exponents_or_minus_zero() -> None:
    assert str(series.pack(np.array([0.00004, -0.00004, 1e-3, np.nan, 12345678.0]))) == "[0.0,0.0,0.001,null,12345678.0]"
