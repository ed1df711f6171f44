"""Requests and the campaigns that answer them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import shapes
from kg.terms import describe
from market import requests
from market.errors import RequestError
from ontology.names import FC, RDF

AT = datetime(2026, 6, 9, 12, tzinfo=UTC)
START = datetime(2026, 6, 10, 16, tzinfo=UTC)
END = START + timedelta(hours=2)


def asked(store, iris, **changes):
    store.apply(insert=describe(iris.graph("registry"), iris.id("cooperative", "demo"), {RDF.type: FC.Cooperative}))
    given = {
        "start": START,
        "end": END,
        "kw": 25.0,
        "price_eur_per_kwh": Decimal("0.40"),
        "requester": iris.id("dso", "demo"),
        "at": AT,
        **changes,
    }
    return requests.create(store, iris, "c1", **given)


def test_a_request_and_its_campaign_keep_to_the_shapes(store, iris):
    campaign = asked(store, iris)

    assert campaign == iris.id("campaign", "c1")
    assert shapes.validate(store.graph(iris.graph("market"))).sentences == ()


def test_asking_again_for_the_same_changes_nothing(store, iris):
    asked(store, iris)
    before = store.count()

    asked(store, iris, price_eur_per_kwh=Decimal("0.4"))

    assert store.count() == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"end": START}, "isn't a whole number of slots"),
        ({"end": END + timedelta(minutes=5)}, "isn't a whole number of slots"),
        ({"start": START + timedelta(minutes=5), "end": END + timedelta(minutes=5)}, "isn't a slot boundary"),
        ({"at": START + timedelta(minutes=1)}, "before it is made"),
        ({"kw": -1.0}, "isn't negative"),
        ({"kw": float("nan")}, "finite number"),
        ({"kw": [1.0, 2.0]}, "2 values are given for 8 slots"),
        ({"price_eur_per_kwh": Decimal(-1)}, "isn't negative"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_sentence(store, iris, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        asked(store, iris, **change)

    assert store.graph(iris.graph("market")) == []


def test_a_key_is_used_for_one_request(store, iris):
    asked(store, iris)

    with pytest.raises(RequestError, match="exists already"):
        asked(store, iris, kw=30.0)
