"""`/rdf-graph-store`: whole graphs, read by whoever may see them, written by operators' tools through the one gate of all edits.

A graph is named by `?graph=`, or by the path where it is one of ours: `/rdf-graph-store/{place}` is `{BASE}/graph/{place}`. `?default`
stands for the graph `{BASE}/graph/default`, which belongs to the default graph of queries like all others.

References
----------
SPARQL 1.1 Graph Store HTTP Protocol §4 (identification), §5 (operations).
"""

import uuid

from flask import Blueprint, Response, make_response, request
from pyoxigraph import NamedNode, Quad, Triple

from api.errors import problem
from api.guard import principal, rule, scope
from api.protocol import options, refuse, shared, too_long, whole
from api.services import services
from kg.terms import iri
from registry.edits import Delta, Receipt, Seen, Skolem, etag
from registry.errors import RefusedEditError, StaleEditError
from registry.gate import Gate
from sparql.description import written
from sparql.intake import Intake, RefusedRdfError
from sparql.negotiation import GRAPHS, choose

pages = Blueprint("graph_store", __name__)
ACCEPTED = "GET, HEAD, PUT, POST, DELETE, OPTIONS"
MOST_TRIPLES = 200_000
STORE, GRAPH = "/rdf-graph-store", "/rdf-graph-store/<path:place>"


