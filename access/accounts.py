"""Local accounts: a name, a role, whom it acts for, and a password (argon2id) or a link to an OpenID provider.

References
----------
RFC 9106, Argon2: second recommended parameters (64 MiB, 3 passes, 4 lanes). NIST SP 800-63B: length before composition.
"""

import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import IntegrityError, Row

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from access.database import Database, instant, seconds
from access.errors import AccessError
from access.principal import Role

SHORTEST, LONGEST = 12, 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ROLES = (Role.OPERATOR, Role.MEMBER, Role.GRID_OPERATOR, Role.AUDITOR)
_AT_ONCE = threading.BoundedSemaphore(2)  # each takes 64 MiB: a crowd at the door must not take the machine's memory


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in.

    Attributes
    ----------
    role, subject : as in `access.principal.Principal`
    password : whether it has one; otherwise it is reached by its OpenID provider, or by a click in the demo
    """

    name: str
    role: Role
    subject: str | None
    password: bool
    disabled: bool
    demo: bool
    created: datetime


class Accounts:
    """The accounts of this platform.

    Parameters
    ----------
    now
        The wall clock (aware).
    hasher
        Hashes passwords; tests give a quick one.
    """

    def __init__(self, database: Database, now: Callable[[], datetime], hasher: PasswordHasher | None = None) -> None:
        self._db, self._now = database, now
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("the password of nobody")  # verified for names that nobody has: it takes as long

    def add(self, name: str, role: Role, subject: str | None = None, password: str | None = None, *, demo: bool = False) -> Account:
        """Make an account.

        Raises
        ------
        AccessError
            If the name is taken or none, the role is not one of people, the subject is missing, or the password is too weak.
        """
        if not _NAME.fullmatch(name):
            raise AccessError(
                f"{name!r} is no name of an account; use 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
            )
        if role not in _ROLES:
            raise AccessError(f"An account can't be of role {role.value}; people are {', '.join(_ROLES)}, programs get a token or a client")
        if (subject is None) != (role is Role.OPERATOR):
            raise AccessError(
                f"An account of role {role.value} {'acts for nobody' if role is Role.OPERATOR else 'needs the IRI it acts for'}"
            )
        kept = None if password is None else self._hash(name, password)
        try:
            self._db.change(
                "insert into account (name, role, subject, password, demo, created) values (?, ?, ?, ?, ?, ?)",
                name, role.value, subject, kept, int(demo), seconds(self._now()),
            )  # fmt: skip
        except IntegrityError as error:
            raise AccessError(f"There is an account {name!r} already; choose another name") from error
        return self.get(name)

    def get(self, name: str) -> Account:
        """Return an account.

        Raises
        ------
        AccessError
            If there is none of this name.
        """
        found = self.find(name)
        if found is None:
            raise AccessError(f"There is no account {name!r}; `flex account list` shows those there are")
        return found

    def find(self, name: str) -> Account | None:
        """Return an account if there is one of this name."""
        row = self._db.row("select * from account where name = ?", name)
        return None if row is None else _account(row)

    def list(self, *, demo: bool = False) -> list[Account]:
        """List the accounts by name; with `demo` only those offered by a click."""
        return [_account(row) for row in self._db.rows("select * from account where demo >= ? order by name", int(demo))]

    def verify(self, name: str, password: str) -> Account | None:
        """Return the account if name and password belong together and it is not disabled; takes as long for names nobody has."""
        row = self._db.row("select * from account where name = ?", name)
        kept = row["password"] if row is not None and row["password"] else None
        try:
            with _AT_ONCE:
                fits = bool(self._hasher.verify(kept or self._nobody, _normal(password[: LONGEST + 1])))
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            fits = False
        if not fits or row is None or kept is None or row["disabled"]:
            return None
        if self._hasher.check_needs_rehash(kept):
            self._db.change(
                "update account set password = ? where name = ? and password = ?", self._hasher.hash(_normal(password)), name, kept
            )
        return _account(row)

    def set_password(self, name: str, password: str, *, but: str = "") -> None:
        """Change a password; sessions end, except the one whose hash is `but`.

        Raises
        ------
        AccessError
            If there is no such account, or the password is too weak.
        """
        self.get(name)
        kept = self._hash(name, password)
        with self._db.transaction():
            self._db.change("update account set password = ? where name = ?", kept, name)
            self._db.change("delete from session where account = ? and hash <> ?", name, but)

    def disable(self, name: str, *, disabled: bool = True) -> None:
        """Disable an account: its sessions end and its tokens don't count, from the next request on."""
        self.get(name)
        with self._db.transaction():
            self._db.change("update account set disabled = ? where name = ?", int(disabled), name)
            self._db.change("delete from session where account = ?", name)

    def link(self, name: str, issuer: str, sub: str) -> None:
        """Let whom an OpenID provider calls `sub` sign in to this account.

        Raises
        ------
        AccessError
            If there is no such account, or the person is linked to another one.
        """
        self.get(name)
        other = self.linked(issuer, sub)
        if other is not None and other.name != name:
            raise AccessError(f"{sub!r} of {issuer} is linked to the account {other.name!r} already; unlink it there first")
        self._db.change("insert or ignore into link (issuer, sub, account) values (?, ?, ?)", issuer, sub, name)

    def unlink(self, issuer: str, sub: str) -> bool:
        """Take a link away; returns whether there was one. Sessions of the account end."""
        found = self.linked(issuer, sub)
        if found is None:
            return False
        with self._db.transaction():
            self._db.change("delete from link where issuer = ? and sub = ?", issuer, sub)
            self._db.change("delete from session where account = ?", found.name)
        return True

    def linked(self, issuer: str, sub: str) -> Account | None:
        """Return the account of whom an OpenID provider calls `sub`."""
        row = self._db.row(
            "select account.* from account join link on link.account = account.name where issuer = ? and sub = ?", issuer, sub
        )
        return None if row is None else _account(row)

    def _hash(self, name: str, password: str) -> str:
        text = _normal(password)
        if not SHORTEST <= len(text) <= LONGEST:
            raise AccessError(
                f"A password has {SHORTEST} to {LONGEST} characters, this one {len(text)}; a few words together are easy to keep"
            )
        if (name in text.lower() and len(text) < len(name) + SHORTEST) or len(set(text)) < 4:
            raise AccessError("This password is the name of the account or one character again and again; choose another")
        try:
            return self._hasher.hash(text)
        except UnicodeEncodeError as error:
            raise AccessError("This password holds what is no character; choose another") from error


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)  # the same keys give the same password on every machine


def _account(row: Row) -> Account:
    created = instant(row["created"])
    assert created is not None  # noqa: S101  (not null in the file)
    return Account(
        row["name"], Role(row["role"]), row["subject"], row["password"] is not None, bool(row["disabled"]), bool(row["demo"]), created
    )
