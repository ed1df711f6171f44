"""Who may come in, as commands: accounts, tokens, partners with their clients and grants. JSON in, JSON out, like `verbs`."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from access import grants
from access.accounts import Account
from access.principal import Role
from access.terms import Stated, Terms
from access.tokens import Token
from kg.terms import instant
from ontology.names import DPV, FCV
from service import Platform
from upkeep import ArgumentError, text_of

Arguments = dict[str, Any]
Command = Callable[[Arguments], dict[str, Any]]


def commands(platform: Platform) -> dict[str, Command]:
    """Return the commands, bound to a platform."""
    access = platform.access

    def account(given: Arguments) -> dict[str, Any]:
        match _action(given, "add", "list", "disable", "enable", "password", "link"):
            case "list":
                return {"accounts": [_account(each) for each in access.accounts.list()]}
            case "add":
                role = _role(given)
                subject = None if role is Role.OPERATOR else _thing(platform, text_of(given, "for"))
                return _account(access.accounts.add(text_of(given, "name"), role, subject, given.get("password")))
            case "password":
                access.accounts.set_password(text_of(given, "name"), text_of(given, "password"))
            case "link":
                access.accounts.link(text_of(given, "name"), given.get("issuer") or platform.settings.access.issuer, text_of(given, "sub"))
            case action:
                access.accounts.disable(text_of(given, "name"), disabled=action == "disable")
        return _account(access.accounts.get(text_of(given, "name")))

    def token(given: Arguments) -> dict[str, Any]:
        match _action(given, "add", "list", "revoke"):
            case "list":
                return {"tokens": [_token(each) for each in access.tokens.list()]}
            case "revoke":
                return _token(access.tokens.revoke(int(text_of(given, "number"))))
        life = timedelta(days=int(given.get("days", 90)))
        if owner := given.get("account"):
            secret, made = access.tokens.create(text_of(given, "name"), access.accounts.get(owner), life)
        else:
            secret, made = access.tokens.create_for(text_of(given, "name"), _role(given), _thing(platform, text_of(given, "for")), life)
        return {"token": secret, **_token(made)}

    def partner(given: Arguments) -> dict[str, Any]:
        name = given.get("key", "")
        match _action(given, "add", "list", "grant", "grants", "withdraw", "revoke", "secret"):
            case "list":
                return {
                    "partners": [{"client": each.id, "for": each.subject, "revoked": _when(each.revoked)} for each in access.clients.list()]
                }
            case "add":
                iri = grants.register(platform.store, platform.iris, text_of(given, "key"), given.get("label") or name)
                return {"partner": iri, "client": name, "secret": access.clients.add(name, iri)}
            case "secret":
                return {"client": name, "secret": access.clients.new_secret(text_of(given, "key"))}
            case "revoke":
                access.clients.revoke(text_of(given, "key"))
                return {"revoked": name}
            case "grant":
                made = grants.give(
                    platform.store,
                    platform.iris,
                    platform.iris.id("partner", text_of(given, "key")),
                    _terms(platform, given),
                    at=platform.now(),
                )
                return {"grant": made}
            case "withdraw":
                return {"withdrawn": instant(grants.withdraw(platform.store, platform.iris, text_of(given, "grant"), at=platform.now()))}
        found = grants.given(platform.store, platform.iris, platform.iris.id("partner", text_of(given, "key")))
        return {"grants": [_stated(each) for each in found]}

    def key(given: Arguments) -> dict[str, Any]:
        match _action(given, "list", "rotate", "remove"):
            case "rotate":
                return {"kid": access.keys.rotate()}
            case "remove":
                access.keys.remove(text_of(given, "kid"))
        return {"keys": [each["kid"] for each in access.keys.public()["keys"]]}

    return {"account": account, "token": token, "partner": partner, "key": key}


def _action(given: Arguments, *known: str) -> str:
    action = str(given.get("action", ""))
    if action not in known:
        raise ArgumentError(f"{action or 'no action'} is not one of {', '.join(known)}")
    return action


def _role(given: Arguments) -> Role:
    role = text_of(given, "role")
    if role not in set(Role):
        raise ArgumentError(f"{role!r} is no role; choose one of {', '.join(Role)}")
    return Role(role)


def _thing(platform: Platform, text: str) -> str:
    """An IRI of ours, also from its end: `member/h01`."""
    return text if "://" in text else platform.iris.id(*text.split("/", 1))


def _terms(platform: Platform, given: Arguments) -> Terms:
    try:
        first, last = date.fromisoformat(text_of(given, "from")), date.fromisoformat(text_of(given, "to"))
    except ValueError as error:
        raise ArgumentError(f"{error}; give days as 2026-12-31") from error
    return Terms(
        purposes=[_spelt(each, "dpv:", DPV) for each in _several(given, "purpose")],
        first=first,
        last=last,
        categories=[_spelt(each, "fcv:", FCV) for each in _several(given, "category")],
        targets=[_thing(platform, each) for each in _several(given, "dataset")],
    )


def _spelt(text: str, prefix: str, names: Any) -> str:  # noqa: ANN401  (a namespace)
    return text if "://" in text else str(names[text.removeprefix(prefix)])


def _several(given: Arguments, name: str) -> Sequence[str]:
    value = given.get(name) or []
    return [value] if isinstance(value, str) else list(value)


def _when(at: Any) -> str | None:  # noqa: ANN401  (an instant or nothing)
    return None if at is None else instant(at)


def _account(found: Account) -> dict[str, Any]:
    return {"name": found.name, "role": found.role.value, "for": found.subject, "disabled": found.disabled}


def _token(found: Token) -> dict[str, Any]:
    return {
        "number": found.id,
        "name": found.name,
        "account": found.account,
        "role": found.role.value,
        "for": found.subject,
        "expires": _when(found.expires),
        "used": _when(found.used),
        "revoked": _when(found.revoked),
    }


def _stated(found: Stated) -> dict[str, Any]:
    return {
        "grant": found.iri,
        "categories": list(found.terms.categories),
        "datasets": list(found.terms.targets),
        "purposes": list(found.terms.purposes),
        "from": found.terms.first.isoformat(),
        "to": found.terms.last.isoformat(),
        "withdrawn": _when(found.withdrawn),
    }
