"""The course of campaigns under a fake clock: states, lost messages, killed platforms."""

import pytest
from optimiser_world import AT, C1, END, IRIS, SLOT, START, E, World, keys, minutes, name

import shapes
from optimiser import records, states
from optimiser.campaigns import Campaigns
from optimiser.errors import CampaignError


def play(world):
    """A campaign with an opt-out: primaries a and b, backup c; returns their keys and what was seen after each step."""
    made = world.scheduled()
    a, b, c = keys(made.primaries + made.backups)
    seen = [(world.status(), world.states())]
    steps = [
        lambda: world.accept(a, b),
        lambda: world.campaigns.advance(minutes(-15)),
        lambda: world.campaigns.advance(minutes(0)),
        lambda: world.accept(a, b, at=minutes(1), status="Started"),
        lambda: world.campaigns.report(f"osb-{a}", {"optOut": E[a], "at": "2026-06-10T16:20:00Z", "reason": "MemberChoice"}, minutes(21)),
        lambda: world.accept(c, at=minutes(22)),
        lambda: world.campaigns.advance(minutes(30)),
        lambda: world.campaigns.advance(minutes(45)),
        lambda: world.campaigns.advance(minutes(60)),
        lambda: world.accept(b, c, at=minutes(61), status="Succeeded"),
    ]
    for step in steps:
        step()
        seen.append((world.status(), world.states()))
    return (a, b, c), seen


def test_the_states_of_a_campaign_step_by_step(world):
    (a, b, c), seen = play(world)

    before, during, repaired = (
        {a: x, b: y, c: z}
        for x, y, z in (("Scheduled", "Scheduled", "Standby"), ("Active", "Active", "Standby"), ("OptedOut", "Active", "Active"))
    )
    over = {a: "OptedOut", b: "Completed", c: "Completed"}
    assert seen == [
        ("Scheduled", before),
        ("Scheduled", before),
        ("Scheduled", before),
        ("Ongoing", during),
        ("Ongoing", during),
        ("Ongoing", repaired),
        ("Ongoing", repaired),
        ("Ongoing", repaired),
        ("Ongoing", repaired),
        ("Finished", over),
        ("Finished", over),
    ]


def test_the_slot_of_the_opt_out_does_not_count_and_the_backup_begins_with_the_next(world):
    (a, b, c), _ = play(world)

    events, told = world.events(), world.instructions()

    assert (events[a].activated, events[a].released) == (minutes(0), minutes(15))
    assert (events[b].activated, events[b].released) == (minutes(0), minutes(60))
    assert (events[c].activated, events[c].released) == (minutes(30), minutes(60))
    assert told[f"c1-{c}-battery-1"].reduction_kw.tolist() == [2.0, 2.0]
    assert {key: name(one.status) for key, one in told.items()} == {
        f"c1-{a}-battery-1": "Aborted",
        f"c1-{b}-battery-1": "Succeeded",
        f"c1-{c}-battery-1": "Succeeded",
    }


def test_the_promise_stays_as_it_was_agreed(world):
    play(world)

    assert records.one_campaign(world.store, C1).promised_kw.tolist() == [4.0, 4.0, 4.0, 4.0]


def test_everything_written_keeps_to_the_shapes(world):
    play(world)

    assert shapes.validate(world.written()).sentences == ()


def test_a_platform_killed_after_every_step_ends_in_the_same_state(signed_homes):
    whole, broken = World(signed_homes), World(signed_homes, fresh=True)

    assert play(whole) == play(broken)
    assert whole.graph() == broken.graph()


def test_a_platform_killed_before_it_could_send_sends_after_its_restart(world):
    def killed(box, payload):
        raise ConnectionError("killed")

    world.request()
    with pytest.raises(ConnectionError):
        Campaigns(world.store, IRIS, killed).schedule(C1, AT)
    before = world.graph()

    world.campaigns.schedule(C1, AT)
    world.campaigns.advance(AT + SLOT)

    assert len(world.mail()) == 2
    assert world.graph() == before


