"""From the graph to a mailbox: a small cooperative whose members are told by a real mail server."""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from notices_world import BASE, END, HOUR, MINUTE, PLANNED_AT, START
from patience import until
from pyoxigraph import NamedNode, Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe, iri
from notices import wishes
from notices.desk import Clocks, Desk
from notices.due import Kind, Phase
from notices.errors import WishError
from notices.letters import Office
from notices.post import Status
from ontology.names import FC, FCV, PROV, RDF
from registry.errors import RefusedEditError
from registry.gate import Gate

OFFICE = Office(BASE, "Energy cooperative <events@coop.example>", "events@coop.example")
H01, H02 = f"{BASE}/id/member/h01", f"{BASE}/id/member/h02"


class Coop:
    """Two homes in one campaign: h01 delivers, h02 stands by."""

    def __init__(self, store: EmbeddedStore, iris: Iris) -> None:
        self.store, self.iris = store, iris
        self.market, self.campaign = iris.graph("market"), iris.id("campaign", "c1")
        quads = describe(
            self.market, self.campaign, {str(RDF.type): FC.DRCampaign, str(FC.end): END, str(FC.status): FCV.CampaignScheduled}
        )
        for key, role, status in (("h01", FCV.Primary, FCV.EventScheduled), ("h02", FCV.Backup, FCV.EventStandby)):
            facts, contracts = (iris.graph("member", key, part) for part in ("facts", "contracts"))
            site, contract = iris.id("site", key), iris.id("contract", key, "r1")
            quads += describe(
                facts,
                site,
                {str(RDF.type): FC.Site, str(FC.ownedBy): iri(iris.id("member", key)), str(FC.timeZone): "America/Los_Angeles"},
            )
            quads += describe(contracts, contract, {str(FC.hasTerm): iri(f"{contract}#notice")})
            quads += describe(contracts, f"{contract}#notice", {str(FC.minNotice): HOUR})
            quads += describe(
                self.events(key),
                self.event(key),
                {
                    str(RDF.type): FC.DREvent,
                    str(FC.partOfCampaign): iri(self.campaign),
                    str(FC.forSite): iri(site),
                    str(FC.underContract): iri(contract),
                    str(FC.role): role,
                    str(FC.status): status,
                    str(FC.start): START,
                    str(FC.end): END,
                    str(FC.notifiedAt): PLANNED_AT,
                },
            )
        store.apply(insert=quads)

    def events(self, key: str) -> str:
        return self.iris.graph("member", key, "events")

    def event(self, key: str) -> str:
        return self.iris.id("event", f"c1-{key}")

    def becomes(self, graph: str, subject: str, status: str, **more: object) -> None:
        """Move a status, and state what else is known now."""
        about, predicate, where = NamedNode(subject), NamedNode(str(FC.status)), NamedNode(graph)
        gone = [
            Quad(each.subject, each.predicate, each.object, where)
            for each in self.store.graph(graph)
            if (each.subject, each.predicate) == (about, predicate)
        ]
        new = describe(graph, subject, {str(FC.status): FCV[status], **{str(FC[name]): value for name, value in more.items()}})
        self.store.apply(delete=gone, insert=new)

    def campaign_becomes(self, status: str) -> None:
        self.becomes(self.market, self.campaign, status)

    def event_becomes(self, key: str, status: str, **more: object) -> None:
        self.becomes(self.events(key), self.event(key), status, **more)

    def earns(self, key: str, kwh: str, eur: str) -> None:
        """Settle a home's part."""
        from decimal import Decimal

        graph, result, payment = (
            self.iris.graph("member", key, "statements"),
            self.iris.id("settlement", "c1", key),
            self.iris.id("remuneration", "c1", key),
        )
        self.store.apply(
            insert=[
                *describe(graph, result, {str(FC.forEvent): iri(self.event(key)), str(FC.deliveredEnergy): Decimal(kwh)}),
                *describe(graph, payment, {str(PROV.wasDerivedFrom): iri(result), str(FC.amount): Decimal(eur)}),
            ]
        )


@pytest.fixture
def coop(store: EmbeddedStore, iris: Iris) -> Coop:
    return Coop(store, iris)


@pytest.fixture
def gate(store: EmbeddedStore, iris: Iris, clock) -> Gate:
    numbers = itertools.count(1)
    return Gate(store, iris, clock, lambda: f"t{next(numbers)}")


@pytest.fixture
def wish(store: EmbeddedStore, iris: Iris, gate: Gate) -> Callable[..., None]:
    """Have a member want something, as their page does."""

    def say(member: str, address: str, language: str = "en", kinds=wishes.USUAL) -> None:
        gate.apply(wishes.change(store, iris, member, address=address, language=language, kinds=kinds), by="h01", why="notices")

    return say


