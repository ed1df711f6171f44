"""Who is to be told what and when, by hand-made facts."""

from datetime import timedelta

from notices_world import END, HOUR, MINUTE, PLANNED_AT, START, called, cancelled, part, settled, standby

from notices.due import Kind, Phase, State, Told, decide, state_of
from ontology.names import FCV

PLANNED = State(Phase.PLANNED, START, END)
STANDBY = State(Phase.STANDBY, START, END)
PAUSED = State(Phase.PAUSED, START, END)
CALLED = State(Phase.CALLED, START + 45 * MINUTE, END)


def test_a_planned_event_is_told_at_once_by_an_hour_before_and_until_it_begins() -> None:
    notice = decide(part(), None, PLANNED_AT)

    assert notice is not None
    assert (notice.kind, notice.state, notice.by, notice.until) == (Kind.PLANNED, PLANNED, START - HOUR, START)


def test_what_was_told_is_not_told_again() -> None:
    assert decide(part(), Told(PLANNED, heard=True), START - MINUTE) is None
    assert decide(part(status=str(FCV.EventActive), activated=START), Told(PLANNED, heard=True), START + MINUTE) is None
    assert decide(part(status=str(FCV.EventCompleted), activated=START, released=END), Told(PLANNED, heard=True), END) is None


def test_an_event_that_has_begun_unheard_of_is_noted_as_too_late_while_it_lasts() -> None:
    notice = decide(part(), None, START + MINUTE)

    assert notice is not None
    assert notice.until <= START + MINUTE
    assert decide(part(), None, END) is None


def test_who_stands_by_hears_of_it_as_of_something_else() -> None:
    notice = decide(standby(), None, PLANNED_AT)

    assert notice is not None
    assert (notice.kind, notice.state.phase) == (Kind.PLANNED, Phase.STANDBY)


def test_who_stood_by_and_is_called_hears_of_it_before_the_first_slot_and_no_notice_was_promised() -> None:
    notice = decide(called(), Told(STANDBY, heard=True), START + 40 * MINUTE)

    assert notice is not None
    assert (notice.kind, notice.state, notice.by, notice.until) == (Kind.CHANGED, CALLED, None, START + 45 * MINUTE)


def test_who_is_called_without_having_stood_by_is_told_with_the_notice_of_the_contract() -> None:
    notice = decide(called(activated=START + 90 * MINUTE, start=START + 90 * MINUTE), None, START)

    assert notice is not None
    assert (notice.kind, notice.state.begin, notice.by) == (Kind.PLANNED, START + 90 * MINUTE, START + 30 * MINUTE)


def test_who_was_never_called_hears_nothing_of_the_end() -> None:
    over = standby().__class__(**{**standby().__dict__, "status": str(FCV.EventCancelled), "campaign_status": str(FCV.CampaignFinished)})

    assert state_of(over).phase is Phase.OVER
    assert decide(over, Told(STANDBY, heard=True), END) is None


def test_a_cancelled_event_is_taken_back_until_its_end() -> None:
    notice = decide(cancelled(), Told(PLANNED, heard=True), START + MINUTE)

    assert notice is not None
    assert (notice.kind, notice.until, notice.needless) == (Kind.CANCELLED, END, False)
    assert decide(cancelled(), Told(PLANNED, heard=True), END) is None
    assert decide(cancelled(), Told(State(Phase.CANCELLED, START, END), heard=True), START) is None


def test_what_nobody_heard_of_need_not_be_taken_back() -> None:
    notice = decide(cancelled(), Told(PLANNED, heard=False), START - HOUR)

    assert notice is not None
    assert notice.needless
    assert decide(cancelled(), None, START - HOUR) is None


def test_a_member_who_left_hears_nothing_more() -> None:
    left = part(status=str(FCV.EventOptedOut))

    assert decide(left, Told(PLANNED, heard=True), START - HOUR) is None
    assert decide(left, None, START - HOUR) is None


def test_a_pause_and_its_end_are_told_while_the_event_lasts() -> None:
    paused = part(campaign_status=str(FCV.CampaignPaused))
    ongoing = part(campaign_status=str(FCV.CampaignOngoing), status=str(FCV.EventActive), activated=START)

    stopped, goes_on = (
        decide(paused, Told(PLANNED, heard=True), START + MINUTE),
        decide(ongoing, Told(PAUSED, heard=True), START + 2 * MINUTE),
    )

    assert (stopped.kind, stopped.state, stopped.until) == (Kind.CHANGED, PAUSED, END)
    assert (goes_on.kind, goes_on.state, goes_on.until) == (Kind.CHANGED, PLANNED, END)
    assert decide(paused, None, START - HOUR) is None


def test_the_earning_is_told_once_and_for_a_week() -> None:
    told = Told(PLANNED, heard=True)

    notice = decide(settled(), told, END + timedelta(days=1))

    assert notice is not None
    assert (notice.kind, notice.state.phase, notice.until) == (Kind.SETTLED, Phase.SETTLED, END + timedelta(days=7))
    assert decide(settled(), Told(PLANNED, heard=True, settled=True), END + timedelta(days=1)) is None
    assert decide(settled(), told, END + timedelta(days=7)) is None


def test_a_state_has_one_name() -> None:
    assert PLANNED.key == "planned-20160831T010000Z-20160831T030000Z"