def test_a_box_may_answer_while_it_is_being_told(world):
    def answering(box, payload):
        campaigns.report(box, {"instruction": payload["instruction"], "status": "Accepted", "at": AT.isoformat()}, AT)

    campaigns = Campaigns(world.store, IRIS, answering)
    world.request()
    campaigns.schedule(C1, AT)

    assert [name(one.status) for one in world.instructions().values()] == ["Accepted", "Accepted"]


def test_a_lost_revocation_is_sent_again(world):
    made = world.scheduled()
    a, b = keys(made.primaries)
    world.accept(a, b)
    world.campaigns.opt_out(E[a], AT + SLOT)
    world.mail()

    world.campaigns.advance(AT + 2 * SLOT)

    assert (f"osb-{a}", "revoke") in world.mail()


@pytest.mark.parametrize("at", [-15, 0, 15, 30, 60, 90])
def test_advancing_twice_changes_nothing(world, at):
    world.scheduled()
    world.campaigns.advance(minutes(at))
    before = world.graph()

    world.campaigns.advance(minutes(at))

    assert world.graph() == before


def test_what_nobody_acknowledged_is_sent_again_until_it_is(world):
    made = world.scheduled()
    a, b = keys(made.primaries)
    world.mail()

    world.accept(a)
    world.campaigns.advance(AT + SLOT)
    only_b = world.mail()
    world.accept(b)
    world.campaigns.advance(AT + 2 * SLOT)

    assert only_b == [(f"osb-{b}", f"c1-{b}-battery-1")]
    assert world.mail() == []


def test_stopping_revokes_all_and_releases_who_delivered(world):
    made = world.scheduled()
    a, b, c = keys(made.primaries + made.backups)
    world.accept(a, b)
    world.campaigns.advance(minutes(0))
    world.mail()

    world.campaigns.abort(C1, minutes(20))

    assert world.status() == "Aborted"
    assert set(world.states().values()) == {"Cancelled"}
    assert [world.events()[key].released for key in (a, b, c)] == [minutes(15), minutes(15), None]
    assert world.mail() == sorted([(f"osb-{a}", "revoke"), (f"osb-{b}", "revoke")])
    assert {name(one.status) for one in world.instructions().values()} == {"Revoked"}


@pytest.mark.parametrize(
    ("state", "schedule", "start", "finish", "abort"),
    [
        ("Requested", "Scheduled", "Requested", "Requested", "Aborted"),
        ("Scheduled", "Scheduled", "Ongoing", "Finished", "Aborted"),
        ("Ongoing", "Ongoing", "Ongoing", "Finished", "Aborted"),
        ("Finished", CampaignError, "Finished", "Finished", CampaignError),
        ("Settled", CampaignError, "Settled", "Settled", CampaignError),
        ("Aborted", CampaignError, "Aborted", "Aborted", "Aborted"),
    ],
)
@pytest.mark.parametrize("verb", ["schedule", "start", "finish", "abort"])
def test_the_full_matrix_of_states_and_verbs(world, state, verb, schedule, start, finish, abort):
    expected = {"schedule": schedule, "start": start, "finish": finish, "abort": abort}[verb]
    call = {
        "schedule": lambda: world.campaigns.schedule(C1, AT),
        "start": lambda: world.campaigns.advance(START),
        "finish": lambda: world.campaigns.advance(END),
        "abort": lambda: world.campaigns.abort(C1, AT),
    }[verb]
    world.bring_to(state)
    assert world.status() == state

    if expected is CampaignError:
        before = world.graph()
        with pytest.raises(CampaignError, match="any more"):
            call()
        assert world.graph() == before
    else:
        call()
        assert world.status() == expected


def test_the_table_of_transitions_has_every_state():
    every = {states.REQUESTED, states.SCHEDULED, states.ONGOING, states.PAUSED, states.FINISHED, states.SETTLED, states.ABORTED}

    assert set(states.TRANSITIONS) == every
    assert set().union(*states.TRANSITIONS.values()) == every - {states.REQUESTED}


def test_what_does_not_exist_is_named(world):
    for call in (
        lambda: world.campaigns.schedule(C1, AT),
        lambda: world.campaigns.abort(C1, AT),
        lambda: world.campaigns.opt_out(E["h01"], AT),
    ):
        with pytest.raises(CampaignError, match="there is no"):
            call()
