"""Who is asked in a campaign, who stands by, and what is written and sent of it; under a fake clock."""

from dataclasses import replace
from datetime import date, timedelta

import agreements
import pytest
from optimiser_world import AT, C1, END, HOMES, IRIS, ISSUED, PRICE, SLOT, START, E, consent, flexibility, home, keys, withdrawn

from kg.terms import Json, describe, iri
from market import contracts
from ontology.names import FC, FCV, RDF, RDFS, S4ENER, SAREF
from optimiser.errors import CampaignError


def test_scheduling_notifies_primaries_and_backups_and_sends_the_instructions(world):
    made = world.scheduled()

    assert made.promised_kw == (4.0, 4.0, 4.0, 4.0)
    assert (len(made.primaries), len(made.backups)) == (2, 1)
    assert world.status() == "Scheduled"
    assert sorted(world.states().values()) == ["Scheduled", "Scheduled", "Standby"]
    assert {event.notified for event in world.events().values()} == {AT}
    assert sorted(box for box, _ in world.mail()) == sorted(f"osb-{key}" for key in keys(made.primaries))
    assert made.sentence == "4.0 kWh asked, 4.0 kWh promised by 2 of 5 sites, 1 stand by for 1.2 kWh"


def test_a_limit_is_the_forecast_less_the_promise(world):
    world.scheduled()

    box, payload = world.sent[0]
    key = box[-3:]

    assert payload == {
        "instruction": IRIS.id("instruction", f"c1-{key}-battery-1"),
        "event": E[key],
        "device": IRIS.id("device", f"{key}-battery"),
        "start": "2026-06-10T16:00:00Z",
        "end": "2026-06-10T17:00:00Z",
        "step": "PT15M",
        "notAfter": "2026-06-10T17:00:00Z",
        "limit": [-1.5, -1.5, -1.5, -1.5],
    }


def test_scheduling_twice_changes_nothing(world):
    first = world.scheduled()
    before = world.graph()

    second = world.campaigns.schedule(C1, AT + SLOT)

    assert second == first
    assert world.graph() == before


def test_a_target_beyond_all_homes_is_promised_in_part_and_says_why(world):
    made = world.scheduled(kw=50.0)

    assert made.promised_kw == (10.0, 10.0, 10.0, 10.0)
    assert (
        made.sentence
        == "50.0 kWh asked, 10.0 kWh promised by 5 of 5 sites, 0 stand by for 0.0 kWh; 40.0 kWh are missing because of flexibility"
    )


def test_a_preview_says_who_would_be_asked_and_leaves_everything_as_it_is(world):
    before = world.graph()

    seen = world.campaigns.preview(START, END, 4.0, PRICE, AT)

    assert (world.graph(), world.mail()) == (before, [])
    assert (seen.asked_kw, seen.promised_kw) == ((4.0, 4.0, 4.0, 4.0), (4.0, 4.0, 4.0, 4.0))
    assert replace(seen, campaign=C1) == world.scheduled()


def test_a_preview_of_no_time_is_refused(world):
    with pytest.raises(
        CampaignError, match="2026-06-10T16:00:00Z to 2026-06-10T16:00:00Z holds no quarter-hour; give an end after the start"
    ):
        world.campaigns.preview(START, START, 4.0, PRICE, AT)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda store: store.apply(delete=consent("h01"), insert=consent("h01", until=date(2026, 6, 9))), "consent"),
        (lambda store: store.apply(insert=withdrawn("h01")), "consent"),
        (lambda store: store.apply(delete=home("h01"), insert=home("h01", available=False)), "availability"),
        (lambda store: store.drop([IRIS.graph("member", "h01", "plans")]), "no flexibility"),
        (lambda store: store.apply(insert=flexibility("h01", kw=0.0, issued=ISSUED + SLOT)), "nothing to give by the latest forecast"),
        (lambda store: agreements.write(store, contracts.end(store, IRIS, IRIS.id("contract", "h01", "r1"))), "contract ended"),
        (
            lambda store: store.apply(
                insert=describe(IRIS.graph("member", "h01", "contracts"), IRIS.id("contract", "h01", "r1"), {RDFS.label: "x"})
            ),
            "tampered",
        ),
    ],
)
def test_a_home_that_may_not_or_cannot_take_part_is_left_out(world, change, why):
    change(world.store)

    made = world.scheduled(kw=50.0)

    assert made.promised_kw == (8.0, 8.0, 8.0, 8.0), why
    assert IRIS.id("site", "h01") not in made.primaries


def test_a_forecast_that_was_not_known_yet_is_not_used(world):
    world.store.apply(insert=flexibility("h01", kw=0.0, issued=AT + SLOT))

    assert world.scheduled(kw=50.0).promised_kw == (10.0, 10.0, 10.0, 10.0)


def test_without_notice_nobody_is_asked_for_the_first_slots(world):
    world.request()

    made = world.campaigns.schedule(C1, START - timedelta(minutes=30))

    assert made.promised_kw == (0.0, 0.0, 4.0, 4.0)
    assert "missing because of window or notice" in made.sentence


def test_a_home_is_activated_as_often_as_its_contract_says(world):
    world.scheduled(kw=6.0)
    later = START + timedelta(hours=2)
    world.campaigns.request("c2", later, later + timedelta(hours=1), 50.0, PRICE, AT)

    second = world.campaigns.schedule(IRIS.id("campaign", "c2"), AT)

    used = {event.site for event in world.events().values()}
    assert len(used) == 4  # three deliver, one stands by and may be activated
    assert set(second.primaries) == {IRIS.id("site", key) for key in HOMES} - used


def test_the_connection_keeps_its_export_limit(world):
    for key in HOMES:
        connection, facts = IRIS.id("connection", key), IRIS.graph("member", key, "facts")
        channel, plans = f"{connection}#activePower", IRIS.graph("member", key, "plans")
        quads = describe(
            facts,
            connection,
            {
                RDF.type: FC.GridConnectionPoint,
                FC.locatedAt: iri(IRIS.id("site", key)),
                SAREF.hasPropertyValue: iri(f"{connection}#exportLimit"),
            },
        )
        quads += describe(facts, f"{connection}#exportLimit", {SAREF.isValueOfProperty: FCV.ExportLimit, SAREF.hasValue: 1.0})
        quads += describe(
            IRIS.graph("member", key, "osb", key),
            channel,
            {RDF.type: FC.Channel, SAREF.isPropertyOfInterestOf: iri(connection), SAREF.hasPropertyKind: FCV.ActivePower},
        )
        forecast = {RDF.type: FC.ForecastSeries, FC.forProperty: iri(channel), S4ENER.hasCreationTime: ISSUED, FC.start: START}
        quads += describe(
            plans, IRIS.forecast(channel, ISSUED), {**forecast, S4ENER.hasTemporalResolution: SLOT, FC["values"]: Json("[0.2,0.2,0.2,0.2]")}
        )
        world.store.apply(insert=quads)

    made = world.scheduled(kw=50.0)

    assert made.promised_kw == (6.0, 6.0, 6.0, 6.0)  # five connections may fall from 0.2 kW import to 1.0 kW export
    assert "because of connection" in made.sentence
