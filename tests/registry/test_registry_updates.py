"""SPARQL Updates come to what the specification says, and to nothing at all where they are refused."""

import time

import pyoxigraph as ox
import pytest
import servers
from kg_stores import remote
from pyoxigraph import NamedNode, Quad

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from registry.errors import RefusedEditError, UpdateError
from registry.gate import Gate
from registry.update_text import parts, statements
from registry.updates import Updates

Given = tuple[EmbeddedStore, Updates]
EX = "http://example.org/"
HEAD = f"PREFIX ex: <{EX}>\n"
START = """
GRAPH ex:g { ex:a ex:p 1 , 2 . ex:b ex:p 2 }
GRAPH ex:h { ex:a ex:q "x" . ex:c ex:q "# } ; WHERE" }
GRAPH <http://127.0.0.1:8080/graph/default> { ex:d ex:p 9 }
"""

# pairs of an update and, where our default graph is another than the specification's (a union, written to a graph), its plain spelling
UPDATES = {
    "insert data": "INSERT DATA { GRAPH ex:g { ex:n ex:p 3 ; ex:q \"a;b\" , '} {' } GRAPH ex:new { ex:n ex:p <rel> } }",
    "delete data": "DELETE DATA { GRAPH ex:g { ex:a ex:p 1 . ex:z ex:p 1 } }",
    "delete where": "DELETE WHERE { GRAPH ex:g { ?s ex:p 2 } }",
    "delete where in every graph": "DELETE WHERE { GRAPH ?g { ex:a ?p ?o } }",
    "modify": "DELETE { GRAPH ex:g { ?s ex:p ?o } } INSERT { GRAPH ex:g { ?s ex:p ?n } } WHERE { GRAPH ex:g { ?s ex:p ?o } BIND(?o + 10 AS ?n) }",
    "modify with": "WITH ex:g DELETE { ?s ex:p ?o } INSERT { ?s ex:was ?o . GRAPH ex:h { ?s ex:was ?o } } WHERE { ?s ex:p ?o FILTER(?o > 1) }",
    "using wins over with": "WITH ex:g INSERT { ?s ex:seen true } USING ex:h WHERE { ?s ex:q ?o }",
    "using named": "INSERT { GRAPH ex:n { ?s ex:in ?g } } USING NAMED ex:h USING NAMED ex:g WHERE { GRAPH ?g { ?s ?p ?o } }",
    "to graphs that were found": "INSERT { GRAPH ?g { ?g ex:has ?s } } WHERE { GRAPH ?g { ?s ex:p 2 } }",
    "unbound variables insert nothing": "INSERT { GRAPH ex:g { ?s ex:x ?none . ?s ex:y 1 } } WHERE { GRAPH ex:g { ?s ex:p 1 } OPTIONAL { GRAPH ex:h { ?s ex:no ?none } } }",
    "one found value in two graphs": "INSERT { GRAPH ex:m { ?s ex:id ?id } GRAPH ex:n { ?s ex:id ?id } } WHERE { GRAPH ex:h { ?s ex:q ?o } BIND(MD5(?o) AS ?id) }",
    "clear": "CLEAR GRAPH ex:g",
    "drop silently what is not there": "DROP SILENT GRAPH ex:none",
    "copy": "COPY ex:g TO ex:h",
    "move": "MOVE GRAPH ex:g TO GRAPH ex:new",
    "add": "ADD ex:g TO ex:h",
    "copy onto itself": "COPY ex:g TO ex:g",
    "create": "CREATE SILENT GRAPH ex:g",
    "all": "CLEAR ALL",
    "several": "INSERT DATA { GRAPH ex:g { ex:a ex:p 3 } } ; DELETE { GRAPH ex:g { ?s ex:p ?o } } INSERT { GRAPH ex:k { ?s ex:p ?o } } "
    "WHERE { GRAPH ex:g { ?s ex:p ?o FILTER(?o >= 2) } } ; # a comment ; with } signs\nMOVE ex:k TO ex:l ; DELETE WHERE { GRAPH ex:h { ?a ex:q 'x' } } ;",
    "deleted and inserted again": "DELETE DATA { GRAPH ex:g { ex:a ex:p 1 } } ; INSERT DATA { GRAPH ex:g { ex:a ex:p 1 } }",
    "a less-than that is no IRI": "INSERT { GRAPH ex:n { ?s ex:small ?o } } WHERE { GRAPH ex:g { ?s ex:p ?o FILTER(?o<2 && 0 <?o) } }",
}


