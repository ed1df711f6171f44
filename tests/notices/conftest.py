"""A mail server of our own on loopback, an outbox, and a desk over a small cooperative."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from notices_world import PLANNED_AT

from notices.database import Database
from notices.post import Post
from notices.smtp import Smtp


@dataclass
class Mailbox:
    """What a mail server got; `answers` are given to letters, in turn, instead of taking them."""

    letters: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802  (aiosmtpd's)
        if self.senders:
            return self.senders.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if self.recipients:
            return self.recipients.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        self.letters.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return "250 OK"

    def read(self) -> list[EmailMessage]:
        """The letters as people read them."""
        return [message_from_bytes(content, policy=default) for _, _, content in self.letters]


@dataclass
class Server:
    """A server, what it got, and the way to it."""

    mailbox: Mailbox
    port: int
    smtp: Smtp


@pytest.fixture
def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def mail(free_port: int) -> Iterator[Server]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port)
    controller.start()
    yield Server(mailbox, free_port, Smtp("127.0.0.1", free_port, "none", "events@coop.example", timeout_s=5))
    controller.stop()


@dataclass
class Clock:
    """Set by hand; the platform's and that on the wall are the same."""

    at: datetime = PLANNED_AT

    def __call__(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> datetime:
        """Let time pass."""
        self.at += by
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_file(tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Open the file of notices; what was opened before is closed, as a new start of the platform would."""
    opened: list[Database] = []

    def open_() -> Database:
        for each in opened:
            each.close()
        opened.append(Database(tmp_path / "notices.sqlite"))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def file(open_file: Callable[[], Database]) -> Database:
    return open_file()


@pytest.fixture
def post(file: Database) -> Post:
    return Post(file)
