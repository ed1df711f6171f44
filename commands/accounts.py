"""Who may come in: accounts of people, and tokens of their programs."""

import argparse
import getpass
import sys
from datetime import timedelta
from typing import Any

from access.accounts import Account
from access.principal import Role
from access.tokens import Token
from commands.arguments import ArgumentError, Arguments, Verbs, action_of, json_of, text_of, thing_of
from commands.context import Context
from commands.line import Declare
from commands.relay import acted
from service import Platform


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    account = verb("account", _account, "accounts of people who sign in: add, list, disable, enable, password, link (docs/access.md)")
    account.add_argument("action", choices=("add", "list", "disable", "enable", "password", "link"))
    account.add_argument("name", nargs="?")
    account.add_argument("--role", help="operator, member, grid-operator or auditor")
    account.add_argument("--for", metavar="THING", help="whom it acts for: member/h01, dso/demo")
    account.add_argument("--no-password", action="store_true", help="it is reached by an OpenID provider alone")
    account.add_argument("--issuer", metavar="URL", help="of the identity that is linked; FLEX_OIDC_ISSUER unless given")
    account.add_argument("--sub", help="what the issuer calls the person")
    token = verb("token", acted("token", "name", "account", "role", "for", "days", "number"), "API tokens: add, list, revoke")
    token.add_argument("action", choices=("add", "list", "revoke"))
    token.add_argument("name", nargs="?", help="what it is for")
    token.add_argument("--account", metavar="NAME", help="whose it is")
    token.add_argument("--role", help="of a program without account: osb, partner, grid-operator, auditor")
    token.add_argument("--for", metavar="THING", help="whom such a program acts for: osb/h01, partner/university")
    token.add_argument("--days", help="until it ends; 90 unless told otherwise")
    token.add_argument("--number", metavar="N", help="of the token that is revoked")


def verbs(platform: Platform) -> Verbs:
    """Return the verbs, bound to a platform."""
    access, iris = platform.access, platform.iris

    def account(given: Arguments) -> dict[str, Any]:
        match action_of(given, "add", "list", "disable", "enable", "password", "link"):
            case "list":
                return {"accounts": [_spelt(each) for each in access.accounts.list()]}
            case "add":
                role = _role(given)
                subject = None if role is Role.OPERATOR else thing_of(iris, text_of(given, "for"))
                return _spelt(access.accounts.add(text_of(given, "name"), role, subject, given.get("password")))
            case "password":
                access.accounts.set_password(text_of(given, "name"), text_of(given, "password"))
            case "link":
                access.accounts.link(text_of(given, "name"), given.get("issuer") or platform.settings.access.issuer, text_of(given, "sub"))
            case action:
                access.accounts.disable(text_of(given, "name"), disabled=action == "disable")
        return _spelt(access.accounts.get(text_of(given, "name")))

    def token(given: Arguments) -> dict[str, Any]:
        match action_of(given, "add", "list", "revoke"):
            case "list":
                return {"tokens": [_spelt_token(each) for each in access.tokens.list()]}
            case "revoke":
                return _spelt_token(access.tokens.revoke(int(text_of(given, "number"))))
        life = timedelta(days=int(given.get("days", 90)))
        if owner := given.get("account"):
            secret, made = access.tokens.create(text_of(given, "name"), access.accounts.get(owner), life)
        else:
            secret, made = access.tokens.create_for(text_of(given, "name"), _role(given), thing_of(iris, text_of(given, "for")), life)
        return {"token": secret, **_spelt_token(made)}

    return {"account": account, "token": token}


def _account(context: Context, given: argparse.Namespace) -> dict[str, Any]:
    """Make an account or change one; a password is read from the terminal, or from standard input where there is none."""
    arguments = {name: value for name in ("name", "role", "for", "issuer", "sub") if (value := getattr(given, name))}
    if given.action == "password" or (given.action == "add" and not given.no_password):
        arguments["password"] = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return context.ask("account", arguments | {"action": given.action})


def _role(given: Arguments) -> Role:
    role = text_of(given, "role")
    if role not in set(Role):
        raise ArgumentError(f"{role!r} is no role; choose one of {', '.join(Role)}")
    return Role(role)


def _spelt(found: Account) -> dict[str, Any]:
    return {"name": found.name, "role": found.role.value, "for": found.subject, "disabled": found.disabled}


def _spelt_token(found: Token) -> dict[str, Any]:
    return {
        "number": found.id,
        "name": found.name,
        "account": found.account,
        "role": found.role.value,
        "for": found.subject,
        "expires": json_of(found.expires),
        "used": json_of(found.used),
        "revoked": json_of(found.revoked),
    }
