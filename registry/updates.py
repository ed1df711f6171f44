"""Evaluate the text of a SPARQL Update on a copy of the store, and let what it comes to through the gate."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox

from kg.embedded import EmbeddedStore
from kg.prefixes import prefixes
from kg.store import Store
from registry.edits import Delta, Receipt
from registry.errors import UpdateError
from registry.gate import MOST_QUADS, Gate
from sparql.errands import BrokenError, BusyError, Errand, LateError

MOST_TEXT = 1 << 20


class Updates:
    """Runs Updates of operators.

    A text is evaluated in a child process without network, on a copy of the store (hard links), within a deadline. Its default graph is
    the union of all graphs, as at the query endpoint; what it writes to no graph in particular goes to `Gate.default_graph`.

    Parameters
    ----------
    folder
        For the copies, on the file system of the store. Emptied at start.
    deadline_s
        Longest time of one text [s].
    memory_mb
        What its evaluation may take [MiB].
    mint
        A key that was never used before.
    """

    def __init__(
        self, store: Store, gate: Gate, folder: Path, *, deadline_s: float, memory_mb: int, mint: Callable[[], str], base: str
    ) -> None:
        self._store = store
        self._gate = gate
        self._folder = folder
        self._deadline_s = deadline_s
        self._memory_mb = memory_mb
        self._mint = mint
        self._base = base
        shutil.rmtree(folder, ignore_errors=True)

    def run(self, text: str, *, by: str, why: str, using: Sequence[str] = (), using_named: Sequence[str] = ()) -> Receipt:
        """Carry out a text: all of it or nothing.

        Parameters
        ----------
        by, why
            See `Gate.apply`.
        using, using_named
            The protocol's `using-graph-uri` and `using-named-graph-uri`.

        Raises
        ------
        UpdateError
            If it is malformed, fetches something, touches too much or takes too long; or the store is on a server.
        RefusedEditError
            See `Gate.apply`.
        """
        if not isinstance(self._store, EmbeddedStore):
            told = "Updates are evaluated on a copy, and a store on a server can't be copied at once; edit whole graphs at /rdf-graph-store"
            raise UpdateError(501, told)
        if len(text) > MOST_TEXT:
            raise UpdateError(
                413, f"The update has {len(text)} characters, more than the {MOST_TEXT} that are read at once; make it in parts"
            )
        with self._gate.held():
            return self._gate.apply(self._evaluated(text, using, using_named, self._store), by=by, why=why)

    def _evaluated(self, text: str, using: Sequence[str], using_named: Sequence[str], store: EmbeddedStore) -> Delta:
        with self._copy(store) as (path, is_dump):
            head = {
                "path": str(path),
                "is_dump": is_dump,
                "default": self._gate.default_graph,
                "base": self._base,
                "prefixes": dict(prefixes()),
                "most": MOST_QUADS,
                "genid": self._gate.skolem.prefix + self._mint(),
                "using": list(using),
                "using_named": list(using_named),
            }
            errand = Errand("registry.update_worker", self._memory_mb)
            try:
                told, content = errand.ask(head, [text.encode()], self._deadline_s)
            except (LateError, BusyError) as error:
                raise UpdateError(503, f"The update ran longer than {self._deadline_s:g} s and was ended; nothing was written") from error
            except BrokenError as error:
                raise UpdateError(503, f"The update needed more than {self._memory_mb} MB and was ended; nothing was written") from error
            finally:
                errand.close()
        if told["status"] != 200:
            raise UpdateError(int(told["status"]), str(told["sentence"]))
        middle = int(told["deleted_bytes"])
        gone, come = (frozenset(ox.parse(each, format=ox.RdfFormat.N_QUADS)) for each in (content[:middle], content[middle:]))
        return Delta(gone, come)

    @contextmanager
    def _copy(self, store: EmbeddedStore) -> Iterator[tuple[Path, bool]]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / self._mint()
        try:
            if store.path is None:
                store.backup(path)
            else:
                store.checkpoint(path)
            yield path, store.path is None
        finally:
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)