@pytest.fixture
def open_desk(store: EmbeddedStore, iris: Iris, tmp_path: Path, clock) -> Iterator[Callable[..., Desk]]:
    opened: list[Desk] = []
    secrets = itertools.count(1)

    def open_(server) -> Desk:
        for each in opened:
            each.close()
        opened[:] = [
            Desk(store, iris, tmp_path / "notices.sqlite", Clocks(clock, clock), OFFICE, server, lambda: f"secret-{next(secrets):040}")
        ]
        return opened[0]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def desk(open_desk, mail) -> Desk:
    return open_desk(mail.smtp)


def subjects(mail) -> list[str]:
    return [letter["Subject"] for letter in mail.mailbox.read()]


def test_members_hear_of_an_event_once_in_their_language_and_who_gave_no_address_sees_it_on_the_page(
    desk: Desk, coop: Coop, wish, mail
) -> None:
    wish(H01, "h01@example.org", "es")

    assert desk.advance(PLANNED_AT) == 2
    assert desk.advance(PLANNED_AT + MINUTE) == 0
    assert desk.deliver() == 1

    assert subjects(mail) == ["Evento de flexibilidad el martes 30 de agosto de 2016, de 18:00 a 20:00"]
    assert [entry.status for entry in desk.post.of_member(H01)] == [Status.SENT]
    assert [(entry.status, entry.state.phase) for entry in desk.post.of_member(H02)] == [(Status.UNADDRESSED, Phase.STANDBY)]


def test_a_whole_campaign_is_told_step_by_step(desk: Desk, coop: Coop, wish, mail, clock) -> None:
    for member in (H01, H02):
        wish(member, f"{member[-3:]}@example.org", kinds=set(Kind))
    desk.advance(clock())
    desk.deliver()

    clock.at = START + 30 * MINUTE
    coop.campaign_becomes("CampaignOngoing")
    coop.event_becomes("h01", "EventOptedOut", activatedAt=START, releasedAt=START + 45 * MINUTE)
    coop.event_becomes("h02", "EventActive", activatedAt=START + 45 * MINUTE)
    desk.advance(clock())
    desk.deliver()

    clock.at = END
    coop.event_becomes("h02", "EventCompleted", releasedAt=END)
    coop.campaign_becomes("CampaignFinished")
    assert desk.advance(clock()) == 0

    clock.at = END + HOUR
    coop.earns("h01", "1.5", "0.38")
    coop.earns("h02", "2.4", "0.60")
    coop.campaign_becomes("CampaignSettled")
    desk.advance(clock())
    desk.advance(clock())
    desk.deliver()

    told = {(str(letter["To"]), str(letter["Subject"])) for letter in mail.mailbox.read()}
    assert told == {
        ("h01@example.org", "Flexibility event on Tuesday 30 August 2016, 18:00 to 20:00"),
        ("h02@example.org", "Your home stands by on Tuesday 30 August 2016, 18:00 to 20:00"),
        ("h02@example.org", "Your home is called: Tuesday 30 August 2016, 18:45 to 20:00"),
        ("h01@example.org", "You earned €0.38 in the event on Tuesday 30 August 2016"),
        ("h02@example.org", "You earned €0.60 in the event on Tuesday 30 August 2016"),
    }
    assert len(mail.mailbox.letters) == 5


def test_a_stopped_campaign_is_taken_back_with_everybody_who_had_heard(desk: Desk, coop: Coop, wish, mail, clock) -> None:
    wish(H01, "h01@example.org")
    desk.advance(clock())
    desk.deliver()
    coop.campaign_becomes("CampaignAborted")
    for key in ("h01", "h02"):
        coop.event_becomes(key, "EventCancelled")

    desk.advance(clock.move(MINUTE))
    desk.deliver()

    assert subjects(mail)[1:] == ["Event cancelled: Tuesday 30 August 2016, 18:00 to 20:00"]
    assert [entry.status for entry in desk.post.of_member(H02)] == [Status.NEEDLESS, Status.UNADDRESSED]


def test_a_pause_and_its_end_are_told(desk: Desk, coop: Coop, wish, mail, clock) -> None:
    wish(H01, "h01@example.org")
    for status in ("CampaignScheduled", "CampaignPaused", "CampaignScheduled", "CampaignPaused"):
        coop.campaign_becomes(status)
        desk.advance(clock.move(MINUTE))
        desk.deliver()

    assert [subject.partition(":")[0] for subject in subjects(mail)] == [
        "Flexibility event on Tuesday 30 August 2016, 18",
        "Event paused",
        "It goes on",
        "Event paused",
    ]
    assert len({letter["Message-ID"] for letter in mail.mailbox.read()}) == 4


