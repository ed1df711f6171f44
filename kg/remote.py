"""The store behind HTTP: Apache Jena Fuseki or any server of SPARQL 1.1 Protocol and Graph Store Protocol."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyoxigraph as ox
from pyoxigraph import Quad, Triple

from kg.changes import drop_text, graph_name, quads_text, replacement_text
from kg.errors import QueryError, StoreError, StoreTimeoutError
from kg.queries import load
from kg.store import Row
from kg.terms import canonical, portable

QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
N_QUADS = "application/n-quads"
N_TRIPLES = "application/n-triples"
RESULTS = "application/sparql-results+json"
_LATE = {408, 503, 504}
_CHUNK = 1 << 20


class RemoteStore:
    """A dataset on a server.

    Terms come back spelt as pyoxigraph spells them (`4`, not `4.0`; language tags in lower case) and are written as
    `kg.terms.portable` says, so that what was read can be deleted on any server.

    Parameters
    ----------
    query_url, update_url
        Addresses of the SPARQL Protocol.
    gsp_url
        Address of the Graph Store Protocol; without `?graph=` it stands for the whole dataset (Fuseki `/ds/data`,
        Oxigraph `/store`), which backup and restore need.
    timeout_s
        Longest silence of the server [s]. Backup and restore may take longer as a whole.
    auth
        User and password for HTTP Basic, where the server wants them.
    union_query_url
        Address whose default graph is the union of the named graphs (`scripts/fuseki.py`: `/flex/union`; Oxigraph:
        `/query?union-default-graph`); only `sparql.service` asks it. Without it, untrusted queries must use `GRAPH`.
    """

    def __init__(
        self,
        query_url: str,
        update_url: str,
        gsp_url: str,
        *,
        timeout_s: float = 30.0,
        auth: tuple[str, str] | None = None,
        union_query_url: str | None = None,
    ) -> None:
        self.query_url = query_url
        self.union_query_url = union_query_url
        self._update_url = update_url
        self._gsp_url = gsp_url
        self.timeout_s = timeout_s
        self._client = httpx.Client(timeout=timeout_s, auth=auth, trust_env=False)

    def select(self, query: str) -> list[Row]:
        """See `Store.select`."""
        found = self._results(query)
        if not isinstance(found, ox.QuerySolutions):
            raise QueryError("select() was given a query that is no SELECT; use ask() or construct()")
        names = [variable.value for variable in found.variables]
        with _unreadable(self.query_url):
            return [{name: canonical(term) for name in names if (term := solution[name]) is not None} for solution in found]

    def ask(self, query: str) -> bool:
        """See `Store.ask`."""
        found = self._results(query)
        if not isinstance(found, ox.QueryBoolean):
            raise QueryError("ask() was given a query that is no ASK; use select() or construct()")
        return bool(found)

    def construct(self, query: str) -> list[Triple]:
        """See `Store.construct`."""
        answer = self._send("POST", self.query_url, content=query, kind=QUERY, accept=N_TRIPLES)
        if not answer.headers.get("content-type", "").startswith(N_TRIPLES):
            raise QueryError("construct() was given no CONSTRUCT or DESCRIBE; use select() or ask()")
        return self._triples(answer)

    def update(self, update: str) -> None:
        """See `Store.update`. After a `StoreTimeoutError` the server may still carry it out."""
        self._send("POST", self._update_url, content=update, kind=UPDATE)

    def apply(self, *, delete: Iterable[Quad] = (), insert: Iterable[Quad] = ()) -> None:
        """See `Store.apply`."""
        if text := quads_text(list(delete), list(insert), portable):
            self.update(text)

    def replace_graph(self, graph: str, triples: Iterable[Triple]) -> None:
        """See `Store.replace_graph`."""
        self.update(replacement_text(graph, triples, portable))

    def graph(self, graph: str) -> list[Triple]:
        """See `Store.graph`."""
        params = {"graph": graph_name(graph).value}
        answer = self._send("GET", self._gsp_url, accept=N_TRIPLES, params=params, absent_is_fine=True)
        return self._triples(answer) if answer.status_code != httpx.codes.NOT_FOUND else []

    def drop(self, graphs: Sequence[str]) -> None:
        """See `Store.drop`."""
        if graphs:
            self.update(drop_text(graphs))

    def graphs(self) -> list[str]:
        """See `Store.graphs`."""
        return sorted(row["graph"].value for row in self.select(load("kg", "dataset_graphs").bind()))

    def count(self) -> int:
        """See `Store.count`."""
        return int(self.select(load("kg", "dataset_count").bind())[0]["triples"].value)

    def backup(self, target: Path) -> None:
        """See `Store.backup`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            raw, spelt = Path(folder) / "raw.nq", Path(folder) / "spelt.nq"
            self._download(raw)
            _respell(raw, spelt)
            spelt.replace(target)

    def restore(self, source: Path) -> None:
        """See `Store.restore`.

        The file is read to its end before the server hears of it; the server then replaces its dataset in one
        request, which Fuseki and Oxigraph carry out as one transaction.
        """
        with tempfile.TemporaryDirectory() as folder:
            spelt = Path(folder) / "spelt.nq"
            expected = _respell(source, spelt)
            self._send("PUT", self._gsp_url, content=_chunks(spelt), kind=N_QUADS)
        if (found := self.count()) != expected:
            raise StoreError(
                f"after restoring {source}, {self._gsp_url} holds {found} triples in named graphs instead of {expected}; "
                f"empty the server (DROP ALL) and restore again"
            )

    def compact(self, tell: Callable[[str], None] | None = None, *, poll_s: float = 0.5) -> None:
        """Ask Fuseki to write its TDB2 database anew, which gives back the room that dropped data had kept; waits until it is done.

        Parameters
        ----------
        tell
            Told while it goes on; what it raises ends the waiting, while the server goes on.

        Raises
        ------
        StoreError
            If the server has no such command; other servers compact by themselves or by commands of their own.
        """
        root, _, dataset = self._gsp_url.rpartition("/")[0].rpartition("/")
        try:
            answer = self._send("POST", f"{root}/$/compact/{dataset}", params={"deleteOld": "true"})
        except (StoreError, QueryError) as error:
            raise StoreError(
                f"{root} can't be asked to compact its database ({error}); Fuseki does so if it is started with --compact, "
                "other servers by their own commands"
            ) from error
        task = str(answer.json()["taskId"])
        while (state := self._task(root, task)) is not None and "finished" not in state:
            if tell is not None:
                tell(f"{root} has been compacting since {state.get('started', 'now')}")
            time.sleep(poll_s)
        if state is not None and state.get("success") is False:
            raise StoreError(f"{root} could not compact {dataset}; the server's log says why, and its data are as they were")

    def _task(self, root: str, task: str) -> dict[str, Any] | None:
        """What the server says of a task; `None` once it has forgotten it."""
        answer = self._send("GET", f"{root}/$/tasks/{task}", absent_is_fine=True)
        found: dict[str, Any] | None = answer.json() if answer.status_code != httpx.codes.NOT_FOUND else None
        return found

    def tidy(self) -> None:
        """See `Store.tidy`: the server keeps its own house."""

    def close(self) -> None:
        """See `Store.close`."""
        self._client.close()

    def untrusted(
        self, query: str, *, tabular: bool, has_dataset: bool, deadline_s: float, max_bytes: int
    ) -> ox.QuerySolutions | ox.QueryBoolean | list[Triple]:
        """Answer a query of somebody else, whole and in time (see `sparql.service`).

        Parameters
        ----------
        tabular
            Whether it is a SELECT or ASK.
        has_dataset
            Whether it says FROM; if not, it goes to `union_query_url` where there is one.
        deadline_s
            Time for the whole answer [s]; the server is told as `timeout`, which Fuseki heeds up to its own limit.
        max_bytes
            Most that is read.

        Raises
        ------
        OverflowError
            If the answer is longer.
        """
        union = None if has_dataset else self.union_query_url
        url = httpx.URL(union or self.query_url).copy_merge_params({"timeout": f"{deadline_s:g}"})
        accept = f"{RESULTS if tabular else N_TRIPLES}, */*;q=0.1"
        until = time.monotonic() + deadline_s
        body = bytearray()
        headers = {"Content-Type": QUERY, "Accept": accept}
        with (
            _answering(str(url), deadline_s),
            self._http.stream("POST", url, content=query.encode(), headers=headers, timeout=deadline_s) as answer,
        ):
            for chunk in answer.iter_bytes():
                body += chunk
                if time.monotonic() > until:
                    raise StoreTimeoutError(f"{url} was not done after {deadline_s} s; ask for less")
                if len(body) > max_bytes:
                    raise OverflowError(f"the answer is longer than {max_bytes} bytes; ask for fewer columns or rows")
        whole = httpx.Response(answer.status_code, headers=_kind(answer), content=bytes(body), request=answer.request)
        if whole.is_error:
            raise refusal(whole)
        if not tabular:
            return self._triples(whole)
        with _unreadable(str(url)):
            return ox.parse_query_results(whole.content, format=ox.QueryResultsFormat.JSON)

    @property
    def _http(self) -> httpx.Client:
        if self._client.is_closed:
            raise StoreError(f"the store at {self.query_url} is closed; open it again with RemoteStore(…)")
        return self._client

    def _results(self, query: str) -> ox.QuerySolutions | ox.QueryBoolean:
        answer = self._send("POST", self.query_url, content=query, kind=QUERY, accept=RESULTS)
        if not answer.headers.get("content-type", "").startswith(RESULTS):
            raise QueryError("a CONSTRUCT or DESCRIBE has no solutions; use construct()")
        with _unreadable(self.query_url):
            return ox.parse_query_results(answer.content, format=ox.QueryResultsFormat.JSON)

    def _triples(self, answer: httpx.Response) -> list[Triple]:
        with _unreadable(str(answer.url)):
            parsed = ox.parse(answer.content, format=ox.RdfFormat.N_TRIPLES)
            return [Triple(quad.subject, quad.predicate, _canonical(quad)) for quad in parsed]

    def _download(self, target: Path) -> None:
        with (
            _answering(self._gsp_url, self.timeout_s),
            target.open("wb") as file,
            self._http.stream("GET", self._gsp_url, headers={"Accept": N_QUADS}) as answer,
        ):
            if answer.is_error:
                answer.read()
                raise refusal(answer)
            for chunk in answer.iter_bytes(_CHUNK):
                file.write(chunk)

    def _send(
        self,
        method: str,
        url: str,
        *,
        content: str | Iterator[bytes] | None = None,
        kind: str | None = None,
        accept: str = "*/*",
        params: Mapping[str, str] | None = None,
        absent_is_fine: bool = False,
    ) -> httpx.Response:
        wanted = accept if accept == "*/*" else f"{accept}, */*;q=0.1"  # a query of another form: told by its answer
        headers = {"Accept": wanted} | ({"Content-Type": kind} if kind else {})
        body = content.encode() if isinstance(content, str) else content
        with _answering(url, self.timeout_s):
            answer = self._http.request(method, url, content=body, headers=headers, params=params)
        if answer.is_error and not (absent_is_fine and answer.status_code == httpx.codes.NOT_FOUND):
            raise refusal(answer)
        return answer