class GraphStoreError(ValueError):
    """A request can't be carried out: status, sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@pages.route(STORE, methods=["GET"], provide_automatic_options=False, strict_slashes=False)
@pages.route(GRAPH, methods=["GET"], provide_automatic_options=False)
@rule.anybody
def read(place: str | None = None) -> Response:
    """Give a graph; one that may not be seen is as absent as one that is not there."""
    graph = _graph(place)
    media = choose(request.args.get("format") or request.headers.get("Accept") or "*/*", GRAPHS)
    if media is None:
        return refuse(406, f"A graph can be had as {', '.join(GRAPHS)}, but {request.headers.get('Accept')} was asked for")
    known = services()
    content = known.store.graph(graph) if scope().allows(graph) else []
    if not content:
        return refuse(404, f"There is no graph {graph} here, or none that you may see")
    if len(content) > MOST_TRIPLES:
        return refuse(
            413, f"{graph} has {len(content)} triples, more than the {MOST_TRIPLES} that are given at once; query it in parts at /sparql"
        )
    body = written(Skolem(known.iris).blank(content), media)
    return whole(body, f"{media}; charset=utf-8" if media.startswith("text/") else media, tag=f"{etag(content)}-{GRAPHS.index(media)}")


@pages.route(STORE, methods=["OPTIONS"], strict_slashes=False)
@pages.route(GRAPH, methods=["OPTIONS"])
@rule.anybody
def read_options(place: str | None = None) -> Response:
    """Say what this address takes."""
    del place
    return options(ACCEPTED)


@pages.route(STORE, methods=["PUT"], provide_automatic_options=False, strict_slashes=False)
@pages.route(GRAPH, methods=["PUT"], provide_automatic_options=False)
@rule.operator
def replace(place: str | None = None) -> Response:
    """Make a graph hold what is sent and nothing else."""
    gate, intake = _writers()
    graph = _graph(place)
    exists = _exists(graph)
    receipt = gate.replace(graph, _sent(intake, graph), by=principal().key, why="Graph Store PUT", if_match=_expected(gate, graph, exists))
    return _done(204 if exists else 201, graph, receipt)


@pages.route(STORE, methods=["POST"], provide_automatic_options=False, strict_slashes=False)
@pages.route(GRAPH, methods=["POST"], provide_automatic_options=False)
@rule.operator
def merge(place: str | None = None) -> Response:
    """Add what is sent to a graph; without a name, to a new one."""
    gate, intake = _writers()
    fresh = place is None and not request.args.getlist("graph") and "default" not in request.args
    graph = gate.new_graph() if fresh else _graph(place)
    exists = _exists(graph)
    name = NamedNode(graph)
    quads = frozenset(Quad(each.subject, each.predicate, each.object, name) for each in _sent(intake, graph))
    seen = _expected(gate, graph, exists)
    receipt = gate.apply(Delta(insert=quads), by=principal().key, why="Graph Store POST", if_match=seen)
    return _done(204 if exists else 201, graph, receipt)


@pages.route(STORE, methods=["DELETE"], provide_automatic_options=False, strict_slashes=False)
@pages.route(GRAPH, methods=["DELETE"], provide_automatic_options=False)
@rule.operator
def remove(place: str | None = None) -> Response:
    """Take a graph away."""
    gate, _ = _writers()
    graph = _graph(place)
    if not _exists(graph):
        return refuse(404, f"There is no graph {graph} here")
    receipt = gate.replace(graph, [], by=principal().key, why="Graph Store DELETE", if_match=_expected(gate, graph, exists=True))
    return _done(204, graph, receipt)


@pages.errorhandler(GraphStoreError)
@pages.errorhandler(RefusedRdfError)
def _refused(error: GraphStoreError | RefusedRdfError) -> Response:
    return refuse(error.status, str(error))


@pages.errorhandler(StaleEditError)
def _stale(error: StaleEditError) -> Response:
    return refuse(412, str(error))


@pages.errorhandler(RefusedEditError)
def _wrong(error: RefusedEditError) -> Response:
    return problem(422, "The graph would be wrong, so nothing was written.", sentences=list(error.sentences))


def _graph(place: str | None) -> str:
    """The graph that a request is about."""
    named, default = request.args.getlist("graph"), "default" in request.args
    if place is not None:
        if named or default:
            raise GraphStoreError(400, "This address is a graph itself; leave ?graph= and ?default out")
        return services().iris.graph(place)
    if len(named) + default != 1:
        raise GraphStoreError(400, "Say which graph is meant, by ?graph= with its IRI or by ?default: exactly one of them")
    if default:
        return services().iris.graph("default")
    try:
        return iri(named[0]).value
    except ValueError as error:
        raise GraphStoreError(400, f"The name of the graph: {error}") from error


def _writers() -> tuple[Gate, Intake]:
    known = services()
    if known.gate is None or known.intake is None:
        raise GraphStoreError(501, "Graphs are only read here; this platform was started without its gate for edits")
    if principal().via == "session":
        raise GraphStoreError(403, "Graphs are written by tools, which send a token of an operator; sign-in with a browser is not enough")
    return known.gate, known.intake


def _exists(graph: str) -> bool:
    return bool(services().store.graph(graph))


def _sent(intake: Intake, graph: str) -> list[Triple]:
    """Read the body: one graph, or a form of several files that are put together."""
    if refused := too_long(intake.max_bytes):
        raise GraphStoreError(413, refused.get_json()["detail"])
    if request.mimetype == "multipart/form-data":
        files = [file for name in request.files for file in request.files.getlist(name)]
        skolem = Skolem(services().iris)  # blank nodes of two files are two nodes, also where they have one label
        read = (intake.read(file.stream, file.mimetype, base=graph) for file in files)  # type: ignore[arg-type]
        quads = [quad for each in read for quad in skolem.named(each, lambda: uuid.uuid4().hex)]
    else:
        encoding = request.headers.get("Content-Encoding", "")
        quads = intake.read(request.stream, request.mimetype, base=graph, encoding=encoding)  # type: ignore[arg-type]
    if any(isinstance(quad.graph_name, NamedNode) for quad in quads):
        raise GraphStoreError(400, "The body holds named graphs, and this address takes one graph; send each by itself")
    return [quad.triple for quad in quads]


def _expected(gate: Gate, graph: str, exists: bool) -> Seen | None:
    """What the client wants to have seen (If-Match), or not to be there (If-None-Match: *)."""
    if request.if_none_match.star_tag and exists:
        raise StaleEditError(f"{graph} is there already; leave If-None-Match out to change it")
    wanted = request.if_match
    if not wanted:
        return None
    tags = {each.partition(":")[0].partition("-")[0] for each in wanted.as_set()}
    now = gate.tag(graph)
    if (wanted.star_tag and exists) or now in tags:
        return Seen(graph, now)
    raise StaleEditError(f"{graph} has changed since it was read, or was never there; read it again and repeat the edit")


def _done(status: int, graph: str, receipt: Receipt) -> Response:
    answer = make_response("", status)
    if status == 201:
        answer.headers["Location"] = graph
    if receipt.activity is not None:
        answer.headers["Link"] = f'<{receipt.activity}>; rel="http://www.w3.org/ns/prov#wasGeneratedBy"'
    return shared(answer)