def test_what_a_member_does_not_want_is_not_sent_and_shows_why(desk: Desk, coop: Coop, wish, mail) -> None:
    wish(H01, "h01@example.org", kinds={Kind.CANCELLED})

    desk.advance(PLANNED_AT)
    desk.deliver()

    assert mail.mailbox.letters == []
    assert [entry.status for entry in desk.post.of_member(H01)] == [Status.UNWANTED]


def test_without_a_mail_server_notices_are_kept_as_what_would_be_sent(open_desk, coop: Coop, wish) -> None:
    desk = open_desk(None)
    wish(H01, "h01@example.org")
    desk.start()

    desk.advance(PLANNED_AT)

    (entry,) = desk.post.of_member(H01)
    assert (desk.sends, desk.deliver()) == (False, 0)
    assert (entry.status, entry.subject) == (Status.KEPT, "Flexibility event on Tuesday 30 August 2016, 18:00 to 20:00")


def test_an_event_that_had_begun_before_anybody_looked_is_noted_as_not_told_in_time(desk: Desk, coop: Coop, wish, mail, clock) -> None:
    wish(H01, "h01@example.org")
    clock.at = START + MINUTE

    desk.advance(clock())
    desk.deliver()

    assert mail.mailbox.letters == []
    assert [entry.event for entry in desk.post.with_status([Status.MISSED])] == [coop.event("h01")]


def test_what_waited_is_sent_after_a_new_start_by_the_desks_own_thread(open_desk, coop: Coop, wish, mail, clock) -> None:
    wish(H01, "h01@example.org")
    open_desk(mail.smtp).advance(clock())  # and ends before anything was sent

    desk = open_desk(mail.smtp)
    assert desk.advance(clock.move(MINUTE)) == 0
    desk.start()
    assert until(lambda: bool(mail.mailbox.letters))

    assert subjects(mail) == ["Flexibility event on Tuesday 30 August 2016, 18:00 to 20:00"]


def test_a_member_is_forgotten_with_their_address_and_what_was_edited_of_it(
    desk: Desk, coop: Coop, wish, store: EmbeddedStore, iris: Iris
) -> None:
    wish(H01, "very.special@example.org")
    desk.advance(PLANNED_AT)
    desk.renew_calendar(H01)
    assert wishes.of(store, H01).address == "very.special@example.org"
    said = [graph for graph in store.graphs() if any("very.special" in str(triple) for triple in store.graph(graph))]

    assert desk.forget(H01) == 1

    assert set(said) <= {iris.graph("people"), iris.graph("member", "h01", "edits")}  # which go with the member
    assert not desk.has_calendar(H01)


# --- wishes -----------------------------------------------------------------------------------------------------------------------------


def test_a_wish_is_read_as_it_was_said_and_changed_where_it_changed(store: EmbeddedStore, iris: Iris, wish) -> None:
    wish(H01, "first.last+tag@example.org", "nl", {Kind.PLANNED, Kind.SETTLED})
    assert wishes.of(store, H01) == wishes.Wish(H01, "first.last+tag@example.org", "nl", frozenset({Kind.PLANNED, Kind.SETTLED}))

    delta = wishes.change(store, iris, H01, address="first.last+tag@example.org", language="nl", kinds={Kind.PLANNED})
    assert (len(delta.delete), len(delta.insert)) == (1, 0)


@pytest.mark.parametrize("address", ["a%b@example.org", "o'neil@example.org", "a#b?c@example.org", "{a|b}^`@example.org", ""])
def test_whatever_address_can_be_written_to_comes_back_from_the_graph(store: EmbeddedStore, wish, address: str) -> None:
    wish(H01, address)

    assert wishes.of(store, H01).address == address


def test_who_never_said_anything_has_the_usual_wishes_and_no_address(store: EmbeddedStore) -> None:
    assert wishes.of(store, H02) == wishes.Wish(H02, "", "en", frozenset({Kind.PLANNED, Kind.CHANGED, Kind.CANCELLED}))
    assert wishes.read(store) == {}


def test_a_wish_without_kinds_is_a_wish_for_none(store: EmbeddedStore, wish) -> None:
    wish(H01, "h01@example.org", kinds=())

    assert wishes.of(store, H01).kinds == frozenset()


