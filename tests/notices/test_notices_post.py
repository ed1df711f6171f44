"""The outbox against a real mail server on loopback: one that takes letters, one that is down, refuses, is slow, and a platform that is killed."""

import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from notices_world import BASE, END, HOUR, MINUTE, PLANNED_AT, START, called, cancelled, part, settled, standby

from notices.database import Database
from notices.due import Notice, Phase, State, decide
from notices.feeds import Face, Feeds
from notices.letters import Office, compose, message
from notices.post import New, Post, Status
from notices.smtp import Smtp

OFFICE = Office(BASE, "Energy cooperative <events@coop.example>", "events@coop.example")
LONG_AGO = PLANNED_AT - timedelta(days=7)


def new(post: Post, found, now: datetime = PLANNED_AT, address: str = "h01@example.org") -> New:
    notice = decide(found, post.told(LONG_AGO).get(found.event), now)
    assert notice is not None
    return wanted(notice, address, post.number(found.event))


def wanted(notice: Notice, address: str = "h01@example.org", number: int = 0) -> New:
    letter = compose(notice, "en", BASE, "signed")
    made = message(notice, letter, address, OFFICE, PLANNED_AT, number)
    return New(notice, Status.WAITING, letter.subject, address, made)


def states(post: Post) -> list[Status]:
    """What became of the notices, oldest first."""
    return [entry.status for entry in reversed(post.of_member(f"{BASE}/id/member/h01"))]


def test_a_letter_arrives_once_and_is_struck_out(post: Post, mail) -> None:
    post.note([new(post, part())], PLANNED_AT)

    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT) == 1
    assert post.deliver(mail.smtp, PLANNED_AT + HOUR, PLANNED_AT + HOUR) == 0

    ((sender, recipients, _),) = mail.mailbox.letters
    (letter,) = mail.mailbox.read()
    assert (sender, recipients) == ("events@coop.example", ["h01@example.org"])
    assert letter["Subject"] == "Flexibility event on Tuesday 30 August 2016, 18:00 to 20:00"
    assert letter.get_body(("html",)) is not None
    assert states(post) == [Status.SENT]


def test_letters_to_many_members_leave_over_one_connection_each_to_its_own(post: Post, mail) -> None:
    homes = [part(event=f"{BASE}/id/event/c1-h{n:02}", member=f"{BASE}/id/member/h{n:02}") for n in range(1, 6)]
    post.note([new(post, home, address=f"h{n:02}@example.org") for n, home in enumerate(homes, 1)], PLANNED_AT)

    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT) == 5
    assert sorted(to for _, (to,), _ in mail.mailbox.letters) == [f"h{n:02}@example.org" for n in range(1, 6)]
    assert len({letter["Message-ID"] for letter in mail.mailbox.read()}) == 5


def test_a_server_that_is_down_is_tried_again_later_and_later_and_the_letter_stays_the_same(post: Post, mail, free_port: int) -> None:
    post.note([new(post, part())], PLANNED_AT)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        down = Smtp("127.0.0.1", nobody.getsockname()[1], "none", "events@coop.example", timeout_s=5)
        tries = 0
        for second in range(0, 900, 15):
            post.deliver(down, PLANNED_AT, PLANNED_AT + timedelta(seconds=second))
            tries = post.of_member(f"{BASE}/id/member/h01")[0].attempts
    # at 0 s, then 30, 60, 120, 240 and 300 s later: 0, 30, 90, 210, 450, 750
    assert tries == 6
    assert "ConnectionRefusedError" in post.of_member(f"{BASE}/id/member/h01")[0].trouble

    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT + HOUR) == 1
    assert states(post) == [Status.SENT]


def test_after_the_event_began_nobody_is_written_to_and_it_is_noted_as_not_told_in_time(post: Post, mail) -> None:
    post.note([new(post, part())], PLANNED_AT)

    assert post.deliver(mail.smtp, START, START) == 0

    (missed,) = post.with_status([Status.MISSED])
    assert (missed.event, missed.changed, missed.by) == (f"{BASE}/id/event/c1-h01", START, START - HOUR)
    assert mail.mailbox.letters == []