@contextmanager
def _answering(url: str, timeout_s: float) -> Iterator[None]:
    """Turn what HTTP can raise into what `kg` raises."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise StoreTimeoutError(f"{url} said nothing for {timeout_s} s; ask for less, or set a longer time limit") from error
    except httpx.HTTPError as error:
        raise StoreError(f"{url} can't be reached ({error}); is the SPARQL server running there?") from error


@contextmanager
def _unreadable(url: str) -> Iterator[None]:
    """Turn an answer that breaks off into an error: a server that fails half-way has already said 200."""
    try:
        yield
    except SyntaxError as error:
        raise StoreError(f"the answer of {url} is cut off or not what it says it is ({error}); look into the server's log") from error


def refusal(answer: httpx.Response) -> StoreError | QueryError:
    """Say why a server refused, as the error to raise."""
    said = " ".join(answer.text.split())[:500]
    if answer.status_code == httpx.codes.BAD_REQUEST:
        return QueryError(f"malformed SPARQL: {said}")
    if answer.status_code in _LATE:
        return StoreTimeoutError(f"{answer.url} gave up ({answer.status_code} {said}); ask for less, or set a longer limit")
    return StoreError(f"{answer.url} refused with {answer.status_code}: {said or answer.reason_phrase}")


def _kind(answer: httpx.Response) -> dict[str, str]:
    return {"content-type": answer.headers.get("content-type", "")}  # not the encoding: the bytes are decoded by now


def _canonical(quad: Quad) -> ox.NamedNode | ox.BlankNode | ox.Literal | Triple:
    return quad.object if isinstance(quad.object, Triple) else canonical(quad.object)


def _respell(source: Path, target: Path) -> int:
    """Check a file of N-Quads to its end, and write it sorted by store order, once each, in portable spelling."""
    with tempfile.TemporaryDirectory() as folder:
        store = ox.Store(folder)
        try:
            store.bulk_load(path=str(source), format=ox.RdfFormat.N_QUADS)
        except SyntaxError as error:
            raise StoreError(f"{source} is no N-Quads file ({error}); nothing was changed") from error
        except OSError as error:
            raise StoreError(f"{source} can't be read ({error}); nothing was changed") from error
        named = 0
        with target.open("wb") as file:
            ox.serialize((_spelt(quad) for quad in store), file, format=ox.RdfFormat.N_QUADS)
            file.flush()
            os.fsync(file.fileno())
        for graph in store.named_graphs():
            named += sum(1 for _ in store.quads_for_pattern(None, None, None, graph))
        del store
    return named


def _spelt(quad: Quad) -> Quad:
    if isinstance(quad.object, Triple):
        return quad
    return Quad(quad.subject, quad.predicate, portable(quad.object), quad.graph_name)


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            yield chunk
