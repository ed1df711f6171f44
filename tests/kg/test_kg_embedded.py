"""What only the embedded store does: one owner, checkpoints, the change of directories when it is restored."""

import sys
import threading
from pathlib import Path

import pyoxigraph as ox
import pytest
import servers
from pyoxigraph import NamedNode, Quad

from kg.embedded import EmbeddedStore
from kg.errors import StoreError
from kg.terms import literal

G = NamedNode("http://127.0.0.1:8080/graph/one")
S, P = NamedNode("http://127.0.0.1:8080/id/s"), NamedNode("http://127.0.0.1:8080/id/p")

WRITE_AND_HANG = """
import sys, time
from pathlib import Path
from pyoxigraph import NamedNode, Quad
from kg.embedded import EmbeddedStore
from kg.terms import literal
store = EmbeddedStore(Path(sys.argv[1]))
graph, s, p = NamedNode("http://g/"), NamedNode("http://s/"), NamedNode("http://p/")
for batch in range(1, 10**9):
    store.apply(insert=[Quad(s, p, literal(batch * 100 + i), graph) for i in range(50)])
    print(batch, flush=True)
"""


def quad(value: float) -> Quad:
    return Quad(S, P, literal(value), G)


def test_a_second_owner_is_refused_with_the_reason(tmp_path: Path) -> None:
    first = EmbeddedStore(tmp_path / "store")

    with pytest.raises(StoreError, match="is another platform running on it"):
        EmbeddedStore(tmp_path / "store")

    first.close()


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "deep" / "store")
    store.apply(insert=[quad(1)])
    store.close()

    again = EmbeddedStore(tmp_path / "deep" / "store")

    assert again.graph(G.value) == [quad(1).triple]
    again.close()


def test_a_killed_writer_loses_no_finished_batch_and_leaves_none_half(tmp_path: Path) -> None:
    child = servers.start([sys.executable, "-c", WRITE_AND_HANG, tmp_path / "store"])
    child.wait_until(lambda: child.output.count("\n") >= 20)
    child.kill()
    told = int(child.output.split()[-1])

    store = EmbeddedStore(tmp_path / "store")
    found = store.count()
    store.close()

    assert found % 50 == 0
    assert found >= told * 50


def test_a_checkpoint_stays_as_it_was(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.apply(insert=[quad(1)])
    store.checkpoint(tmp_path / "copy")
    store.apply(insert=[quad(2)])

    copy = ox.Store.read_only(str(tmp_path / "copy"))

    assert len(copy) == 1
    assert store.count() == 2
    store.close()


def test_a_store_in_memory_has_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no files to link"):
        EmbeddedStore().checkpoint(tmp_path / "copy")


def test_every_write_counts_as_a_change(tmp_path: Path) -> None:
    store = EmbeddedStore()
    seen = [store.changes]
    for write in (
        lambda: store.apply(insert=[quad(1)]),
        lambda: store.update("DROP ALL"),
        lambda: store.replace_graph(G.value, [quad(3).triple]),
        lambda: store.drop([G.value]),
        lambda: (store.backup(tmp_path / "all.nq"), store.restore(tmp_path / "all.nq")),
    ):
        write()
        seen.append(store.changes)
    store.select("SELECT * { ?s ?p ?o }")

    assert seen == sorted(set(seen))
    assert store.changes == seen[-1]


def test_a_kill_between_the_two_renames_of_a_restore_is_mended(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.apply(insert=[quad(1)])
    store.close()
    (tmp_path / "store").rename(tmp_path / "store.before")

    mended = EmbeddedStore(tmp_path / "store")

    assert mended.count() == 1
    mended.close()


def test_restoring_leaves_nothing_beside_the_store(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.apply(insert=[quad(1)])
    store.backup(tmp_path / "all.nq")
    store.restore(tmp_path / "all.nq")
    store.close()

    assert sorted(file.name for file in tmp_path.iterdir()) == ["all.nq", "store"]


def test_threads_may_read_while_one_writes(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    torn: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            if len(store.graph(G.value)) % 10:
                torn.append(1)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for batch in range(30):
        store.apply(insert=[quad(batch * 10 + i) for i in range(10)])
    done.set()
    for reader in readers:
        reader.join()

    assert torn == []
    assert store.count() == 300
    store.close()


def test_a_store_that_is_read_all_the_while_changes_places(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.apply(insert=[quad(i) for i in range(5000)])
    store.backup(tmp_path / "all.nq")
    errors: list[Exception] = []
    counts: set[int] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                counts.add(len(store.select("SELECT ?s ?o { GRAPH ?g { ?s ?p ?o } }")))
                store.backup(tmp_path / "again.nq")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told below
                errors.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            store.rebuild()
            store.restore(tmp_path / "all.nq")
    finally:
        done.set()
        for reader in readers:
            reader.join()

    assert errors == []
    assert counts == {5000}
    store.apply(insert=[quad(5001)])
    assert store.count() == 5001
    store.close()


def test_a_store_that_cannot_take_the_place_leaves_the_old_one_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.apply(insert=[quad(1)])
    rename = Path.rename

    def refuse(file: Path, target: Path) -> Path:
        if file.name == "store.restoring":
            raise OSError("no")
        return rename(file, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="refused a write: no"):
        store.rebuild()

    assert store.count() == 1
    store.close()
    assert [quad.subject for quad in ox.Store.read_only(str(tmp_path / "store"))] == [quad(1).subject]