def test_a_wish_is_withdrawn_whole(store: EmbeddedStore, iris: Iris, gate: Gate, wish) -> None:
    wish(H01, "h01@example.org")
    gate.apply(wishes.withdraw(store, iris, H01), by="h01", why="no more")

    assert store.graph(iris.graph("people")) == []


def test_a_language_that_there_is_not_is_refused_with_a_sentence_to_translate(store: EmbeddedStore, iris: Iris) -> None:
    with pytest.raises(WishError) as refused:
        wishes.change(store, iris, H01, address="", language="fr", kinds=())

    assert str(refused.value) == "there are no letters in “fr”; choose en, es or nl"
    assert refused.value.sentence % {"value": refused.value.value} == str(refused.value)


def test_the_gate_holds_wishes_against_their_shape(store: EmbeddedStore, iris: Iris, gate: Gate) -> None:
    from registry.edits import Delta

    quads = describe(
        iris.graph("people"), wishes.node(H01), {str(RDF.type): FC.NoticeWish, str(FC.ownedBy): iri(H01), str(FC.languageTag): "fr"}
    )
    with pytest.raises(RefusedEditError, match="choose exactly one of en, es and nl"):
        gate.apply(Delta(frozenset(), frozenset(quads)), by="operator", why="x")


# --- calendars --------------------------------------------------------------------------------------------------------------------------


def test_a_calendar_opens_by_its_newest_secret_and_by_nothing_else(desk: Desk, coop: Coop) -> None:
    assert desk.calendar(H01, "") is None
    first = desk.renew_calendar(H01)
    assert desk.calendar(H01, first) is not None
    second = desk.renew_calendar(H01)

    assert desk.calendar(H01, second) is not None
    assert [desk.calendar(H01, each) for each in (first, "", "x", second.upper())] == [None] * 4
    assert desk.calendar(H02, second) is None
    desk.end_calendar(H01)
    assert desk.calendar(H01, second) is None


def test_a_subscribed_calendar_takes_a_pause_its_end_and_a_stop(desk: Desk, coop: Coop, clock) -> None:
    from icalendar import Calendar

    secret = desk.renew_calendar(H01)

    def read():
        (event,) = Calendar.from_ical(desk.calendar(H01, secret)).walk("VEVENT")
        return str(event["UID"]), event["SEQUENCE"], event["LAST-MODIFIED"].dt, str(event["STATUS"])

    seen = [read()]
    for status in ("CampaignPaused", "CampaignScheduled", "CampaignPaused", "CampaignAborted"):
        clock.move(MINUTE)
        coop.campaign_becomes(status)
        if status == "CampaignAborted":
            coop.event_becomes("h01", "EventCancelled")
        seen += [read(), read()]

    assert seen[::2] == [
        ("c1-h01@127.0.0.1", number, PLANNED_AT + number * MINUTE, status)
        for number, status in enumerate(("CONFIRMED", "TENTATIVE", "CONFIRMED", "TENTATIVE", "CANCELLED"))
    ]
    assert seen[1::2] == seen[2::2]


def test_what_a_calendar_has_shown_is_known_after_a_new_start(open_desk, coop: Coop, clock) -> None:
    first = open_desk(None)
    secret = first.renew_calendar(H01)
    first.calendar(H01, secret)
    coop.campaign_becomes("CampaignPaused")

    again = open_desk(None).calendar(H01, secret)

    assert b"SEQUENCE:1" in again.split(b"\r\n")


def test_a_link_in_a_letter_still_ends_letters_after_a_new_start(open_desk, coop: Coop, wish, mail) -> None:
    wish(H01, "h01@example.org")
    first = open_desk(mail.smtp)
    first.advance(PLANNED_AT)
    first.deliver()
    (letter,) = mail.mailbox.read()
    token = re.findall(r"/members/h01/unsubscribe/planned\?key=([^>]+)>", letter["List-Unsubscribe"])[0]

    again = open_desk(None)

    assert [again.may_end(member, kind, token) for member in (H01, H02) for kind in Kind] == [True, *[False] * 7]


def test_no_secret_is_kept_in_the_file(desk: Desk, tmp_path: Path) -> None:
    secret = desk.renew_calendar(H01)

    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.glob("notices.sqlite*"))


def test_a_calendar_holds_a_members_own_events_of_the_last_two_months(desk: Desk, coop: Coop, clock) -> None:
    from icalendar import Calendar

    secret = desk.renew_calendar(H01)
    (event,) = Calendar.from_ical(desk.calendar(H01, secret)).walk("VEVENT")
    assert event["UID"] == "c1-h01@127.0.0.1"

    clock.at = END + timedelta(days=60)
    assert Calendar.from_ical(desk.calendar(H01, secret)).walk("VEVENT") == []
