"""A campaign that is paused and resumed, under a fake clock: two homes deliver, a third stands by."""

from itertools import cycle

import numpy as np
import pytest
from optimiser_world import C1, SLOT, START, E, World, keys, minutes, name

import shapes
from optimiser.errors import CampaignError
from settlement import records as settled


class Rested(World):
    """A campaign of 4 kW that `a` and `b` deliver; `c` stands by."""

    def __init__(self, file, *, fresh=False):
        super().__init__(file, fresh=fresh)
        made = self.scheduled()
        (self.a, self.b), (self.c,) = keys(made.primaries), keys(made.backups)
        self.mail()

    def begun(self):
        self.accept(self.a, self.b)
        self.campaigns.advance(minutes(0))
        self.mail()

    def rests(self, *turns):
        """It begins, and is paused and resumed by turns at these minutes."""
        self.begun()
        for verb, at in zip(cycle(("pause", "resume")), turns, strict=False):
            getattr(self.campaigns, verb)(C1, minutes(at))


def revoked(*homes):
    """The mail that ends the instructions of some homes."""
    return sorted((f"osb-{home}", "revoke") for home in homes)


def instructed(numbers):
    """The mail that gives each of some homes its instruction of a number."""
    return sorted((f"osb-{home}", f"c1-{home}-battery-{number}") for home, number in numbers.items())


@pytest.fixture
def world(signed_homes):
    return Rested(signed_homes)


def test_pausing_sends_every_home_back_to_normal_and_calls_nobody(world):
    world.begun()

    world.campaigns.pause(C1, minutes(20))

    assert world.status() == "Paused"
    assert world.mail() == revoked(world.a, world.b)
    assert {name(one.status) for one in world.instructions().values()} == {"Revoked"}
    assert world.states() == {world.a: "Active", world.b: "Active", world.c: "Standby"}


def test_while_it_is_paused_the_end_of_each_instruction_is_told_again_and_nothing_else(world):
    world.rests(20)
    world.mail()

    world.campaigns.advance(minutes(31))

    assert world.mail() == revoked(world.a, world.b)
    assert world.status() == "Paused"


def test_resuming_sends_what_is_left_from_the_next_slot_on_under_new_names(world):
    world.rests(20)
    world.mail()

    world.campaigns.resume(C1, minutes(33))

    assert world.status() == "Ongoing"
    assert world.mail() == instructed({world.a: 2, world.b: 2})
    anew = world.instructions()[f"c1-{world.a}-battery-2"]
    assert (anew.start, anew.end) == (minutes(45), minutes(60))
    assert (anew.limit_kw.tolist(), anew.reduction_kw.tolist()) == ([-1.5], [2.0])


def test_pausing_and_resuming_twice_changes_nothing(world):
    world.rests(20)
    once = world.graph()
    world.campaigns.pause(C1, minutes(25))
    assert world.graph() == once

    world.campaigns.resume(C1, minutes(33))
    once = world.graph()
    world.campaigns.resume(C1, minutes(40))
    assert world.graph() == once


def test_a_pause_before_the_start_leaves_nothing_out(world):
    world.campaigns.pause(C1, minutes(-60))
    assert (world.status(), world.mail()) == ("Paused", revoked(world.a, world.b))

    world.campaigns.resume(C1, minutes(-30))

    assert world.status() == "Scheduled"
    assert {one.start for name, one in world.instructions().items() if name.endswith("-2")} == {START}
    assert settled.campaign(world.store, C1).paused == frozenset()


def test_the_window_begins_while_it_is_paused_and_homes_count_from_where_it_goes_on(world):
    world.campaigns.pause(C1, minutes(-10))
    world.campaigns.advance(minutes(5))
    assert {state for key, state in world.states().items() if key != world.c} == {"Scheduled"}

    world.campaigns.resume(C1, minutes(5))

    assert {one.activated for key, one in world.events().items() if key != world.c} == {minutes(15)}
    assert settled.campaign(world.store, C1).paused == {START}


