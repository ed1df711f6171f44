"""Sites that drop out of a campaign and those that take their place, under a fake clock."""

import pytest
from optimiser_world import AT, C1, IRIS, SLOT, START, E, keys, minutes, name

from ontology.names import FC, FCV
from optimiser.errors import CampaignError


def test_a_box_that_acknowledges_nothing_is_replaced_after_one_slot(world):
    made = world.scheduled()
    a, b, c = keys(made.primaries + made.backups)
    world.accept(b)
    world.campaigns.advance(minutes(0))

    world.campaigns.advance(minutes(15))

    assert world.states() == {a: "OptedOut", b: "Active", c: "Active"}
    reasons = [
        triple.object.value for triple in world.store.graph(IRIS.graph("member", a, "events")) if triple.predicate.value == str(FC.reason)
    ]
    assert reasons == [str(FCV.DeviceOffline)]
    assert world.events()[c].activated == minutes(15)


@pytest.mark.parametrize(("status", "reason"), [("Rejected", FCV.DeviceOffline), ("Aborted", FCV.ManualOverride)])
def test_an_instruction_that_is_not_carried_out_is_replaced(world, status, reason):
    made = world.scheduled()
    a, b, c = keys(made.primaries + made.backups)

    world.accept(a, status=status)

    assert world.states() == {a: "OptedOut", b: "Scheduled", c: "Active"}
    assert world.events()[c].activated == START
    assert world.events()[a].released is None  # it never began
    assert any(triple.object.value == str(reason) for triple in world.store.graph(IRIS.graph("member", a, "events")))


def test_an_opt_out_before_the_start_leaves_time_to_ask_others_with_notice(world):
    made = world.scheduled(kw=6.0)  # three deliver, one stands by
    first, second, third = keys(made.primaries)
    backup = made.backups[0][-3:]

    world.campaigns.opt_out(E[first], AT + SLOT)
    world.campaigns.opt_out(E[second], AT + SLOT)

    called = {key for key, event in world.events().items() if name(event.status) == "Active"}
    assert len(called) == 2
    assert backup in called  # who stands by comes first, then a home that wasn't asked before and still gets its notice
    assert {event.activated for key, event in world.events().items() if key in called} == {START}
    assert third not in called


def test_late_in_the_event_only_those_who_stand_by_are_called(world):
    made = world.scheduled(kw=6.0)
    world.accept(*keys(made.primaries))
    world.campaigns.advance(minutes(0))

    for site in made.primaries[:2]:
        world.campaigns.opt_out(E[site[-3:]], minutes(5))

    assert sorted(world.states().values()) == ["Active", "Active", "OptedOut", "OptedOut"]  # the fifth home's notice is an hour


def test_an_opt_out_in_the_last_slot_calls_nobody(world):
    made = world.scheduled()
    world.accept(*keys(made.primaries))
    world.campaigns.advance(minutes(0))

    world.campaigns.opt_out(E[made.primaries[0][-3:]], minutes(50))

    assert world.states()[made.backups[0][-3:]] == "Standby"


def test_who_stands_by_may_leave_too(world):
    made = world.scheduled()
    backup = made.backups[0][-3:]

    world.campaigns.opt_out(E[backup], AT + SLOT)

    assert world.states()[backup] == "OptedOut"
    assert len(world.instructions()) == 2


def test_opting_out_twice_changes_nothing(world):
    made = world.scheduled()
    event = E[made.primaries[0][-3:]]
    world.campaigns.opt_out(event, AT + SLOT)
    before = world.graph()

    world.campaigns.opt_out(event, AT + 2 * SLOT)

    assert world.graph() == before


def test_an_opt_out_that_arrives_late_counts_from_when_it_happened(world):
    made = world.scheduled()
    a, c = made.primaries[0][-3:], made.backups[0][-3:]
    world.accept(*keys(made.primaries))
    world.campaigns.advance(minutes(0))

    world.campaigns.report(f"osb-{a}", {"optOut": E[a], "at": "2026-06-10T16:05:00Z", "reason": "ManualOverride"}, minutes(31))

    assert world.events()[a].released == minutes(0)
    assert world.events()[c].activated == minutes(45)


@pytest.mark.parametrize("state", ["Finished", "Aborted", "Settled"])
def test_nobody_opts_out_of_what_is_over(world, state):
    world.bring_to("Ongoing" if state == "Aborted" else state)
    if state == "Aborted":
        world.campaigns.abort(C1, minutes(5))
    event = next(iter(world.events().values())).iri

    with pytest.raises(CampaignError, match="any more"):
        world.campaigns.opt_out(event, minutes(5))