def test_a_letter_that_left_after_the_promised_time_but_before_the_event_is_known_as_late(post: Post, mail) -> None:
    post.note([new(post, part())], PLANNED_AT)
    post.deliver(mail.smtp, START - MINUTE, START - MINUTE)

    (entry,) = post.of_member(f"{BASE}/id/member/h01")
    assert (entry.status, entry.late) == (Status.SENT, True)


@pytest.mark.parametrize("said", ["550 no such mailbox", "553 not here"])
def test_a_mailbox_that_is_refused_for_good_is_not_tried_again_and_holds_nobody_else_up(post: Post, mail, said: str) -> None:
    other = part(event=f"{BASE}/id/event/c1-h02", member=f"{BASE}/id/member/h02")
    post.note([new(post, part()), new(post, other, address="h02@example.org")], PLANNED_AT)
    mail.mailbox.recipients = [said]

    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT) == 1
    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT + HOUR) == 0

    (entry,) = post.with_status([Status.REFUSED])
    assert entry.trouble == said
    assert [to for _, (to,), _ in mail.mailbox.letters] == ["h02@example.org"]


def test_a_letter_that_is_refused_for_good_by_its_content_is_not_tried_again(post: Post, mail) -> None:
    post.note([new(post, part())], PLANNED_AT)
    mail.mailbox.answers = ["554 5.6.0 we take no such letters"]

    post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT)

    assert states(post) == [Status.REFUSED]


@pytest.mark.parametrize(("where", "said"), [("recipients", "450 try later"), ("answers", "451 busy"), ("senders", "550 who are you")])
def test_what_is_refused_for_now_is_tried_again(post: Post, mail, where: str, said: str) -> None:
    post.note([new(post, part())], PLANNED_AT)
    setattr(mail.mailbox, where, [said])

    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT) == 0
    assert states(post) == [Status.WAITING]
    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT + MINUTE) == 1


def test_a_server_that_says_nothing_is_given_up_after_its_time(post: Post) -> None:
    post.note([new(post, part())], PLANNED_AT)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        post.deliver(Smtp("127.0.0.1", silent.getsockname()[1], "none", "events@coop.example", timeout_s=0.3), PLANNED_AT, PLANNED_AT)
        took = time.monotonic() - begun

    assert took < 5
    assert states(post) == [Status.WAITING]
    assert post.of_member(f"{BASE}/id/member/h01")[0].attempts == 1


def test_a_server_that_ends_the_connection_midway_gets_the_rest_the_next_time(post: Post, free_port: int) -> None:
    homes = [part(event=f"{BASE}/id/event/c1-h{n:02}", member=f"{BASE}/id/member/h{n:02}") for n in range(1, 4)]
    post.note([new(post, home, address=f"h{n:02}@example.org") for n, home in enumerate(homes, 1)], PLANNED_AT)
    taken: list[str] = []

    class Rude:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's)
            taken.extend(envelope.rcpt_tos)
            if len(taken) == 2:
                server.transport.abort()
            return "250 OK"

    controller = Controller(Rude(), hostname="127.0.0.1", port=free_port)
    controller.start()
    try:
        smtp = Smtp("127.0.0.1", free_port, "none", "events@coop.example", timeout_s=5)
        first = post.deliver(smtp, PLANNED_AT, PLANNED_AT)
        second = post.deliver(smtp, PLANNED_AT, PLANNED_AT + MINUTE)
    finally:
        controller.stop()

    assert (first, second) == (1, 2)
    assert sorted(set(taken)) == ["h01@example.org", "h02@example.org", "h03@example.org"]


def test_a_platform_that_stops_leaves_the_rest_for_the_next_time(post: Post, mail) -> None:
    homes = [part(event=f"{BASE}/id/event/c1-h{n:02}", member=f"{BASE}/id/member/h{n:02}") for n in range(1, 4)]
    post.note([new(post, home, address=f"h{n:02}@example.org") for n, home in enumerate(homes, 1)], PLANNED_AT)

    first = post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT, lambda: len(mail.mailbox.letters) == 1)

    assert first == 1
    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT) == 2  # they were never tried, so nothing is put off


def test_what_is_newer_takes_the_place_of_what_still_waits(post: Post, mail) -> None:
    post.note([new(post, standby())], PLANNED_AT)
    post.note([new(post, called(), START + 30 * MINUTE)], START + 30 * MINUTE)

    post.deliver(mail.smtp, START + 30 * MINUTE, START + 30 * MINUTE)

    assert states(post) == [Status.WITHDRAWN, Status.SENT]
    assert [letter["Subject"] for letter in mail.mailbox.read()] == ["Your home is called: Tuesday 30 August 2016, 18:45 to 20:00"]