def start(store: EmbeddedStore) -> None:
    store.update(f"{HEAD} INSERT DATA {{ {START} }}")


def quads(store: EmbeddedStore) -> set[Quad]:
    found = {Quad(each.subject, each.predicate, each.object, NamedNode(graph)) for graph in store.graphs() for each in store.graph(graph)}
    return {each for each in found if not each.graph_name.value.endswith(("/graph/audit", "/graph/edits"))}  # type: ignore[union-attr]


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_comes_to_what_the_engine_itself_makes_of_it(name: str, updated: Given) -> None:
    store, updates = updated
    start(store)
    judge = ox.Store()
    judge.update(f"{HEAD} INSERT DATA {{ {START} }}")
    judge.update(HEAD + UPDATES[name], base_iri="http://127.0.0.1:8080/update")
    before = quads(store)

    receipt = updates.run(HEAD + UPDATES[name], by="clerk", why="test")

    after = quads(store)
    assert after == set(judge)
    assert (receipt.deleted, receipt.inserted) == (len(before - after), len(after - before))


def test_the_default_graph_is_read_as_the_union_and_written_to_its_own_graph(updated: Given, iris: Iris) -> None:
    store, updates = updated
    start(store)

    updates.run(HEAD + "INSERT { ?s ex:known true } WHERE { ?s ex:p 2 }", by="clerk", why="test")
    updates.run(HEAD + "DELETE DATA { ex:d ex:p 9 }", by="clerk", why="test")

    found = {each.subject.value for each in store.graph(iris.graph("default"))}  # type: ignore[union-attr]
    assert found == {f"{EX}a", f"{EX}b"}


def test_the_protocol_names_the_graphs_that_are_read(updated: Given) -> None:
    store, updates = updated
    start(store)

    updates.run(HEAD + "INSERT { GRAPH ex:n { ?s ex:x ?o } } WHERE { ?s ex:p ?o }", by="clerk", why="test", using=[f"{EX}h", f"{EX}g"])
    updates.run(
        HEAD + "INSERT { GRAPH ex:m { ?s ex:x ?g } } WHERE { GRAPH ?g { ?s ?p ?o } }", by="clerk", why="test", using_named=[f"{EX}h"]
    )

    assert len(store.graph(f"{EX}n")) == 3
    assert {str(each.object) for each in store.graph(f"{EX}m")} == {f"<{EX}h>"}


def test_blank_nodes_become_things_that_a_later_update_finds(updated: Given) -> None:
    store, updates = updated

    updates.run(
        HEAD + "INSERT DATA { GRAPH ex:g { ex:a ex:part [ ex:n 1 ] , _:two . _:two ex:n 2 } GRAPH ex:h { _:two ex:n 3 } }",
        by="clerk",
        why="test",
    )
    updates.run(
        HEAD + "WITH ex:g DELETE { ?part ex:n ?n } INSERT { ?part ex:m ?n } WHERE { ex:a ex:part ?part . ?part ex:n ?n }",
        by="clerk",
        why="test",
    )

    (two,) = {each.subject for each in store.graph(f"{EX}h")}
    assert len(store.graph(f"{EX}g")) == 4
    assert {str(each.predicate) for each in store.graph(f"{EX}g") if each.subject == two} == {f"<{EX}m>"}


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        ("CLEAR XYZ", 400, "This is not SPARQL 1.1 Update"),
        ("SELECT * { ?s ?p ?o }", 400, "This is not SPARQL 1.1 Update"),
        ("LOAD <file:///etc/passwd>", 400, "LOAD is refused"),
        ("LOAD SILENT <http://127.0.0.1:9/> INTO GRAPH <http://x/>", 400, "LOAD is refused"),
        ("INSERT { ?s <http://x/p> 1 } WHERE { SERVICE SILENT <http://127.0.0.1:9/> { ?s ?p ?o } }", 400, "SERVICE is refused"),
        ("COPY <http://x/none> TO <http://x/g>", 400, "holds nothing that could be taken to"),
        (
            "INSERT { GRAPH <http://x/a> { _:b <http://x/p> 1 } GRAPH <http://x/b> { _:b <http://x/p> 1 } } WHERE {}",
            400,
            "in two graphs of one INSERT",
        ),
    ],
)
def test_what_is_refused_leaves_everything_as_it_was(text: str, status: int, sentence: str, updated: Given) -> None:
    store, updates = updated
    start(store)
    before = quads(store)

    with pytest.raises(UpdateError) as refused:
        updates.run(text, by="clerk", why="test")

    assert (refused.value.status, sentence in str(refused.value)) == (status, True)
    assert quads(store) == before


