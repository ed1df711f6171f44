"""Datasets as files: all of what the reader may see and nothing else, resumable, kept as long as they hold."""

import csv
import dataclasses
import gzip
import io

import pyoxigraph as ox
import pytest
from linked_roles import BASE, MEMBER, OPERATOR, OTHER, ROLES, client_as, scope_of
from pyoxigraph import Literal, NamedNode, Quad

from api import dumps
from api.datasets import BY_KEY
from kg.bootstrap import load_public
from ontology.names import RDFS

FORMS = {"nq": ox.RdfFormat.N_QUADS, "trig": ox.RdfFormat.TRIG, "ttl": ox.RdfFormat.TURTLE, "nt": ox.RdfFormat.N_TRIPLES}


@pytest.fixture
def services(services, tmp_path):
    load_public(services.store, services.iris)
    return dataclasses.replace(services, dumps=tmp_path / "dumps")


def quads(store, path, scope):
    begins = f"{BASE}/graph/{path}"
    names = [name for name in store.graphs() if name.startswith(begins) and scope.allows(name)]
    return {Quad(t.subject, t.predicate, t.object, NamedNode(name)) for name in names for t in store.graph(name)}


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_dump_is_the_dataset_in_every_form(services, ending, packed):
    answer = client_as(services, MEMBER).get(f"/dumps/members.{ending}{packed}", buffered=True)
    body = gzip.decompress(answer.data) if packed else answer.data
    found = set(ox.parse(body, format=FORMS[ending]))
    expected = quads(services.store, "member/", scope_of(services, MEMBER))

    if ending in ("ttl", "nt"):
        assert {quad.triple for quad in found} == {quad.triple for quad in expected}
    else:
        assert found == expected
    assert f"members.{ending}{packed}" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("role", ROLES)
def test_everybody_gets_what_they_may_see_and_nothing_else(services, role):
    scope, client = scope_of(services, ROLES[role]), client_as(services, ROLES[role])
    allowed = {name for name in services.store.graphs() if scope.allows(name)}
    given = {}
    for key in BY_KEY:
        answer = client.get(f"/dumps/{key}.nq", buffered=True)
        given[key] = (
            {quad.graph_name.value for quad in ox.parse(answer.data, format=ox.RdfFormat.N_QUADS)} if answer.status_code == 200 else None
        )
        assert given[key] is not None or answer.status_code == 404

    assert set().union(*(names for names in given.values() if names)) == allowed
    if role == "public":
        assert {key for key, names in given.items() if names} == {"ontology", "shapes", "feed"}


def test_file_of_one_reader_is_never_given_to_another(services):
    own, other = (client_as(services, who).get("/dumps/members.nq", buffered=True) for who in (MEMBER, OTHER))

    assert b"graph/member/h01/" in own.data
    assert b"graph/member/h01/" not in other.data
    assert own.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in own.headers["Vary"]


def test_download_can_be_resumed_and_is_not_sent_twice(services):
    client = client_as(services, MEMBER)
    whole = client.get("/dumps/members.nq", buffered=True)
    rest = client.get("/dumps/members.nq", buffered=True, headers={"Range": "bytes=100-", "If-Range": whole.headers["ETag"]})

    assert (rest.status_code, rest.data) == (206, whole.data[100:])
    assert client.get("/dumps/members.nq", buffered=True, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    head = client.head("/dumps/members.nq", buffered=True)
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, str(len(whole.data)), b"")
    assert "Last-Modified" in head.headers


def test_file_is_made_anew_when_the_store_was_written_to(services, monkeypatch):
    client = client_as(services, OPERATOR)
    first = client.get("/dumps/market.nq", buffered=True)
    assert client.get("/dumps/market.nq", buffered=True).headers["ETag"] == first.headers["ETag"]

    note = Quad(NamedNode(f"{BASE}/id/note/n1"), NamedNode(RDFS.label), Literal("written later"), NamedNode(f"{BASE}/graph/market"))
    services.store.apply(insert=[note])
    assert b"written later" not in client.get("/dumps/market.nq", buffered=True).data  # at most a minute old
    monkeypatch.setattr(dumps, "FRESH_S", 0.0)
    again = client.get("/dumps/market.nq", buffered=True)
    assert b"written later" in again.data
    assert again.headers["ETag"] != first.headers["ETag"]


def test_readings_come_as_csv_that_can_be_loaded_again(services):
    answer = client_as(services, MEMBER).get("/dumps/members.csv", buffered=True)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    channel = f"{BASE}/id/connection/h01#activePower"
    mine = [row for row in rows if row["channel"] == channel and row["timestamp"].startswith("2016-08-31T")]
    start = services.now().replace(hour=0, minute=0)
    stored = services.readings.frame([channel], start, start.replace(hour=23, minute=59))[channel].dropna()

    assert answer.mimetype == "text/csv"
    assert [float(row["value"]) for row in mine] == list(stored)
    assert {row["unit"] for row in mine} == {"unit:KiloW"}
    assert not any("h02" in row["channel"] for row in rows)


@pytest.mark.parametrize("name", ["members", "members.pdf", "members.nq.zip", "nothing.nq", "..%2Fx.nq", "members.nq.gz.gz", ".nq"])
def test_what_is_no_dump_is_not_found(services, name):
    answer = client_as(services, OPERATOR).get(f"/dumps/{name}", buffered=True)

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


def test_dump_that_would_be_too_large_is_refused_and_leaves_nothing(services, monkeypatch):
    monkeypatch.setattr(dumps, "MOST_BYTES", 1000)
    answer = client_as(services, OPERATOR).get("/dumps/ontology.nq.gz", buffered=True)

    assert answer.status_code == 413
    assert list(services.dumps.iterdir()) == []


def test_directory_keeps_to_its_bound_by_dropping_the_oldest(services, monkeypatch):
    client = client_as(services, OPERATOR)
    for key in ("ontology", "shapes"):
        client.get(f"/dumps/{key}.nq", buffered=True)
    monkeypatch.setattr(dumps, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(dumps, "ROOM_BYTES", (1 << 20) + 1000)
    client.get("/dumps/market.nq", buffered=True)

    assert sum(path.stat().st_size for path in services.dumps.iterdir()) <= (1 << 20) + 1000


def test_nobody_waits_for_ever_while_others_are_made(services, monkeypatch):
    monkeypatch.setattr(dumps, "PATIENCE_S", 0.01)
    assert dumps._MAKING.acquire()
    assert dumps._MAKING.acquire()
    try:
        answer = client_as(services, OPERATOR).get("/dumps/ontology.nq", buffered=True)
    finally:
        dumps._MAKING.release(2)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_what_is_forgotten_is_gone_from_the_directory(services):
    client_as(services, MEMBER).get("/dumps/members.nq", buffered=True)
    assert list(services.dumps.iterdir())

    dumps.forget(services.dumps)
    assert list(services.dumps.iterdir()) == []