def test_what_nobody_has_heard_of_is_withdrawn_without_a_word(post: Post, mail) -> None:
    post.note([new(post, part())], PLANNED_AT)
    notice = decide(cancelled(), post.told(LONG_AGO)[part().event], PLANNED_AT + MINUTE)
    assert notice is not None
    assert notice.needless
    post.note([New(notice, Status.NEEDLESS)], PLANNED_AT + MINUTE)

    assert post.deliver(mail.smtp, PLANNED_AT + MINUTE, PLANNED_AT + MINUTE) == 0
    assert mail.mailbox.letters == []


def test_a_letter_that_leaves_while_it_is_withdrawn_is_taken_back_by_another(post: Post, mail) -> None:
    """The server has taken the letter, and before that is noted the campaign is stopped."""
    post.note([new(post, part())], PLANNED_AT)
    real = mail.smtp

    class Between:
        def session(self):
            return _Between(real.session(), post)

    post.deliver(Between(), PLANNED_AT, PLANNED_AT)

    told = post.told(LONG_AGO)[part().event]
    assert (told.state.phase, told.heard) == (Phase.PLANNED, True)
    again = decide(cancelled(), told, PLANNED_AT + MINUTE)
    assert again is not None
    assert not again.needless


class _Between:
    def __init__(self, session, post: Post) -> None:
        self._session, self._post = session, post

    def __enter__(self):
        self._open = self._session.__enter__()
        return self

    def __exit__(self, *given):
        return self._session.__exit__(*given)

    def send(self, address: str, letter: bytes, handing) -> None:
        self._open.send(address, letter, handing)
        notice = decide(cancelled(), self._post.told(LONG_AGO)[part().event], PLANNED_AT)
        self._post.note([New(notice, Status.NEEDLESS)], PLANNED_AT)


def test_what_was_told_is_known_after_a_new_start(open_file) -> None:
    first = Post(open_file())
    first.note([new(first, part())], PLANNED_AT)
    first.note([wanted(decide(settled(), first.told(LONG_AGO)[part().event], END + HOUR))], END + HOUR)

    told = Post(open_file()).told(LONG_AGO)[part().event]

    assert (told.state, told.settled) == (State(Phase.PLANNED, START, END), True)


CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from notices.database import Database
from notices.post import Post
from notices.smtp import Smtp
at = datetime(2016, 8, 30, 19, tzinfo=UTC)
smtp = Smtp("127.0.0.1", int(sys.argv[2]), "none", "events@coop.example", timeout_s=30)
print(Post(Database(Path(sys.argv[1]))).deliver(smtp, at, at), flush=True)
"""


class Slow:
    """A server that has the letter, and takes its time to say so."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.arrived, self.go_on = threading.Event(), threading.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's)
        import asyncio

        self.seen.append(envelope.content)
        self.arrived.set()
        for _ in range(200):
            if self.go_on.is_set():
                break
            await asyncio.sleep(0.05)
        return "250 OK"

    def kill_a_platform_between(self, file: Path, port: int) -> None:
        """Have a platform of its own send what waits, and kill it while the server has the letter and has not answered."""
        self.arrived.clear()
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(file), str(port)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        assert self.arrived.wait(60)
        child.send_signal(signal.SIGKILL)
        child.communicate()


@pytest.mark.parametrize(("kills", "taken", "status"), [(1, 1, Status.SENT), (2, 0, Status.UNSURE)])
def test_a_platform_that_is_killed_while_it_sends_sends_the_same_letter_once_more_and_never_a_third_time(
    open_file, tmp_path: Path, free_port: int, kills: int, taken: int, status: Status
) -> None:
    first = Post(open_file())
    first.note([new(first, part())], PLANNED_AT)
    slow = Slow()
    controller = Controller(slow, hostname="127.0.0.1", port=free_port)
    controller.start()
    try:
        for _ in range(kills):
            slow.kill_a_platform_between(tmp_path / "notices.sqlite", free_port)
        slow.go_on.set()
        again = Post(open_file())
        smtp = Smtp("127.0.0.1", free_port, "none", "events@coop.example", timeout_s=30)
        count = again.deliver(smtp, PLANNED_AT, PLANNED_AT)
        later = again.deliver(smtp, PLANNED_AT, PLANNED_AT + HOUR)
    finally:
        controller.stop()

    assert (count, later) == (taken, 0)
    assert len(slow.seen) == 2
    assert slow.seen[0] == slow.seen[1]  # with the same Message-ID, which mail programs show once
    assert states(again) == [status]


