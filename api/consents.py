"""Consents of members and grants to partners: what lets anybody outside see anything of a member."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from access import consents, grants
from access.errors import AccessError
from access.terms import Change, Stated, Terms
from api.guard import principal, rule
from api.services import services
from api.writing import gate
from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import iri
from ontology.names import DPV, FCV
from privacy import permissions

pages = Blueprint("consents", __name__)
_SHORT = {"fcv:": str(FCV._NS), "dpv:": str(DPV._NS)}
_MOST = 20


class TermsError(ValueError):
    """What was sent can't be read as a consent or grant."""


@pages.get("/api/members/<key>/consents")
@rule.member("key")
def given(key: str) -> Response:
    """Give a member's consents, newest first, withdrawn ones too."""
    known = services()
    return jsonify([_spelt(each) for each in consents.given(known.store, known.iris, known.iris.id("member", key))])


@pages.post("/api/members/<key>/consents")
@rule.member("key")
def give(key: str) -> Response:
    """Take a consent: `{"party", "categories": […], "purposes": […], "first": "2016-08-01", "last": "2016-12-31"}`."""
    answer = _given(key, _body())
    answer.status_code = 201
    return answer


@pages.post("/api/members/<key>/consents/withdraw")
@rule.member("key")
def withdraw(key: str) -> Response:
    """End a consent: `{"consent": IRI or key}`; nobody sees anything by it from the next request on."""
    return _withdrawn(key, _body())


@pages.post("/members/<key>/consents")
@rule.member("key")
def give_by_form(key: str) -> BaseResponse:
    """Take a consent from the member's page."""
    form = request.form
    several = {"categories": form.getlist("category"), "purposes": form.getlist("purpose")}
    _given(key, {"party": form.get("party", ""), "first": form.get("first", ""), "last": form.get("last", ""), **several})
    return redirect(f"/members/{key}/data#consents", code=303)


@pages.post("/members/<key>/consents/withdraw")
@rule.member("key")
def withdraw_by_form(key: str) -> BaseResponse:
    """End a consent from the member's page."""
    _withdrawn(key, request.form)
    return redirect(f"/members/{key}/data#consents", code=303)


@pages.get("/api/partners")
@rule.operator
def partners() -> Response:
    """List the partners, with what is granted to each."""
    known = services()
    found = consents.parties(known.store, known.iris)
    return jsonify(
        [
            {"partner": iri, "label": label, "grants": [_spelt(each) for each in grants.given(known.store, known.iris, iri)]}
            for iri, label in found
        ]
    )


@pages.post("/api/partners/<key>")
@rule.operator
def register(key: str) -> Response:
    """Enter a partner in the registry: `{"label": "Research institute 1"}`."""
    known = services()
    label = _body().get("label")
    if not isinstance(label, str) or not label.strip():
        raise TermsError('A partner needs a name that people read: {"label": "Research institute 1"}')
    made = _written(lambda: grants.register(known.iris, key, label.strip(), at=known.now()), f"Partner {key} was registered")
    answer = jsonify({"partner": made.thing})
    answer.status_code = 201
    return answer


@pages.post("/api/partners/<key>/grants")
@rule.operator
def grant(key: str) -> Response:
    """Grant a partner data: `{"categories": […], "targets": […], "purposes": […], "first": …, "last": …}`."""
    known = services()
    agreed = _terms(_body())
    made = _written(
        lambda: grants.give(known.store, known.iris, _thing("partner", key), agreed, at=known.now()), f"Data were granted to partner {key}"
    )
    answer = jsonify({"grant": made.thing})
    answer.status_code = 201
    return answer


@pages.post("/api/partners/<key>/grants/withdraw")
@rule.operator
def withdraw_grant(key: str) -> Response:
    """End a grant: `{"grant": IRI or key}`."""
    known = services()
    chosen = _named(_body(), "grant")
    if chosen not in {each.iri for each in grants.given(known.store, known.iris, _thing("partner", key))}:
        raise AccessError(f"{chosen} is no grant to {key}")
    ended = _written(lambda: grants.withdraw(known.store, known.iris, chosen, at=known.now()), f"A grant to partner {key} was withdrawn")
    return jsonify({"grant": chosen, "withdrawn": ended.at.isoformat()})