def test_clearing_all_stops_at_the_platforms_own_graphs(updated: Given, iris: Iris) -> None:
    store, updates = updated
    start(store)
    store.update(f"INSERT DATA {{ GRAPH <{iris.graph('member', 'h01', 'telemetry', '2016-08')}> {{ <urn:a> <urn:b> 1 }} }}")
    before = quads(store)

    with pytest.raises(RefusedEditError, match="is written by the platform itself"):
        updates.run("DROP ALL", by="clerk", why="test")

    assert quads(store) == before


def test_an_update_that_runs_for_ever_is_ended_and_the_next_one_works(store: EmbeddedStore, gate: Gate, tmp_path, mint) -> None:
    updates = Updates(store, gate, tmp_path / "updates", deadline_s=1.0, memory_mb=1024, mint=mint, base="http://x/")
    tens = " ".join(f"VALUES ?v{number} {{ {' '.join(map(str, range(10)))} }}" for number in range(12))

    begun = time.monotonic()
    with pytest.raises(UpdateError, match="ran longer than 1 s") as refused:
        updates.run(f"INSERT {{ <urn:a> <urn:b> ?v0 }} WHERE {{ {tens} FILTER(?v0 + ?v11 < -1) }}", by="clerk", why="test")

    assert refused.value.status == 503
    assert time.monotonic() - begun < 2.5
    patient = Updates(store, gate, tmp_path / "updates", deadline_s=20.0, memory_mb=1024, mint=mint, base="http://x/")
    assert patient.run("INSERT DATA { <urn:a> <urn:b> 1 }", by="clerk", why="test").inserted == 1
    assert list((tmp_path / "updates").iterdir()) == []


def test_a_store_on_a_server_says_that_it_cannot(gate: Gate, tmp_path, mint) -> None:
    store = remote(servers.oxigraph())

    with pytest.raises(UpdateError, match="can't be copied") as refused:
        Updates(store, gate, tmp_path, deadline_s=1.0, memory_mb=1024, mint=mint, base="http://x/").run("CLEAR ALL", by="clerk", why="test")

    store.close()
    assert refused.value.status == 501


def test_prefixes_may_be_said_before_any_operation(updated: Given) -> None:
    store, updates = updated
    start(store)

    updates.run(f"{HEAD} CLEAR GRAPH ex:h ; PREFIX e: <{EX}> MOVE e:g TO ex:n ; BASE <{EX}> DROP GRAPH <n> ;", by="clerk", why="test")

    assert f"{EX}n" not in store.graphs()
    assert f"{EX}g" not in store.graphs()


def test_a_text_is_taken_apart_at_its_operations_and_graphs() -> None:
    found = [
        each.operation
        for each in statements(
            'BASE <http://x/> PREFIX e: <y#> INSERT DATA { e:a e:b "}" } ; # }\nCLEAR SILENT GRAPH e:g;COPY DEFAULT TO e:h'
        )
    ]

    assert [(each.verb, each.graphs, each.silent) for each in found] == [
        ("INSERT DATA", (), False),
        ("CLEAR", ("e:g",), True),
        ("COPY", ("DEFAULT", "e:h"), False),
    ]
    assert found[2].prologue == "BASE <http://x/>\nPREFIX e: <y#>\n"
    assert [part.graph for part in parts("{ GRAPH ?g { ?s ?p ?o } . ?a ?b ?c . GRAPH <x> { <y> <z> 'GRAPH <n> { }' } }")] == [
        "?g",
        None,
        "<x>",
    ]