def test_a_server_that_takes_letters_and_never_answers_gets_each_twice_at_most_and_all_others_go_on(post: Post, free_port: int) -> None:
    homes = [part(event=f"{BASE}/id/event/c1-h{n:02}", member=f"{BASE}/id/member/h{n:02}") for n in range(1, 4)]
    post.note([new(post, home, address=f"h{n:02}@example.org") for n, home in enumerate(homes, 1)], PLANNED_AT)
    taken: list[str] = []

    class Broken:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's)
            taken.extend(envelope.rcpt_tos)
            if envelope.rcpt_tos == ["h01@example.org"]:
                server.transport.abort()
            return "250 OK"

    controller = Controller(Broken(), hostname="127.0.0.1", port=free_port)
    controller.start()
    try:
        smtp = Smtp("127.0.0.1", free_port, "none", "events@coop.example", timeout_s=5)
        counts = [post.deliver(smtp, PLANNED_AT, PLANNED_AT + n * HOUR) for n in range(5)]
    finally:
        controller.stop()

    assert sum(counts) == 2
    assert sorted(taken) == ["h01@example.org", "h01@example.org", "h02@example.org", "h03@example.org"]
    assert [entry.event for entry in post.with_status([Status.UNSURE])] == [f"{BASE}/id/event/c1-h01"]


def test_a_server_that_ends_the_connection_before_it_wants_the_text_may_do_so_often(post: Post) -> None:
    """Nothing has been handed over: such a letter has not perhaps arrived."""
    post.note([new(post, part())], PLANNED_AT)
    answers = {b"EHLO": b"250 here", b"MAIL": b"250 ok", b"RCPT": b"250 ok"}  # and to DATA nothing

    def serve(listening: socket.socket) -> None:
        for _ in range(3):
            line, _ = listening.accept()
            with line, line.makefile("rb") as said:
                line.sendall(b"220 here\r\n")
                for word in iter(lambda: said.readline()[:4], b""):
                    if word not in answers:
                        break
                    line.sendall(answers[word] + b"\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        smtp = Smtp("127.0.0.1", listening.getsockname()[1], "none", "events@coop.example", timeout_s=20)
        counts = [post.deliver(smtp, PLANNED_AT, PLANNED_AT + n * HOUR) for n in range(3)]
        thread.join()

    assert counts == [0, 0, 0]
    assert states(post) == [Status.WAITING]


def test_a_letter_arrives_with_the_dots_that_its_lines_begin_with(mail) -> None:
    text = b"Subject: dots\r\n\r\n.\r\n..two\r\nend"
    with mail.smtp.session() as session:
        session.send("h01@example.org", text, lambda: None)

    assert mail.mailbox.letters[0][2].rstrip(b"\r\n") == text


def test_a_letter_that_may_have_arrived_is_taken_back(post: Post, free_port: int) -> None:
    post.note([new(post, part())], PLANNED_AT)

    class Broken:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's)
            server.transport.abort()
            return "250 OK"

    controller = Controller(Broken(), hostname="127.0.0.1", port=free_port)
    controller.start()
    try:
        post.deliver(Smtp("127.0.0.1", free_port, "none", "events@coop.example", timeout_s=5), PLANNED_AT, PLANNED_AT)
    finally:
        controller.stop()

    told = post.told(LONG_AGO)[part().event]
    notice = decide(cancelled(), told, PLANNED_AT + MINUTE)
    assert told.heard
    assert notice is not None
    assert not notice.needless
    assert post.expire(START) == 1
    assert states(post) == [Status.UNSURE]  # not “not told in time”: it may have been


def test_a_mailbox_that_is_busy_for_long_holds_nobody_else_up_and_is_not_counted_as_perhaps_sent(post: Post, mail) -> None:
    other = part(event=f"{BASE}/id/event/c1-h02", member=f"{BASE}/id/member/h02")
    post.note([new(post, part()), new(post, other, address="h02@example.org")], PLANNED_AT)
    mail.mailbox.answers = ["452 mailbox full"]

    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT) == 1
    for n in range(1, 4):
        mail.mailbox.answers = ["452 mailbox full"]
        assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT + n * HOUR / 2) == 0
    assert post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT + 3 * HOUR) == 1
    assert [to for _, (to,), _ in mail.mailbox.letters] == ["h02@example.org", "h01@example.org"]


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server at 127.0.0.1 and of who believes its certificate."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.fromisoformat("2016-01-01T00:00:00+00:00"))
        .not_valid_after(datetime.fromisoformat("2116-01-01T00:00:00+00:00"))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "mail.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "mail.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "mail.pem", folder / "mail.key")
    return server, ssl.create_default_context(cafile=str(folder / "mail.pem"))