def test_slots_that_a_pause_touches_are_neither_asked_for_nor_promised_at_the_settlement(world):
    world.rests(20, 33)

    found = settled.campaign(world.store, C1)

    assert found.paused == {minutes(15), minutes(30)}
    assert found.asked_kw.tolist() == [4.0, 0.0, 0.0, 4.0]
    assert found.promised_kw.tolist() == [4.0, 0.0, 0.0, 4.0]


def test_what_was_told_before_a_pause_does_not_count_for_what_nobody_accepted_after_it(world):
    world.rests(20, 33)
    world.accept(world.a, number=2, at=minutes(34))

    given = settled.instructions(world.store, C1)
    slots = [START + n * SLOT for n in range(4)]
    told = {key: settled.instructed_kw(given[E[key]], slots, SLOT).tolist() for key in (world.a, world.b)}

    assert told == {world.a: [2.0, 2.0, 2.0, 2.0], world.b: [2.0, 2.0, 2.0, 0.0]}


def test_whoever_leaves_during_a_pause_is_replaced_when_it_goes_on_and_not_before(world):
    world.rests(5)
    world.mail()

    world.campaigns.opt_out(E[world.a], minutes(10))
    assert world.mail() == []
    assert world.states()[world.c] == "Standby"

    world.campaigns.resume(C1, minutes(20))

    assert world.mail() == instructed({world.b: 2, world.c: 1})
    assert world.states()[world.c] == "Active"
    assert world.events()[world.c].activated == minutes(30)
    assert world.events()[world.a].released == minutes(0)


def test_a_pause_to_the_end_finishes_the_campaign_with_what_was_delivered_before_it(world):
    world.rests(35)

    world.campaigns.advance(minutes(60))

    assert world.status() == "Finished"
    assert world.states() == {world.a: "Completed", world.b: "Completed", world.c: "Cancelled"}
    assert world.events()[world.a].released == minutes(30)


def test_a_campaign_that_never_left_its_pause_has_called_nobody(world):
    world.campaigns.pause(C1, minutes(-10))

    world.campaigns.advance(minutes(60))

    assert set(world.states().values()) == {"Cancelled"}


def test_a_paused_campaign_can_be_stopped(world):
    world.rests(20)

    world.campaigns.abort(C1, minutes(25))

    assert world.status() == "Aborted"
    with pytest.raises(CampaignError, match="is aborted and ends at 2026-06-10T17:00:00Z, so it can't go on"):
        world.campaigns.resume(C1, minutes(30))


def test_a_home_that_answers_nothing_after_a_pause_is_replaced(world):
    world.rests(5, 10)
    world.accept(world.b, number=2, at=minutes(11))
    world.mail()

    world.campaigns.advance(minutes(30))

    assert world.states()[world.a] == "OptedOut"
    assert world.states()[world.c] == "Active"


def test_what_is_over_cannot_be_paused(world):
    world.begun()
    world.campaigns.advance(minutes(60))

    with pytest.raises(CampaignError, match="is finished, so there is nothing to pause"):
        world.campaigns.pause(C1, minutes(61))


def test_a_second_pause_goes_on_from_the_instructions_of_the_first(world):
    world.rests(5, 10, 20, 30)

    told = world.instructions()

    assert sorted(name for name in told if world.a in name) == [f"c1-{world.a}-battery-{n}" for n in (1, 2, 3)]
    assert told[f"c1-{world.a}-battery-3"].start == minutes(30)
    assert np.isclose(settled.campaign(world.store, C1).asked_kw, [0.0, 0.0, 4.0, 4.0]).all()


def test_everything_that_a_pause_writes_keeps_to_the_shapes(world):
    world.rests(20, 33)

    assert shapes.validate(world.written()).sentences == ()


def test_a_platform_killed_after_every_step_ends_in_the_same_state(signed_homes):
    def play(world):
        world.begun()
        world.campaigns.pause(C1, minutes(5))
        world.campaigns.advance(minutes(6))
        world.campaigns.opt_out(E[world.a], minutes(10))
        world.campaigns.resume(C1, minutes(20))
        world.campaigns.advance(minutes(21))
        world.campaigns.advance(minutes(60))
        return world.graph()

    assert play(Rested(signed_homes)) == play(Rested(signed_homes, fresh=True))