def labels_of(iris: Iris, store: Store) -> dict[str, str]:
    """What people call the parties, categories and purposes that consents name."""
    parties = queries.rows(store, queries.load("access", "parties"), registry=iris.graph("registry"))
    rows = queries.rows(store, queries.load("access", "labels"), graph=iris.graph("ontology"))
    return {row["thing"]: row["label"] for row in rows} | {row["party"]: row["label"] for row in parties}


def _given(key: str, body: Mapping[str, Any]) -> Response:
    known = services()
    party = _iri(body.get("party"), "party", "the IRI of a partner")
    member, agreed = known.iris.id("member", key), _terms(body)
    why = f"Consent to {known.iris.local(party) if party.startswith(known.iris.base) else party} was given {_whose_word(member)}"
    made = _written(lambda: consents.give(known.store, known.iris, member, party, agreed, at=known.now()), why)
    return jsonify({"consent": made.thing})


def _withdrawn(key: str, body: Mapping[str, Any]) -> Response:
    known = services()
    chosen = _named(body, "consent")
    member = known.iris.id("member", key)
    why = f"Consent was withdrawn {_whose_word(member)}"
    ended = _written(lambda: consents.withdraw(known.store, known.iris, member, chosen, at=known.now()), why)
    return jsonify({"consent": chosen, "withdrawn": ended.at.isoformat()})


def _written(made: Callable[[], Change], why: str) -> Change:
    """Write what is given or ended, in the name of whoever asks."""
    return permissions.write(gate(), made, by=principal().key, why=why)


def _whose_word(member: str) -> str:
    """Whose word it is: what an operator does in a member's stead must not look like the member's own deed."""
    return "by the member" if principal().subject == member else "in the member's stead"


def _body() -> Mapping[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise TermsError("Send one JSON object, with Content-Type: application/json")
    return body


def _terms(body: Mapping[str, Any]) -> Terms:
    return Terms(
        purposes=_iris(body, "purposes", "at least one purpose, like dpv:ResearchAndDevelopment"),
        first=_date(body, "first"),
        last=_date(body, "last"),
        categories=_iris(body, "categories", "categories of data, like fcv:TelemetryData"),
        targets=_iris(body, "targets", "named graphs"),
    )


def _iris(body: Mapping[str, Any], name: str, what: str) -> Sequence[str]:
    given = body.get(name, [])
    if not isinstance(given, list) or len(given) > _MOST:
        raise TermsError(f"`{name}` is a list of {what}, at most {_MOST}")
    return [_iri(each, name, what) for each in given]


def _iri(text: object, name: str, what: str) -> str:
    if not isinstance(text, str) or len(text) > 500:
        raise TermsError(f"`{name}` names {what}, as text")
    spelt = next((base + text[len(prefix) :] for prefix, base in _SHORT.items() if text.startswith(prefix)), text)
    try:
        return iri(spelt).value
    except ValueError as error:
        raise TermsError(f"`{name}`: {error}") from error


def _named(body: Mapping[str, Any], kind: str) -> str:
    """A consent or grant by its IRI or its key."""
    given = body.get(kind)
    if not isinstance(given, str) or not given:
        raise TermsError(f'Say which one: {{"{kind}": IRI or key}}')
    return _iri(given if ":" in given else services().iris.id(kind, given), kind, "one by its IRI")


def _thing(kind: str, key: str) -> str:
    return _iri(services().iris.id(kind, key), "key", f"a {kind}")


def _date(body: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(body.get(name, ""))
    except (TypeError, ValueError) as error:
        raise TermsError(f"`{name}` is a day, written like 2016-08-31") from error


def _spelt(each: Stated) -> dict[str, Any]:
    agreed = each.terms
    return {
        "iri": each.iri,
        "party": each.party,
        "purposes": list(agreed.purposes),
        "categories": list(agreed.categories),
        "targets": list(agreed.targets),
        "first": agreed.first.isoformat(),
        "last": agreed.last.isoformat(),
        "withdrawn": None if each.withdrawn is None else each.withdrawn.isoformat(),
    }
