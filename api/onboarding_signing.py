"""The end of onboarding: the contract offered and signed, and the account by which the member signs in."""

from flask import Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api import onboarding_contract, onboarding_people
from api.errors import problem
from api.guard import principal, rule
from api.interpreted import interpreted
from api.languages import _
from api.onboarding import HOW, for_step, onward, page, pages, zone_of
from api.onboarding_contract import REFUSALS, contract_of, of_member, signed_by
from api.onboarding_state import Home, devices_of, home, label_of
from api.onboarding_writes import Entered, alone, parties
from api.services import services
from market.contracts import ACTIVE, DRAFT, Contract
from ontology.names import FC

_LONGEST_WHY = 300


@pages.route("/onboarding/<key>/contract", methods=["GET", "POST"])
@rule.operator
def contract(key: str) -> BaseResponse:
    """Offer a contract: terms, the text to read, the draft with the cooperative's signature."""
    found, first = for_step(key, "contract")
    if first is not None:
        return first
    entered, text = None, None
    if request.method == "POST":
        offer, entered = onboarding_contract.understood(request.form, request.form.getlist("covers"), devices_of(found))
        if offer is not None and request.form.get("do") == "offer":
            with alone():
                entered = onboarding_contract.offered(home(key), offer)
            if entered.ok:
                return redirect(f"/onboarding/{key}/contract", code=303)
        elif offer is not None:
            text, entered = onboarding_contract.previewed(found, offer, zone_of(found))
    return _contract_page(found, entered, text)


def _contract_page(found: Home, entered: Entered | None, text: Contract | None = None) -> Response:
    listed, zone = devices_of(found), zone_of(found)
    known = of_member(found.key)
    typed = request.method == "POST" and "kw" in request.form
    active = next((each for each in known if each.status == ACTIVE), None)
    if typed:
        raw = {**request.form, "covers": request.form.getlist("covers")}
    else:
        raw = onboarding_contract.usual(listed, zone) if active is None else onboarding_contract.as_agreed(active)
    return page(
        "onboarding_contract.html",
        found,
        "contract",
        entered,
        devices=[each for each in listed if each.available and each.can_be_called],
        labels={each.iri: each.label for each in listed} | {found.member: label_of(found)} | dict(parties(str(FC.Cooperative))),
        text=text,
        draft=next((each for each in known if each.status == DRAFT), None),
        active=active,
        raw=raw,
        zone=zone,
        revision=lambda each: each.iri.rpartition("/")[2],
        signed_by=signed_by,
        exact=onboarding_contract.exact,
    )


@pages.post("/onboarding/<key>/contract/<revision>/sign")
@rule.operator
def record_signature(key: str, revision: str) -> BaseResponse:
    """Record the signature that the member gave outside of this platform."""
    found, offered = home(key), contract_of(key, revision)
    how = request.form.get("how", "")
    if how not in HOW:
        return _contract_page(found, Entered({"how": _("Say how the member signed: on paper or in person.")}))
    refused = _signed(offered, f"Contract signed by member {key} {how}, entered by {principal().key}")
    return _contract_page(found, refused) if refused else onward(found)


@pages.post("/onboarding/<key>/contract/<revision>/withdraw")
@rule.operator
def withdraw(key: str, revision: str) -> BaseResponse:
    """Take an offer back that the member has not signed."""
    found, offered = home(key), contract_of(key, revision)
    if offered.status != DRAFT:
        return _contract_page(found, Entered(general=[_("Only an offer that nobody has accepted can be withdrawn.")]))
    onboarding_contract.end(offered.iri, f"Onboarding: the offer to member {key} was withdrawn")
    return redirect(f"/onboarding/{key}/contract", code=303)


@pages.post("/onboarding/<key>/contract/<revision>/end")
@rule.operator
def end(key: str, revision: str) -> BaseResponse:
    """End a contract that is in force; the member reads why."""
    found, agreed, why = home(key), contract_of(key, revision), " ".join(request.form.get("why", "").split())[:_LONGEST_WHY]
    if agreed.status != ACTIVE:
        return _contract_page(found, Entered(general=[_("Only a contract that is in force can be ended.")]))
    if not why:
        return _contract_page(found, Entered({"why": _("Say why the contract ends; the member reads it.")}))
    onboarding_contract.end(agreed.iri, f"The contract was ended: {why}")
    return redirect(f"/onboarding/{key}/contract", code=303)


@pages.post("/members/<key>/contracts/<revision>/accept")
@rule.member("key")
def accept(key: str, revision: str) -> BaseResponse:
    """Sign an offer as the member; `digest`, where it is sent, is that of the text that was read."""
    offered = contract_of(key, revision)
    if principal().subject != offered.member:
        return problem(403, _("Only the member can accept on this page; what they signed on paper is recorded in onboarding."))
    read = request.form.get("digest")
    if read and read != offered.digest:
        return problem(409, _("The offer has changed since you read it; open the page again and read it once more."))
    refused = _signed(offered, f"Contract accepted by member {key} on their page")
    return problem(409, " ".join(refused.general)) if refused else redirect(f"/members/{key}/home", code=303)


def _signed(offered: Contract, why: str) -> Entered | None:
    if signed_by(offered, offered.buyer) is None:
        return Entered(general=[_("The cooperative has not signed this offer yet, so nobody can accept it.")])
    try:
        onboarding_contract.sign(offered.iri, offered.member, why)
    except REFUSALS as error:
        return Entered(general=[interpreted(str(error)).text])
    return None


@pages.route("/onboarding/<key>/account", methods=["GET", "POST"])
@rule.operator
def account(key: str) -> BaseResponse:
    """Make the account by which the member signs in; its first password is shown this once."""
    found, entered, made, password = home(key), None, None, ""
    if request.method == "POST":
        made, password, entered = onboarding_people.account(found, request.form.get("name", ""))
    access = services().access
    known = [each.name for each in access.accounts.list() if each.subject == found.member] if access is not None else []
    return page(
        "onboarding_account.html",
        found,
        "account",
        entered,
        accounts=known,
        made=made,
        password=password,
        raw=request.form if entered else {"name": key},
    )
