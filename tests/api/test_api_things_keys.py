"""Keys of new things, and ways back that would leave others referring to nothing."""

import itertools
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from pyoxigraph import NamedNode

from api import ApiSettings, create_app
from kg.terms import describe, iri
from ontology.names import FC, RDFS
from registry.gate import Gate

HTML = {"Accept": "text/html"}


class Rights:
    """Somebody with the key h77 was erased."""

    def was_erased(self, member):
        return member == "h77"


@pytest.fixture
def app(services, wall):
    numbers = itertools.count(1)
    at = iter(wall[0] + timedelta(seconds=each) for each in itertools.count())
    gate = Gate(services.store, services.iris, lambda: next(at), lambda: f"k{next(numbers)}")
    return create_app(ApiSettings(shown_settings=()), replace(services, gate=gate, rights=Rights()))


def sent(client, path, **given):
    return client.post(path, data={"_language": "en", **given}, headers=HTML)


@pytest.mark.parametrize("key", ["H01", "x-1", "h.9", "h" * 33, "h77"])
def test_a_form_gives_a_new_member_no_key_that_onboarding_would_refuse(client, store, iris, key):
    answer = sent(client, "/registry/member/new", _key=key, label="Somebody", **{"Member-memberOf": iris.id("cooperative", "demo")})

    assert answer.status_code == 422
    assert iris.graph("member", key, "facts") not in set(store.graphs())


def test_of_two_clerks_who_enter_the_same_key_at_once_one_is_told(app, client, signed_in, store, iris, monkeypatch):
    looked, answers = threading.Barrier(2, timeout=1), []
    apply = Gate.apply

    def slow(self, *given, **named):
        with suppress(threading.BrokenBarrierError):
            looked.wait()  # both have looked by now, if nothing keeps the second out
        return apply(self, *given, **named)

    monkeypatch.setattr(Gate, "apply", slow)

    def enter(name):
        answers.append(sent(signed_in(app), "/registry/grid-node/new", _key="feeder-9", label=name).status_code)

    clerks = [threading.Thread(target=enter, args=(name,)) for name in ("North", "South")]
    for each in clerks:
        each.start()
    for each in clerks:
        each.join()

    assert sorted(answers) == [303, 422]
    node, label = NamedNode(iris.id("node", "feeder-9")), NamedNode(str(RDFS.label))
    assert sum(each.subject == node and each.predicate == label for each in store.graph(iris.graph("registry"))) == 1


def test_a_thing_that_others_refer_to_is_not_undone_to_before_it_was_there(client, store, iris):
    node = iris.id("node", "feeder-9")
    assert sent(client, "/registry/grid-node/new", _key="feeder-9", label="Feeder 9").status_code == 303
    tag = client.get("/things/node/feeder-9/history", headers=HTML).headers["ETag"]
    store.apply(insert=describe(iris.graph("member", "h01", "facts"), iris.id("connection", "h01"), {FC.nearestNode: iri(node)}))

    answer = client.post("/things/node/feeder-9/undo", data={"version": "0"}, headers=HTML | {"If-Match": tag})

    assert answer.status_code == 409
    assert "refer" in answer.get_data(as_text=True)
    said = {(t.subject.value, t.predicate.value) for t in store.graph(iris.graph("registry"))}
    assert (node, str(RDFS.label)) in said


def test_a_form_of_more_inputs_than_anybody_fills_in_is_refused_at_once(client, store):
    before = {graph: set(store.graph(graph)) for graph in store.graphs()}
    many = {f"GridNode-fedBy.{number}": "x" for number in range(2001)}

    answer = sent(client, "/registry/grid-node/new", _key="feeder-9", label="Feeder 9", **many)

    assert answer.status_code == 413
    assert "at most 2000 are read" in answer.get_data(as_text=True)
    assert {graph: set(store.graph(graph)) for graph in store.graphs()} == before
