"""A member's rights: everything in one file, and being forgotten everywhere while the books still balance."""

import csv
import io
import itertools
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyoxigraph as ox
import pytest
from pyoxigraph import Literal, NamedNode, Quad

from access import consents
from access.terms import Terms
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from market import contracts
from ontology.names import DPV, FC, FCV, PROV, RDF, RDFS
from privacy import permissions
from privacy.erasure import Ledger, Place, erase, resume
from privacy.errors import PrivacyError, UnknownMemberError
from privacy.export import editors, keys_of, write
from privacy.pseudonyms import Keys
from registry.edits import Delta
from registry.gate import Gate
from telemetry.channels import Channels
from telemetry.readings import Readings

AT = datetime(2016, 9, 2, 12, tzinfo=UTC)
COMPETENCY = Path(__file__).parents[1] / "data" / "competency.trig"
CANARY = "Calle Canario 7"


@pytest.fixture
def place(tmp_path: Path, iris: Iris) -> EmbeddedStore:
    """A store on disk with two members, and something personal in graph `people`."""
    store = EmbeddedStore(tmp_path / "data" / "store")
    with COMPETENCY.open("rb") as file:
        store.apply(insert=list(ox.parse(file, format=ox.RdfFormat.TRIG)))
    people, name = NamedNode(iris.graph("people")), NamedNode("http://xmlns.com/foaf/0.1/name")
    store.apply(insert=[Quad(NamedNode(iris.id("member", "h01")), name, Literal(CANARY), people)])
    settled = NamedNode(iris.id("campaign", "c1"))
    market = NamedNode(iris.graph("market"))
    status = NamedNode(str(FC.status))
    now = [
        Quad(each.subject, each.predicate, each.object, market)
        for each in store.graph(market.value)
        if (each.subject, each.predicate) == (settled, status)
    ]
    store.apply(delete=now, insert=[Quad(settled, status, NamedNode(str(FCV.CampaignSettled)), market)])
    return store


def erased(store: EmbeddedStore, keys: Keys, folder: Path, **more):
    return erase(Place(store, AT, folder / "jobs" / "erase.json", Ledger(folder / "erased.json"), **more), keys)


def mentions(store: EmbeddedStore, keys: Keys) -> list[str]:
    speaks = keys.speaks
    return [str(triple) for graph in store.graphs() for triple in store.graph(graph) if speaks(triple) or graph.startswith(keys.family)]


def books(store: EmbeddedStore, iris: Iris) -> list:
    return queries.rows(store, queries.load("settlement", "money_identity"), campaign=iris.id("campaign", "c1"))


def others(store: EmbeddedStore, keys: Keys) -> dict[str, list[str]]:
    """The other member's graphs; their home is a copy of the first one's, which is said in a triple about both."""
    speaks = keys.speaks
    return {graph: sorted(str(t) for t in store.graph(graph) if not speaks(t)) for graph in store.graphs() if "/member/h02/" in graph}


def test_an_export_holds_the_members_graphs_whole_and_what_others_say_of_them(place, iris) -> None:
    channels = Channels(place, iris)
    target = io.BytesIO()

    counts = write(
        target, place, channels, Readings(place, iris, channels), keys_of(place, iris, "h01"), at=AT, zone=ZoneInfo("Europe/Madrid")
    )

    archive = zipfile.ZipFile(target)
    found = {quad for quad in ox.parse(archive.read("h01.trig"), format=ox.RdfFormat.TRIG)}
    own = {Quad(t.subject, t.predicate, t.object, NamedNode(g)) for g in place.graphs() if "/member/h01/" in g for t in place.graph(g)}
    assert own <= found
    assert len(found) == counts["triples"]
    assert any(CANARY in str(quad) for quad in found)
    assert not any("/member/h02/" in str(quad.graph_name) for quad in found)


def test_the_readings_of_an_export_are_those_that_are_stored(place, iris) -> None:
    channels = Channels(place, iris)
    readings = Readings(place, iris, channels)
    target = io.BytesIO()

    counts = write(target, place, channels, readings, keys_of(place, iris, "h01"), at=AT, zone=ZoneInfo("Europe/Madrid"))

    rows = list(csv.DictReader(io.StringIO(zipfile.ZipFile(target).read("readings/connection-h01-activePower.csv").decode())))
    frame = (
        readings.frame([iris.id("connection", "h01#activePower")], datetime(2016, 8, 1, tzinfo=UTC), datetime(2016, 10, 1, tzinfo=UTC))
        .iloc[:, 0]
        .dropna()
    )
    assert [float(row["value"]) for row in rows] == frame.tolist()
    assert [row["utc"] for row in rows] == [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in frame.index]
    assert rows[0]["local"].endswith("+02:00")
    assert 0 < len(rows) <= counts["readings"]


