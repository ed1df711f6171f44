"""A box that was claimed for the wrong member goes over to another one by its form, as one edit that can be undone."""

import html
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyoxigraph import NamedNode

from api import ApiSettings, Services, create_app
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe
from ontology.names import FC, SAREF
from registry.gate import Gate

HTML = {"Accept": "text/html"}
SAID = {
    "_language": "en",
    "label": "Gateway",
    "OpenSmartBox-identifier": "osb-b9",
    "OpenSmartBox-manufacturer": "Maker",
    "OpenSmartBox-model": "Model",
}


@pytest.fixture
def app(services: Services, wall) -> Flask:
    numbers = itertools.count(1)
    at = iter(wall[0] + timedelta(seconds=each) for each in itertools.count())
    gate = Gate(services.store, services.iris, lambda: next(at), lambda: f"k{next(numbers)}")
    return create_app(ApiSettings(shown_settings=()), replace(services, gate=gate))


@pytest.fixture
def box(store: EmbeddedStore, services: Services, iris: Iris) -> str:
    """A box that is claimed for h01 and has yet to speak."""
    claimed = {FC.claimedBy: NamedNode(iris.id("member", "h01")), FC.locatedAt: NamedNode(iris.id("site", "h01"))}
    store.apply(insert=describe(iris.graph("member", "h01", "facts"), iris.id("osb", "b9"), claimed))
    return iris.id("osb", "b9")


def sent(client: FlaskClient, iris: Iris, member: str, why: str = ""):
    tag = client.get("/things/osb/b9/edit", headers=HTML).headers["ETag"]
    given = {"ClaimedBox-claimedBy": iris.id("member", member), "ClaimedBox-locatedAt": iris.id("site", "h01"), "_why": why}
    return client.post("/things/osb/b9/edit", data=SAID | given, headers=HTML | {"If-Match": tag})


def said(store: EmbeddedStore, iris: Iris, box: str, member: str) -> dict[str, str]:
    facts = store.graph(iris.graph("member", member, "facts"))
    return {each.predicate.value: each.object.value for each in facts if each.subject == NamedNode(box)}


def test_the_form_moves_a_box_with_its_claim_and_the_way_back_brings_it_home(client, services, store, iris, box) -> None:
    answer = sent(client, iris, "h02", "It hangs at the house of h02, not at that of h01.")

    assert answer.status_code == 303, html.unescape(answer.get_data(as_text=True))
    assert said(store, iris, box, "h01") == {}
    moved = said(store, iris, box, "h02")
    assert (moved[str(FC.claimedBy)], moved[str(FC.locatedAt)]) == (iris.id("member", "h02"), iris.id("site", "h02"))
    assert moved[str(SAREF.hasIdentifier)] == "osb-b9"
    for own, other in (("h01", "h02"), ("h02", "h01")):
        record = "\n".join(map(str, store.graph(iris.graph("member", own, "edits"))))
        assert iris.id("member", own) in record
        assert other not in record
    page = client.get("/things/osb/b9/history", headers=HTML).get_data(as_text=True)
    assert "It hangs at the house of h02, not at that of h01." in page  # the clerk is told why

    tag = client.get("/things/osb/b9/history", headers=HTML).headers["ETag"]
    back = client.post("/things/osb/b9/undo", data={"version": "0"}, headers=HTML | {"If-Match": tag})

    assert back.status_code == 303, html.unescape(back.get_data(as_text=True))
    assert said(store, iris, box, "h01") == {
        str(FC.claimedBy): iris.id("member", "h01"),
        str(FC.locatedAt): iris.id("site", "h01"),
    }
    assert said(store, iris, box, "h02") == {}


def test_a_box_that_has_announced_itself_is_not_moved_and_the_form_says_so_beside_the_claim(client, store, iris, box) -> None:
    store.apply(insert=describe(iris.graph("member", "h01", "osb", "b9"), box, {SAREF.hasIdentifier: "osb-b9"}))

    answer = sent(client, iris, "h02")

    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 422
    assert 'id="e-ClaimedBox-claimedBy"' in page
    assert (
        "The box b9 has announced itself in another home, and what it measured stays there. Give it a new identifier and claim that one here."
    ) in page
    assert said(store, iris, box, "h02") == {}
    assert said(store, iris, box, "h01")[str(FC.claimedBy)] == iris.id("member", "h01")
