"""Sessions of people at a browser: a random name in a cookie, of which only a hash is kept."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from access.accounts import Account, Accounts
from access.database import Database, instant, seconds
from access.hashes import digest, make

IDLE, WHOLE = timedelta(hours=2), timedelta(hours=12)
_NOTED_S = 60  # a page with ten charts does not write ten times when it was seen


@dataclass(frozen=True)
class Session:
    """Somebody at a browser.

    Attributes
    ----------
    hash : what is kept of the cookie; also the session's name in lists
    expires : when it ends whatever happens; it ends earlier when nothing is heard for two hours
    agent : what the browser called itself, for people to tell their sessions apart
    """

    hash: str
    account: Account
    created: datetime
    seen: datetime
    expires: datetime
    agent: str


class Sessions:
    """The open sessions; they do not know of locks, which only keep people from signing in."""

    def __init__(self, database: Database, accounts: Accounts, now: Callable[[], datetime]) -> None:
        self._db, self._accounts, self._now = database, accounts, now

    def start(self, account: Account, agent: str = "", *, instead: str | None = None) -> str:
        """Begin a session, always under a new name, and end the one whose cookie is `instead`; returns the cookie's value."""
        secret, at = make(), seconds(self._now())
        with self._db.transaction():
            self._db.change("delete from session where created < ? or seen < ?", at - _s(WHOLE), at - _s(IDLE))
            if instead:
                self._db.change("delete from session where hash = ?", digest(instead))
            self._db.change(
                "insert into session (hash, account, created, seen, agent) values (?, ?, ?, ?, ?)",
                digest(secret),
                account.name,
                at,
                at,
                agent[:120],
            )
        return secret

    def find(self, secret: str) -> Session | None:
        """Return the session of a cookie, unless it has ended or its account is disabled."""
        row = self._db.row("select * from session where hash = ?", digest(secret))
        at = seconds(self._now())
        if row is None or at >= row["created"] + _s(WHOLE) or at >= row["seen"] + _s(IDLE):
            return None
        account = self._accounts.find(row["account"])
        if account is None or account.disabled:
            return None
        if at - row["seen"] >= _NOTED_S:
            self._db.change("update session set seen = ? where hash = ?", at, row["hash"])
        return _session(row, account)

    def list(self, account: Account) -> list[Session]:
        """List an account's open sessions, the latest first."""
        at = seconds(self._now())
        rows = self._db.rows(
            "select * from session where account = ? and created > ? and seen > ? order by seen desc, hash",
            account.name,
            at - _s(WHOLE),
            at - _s(IDLE),
        )
        return [_session(row, account) for row in rows]

    def end(self, hashed: str, account: Account) -> bool:
        """End one session of an account by its hash; returns whether there was one."""
        return self._db.change("delete from session where hash = ? and account = ?", hashed, account.name) > 0


def form_token(secret: str) -> str:
    """What a form must send back: only pages that were shown to this session hold it, as it is computed from the cookie."""
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), b"form", hashlib.sha256)).decode().rstrip("=")


def is_form_token(secret: str, given: str) -> bool:
    """Compare without telling by the time taken how much of it is right."""
    return hmac.compare_digest(form_token(secret).encode(), given.encode("utf-8", "replace"))


def _s(span: timedelta) -> int:
    return int(span.total_seconds())


def _session(row: object, account: Account) -> Session:
    kept = dict(row)  # type: ignore[call-overload]
    created, seen = instant(kept["created"]), instant(kept["seen"])
    assert created is not None and seen is not None  # noqa: S101, PT018  (not null in the file)
    return Session(kept["hash"], account, created, seen, created + WHOLE, kept["agent"])