def test_nothing_mentions_an_erased_member_and_the_books_stay_the_same(place, iris, tmp_path) -> None:
    keys, before = keys_of(place, iris, "h01"), books(place, iris)
    neighbours = others(place, keys)

    done = erased(place, keys, tmp_path / "data")
    place.rebuild()
    place.close()

    again = EmbeddedStore(tmp_path / "data" / "store")
    assert mentions(again, keys) == []
    assert before[0]["payments"] == 2
    assert books(again, iris) == before
    now = {graph: [line for line in lines if done.pseudonym not in line] for graph, lines in others(again, keys).items()}
    assert now == neighbours
    assert any(f"/member/{done.pseudonym}/statements" in graph for graph in again.graphs())
    again.close()
    for file in (tmp_path / "data").rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert b"h01" not in content, file
        assert CANARY.encode() not in content, file


def test_what_edits_have_changed_is_exported_and_forgotten_with_the_member(place, iris, tmp_path) -> None:
    keys, facts, market = keys_of(place, iris, "h01"), iris.graph("member", "h01", "facts"), iris.graph("market")
    numbers = itertools.count()
    gate = Gate(place, iris, lambda: AT, lambda: f"k{next(numbers)}")
    site, note = NamedNode(iris.id("site", "h01")), NamedNode("http://example.org/note")
    told = [Quad(site, note, Literal("canary of the house"), NamedNode(graph)) for graph in (facts, iris.graph("people"))]
    gate.apply(Delta(insert=frozenset(told)), by="clerk", why="")
    gate.apply(Delta(insert=frozenset([Quad(NamedNode(iris.id("dso", "demo")), note, site, NamedNode(market))])), by="clerk", why="")
    gate.apply(Delta(delete=frozenset(told[:1])), by="clerk", why="")

    target = io.BytesIO()
    channels = Channels(place, iris)
    write(target, place, channels, Readings(place, iris, channels), keys, at=AT, zone=ZoneInfo("Europe/Madrid"))
    exported = zipfile.ZipFile(target).read("h01.trig").decode()
    done = erased(place, keys, tmp_path / "data")

    assert exported.count("canary of the house") >= 2  # what went is in no graph but in the record of edits
    assert mentions(place, keys) == []
    kept = "".join(str(triple) for graph in place.graphs() for triple in place.graph(graph))
    assert "canary of the house" not in kept
    assert f"site/{done.pseudonym}" in "".join(str(triple) for triple in place.graph(iris.graph("edits")))


def test_the_record_of_consents_and_contracts_is_exported_and_forgotten_with_the_account_that_acted(place, iris, tmp_path) -> None:
    numbers, member, contract = itertools.count(), iris.id("member", "h01"), iris.id("contract", "h01", "r1")
    gate = Gate(place, iris, lambda: AT, lambda: f"k{next(numbers)}")
    agreed = Terms([str(DPV.ServiceProvision)], AT.date(), AT.date())
    consent = permissions.write(
        gate, lambda: consents.give(place, iris, member, iris.id("cooperative", "demo"), agreed, at=AT), by="kitchen", why="own word"
    ).thing
    permissions.write(gate, lambda: consents.withdraw(place, iris, member, consent, at=AT), by="kitchen", why="canary of the word")
    gate.apply(contracts.end(place, iris, contract), by="anna", why="canary of the end")
    keys = keys_of(place, iris, "h01", ["kitchen"])
    assert editors(place, iris, "h01") == ["anna", "kitchen"]

    target = io.BytesIO()
    channels = Channels(place, iris)
    write(target, place, channels, Readings(place, iris, channels), keys, at=AT, zone=ZoneInfo("Europe/Madrid"))
    exported = zipfile.ZipFile(target).read("h01.trig").decode()
    done = erased(place, keys, tmp_path / "data")

    assert "canary of the word" in exported
    assert "ContractEnded" in exported
    assert mentions(place, keys) == []
    kept = "".join(str(triple) for graph in place.graphs() for triple in place.graph(graph))
    assert "kitchen" not in kept
    assert iris.id("agent", "anna") in kept  # who worked for the cooperative stays on its record
    assert f"agent/{done.pseudonym}-" in kept
    assert f"contract/{done.pseudonym}-" in kept  # the books keep the contract, and not what became of it
    assert not any(graph.endswith(f"{done.pseudonym}/edits") for graph in place.graphs())
    assert Ledger(tmp_path / "data" / "erased.json").accounts("h01", ["anna", "kitchen"]) == ["kitchen"]
    assert Ledger(tmp_path / "data" / "erased.json").accounts("h02", ["anna", "kitchen"]) == []
    assert "kitchen" not in (tmp_path / "data" / "erased.json").read_text()


