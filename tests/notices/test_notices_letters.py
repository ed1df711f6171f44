"""What letters say, in whose language and by whose clock, and that nothing in them can become a header."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notices_world import BASE, END, HOUR, PLANNED_AT, START, called, cancelled, part, settled, standby

from notices.due import Kind, Notice, Phase, State, Told, decide, state_of
from notices.errors import WishError
from notices.letters import Office, compose, message, window
from notices.texts import TEXTS
from notices.unsubscribe import opens, token
from notices.wishes import LANGUAGES, checked

SIGNED = token("secret", f"{BASE}/id/member/h01", Kind.PLANNED)
OFFICE = Office(BASE, "Energy cooperative <events@coop.example>", "events@coop.example")


def planned(found=None) -> Notice:
    notice = decide(found or part(), None, PLANNED_AT)
    assert notice is not None
    return notice


def sent(notice: Notice, language: str = "en", number: int = 0):
    """The letter as whoever gets it reads it."""
    made = message(
        notice, compose(notice, language, BASE, SIGNED), "h01@example.org", OFFICE, datetime(2016, 8, 30, 19, tzinfo=UTC), number
    )
    return message_from_bytes(made, policy=default)


@pytest.mark.parametrize(
    ("language", "subject", "says"),
    [
        (
            "en",
            "Flexibility event on Tuesday 30 August 2016, 18:00 to 20:00",
            "from 18:00 to 20:00 (local time, America/Los_Angeles) your home takes part",
        ),
        (
            "es",
            "Evento de flexibilidad el martes 30 de agosto de 2016, de 18:00 a 20:00",
            "su vivienda participa en un evento de su cooperativa",
        ),
        (
            "nl",
            "Flexibiliteitsgebeurtenis op dinsdag 30 augustus 2016, 18:00 tot 20:00",
            "doet uw woning mee aan een gebeurtenis van uw coöperatie",
        ),
    ],
)
def test_a_letter_speaks_the_members_language_by_the_clock_of_the_site(language: str, subject: str, says: str) -> None:
    letter = sent(planned(), language)
    text, html = letter.get_body(("plain",)).get_content(), letter.get_body(("html",)).get_content()

    assert letter["Subject"] == subject
    assert letter["Content-Language"] == language
    assert says in text.replace("\n", " ")
    assert f"{BASE}/members/h01/events" in text
    assert f'href="{BASE}/members/h01/events"' in html
    assert f'lang="{language}"' in html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "found",
    [part(), standby(), called(), cancelled(), settled()],
    ids=["planned", "standby", "called", "cancelled", "settled"],
)
def test_every_letter_can_be_written_in_every_language(found, language: str) -> None:
    notice = Notice(found, Kind.CHANGED, state_of(found), None, END)
    for state in (notice.state, State(Phase.PAUSED, START, END), State(Phase.SETTLED, START, END)):
        letter = compose(Notice(found, Kind.CHANGED, state, None, END), language, BASE, SIGNED)

        assert "%(" not in letter.text + letter.subject + letter.html
        assert "<script" not in letter.html
        assert "src=" not in letter.html  # nothing is loaded


def test_the_languages_have_the_same_letters() -> None:
    shapes = [{phase: len(paragraphs) for phase, (_, paragraphs) in words.phases.items()} for words in TEXTS.values()]

    assert shapes[0] == shapes[1] == shapes[2]
    assert set(TEXTS) == set(LANGUAGES)


def test_money_and_energy_are_written_as_the_language_does() -> None:
    notice = decide(settled(), Told(State(Phase.PLANNED, START, END), heard=True), END + HOUR)

    assert sent(notice, "en")["Subject"] == "You earned €1.03 in the event on Tuesday 30 August 2016"
    assert "entregó 4,10 kWh y ganó 1,03\xa0€" in sent(notice, "es").get_body(("plain",)).get_content().replace("\n", " ")
    assert "leverde 4,10 kWh" in sent(notice, "nl").get_body(("plain",)).get_content()
    assert f"{BASE}/members/h01/statements/c1" in sent(notice).get_body(("plain",)).get_content()


def test_what_goes_on_again_says_so() -> None:
    paused = Told(State(Phase.PAUSED, START, END), heard=True)
    notice = decide(part(), paused, START - HOUR)

    assert sent(notice)["Subject"].startswith("It goes on: Flexibility event on Tuesday")


def test_hours_that_a_clock_shows_twice_have_their_offset() -> None:
    # 25 October 2026, 02:30 to 02:15 in Madrid: three quarters of an hour over the change from summer to winter time
    state = State(Phase.PLANNED, datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 15, tzinfo=UTC))

    assert (window(state, "Europe/Madrid", "en")["begin"], window(state, "Europe/Madrid", "en")["end"]) == (
        "02:30 (UTC+02:00)",
        "02:15 (UTC+01:00)",
    )


def test_an_end_on_another_day_says_which_but_for_midnight() -> None:
    late = State(Phase.PLANNED, datetime(2016, 8, 31, 6, tzinfo=UTC), datetime(2016, 8, 31, 8, tzinfo=UTC))  # 23:00 to 01:00
    to_midnight = State(Phase.PLANNED, datetime(2016, 8, 31, 6, tzinfo=UTC), datetime(2016, 8, 31, 7, tzinfo=UTC))

    assert window(late, "America/Los_Angeles", "nl")["end"] == "woensdag 31 augustus 01:00"
    assert window(to_midnight, "America/Los_Angeles", "nl")["end"] == "00:00"


def test_a_letter_has_one_name_for_one_event_and_state_and_another_for_another() -> None:
    first, again = sent(planned())["Message-ID"], sent(planned())["Message-ID"]
    others = {sent(planned(standby()))["Message-ID"], sent(planned(), number=1)["Message-ID"]}

    assert first == again
    assert first not in others
    assert first.endswith("@coop.example>")


def test_a_letter_is_marked_as_written_by_a_machine_and_says_how_to_end_it() -> None:
    letter = sent(planned())

    assert letter["Auto-Submitted"] == "auto-generated"
    link = f"{BASE}/members/h01/unsubscribe/planned?key={SIGNED}"
    assert letter["List-Unsubscribe"] == f"<{link}>, <mailto:events@coop.example?subject=unsubscribe>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["From"] == "Energy cooperative <events@coop.example>"
    assert letter["Date"] == "Tue, 30 Aug 2016 19:00:00 +0000"
    assert letter.get_content_type() == "multipart/alternative"
    for form in ("plain", "html"):  # for those whose mail program has no button
        assert link in letter.get_body((form,)).get_content()
        assert f"{BASE}/members/h01/notices" in letter.get_body((form,)).get_content()


def test_without_a_mailbox_of_the_sender_the_link_alone_ends_letters() -> None:
    made = message(
        planned(), compose(planned(), "en", BASE, SIGNED), "h01@example.org", Office(BASE, "Coop <a@b.example>", ""), PLANNED_AT, 0
    )

    assert message_from_bytes(made, policy=default)["List-Unsubscribe"] == f"<{BASE}/members/h01/unsubscribe/planned?key={SIGNED}>"


def test_the_way_out_is_one_uri_however_long_the_platforms_address_is() -> None:
    base = f"https://{'a-long-name.' * 12}coop.example"
    made = message(planned(), compose(planned(), "es", base, SIGNED), "h01@example.org", OFFICE, PLANNED_AT, 0)

    head, _, body = made.partition(b"\r\n\r\n")
    (line,) = [line for line in head.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    assert line.startswith(f"List-Unsubscribe: <{base}/members/h01/unsubscribe/planned?key={SIGNED}>, <mailto:".encode())
    assert max(len(line) for line in head.split(b"\r\n")) <= 998  # RFC 5322 §2.1.1
    assert max(len(line) for line in body.split(b"\r\n")) <= 78


@given(st.text(max_size=60), st.sampled_from(Kind), st.sampled_from(["h01", "h02"]))
def test_a_token_ends_one_kind_of_letters_of_one_member_and_nothing_else(other: str, kind: Kind, member: str) -> None:
    mine, asked = f"{BASE}/id/member/h01", f"{BASE}/id/member/{member}"
    made = token("secret", mine, Kind.PLANNED)

    assert opens(made, "secret", asked, kind) == ((member, kind) == ("h01", Kind.PLANNED))
    assert not opens(made, f"secret{other}x", mine, Kind.PLANNED)
    assert opens(other, "secret", mine, Kind.PLANNED) == (other == made)
    assert len(made) == 43  # 256 bits


@pytest.mark.parametrize(
    "given_address",
    [
        *(
            "h01@example.org\r\nBcc: all@example.org",
            "h01@example.org\nX: y",
            "h01",
            "a@b",
            "two@example.org, three@example.org",
            "a b@example.org",
        ),
        *(
            '"a"@example.org',
            "h01@example.org>",
            "h01@exam\x00ple.org",
            "@example.org",
            "h01@-example.org",
            "x" * 250 + "@example.org",
            "ü@example.org",
        ),
    ],
)
def test_what_is_no_address_is_refused_with_what_to_do(given_address: str) -> None:
    with pytest.raises(WishError, match=r"is not an e-mail address that can be written to; write it like name@example\.org"):
        checked(given_address)


@pytest.mark.parametrize("given_address", ["h01@example.org", "first.last+tag@sub.example-coop.org", " h01@example.org ", ""])
def test_what_is_an_address_passes(given_address: str) -> None:
    assert checked(given_address) == given_address.strip()


@given(st.text(max_size=40))
def test_whatever_passes_as_an_address_makes_one_header_and_no_other(text: str) -> None:
    try:
        address = checked(f"{text}@example.org")
    except WishError:
        return
    made = message(planned(), compose(planned(), "en", BASE, SIGNED), address, OFFICE, PLANNED_AT, 0)

    found = message_from_bytes(made, policy=default)
    assert [name for name, _ in found.items() if name.lower() in ("to", "cc", "bcc")] == ["To"]
    assert found["To"].addresses[0].addr_spec == address
