"""The way of a letter to the mail server, with timeouts everywhere."""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

TAKEN, FORWARDED, GO_ON = 250, 251, 354
CRLF, DOT = b"\r\n", re.compile(rb"(?m)^\.")  # RFC 5321 §4.5.2: a line that begins with a dot gets another
PERMANENT = 500  # RFC 5321 §4.2.1: codes from here on won't be otherwise the next time


class RefusedLetterError(Exception):
    """The server takes this letter to this mailbox never; another try would not help."""


class BusyLetterError(Exception):
    """The server does not take this letter to this mailbox now; others it may."""


class Session(Protocol):
    """An open connection."""

    def send(self, address: str, letter: bytes, handing: Callable[[], None]) -> None:
        """Hand one letter over.

        Parameters
        ----------
        handing
            Called right before the server gets the text: from then until it answers nobody knows whether it has the letter.

        Raises
        ------
        RefusedLetterError, BusyLetterError
            If it is refused, for good or for now: the server has said that it does not have it.
        OSError
            If nothing can be handed over now; `smtplib.SMTPException` is one.
        """
        ...


class Server(Protocol):
    """What takes letters."""

    def session(self) -> contextlib.AbstractContextManager[Session]:
        """Connect; raises OSError if that can't be done now."""
        ...


@dataclass(frozen=True)
class Smtp:
    """A mail server by SMTP.

    Parameters
    ----------
    security
        `starttls`, `tls` or `none`.
    user, password
        Empty: without.
    sender
        Address that refused letters come back to.
    context
        Whose certificates are believed, where it is not what this machine believes.
    """

    host: str
    port: int
    security: str
    sender: str
    user: str = ""
    password: str = ""
    timeout_s: float = 20.0
    context: ssl.SSLContext | None = None

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """See `Server.session`."""
        server = self._connected()
        try:
            yield _Open(server, self.sender)
            with contextlib.suppress(OSError):
                server.quit()  # what was accepted is accepted
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        context = self.context or ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_s, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.timeout_s)
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


@dataclass(frozen=True)
class _Open:
    server: smtplib.SMTP
    sender: str

    def send(self, address: str, letter: bytes, handing: Callable[[], None]) -> None:
        server = self.server
        server.ehlo_or_helo_if_needed()
        code, said = server.mail(self.sender, [f"size={len(letter)}"] if server.has_extn("size") else [])
        if code != TAKEN:  # not this letter is wrong but how we introduce ourselves, which the operator can mend
            raise smtplib.SMTPSenderRefused(code, said, self.sender)
        code, said = server.rcpt(address)
        if code not in (TAKEN, FORWARDED):
            raise self._refused(code, said)
        code, said = server.docmd("data")
        if code != GO_ON:
            raise self._refused(code, said)
        handing()  # from here on nobody can tell whether it arrives, unless the server says so
        server.send(DOT.sub(b"..", letter) + (b"" if letter.endswith(CRLF) else CRLF) + b"." + CRLF)
        code, said = server.getreply()
        if code != TAKEN:
            raise self._refused(code, said)

    def _refused(self, code: int, said: bytes) -> RefusedLetterError | BusyLetterError:
        with contextlib.suppress(OSError):
            self.server.rset()
        return RefusedLetterError(_words(code, said)) if code >= PERMANENT else BusyLetterError(_words(code, said))


def _words(code: int, said: bytes) -> str:
    return f"{code} {' '.join(said.decode('utf-8', 'replace').split())[:200]}"