def test_what_the_books_keep_has_no_curves_and_no_instructions(place, iris, tmp_path) -> None:
    done = erased(place, keys_of(place, iris, "h01"), tmp_path / "data")

    kept = [triple for graph in place.graphs() if f"/member/{done.pseudonym}/" in graph for triple in place.graph(graph)]
    arrays = [triple.object.value for triple in kept if triple.predicate.value == str(FC["values"])]
    assert set(",".join(arrays).strip("[]").replace("][", ",").replace("[", "").replace("]", "").split(",")) <= {"null", ""}
    assert not any(str(FC.DispatchInstruction) in str(triple) or str(FC.OptOut) in str(triple) for triple in kept)
    assert any(str(FC.amount) in str(triple) for triple in kept)


def test_a_campaign_that_is_not_settled_is_waited_for(place, iris, tmp_path) -> None:
    market, campaign = NamedNode(iris.graph("market")), NamedNode(iris.id("campaign", "c1"))
    status = NamedNode(str(FC.status))
    place.apply(
        delete=[Quad(campaign, status, NamedNode(str(FCV.CampaignSettled)), market)],
        insert=[Quad(campaign, status, NamedNode(str(FCV.CampaignOngoing)), market)],
    )
    before = place.count()

    with pytest.raises(PrivacyError, match="takes part in c1, which is not settled"):
        erased(place, keys_of(place, iris, "h01"), tmp_path / "data")

    assert place.count() == before
    assert not (tmp_path / "data" / "erased.json").exists()


def test_nobody_is_no_member(place, iris) -> None:
    with pytest.raises(UnknownMemberError, match="nothing is held about a member 'h99'"):
        keys_of(place, iris, "h99")


@pytest.mark.parametrize("killed_at", range(4))
def test_an_erasure_that_was_killed_is_finished(place, iris, tmp_path, killed_at) -> None:
    """The store's verbs are the moments at which a kill can fall: after so many of them nothing more is done."""
    keys, before, left = keys_of(place, iris, "h01"), books(place, iris), [killed_at]

    class Killed(EmbeddedStore):
        def __init__(self) -> None:
            self.__dict__ = place.__dict__

        def apply(self, **given) -> None:
            self._count()
            place.apply(**given)

        def drop(self, graphs) -> None:
            self._count()
            place.drop(graphs)

        def _count(self) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1

    with pytest.raises(KeyboardInterrupt):
        erased(Killed(), keys, tmp_path / "data")
    done = resume(Place(place, AT, tmp_path / "data" / "jobs" / "erase.json", Ledger(tmp_path / "data" / "erased.json")), iris)

    assert done is not None
    assert mentions(place, keys) == []
    assert books(place, iris) == before
    assert len({graph.split("/member/")[1].split("/")[0] for graph in place.graphs() if "/member/x-" in graph}) == 1
    assert not (tmp_path / "data" / "jobs" / "erase.json").exists()


def test_backups_lose_the_member_and_keep_the_rest(place, iris, tmp_path) -> None:
    keys, backups, before = keys_of(place, iris, "h01"), tmp_path / "data" / "backups", books(place, iris)
    place.backup(backups / "monday.nq")
    lines = (backups / "monday.nq").read_text().splitlines()

    done = erased(place, keys, tmp_path / "data", backups=backups)

    left = (backups / "monday.nq").read_text()
    assert done.backups == 1
    assert "h01" not in left
    assert CANARY not in left
    assert {line for line in lines if "h01" not in line} <= set(left.splitlines())
    place.restore(backups / "monday.nq")
    assert books(place, iris) == before


def test_a_member_is_known_to_the_ledger_and_not_readable_in_it(tmp_path) -> None:
    ledger = Ledger(tmp_path / "erased.json")
    ledger.add("h01")
    ledger.add("h01")

    assert (ledger.holds("h01"), ledger.holds("h02")) == (True, False)
    assert "h01" not in (tmp_path / "erased.json").read_text()
    assert len(json.loads((tmp_path / "erased.json").read_text())["erased"]) == 1


