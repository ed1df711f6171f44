"""API tokens: for scripts of people, for boxes, and for this machine's own commands."""

import hmac
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Row

from access.accounts import Account, Accounts
from access.database import Database, instant, seconds
from access.errors import AccessError, CredentialError
from access.hashes import digest, make
from access.principal import Principal, Role

PREFIX, MACHINE_PREFIX = "flexcoop_", "flexcoop_local_"
DEFAULT_LIFE, LONGEST_LIFE = timedelta(days=90), timedelta(days=366)
_NOTED_S = 60


@dataclass(frozen=True)
class Token:
    """An API token as lists show it: without the secret, which nobody keeps.

    Attributes
    ----------
    account : whose it is; `None` for a program's own
    used : when it was last used, to the minute
    """

    id: int
    name: str
    account: str | None
    role: Role
    subject: str | None
    created: datetime
    expires: datetime
    used: datetime | None
    revoked: datetime | None


class Tokens:
    """The API tokens.

    Parameters
    ----------
    now
        The wall clock (aware).
    machine
        The token of this machine's own commands, if they have one: see `machine_token`.
    """

    def __init__(self, database: Database, accounts: Accounts, now: Callable[[], datetime], machine: str | None = None) -> None:
        self._db, self._accounts, self._now = database, accounts, now
        self._machine = digest(machine) if machine else None

    def create(self, name: str, account: Account, life: timedelta = DEFAULT_LIFE) -> tuple[str, Token]:
        """Make a token that may what its owner may; returns the secret, this once, and its row.

        Raises
        ------
        AccessError
            If the name is empty or the life is none, or longer than a year.
        """
        return self._create(name, account.name, account.role, account.subject, life)

    def create_for(self, name: str, role: Role, subject: str, life: timedelta = DEFAULT_LIFE) -> tuple[str, Token]:
        """Make a token for a program that has no account: a box, or a partner.

        Raises
        ------
        AccessError
            As `create`, and if the role is not one of programs.
        """
        if role not in (Role.OSB, Role.PARTNER, Role.GRID_OPERATOR, Role.AUDITOR):
            raise AccessError(f"A token of role {role.value} belongs to an account; make one there, and the token on its page")
        return self._create(name, None, role, subject, life)

    def recognise(self, secret: str) -> Principal:
        """Return who shows this token.

        Raises
        ------
        CredentialError
            If nobody was given it, or it has expired or was revoked, or its owner's account is disabled.
        """
        hashed = digest(secret)
        if self._machine is not None and hmac.compare_digest(hashed, self._machine):
            return Principal(Role.OPERATOR, "local", via="local")
        row = self._db.row("select * from token where hash = ?", hashed)
        if row is None:
            raise CredentialError("Nobody was given this token; make a new one on your account's page")
        at, token = seconds(self._now()), _token(row)
        if token.revoked is not None:
            raise CredentialError(f"The token {token.name!r} was revoked; make a new one on your account's page")
        if at >= row["expires"]:
            raise CredentialError(f"The token {token.name!r} has expired; make a new one on your account's page")
        role, subject, key = token.role, token.subject, f"token:{token.id}"
        if token.account is not None:
            owner = self._accounts.find(token.account)
            if owner is None or owner.disabled:
                raise CredentialError(f"The account that the token {token.name!r} belongs to is disabled; ask the operator")
            role, subject, key = owner.role, owner.subject, owner.name  # as they are now, not as they were
        if row["used"] is None or at - row["used"] >= _NOTED_S:
            self._db.change("update token set used = ? where id = ?", at, token.id)
        return Principal(role, key, subject, "token", token.expires)

    def list(self, account: Account | None = None) -> list[Token]:
        """List an account's tokens, or all; the newest first."""
        where, values = ("where account = ?", [account.name]) if account else ("", [])
        return [_token(row) for row in self._db.rows(f"select * from token {where} order by id desc", *values)]  # noqa: S608  (no input in it)

    def revoke(self, number: int, account: Account | None = None) -> Token:
        """Revoke a token, which counts from the next request on; with `account` only one of that account's.

        Raises
        ------
        AccessError
            If there is no such token.
        """
        row = self._db.row("select * from token where id = ?", number)
        if row is None or (account is not None and row["account"] != account.name):
            raise AccessError(f"There is no token {number}{' of yours' if account else ''}; look at the list for its number")
        self._db.change("update token set revoked = coalesce(revoked, ?) where id = ?", seconds(self._now()), number)
        return _token(self._db.rows("select * from token where id = ?", number)[0])

    def _create(self, name: str, account: str | None, role: Role, subject: str | None, life: timedelta) -> tuple[str, Token]:
        if not name.strip() or len(name) > 80:
            raise AccessError("A token needs a name of 1 to 80 characters, which says what it is for, like 'notebook on my laptop'")
        if not timedelta(0) < life <= LONGEST_LIFE:
            raise AccessError(f"A token is valid for 1 to {LONGEST_LIFE.days} days, not {life.days}")
        secret, at = make(PREFIX), self._now()
        row = self._db.rows(
            "insert into token (hash, name, account, role, subject, created, expires) values (?, ?, ?, ?, ?, ?, ?) returning *",
            digest(secret), name.strip(), account, role.value, subject, seconds(at), seconds(at + life),
        )[0]  # fmt: skip
        return secret, _token(row)


def machine_token(path: Path) -> str:
    """Return the token of this machine's own commands from its file, which is made (0600) if it does not exist or others could read it.

    Whoever may read the file is the operator: the same who could open the store itself.

    Raises
    ------
    AccessError
        If the file is a link or belongs to somebody else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _written(path)
    except OSError as error:
        raise AccessError(f"{path} can't be read ({error.strerror}); remove it, and the platform makes it anew at its start") from error
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        about, text = os.fstat(handle), file.read(200).strip()
    if about.st_uid != os.getuid():
        raise AccessError(f"{path} belongs to another user, who could act as the operator by it; remove it, and start again")
    if stat.S_IMODE(about.st_mode) & 0o077 or not text.startswith(MACHINE_PREFIX) or len(text) < len(MACHINE_PREFIX) + 43:
        path.unlink()  # what others could read is no secret any more
        return _written(path)
    return text


def _written(path: Path) -> str:
    secret = make(MACHINE_PREFIX)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secret + "\n")
    return secret


def _token(row: Row) -> Token:
    created, expires = instant(row["created"]), instant(row["expires"])
    assert created is not None and expires is not None  # noqa: S101, PT018  (not null in the file)
    return Token(
        row["id"],
        row["name"],
        row["account"],
        Role(row["role"]),
        row["subject"],
        created,
        expires,
        instant(row["used"]),
        instant(row["revoked"]),
    )
