"""What others may see: partners with their clients and grants, and the keys that sign their tokens."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from access import grants
from access.terms import Stated, Terms
from commands.arguments import ArgumentError, Arguments, Verbs, action_of, json_of, text_of, thing_of
from commands.line import Declare
from commands.relay import acted
from kg.iris import Iris
from kg.terms import instant
from ontology.names import DPV, FCV
from privacy import permissions
from service import Platform


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    key = verb("key", acted("key", "kid"), "keys that sign partners' tokens: list, rotate, remove the oldest")
    key.add_argument("action", choices=("list", "rotate", "remove"))
    key.add_argument("--kid", help="of the key that is removed; its tokens count no more")
    names = ("key", "label", "category", "dataset", "purpose", "from", "to", "grant")
    partner = verb("partner", acted("partner", *names), "partners, their clients and what they are granted (docs/policy.md)")
    partner.add_argument("action", choices=("add", "list", "secret", "revoke", "grant", "grants", "withdraw"))
    partner.add_argument("key", nargs="?", help="of the partner: university")
    partner.add_argument("--label", help="its name")
    partner.add_argument(
        "--category", action="append", metavar="DATA", help="of members who consent: TelemetryData, LatestData, PlansData …"
    )
    partner.add_argument("--dataset", action="append", metavar="IRI", help="that is nobody's in particular")
    partner.add_argument("--purpose", action="append", metavar="DPV", help="what for: ResearchAndDevelopment, ServiceProvision …")
    partner.add_argument("--from", metavar="DATE", help="first day")
    partner.add_argument("--to", metavar="DATE", help="last day")
    partner.add_argument("--grant", metavar="IRI", help="that is withdrawn")


def verbs(platform: Platform) -> Verbs:
    """Return the verbs, bound to a platform."""
    access, store, iris, gate, now = platform.access, platform.store, platform.iris, platform.gate, platform.now

    def partner(given: Arguments) -> dict[str, Any]:
        name, by = given.get("key", ""), str(given.get("by", "local"))
        match action_of(given, "add", "list", "grant", "grants", "withdraw", "revoke", "secret"):
            case "list":
                return {
                    "partners": [
                        {"client": each.id, "for": each.subject, "revoked": json_of(each.revoked)} for each in access.clients.list()
                    ]
                }
            case "add":
                label = given.get("label") or text_of(given, "key")
                made = permissions.write(
                    gate, lambda: grants.register(iris, name, label, at=now()), by=by, why=f"Partner {name} was registered"
                )
                return {"partner": made.thing, "client": name, "secret": access.clients.add(name, made.thing)}
            case "secret":
                return {"client": name, "secret": access.clients.new_secret(text_of(given, "key"))}
            case "revoke":
                access.clients.revoke(text_of(given, "key"))
                return {"revoked": name}
            case "grant":
                to, agreed, why = iris.id("partner", text_of(given, "key")), _terms(iris, given), f"Data were granted to partner {name}"
                return {"grant": permissions.write(gate, lambda: grants.give(store, iris, to, agreed, at=now()), by=by, why=why).thing}
            case "withdraw":
                chosen = text_of(given, "grant")
                ended = permissions.write(gate, lambda: grants.withdraw(store, iris, chosen, at=now()), by=by, why="A grant was withdrawn")
                return {"withdrawn": instant(ended.at)}
        found = grants.given(store, iris, iris.id("partner", text_of(given, "key")))
        return {"grants": [_spelt(each) for each in found]}

    def key(given: Arguments) -> dict[str, Any]:
        match action_of(given, "list", "rotate", "remove"):
            case "rotate":
                return {"kid": access.keys.rotate()}
            case "remove":
                access.keys.remove(text_of(given, "kid"))
        return {"keys": [each["kid"] for each in access.keys.public()["keys"]]}

    return {"key": key, "partner": partner}


def _terms(iris: Iris, given: Arguments) -> Terms:
    try:
        first, last = date.fromisoformat(text_of(given, "from")), date.fromisoformat(text_of(given, "to"))
    except ValueError as error:
        raise ArgumentError(f"{error}; give days as 2026-12-31") from error
    return Terms(
        purposes=[_named(each, "dpv:", DPV) for each in _several(given, "purpose")],
        first=first,
        last=last,
        categories=[_named(each, "fcv:", FCV) for each in _several(given, "category")],
        targets=[thing_of(iris, each) for each in _several(given, "dataset")],
    )


def _named(text: str, prefix: str, names: Any) -> str:  # noqa: ANN401  (a namespace)
    return text if "://" in text else str(names[text.removeprefix(prefix)])


def _several(given: Arguments, name: str) -> Sequence[str]:
    value = given.get(name) or []
    return [value] if isinstance(value, str) else list(value)


def _spelt(found: Stated) -> dict[str, Any]:
    return {
        "grant": found.iri,
        "categories": list(found.terms.categories),
        "datasets": list(found.terms.targets),
        "purposes": list(found.terms.purposes),
        "from": found.terms.first.isoformat(),
        "to": found.terms.last.isoformat(),
        "withdrawn": json_of(found.withdrawn),
    }
