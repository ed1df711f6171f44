"""Everything that decides who somebody is and what they may see, in one piece."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from argon2 import PasswordHasher

from access.accounts import Account, Accounts
from access.clients import Clients
from access.database import Database
from access.errors import CredentialError
from access.jwt import Jwts, unverified
from access.keys import Keys
from access.oidc import Provider
from access.policy import Policy
from access.principal import Principal, Role
from access.sessions import Session, Sessions
from access.throttle import Throttle
from access.tokens import PREFIX, Tokens, machine_token
from kg.iris import Iris
from kg.store import Store
from sparql.scope import Scope


class HasScopes(Protocol):
    """Maps who somebody is to the graphs they may see (`access.policy.Policy`)."""

    def scope(self, principal: Principal) -> Scope:
        """Return what this principal may see now."""
        ...

    def purposes(self, partner: str) -> tuple[str, ...]:
        """Return what a partner's grants are for."""
        ...


@dataclass(frozen=True)
class OidcSettings:
    """An OpenID provider, and what it knows this platform by; see `access.oidc.Provider`."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    claim: str = "sub"


@dataclass(frozen=True)
class Access:
    """Who is known here, and how they are recognised.

    Attributes
    ----------
    machine : the token of this machine's own commands
    oidc : the OpenID provider, if one is set
    demo : whether the sign-in page offers demo accounts by a click
    """

    database: Database
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    clients: Clients
    keys: Keys
    jwts: Jwts
    throttle: Throttle
    policy: HasScopes
    machine: str = field(repr=False)
    oidc: Provider | None = None
    demo: bool = False

    def recognise(self, authorization: str) -> Principal:
        """Return who sends this `Authorization` header: a token or JWT as Bearer, or a token as the password of Basic.

        Raises
        ------
        CredentialError
            If it proves nothing: unknown, expired, revoked, or of another scheme.
        """
        scheme, _, given = authorization.strip().partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(given.strip())
        if scheme.lower() == "basic":
            return self._bearer(_password(given.strip()))
        raise CredentialError(
            "Send an API token or a JWT as Authorization: Bearer …, or a token as the password of Basic", "invalid_request"
        )

    def account(self, name: str, password: str, address: str) -> Account | None:
        """Return the account that name and password belong to; attempts are counted per address and per account.

        Raises
        ------
        access.errors.ThrottledError
            If there were too many.
        """
        self.throttle.address(address)
        self.throttle.account(name)
        found = self.accounts.verify(name, password)
        if found is not None:
            self.throttle.succeeded(name)
        return found

    def forget(self, subjects: Iterable[str]) -> None:
        """Remove every account and token that acts for one of these things, with its sessions; their rows are overwritten."""
        for subject in subjects:
            with self.database.transaction():
                for row in self.database.rows("select name from account where subject = ?", subject):
                    self.database.change("delete from attempt where key = ?", row["name"])
                self.database.change("delete from token where subject = ?", subject)
                self.database.change("delete from account where subject = ?", subject)
        self.database.row("PRAGMA wal_checkpoint(TRUNCATE)")

    def held(self, subjects: Iterable[str]) -> list[dict[str, Any]]:
        """Say which accounts and tokens act for these things, without anything secret."""
        wanted = set(subjects)
        accounts = [
            {"account": each.name, "role": each.role.value, "for": each.subject} for each in self.accounts.list() if each.subject in wanted
        ]
        tokens = [
            {"token": each.name, "role": each.role.value, "for": each.subject, "expires": each.expires.isoformat()}
            for each in self.tokens.list()
            if each.subject in wanted
        ]
        return [*accounts, *tokens]

    def scope(self, principal: Principal) -> Scope:
        """Return what this principal may see now."""
        return self.policy.scope(principal)

    def close(self) -> None:
        """Close the database, and the connections to the OpenID provider."""
        if self.oidc is not None:
            self.oidc.close()
        self.database.close()

    def _bearer(self, secret: str) -> Principal:
        if secret.startswith(PREFIX):
            return self.tokens.recognise(secret)
        if "." not in secret:
            raise CredentialError("Nobody was given this token; make a new one on your account's page")
        if self.oidc is not None and unverified(secret).get("iss") == self.oidc.issuer:  # only says which of the two verifies it
            return self._foreign(self.oidc, secret)
        return self.jwts.recognise(secret)

    def _foreign(self, provider: Provider, token: str) -> Principal:
        sub, expires = provider.bearer(token)
        found = self.accounts.linked(provider.issuer, sub)
        if found is None or found.disabled:
            raise CredentialError("Nobody here has an account for whom this token speaks of; ask the operator to link one")
        return principal_of(found, "jwt", expires)


def principal_of(account: Account, via: str, expires: datetime | None = None) -> Principal:
    """Who an account is."""
    return Principal(account.role, account.name, account.subject, via, expires)


def of_session(session: Session) -> Principal:
    """Who sits at a browser."""
    return principal_of(session.account, "session", session.expires)


def open_access(
    data_dir: Path,
    store: Store,
    iris: Iris,
    *,
    now: Callable[[], datetime],
    wall: Callable[[], datetime],
    oidc: OidcSettings | None = None,
    demo: bool = False,
    hasher: PasswordHasher | None = None,
    policy: HasScopes | None = None,
) -> Access:
    """Open `{data_dir}/access.sqlite` and the machine's token, and assemble what needs them.

    Parameters
    ----------
    now
        The platform's time, for consents and grants.
    wall
        The wall clock, for everything that expires at a door.
    oidc
        The OpenID provider, if one is set.
    demo
        Offer demo accounts by a click, to this machine.
    hasher, policy
        For tests.

    Raises
    ------
    access.errors.AccessError
        If the token's file is not fit to be believed.
    """
    database = Database(data_dir / "access.sqlite")
    accounts, keys, clients = Accounts(database, wall, hasher), Keys(database, wall), Clients(database, wall)
    machine = machine_token(data_dir / "operator.token")
    return Access(
        database=database,
        accounts=accounts,
        sessions=Sessions(database, accounts, wall),
        tokens=Tokens(database, accounts, wall, machine),
        clients=clients,
        keys=keys,
        jwts=Jwts(keys, clients, iris.base, wall),
        throttle=Throttle(database, wall),
        policy=policy or Policy(store, iris, now, wall),
        machine=machine,
        oidc=Provider(database, oidc.issuer, oidc.client_id, oidc.client_secret, iris.base, wall, claim=oidc.claim)
        if oidc is not None
        else None,
        demo=demo,
    )


def demo_accounts(access: Access, members: Mapping[str, str]) -> None:
    """Make the accounts of the demo, without passwords: an operator, and one per member (name → IRI)."""
    for name, subject in {"operator": None, **members}.items():
        if access.accounts.find(name) is None:
            access.accounts.add(name, Role.MEMBER if subject else Role.OPERATOR, subject, demo=True)


def _password(basic: str) -> str:
    try:
        text = base64.b64decode(basic, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise CredentialError("The Basic credentials can't be read", "invalid_request", "Basic") from error
    return text.partition(":")[2]
