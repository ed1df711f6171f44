"""How boxes are let in: the claim codes for their certificates, and these certificates' end."""

from typing import Any

from commands.arguments import Arguments, Verbs, object_of, text_of
from commands.line import Declare
from commands.relay import relayed
from kg.terms import instant
from service import Platform


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    claim = verb("claim", relayed("claim", "osb"), "make the one-time code for which a box is given its certificate")
    revoke = verb("revoke", relayed("revoke", "osb"), "end a box's certificates, and its connection")
    for made in (claim, revoke):
        made.add_argument("osb", metavar="OSB", help="identifier of the box: osb-h01")
    verb("certificates", relayed("certificates"), "list the certificates of the boxes")


def verbs(platform: Platform) -> Verbs:
    """Return the verbs, bound to a platform."""

    def claim(given: Arguments) -> dict[str, Any]:
        return object_of(platform.boxes.claim(text_of(given, "osb")))

    def revoke(given: Arguments) -> dict[str, Any]:
        serials, effective = platform.boxes.revoke(text_of(given, "osb"))
        return {"osb": given["osb"], "revoked": serials, "effective": effective}

    def certificates(_: Arguments) -> dict[str, Any]:
        return {
            "certificates": [
                {"osb": each.osb, "serial": each.serial, "notAfter": instant(each.not_after), "state": state}
                for each, state in platform.boxes.certificates()
            ]
        }

    return {"claim": claim, "revoke": revoke, "certificates": certificates}