def accept(server, session, envelope, mechanism, data) -> AuthResult:
    return AuthResult(success=isinstance(data, LoginPassword) and (data.login, data.password) == (b"flex", b"geheim"))


@pytest.mark.parametrize(("password", "trusted", "count"), [("geheim", True, 1), ("wrong", True, 0), ("geheim", False, 0)])
def test_starttls_is_begun_before_the_password_is_said_and_only_with_a_server_that_is_believed(
    post: Post, tmp_path: Path, free_port: int, password: str, trusted: bool, count: int
) -> None:
    server, client = certificate(tmp_path)
    said: list[bytes] = []

    class Box:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's)
            said.append(envelope.content)
            assert session.ssl is not None
            return "250 OK"

    controller = Controller(
        Box(), hostname="127.0.0.1", port=free_port, tls_context=server, require_starttls=True, auth_required=True, authenticator=accept
    )
    controller.start()
    try:
        post.note([new(post, part())], PLANNED_AT)
        smtp = Smtp("127.0.0.1", free_port, "starttls", "events@coop.example", "flex", password, 5, client if trusted else None)
        assert post.deliver(smtp, PLANNED_AT, PLANNED_AT) == count
    finally:
        controller.stop()
    assert len(said) == count
    assert states(post) == [Status.SENT if count else Status.WAITING]


def test_a_server_without_starttls_gets_nothing_in_the_clear(post: Post, mail) -> None:
    post.note([new(post, part())], PLANNED_AT)

    post.deliver(Smtp("127.0.0.1", mail.port, "starttls", "events@coop.example", timeout_s=5), PLANNED_AT, PLANNED_AT)

    assert mail.mailbox.letters == []
    assert "STARTTLS extension not supported" in post.of_member(f"{BASE}/id/member/h01")[0].trouble


def test_a_member_who_is_forgotten_leaves_nothing_in_the_file(post: Post, file: Database, tmp_path: Path) -> None:
    h01, feeds = f"{BASE}/id/member/h01", Feeds(file)
    post.note([new(post, part(), address="very.special@example.org")], PLANNED_AT)
    feeds.keep_digest(h01, "0" * 64, PLANNED_AT)
    feeds.revisions(h01, {part().event: Face("very.special", PLANNED_AT)}, PLANNED_AT)
    assert post.held(h01)[0]["address"] == "very.special@example.org"

    assert file.forget(h01) == 1

    assert feeds.digest(h01) is None
    assert post.told(LONG_AGO) == {}
    for each in tmp_path.glob("notices.sqlite*"):
        assert b"very.special" not in each.read_bytes()


def test_a_letter_that_has_left_leaves_its_address_and_text_behind_nowhere(post: Post, mail, tmp_path: Path) -> None:
    post.note([new(post, part(), address="very.special@example.org")], PLANNED_AT)
    post.deliver(mail.smtp, PLANNED_AT, PLANNED_AT)

    with sqlite3.connect(tmp_path / "notices.sqlite") as db:
        rows = db.execute("select address, letter from notice").fetchall()
    db.close()

    assert rows == [("", None)]


def test_what_became_of_notices_is_counted(post: Post) -> None:
    post.note([new(post, part())], PLANNED_AT)
    post.expire(START)

    assert post.counts(LONG_AGO) == {Status.MISSED: 1}
    assert post.counts(START) == {}
