"""Letters are ended by the address that they carry themselves, without sign-in: one click after RFC 8058, and nothing by opening it."""

import itertools
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pyoxigraph import NamedNode, Quad

from api import ApiSettings, create_app
from notices import Clocks, Desk, Kind, Office, Smtp, wishes
from registry.gate import Gate

BASE = "http://127.0.0.1:8080"
H02 = f"{BASE}/id/member/h02"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FROM_A_MAIL_PROGRAM = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}


class Mailbox:
    """A mail server's, and what it got."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's)
        self.letters.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def world(services, tmp_path: Path) -> Iterator[tuple[Any, Desk, Mailbox]]:
    """The application, its desk, and a mail server of its own on loopback; h02 wants a letter of everything."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    numbers, mailbox = itertools.count(1), Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    store, iris, now = services.store, services.iris, services.now
    gate = Gate(store, iris, now, lambda: f"w{next(numbers)}")
    desk = Desk(
        store,
        iris,
        tmp_path / "notices.sqlite",
        Clocks(now, now),
        Office(iris.base, "Cooperative <events@coop.example>", "events@coop.example"),
        Smtp("127.0.0.1", port, "none", "events@coop.example", timeout_s=5),
        lambda: f"{next(numbers):043}",
    )
    gate.apply(wishes.change(store, iris, H02, address="h02@example.org", language="en", kinds=set(Kind)), by="h02", why="all")
    yield create_app(ApiSettings(shown_settings=()), replace(services, gate=gate, notices=desk)), desk, mailbox
    desk.close()
    controller.stop()


@pytest.fixture
def link(services, world) -> str:
    """Path and query of the way out in a letter that has arrived, as its header says it: h02 is told of what was settled."""
    _, desk, mailbox = world
    desk.advance(services.now())
    assert desk.deliver() == 1
    (letter,) = mailbox.letters
    assert letter["To"] == "h02@example.org"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (found,) = re.findall(rf"<{BASE}([^>]+)>", letter["List-Unsubscribe"])
    return str(found)


def wanted(services) -> set[str]:
    return {kind.value for kind in wishes.of(services.store, H02).kinds}


@pytest.mark.parametrize("how", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_in_a_mail_program_ends_letters_of_that_kind_without_cookie_or_sign_in(services, world, link: str, how: str) -> None:
    client = world[0].test_client()

    answers = [client.post(link, data=ONE_CLICK, content_type=how, headers=FROM_A_MAIL_PROGRAM) for _ in range(2)]

    assert [(answer.status_code, answer.headers.get("Set-Cookie")) for answer in answers] == [(200, None)] * 2  # no redirect: RFC 8058 §3.1
    assert wanted(services) == {"planned", "changed", "cancelled"}
    assert wishes.of(services.store, H02).address == "h02@example.org"


def test_opening_the_link_ends_nothing_and_shows_a_button_that_does(services, world, link: str) -> None:
    client = world[0].test_client()
    page = client.get(link)

    assert wanted(services) == {"planned", "changed", "cancelled", "settled"}
    assert client.head(link).status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"  # the token stays here
    assert "An event is settled: what you earned" in page.text
    assert "every event is on your page before it begins" in page.text  # what can't be ended
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', page.text))
    assert fields == ONE_CLICK

    ended = client.post(link, data=fields)
    assert "These letters have ended" in ended.text
    assert wanted(services) == {"planned", "changed", "cancelled"}
    assert "<form" not in client.get(link).text


@pytest.mark.parametrize("authorization", ["Bearer nonsense", "Basic bm9ib2R5Om5vdGhpbmc="])
def test_whatever_else_a_request_says_of_who_sends_it_counts_for_nothing(services, world, link: str, authorization: str) -> None:
    client = world[0].test_client()
    client.set_cookie("flexcoop", "of-somebody-else")

    assert client.post(link, data=ONE_CLICK, headers=FROM_A_MAIL_PROGRAM | {"Authorization": authorization}).status_code == 200
    assert wanted(services) == {"planned", "changed", "cancelled"}


def test_the_token_of_one_kind_and_member_opens_no_other(services, world, link: str) -> None:
    client, before = world[0].test_client(), wishes.of(services.store, H02)
    changed = [
        link.replace("/settled", "/planned"),
        link.replace("/settled", "/nothing"),
        link.replace("/h02/", "/h01/"),
        link.replace("/h02/", "/h99/"),
        link[:-1],
        link + "x",
        link.partition("?")[0],
        link.partition("?")[0] + "?key=%00%F0",
        link.partition("key=")[0] + "key=" + "x" * 5000,
    ]

    assert [client.post(each, data=ONE_CLICK).status_code for each in changed] == [404] * len(changed)
    assert [client.get(each).status_code for each in changed] == [404] * len(changed)
    assert wishes.of(services.store, H02) == before


def test_of_a_member_who_was_erased_nothing_is_written_again(services, world, link: str) -> None:
    store, iris = services.store, services.iris
    for graph in (iris.graph("member", "h02", "facts"), iris.graph("people")):
        store.apply(delete=[Quad(each.subject, each.predicate, each.object, NamedNode(graph)) for each in store.graph(graph)])

    assert world[0].test_client().post(link, data=ONE_CLICK).status_code == 404
    assert [each for each in store.graph(iris.graph("people")) if "h02" in str(each)] == []


@pytest.mark.parametrize(("language", "says"), [("es", "¿No recibir más estos avisos?"), ("nl", "Deze berichten opzeggen?")])
def test_the_page_speaks_the_readers_language(world, link: str, language: str, says: str) -> None:
    page = world[0].test_client().get(f"{link}&lang={language}", headers={"Accept-Language": language}).text

    assert f"<h1>{says}</h1>" in page
    assert "End these" not in page