def test_what_is_owned_is_told_by_the_graph_and_not_by_the_spelling(place, iris) -> None:
    own = keys_of(place, iris, "h01")

    assert all(own.owns(iris.id(*local.split("/", 1))) for local in ("member/h01", "device/h01-pv", "contract/h01/r1", "event/c1-h01"))
    assert own.owns(iris.id("series", "connection", "h01", "activePower", "20160830"))
    assert own.owns(iris.graph("member", "h01", "facts"))
    assert not any(
        own.owns(iris.id(*local.split("/", 1))) for local in ("member/h01-b", "device/h010-pv", "campaign/c1", "contract/h02/r1")
    )
    assert not own.owns(iris.graph("member", "h01-b", "facts"))


@pytest.mark.parametrize("other", ["h01-b", "c1", "r1", "demo"])
def test_a_member_whose_key_occurs_elsewhere_takes_nobody_else_along(place, iris, tmp_path, other) -> None:
    facts = [
        Quad(
            NamedNode(iris.id("member", other)),
            NamedNode(str(RDF.type)),
            NamedNode(str(FC.Member)),
            NamedNode(iris.graph("member", other, "facts")),
        )
    ]
    place.apply(insert=facts)
    before, members = (
        books(place, iris),
        {graph: sorted(map(str, place.graph(graph))) for graph in place.graphs() if f"/member/{other}/" not in graph},
    )

    erased(place, keys_of(place, iris, other), tmp_path / "data")

    assert books(place, iris) == before
    assert {graph: sorted(map(str, place.graph(graph))) for graph in place.graphs()} == members


def test_erasing_one_member_leaves_another_whose_key_begins_alike(place, iris, tmp_path) -> None:
    graph = NamedNode(iris.graph("member", "h01-b", "facts"))
    place.apply(insert=[Quad(NamedNode(iris.id("member", "h01-b")), NamedNode(str(RDF.type)), NamedNode(str(FC.Member)), graph)])

    erased(place, keys_of(place, iris, "h01"), tmp_path / "data")

    assert [str(triple.subject) for triple in place.graph(graph.value)] == [f"<{iris.id('member', 'h01-b')}>"]


def test_an_unfinished_erasure_is_gone_on_with_before_another_begins(place, iris, tmp_path) -> None:
    def fail(change) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erased(place, keys_of(place, iris, "h01"), tmp_path / "data", alone=fail)

    with pytest.raises(PrivacyError, match="was interrupted and is not finished"):
        erased(place, keys_of(place, iris, "h02"), tmp_path / "data")


def test_an_edit_by_the_link_in_a_letter_leaves_no_key_behind(place, iris, tmp_path) -> None:
    """Such an edit is by the member, not by an account."""
    edit = NamedNode(iris.id("edit", "k1"))
    who = Quad(edit, NamedNode(str(PROV.wasAssociatedWith)), NamedNode(iris.id("agent", "h01")), NamedNode(iris.graph("audit")))
    place.apply(insert=[who])

    done = erased(place, keys_of(place, iris, "h01", ["kitchen"]), tmp_path / "data")

    (after,) = [t.object.value for t in place.graph(iris.graph("audit")) if t.subject == edit]
    assert after.startswith(iris.id("agent", done.pseudonym))


@pytest.mark.parametrize("name", ["h01.csv", "h01.xlsx", "members of h01.CSV"], ids=["csv", "xlsx", "capitals"])
def test_the_name_of_a_file_that_names_a_member_is_pseudonymised(place, iris, tmp_path, name) -> None:
    edit = NamedNode(iris.id("edit", "k1"))
    why = Quad(edit, NamedNode(str(RDFS.comment)), Literal(f"import of {name} into home"), NamedNode(iris.graph("audit")))
    place.apply(insert=[why])

    done = erased(place, keys_of(place, iris, "h01"), tmp_path / "data")

    (after,) = [t.object.value for t in place.graph(iris.graph("audit")) if t.subject == edit]
    assert after == f"import of {name.replace('h01', done.pseudonym)} into home"


def test_words_that_name_a_member_are_pseudonymised(place, iris, tmp_path) -> None:
    run = NamedNode(iris.graph("settlement", "c1"))
    said = Quad(NamedNode(iris.id("settlement", "c1") + "#f"), NamedNode(str(RDFS.comment)), Literal("Left out: h01.", language="en"), run)
    place.apply(insert=[said])

    done = erased(place, keys_of(place, iris, "h01"), tmp_path / "data")

    assert [t.object.value for t in place.graph(run.value) if t.subject == said.subject] == [f"Left out: {done.pseudonym}."]
