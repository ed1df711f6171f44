"""The way of a letter to the mail server, with timeouts everywhere."""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

PERMANENT = 500  # RFC 5321 §4.2.1: codes from here on won't be otherwise the next time


class RefusedLetterError(Exception):
    """The server takes this letter to this mailbox never; another try would not help."""


class Session(Protocol):
    """An open connection."""

    def send(self, address: str, letter: bytes) -> None:
        """Hand one letter over.

        Raises
        ------
        RefusedLetterError
            If it is refused for good.
        OSError
            If it can't be handed over now; `smtplib.SMTPException` is one.
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

    def send(self, address: str, letter: bytes) -> None:
        try:
            self.server.sendmail(self.sender, [address], letter)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = error.recipients.get(address, (0, b""))
            if code >= PERMANENT:
                raise RefusedLetterError(_words(code, said)) from error
            raise
        except smtplib.SMTPSenderRefused:
            raise  # not this letter is wrong but how we introduce ourselves, which the operator can mend
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= PERMANENT:
                with contextlib.suppress(OSError):
                    self.server.rset()
                raise RefusedLetterError(_words(error.smtp_code, error.smtp_error)) from error
            raise


def _words(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())[:200]}"
