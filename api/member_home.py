"""A member's home: the contract in plain words, the devices and whether they may be called, and the box."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from flask import Blueprint, Response, current_app, redirect, request
from pyoxigraph import NamedNode, Quad
from werkzeug.wrappers import Response as BaseResponse

from api import look_up
from api.errors import NotFoundError, problem
from api.guard import principal, rule
from api.languages import _
from api.member_devices import Device, devices, now_kw
from api.member_flow import sentence
from api.member_page import names, shown
from api.services import services
from api.writing import gate
from kg.terms import literal
from market import contracts as market_contracts
from market.contracts import Contract
from market.errors import ContractError
from ontology.names import FC
from registry.edits import Delta

pages = Blueprint("member_home", __name__)


@dataclass(frozen=True)
class Box:
    """An OSB: its identifier, and the end of the last quarter-hour that it has told of."""

    iri: str
    identifier: str
    heard: datetime | None


@dataclass(frozen=True)
class Agreed:
    """A revision of the contract: its terms, where it stands among the others, and who has signed; offered: the cooperative has."""

    contract: Contract
    number: str
    before: str | None
    signed_by_member: bool
    offered: bool


@pages.get("/members/<key>/home")
@rule.member("key")
def home(key: str) -> Response:
    """Show contract, devices and box."""
    known = services()
    own = devices(key)
    revisions = _revisions(key)
    at, kw = now_kw(each.channel for each in own)
    covered = {device for each in revisions for device in each.contract.covers}
    return shown(
        "member_home.html",
        key,
        "home",
        drafts=[each for each in revisions if each.contract.status == market_contracts.DRAFT and each.offered],
        active=[each for each in revisions if each.contract.status == market_contracts.ACTIVE],
        ended=[each for each in revisions if each.contract.status == market_contracts.ENDED],
        calls=names([*covered, *(each.contract.baseline_method for each in revisions), *(each.contract.buyer for each in revisions)]),
        devices=own,
        kw=kw,
        does={each.iri: sentence(each, kw.get(each.channel)) for each in own},
        at=at,
        boxes=_boxes(key),
        today=known.now().date(),
        may_accept=_accepts(),
    )


def _accepts() -> bool:
    """Whether there is an address that takes the acceptance of a draft."""
    return any(each.rule == "/members/<key>/contracts/<revision>/accept" for each in current_app.url_map.iter_rules())


def _revisions(key: str) -> list[Agreed]:
    known = services()
    member = known.iris.id("member", key)
    rows = look_up.of_member("member_contracts", key, "contracts")
    found = []
    for row in rows:
        try:
            contract = market_contracts.read(known.store, row["contract"])
        except ContractError:  # a draft that somebody is still filling in
            continue
        signed = {signature.party for signature in contract.signatures}
        number = known.iris.key(row["contract"]).rpartition("/")[2]
        found.append(Agreed(contract, number, row.get("before"), member in signed, contract.buyer in signed))
    return found


def _boxes(key: str) -> list[Box]:
    """A member's boxes, and when anything was heard of each last."""
    known = services()
    found = []
    for row in look_up.of_member("member_boxes", key, "facts", "box"):
        channels = known.channels.in_graph(row["box"]) if "box" in row else []
        latest = known.readings.latest([channel.iri for channel in channels])
        ends = [latest[channel.iri][0] + channel.step for channel in channels if channel.iri in latest]
        found.append(Box(row["osb"], row.get("identifier", known.iris.key(row["osb"])), max(ends, default=None)))
    return found


@pages.post("/members/<key>/devices/<device>/available")
@rule.member("key")
def make_available(key: str, device: str) -> BaseResponse:
    """Let a device take part in events, or not: the member's own word; `available` is `yes` or `no`."""
    known = services()
    iri = known.iris.id("device", device)
    found = next((each for each in devices(key) if each.iri == iri), None)
    if found is None or found.available is None:
        raise NotFoundError(_("There is no device %(device)s of this home that could take part.", device=device[:80]))
    given = request.form.get("available")
    if given not in ("yes", "no"):
        return problem(422, _("Say whether the device may take part: available is yes or no."))
    wanted = given == "yes"
    gate().apply(_switched(key, found, wanted), by=principal().key, why=_why(found, wanted))
    return redirect(f"/members/{quote(key)}/home#devices", code=303)


def _switched(key: str, device: Device, wanted: bool) -> Delta:
    graph = NamedNode(services().iris.graph("member", key, "facts"))
    subject, path = NamedNode(device.iri), NamedNode(str(FC.availableForDR))

    def stated(value: bool) -> Quad:
        return Quad(subject, path, literal(value), graph)

    return Delta(frozenset({stated(not wanted)}), frozenset({stated(wanted)}))


def _why(device: Device, wanted: bool) -> str:
    """English, as everything in the audit."""
    return f"The member {'lets' if wanted else 'no longer lets'} {device.key} take part in events"
