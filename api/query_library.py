"""`/queries`: the published queries, each with a page, an explanation, a form, and an address that answers JSON, CSV and HTML.

A `.rq` file is published by a `#+ topic:` line in its header. It runs as its reader: through the endpoint, within their scope, never on
the store itself. Parameters are bound by `kg.queries`, so that no value can become a part of the query.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, render_template, request

import kg.queries
from api.audited import unseen
from api.errors import NotFoundError, problem
from api.guard import rule, scope
from api.languages import _
from api.protocol import client, found, gone
from api.services import Answer, services
from kg import queries
from kg.errors import QueryError
from sparql.negotiation import GRAPHS, SHORT, choose

pages = Blueprint("query_library", __name__)
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ontology", "telemetry", "forecasting", "market", "optimiser", "settlement", "api")
EXAMPLE_BASE = "http://127.0.0.1:8080"
RESULTS_JSON, CSV, HTML = "application/sparql-results+json", "text/csv", "text/html"
MOST_PICKED = 500
_LINE = re.compile(r"^#\+ (?P<key>[a-z]+)(?: (?P<name>\w+))?: (?P<text>.*)$", re.MULTILINE)
_HEADER = re.compile(r"^#\+.*\n", re.MULTILINE)
_EXAMPLES = re.compile(r"VALUES\s*\([^)]*\)\s*\{\s*\(([^{}]*)\)\s*\}")
_TERM = re.compile(r'<([^>]*)>|"([^"]*)"\S*|(\S+)')


@dataclass(frozen=True)
class Published:
    """A query that people may read and run.

    Attributes
    ----------
    name : `package/file`
    columns : name and meaning of each column that the header explains
    picks : parameter → class whose instances it takes
    """

    name: str
    topic: str
    summary: str
    explanation: str
    columns: tuple[tuple[str, str], ...]
    picks: Mapping[str, str]
    query: kg.queries.Query

    @property
    def is_graph(self) -> bool:
        """Whether it answers with triples instead of rows."""
        return re.search(r"^(CONSTRUCT|DESCRIBE)\b", self.query.text, re.MULTILINE) is not None

    def text(self, base: str) -> str:
        """The query as it stands without its header, its example in this platform's IRIs."""
        return _plain(self.query.text, base)

    def example(self, base: str) -> dict[str, str]:
        """The values of the example, by parameter."""
        found = _EXAMPLES.search(self.text(base))
        values = [next(part for part in term if part) for term in _TERM.findall(found.group(1))] if found else []
        return dict(zip(self.query.parameters, values, strict=False))

    def bound(self, given: Mapping[str, str], base: str) -> str:
        """The query with parameters filled in; those not given keep the example's value.

        Raises
        ------
        QueryError
            If a value does not fit its parameter.
        """
        if not self.query.parameters:
            return self.text(base)
        values = self.example(base) | {name: given[name] for name in self.query.parameters if given.get(name)}
        return _plain(self.query.bind_texts(**values), base)


def _plain(text: str, base: str) -> str:
    return _HEADER.sub("", text).replace(f"{EXAMPLE_BASE}/", f"{base}/")


@cache
def published() -> Mapping[str, Published]:
    """Every published query, by its name; topics together."""
    found = [
        one
        for package in PACKAGES
        for file in sorted((ROOT / package / "queries").glob("*.rq"))
        if (one := _read(kg.queries.load(package, file.stem))) is not None
    ]
    return {one.name: one for one in sorted(found, key=lambda one: (one.topic, one.name))}


def _read(query: kg.queries.Query) -> Published | None:
    lines = [found.groupdict() for found in _LINE.finditer(query.text)]

    def texts(key: str) -> list[str]:
        return [line["text"].strip() for line in lines if line["key"] == key]

    if not (topics := texts("topic")):
        return None
    named = {
        key: [(line["name"], line["text"]) for line in lines if line["key"] == key and line["name"]]
        for key in ("column", "pick", "returns")
    }
    return Published(
        query.name,
        topics[0],
        " ".join(texts("summary")),
        " ".join(texts("explain")),
        tuple(named["column"] + named["returns"]),
        dict(named["pick"]),
        query,
    )


@pages.get("/queries")
@rule.anybody
def index() -> Response:
    """List the published queries, or those in whose words the search occurs."""
    unseen()
    wanted = request.args.get("search", "").strip()
    listed = [one for one in published().values() if all(word in _words(one) for word in wanted.lower().split())]
    if choose(request.args.get("format") or request.headers.get("Accept", ""), (HTML, "application/json")) == "application/json":
        base = services().iris.base
        return jsonify(
            [
                {
                    "name": one.name,
                    "topic": one.topic,
                    "summary": one.summary,
                    "parameters": dict(one.query.parameters),
                    "address": f"{base}/queries/{one.name}",
                    "text": one.text(base),
                }
                for one in listed
            ]
        )
    topics: dict[str, list[Published]] = {}
    for one in listed:
        topics.setdefault(one.topic, []).append(one)
    return Response(render_template("queries.html", topics=topics, search=wanted, count=len(listed)))


@pages.get("/queries/<package>/<name>")
@rule.anybody
def query(package: str, name: str) -> Response:
    """Explain a query and run it, or give what it finds in the format asked for."""
    one = published().get(f"{package}/{name}")
    if one is None:
        raise NotFoundError(_("There is no published query %(name)s; all are at /queries", name=f"{package}/{name}"))
    base = services().iris.base
    given = {parameter: request.args[parameter] for parameter in one.query.parameters if request.args.get(parameter)}
    accept = SHORT.get(request.args.get("format", ""), request.args.get("format") or request.headers.get("Accept", "*/*"))
    offered = (*GRAPHS, HTML) if one.is_graph else (RESULTS_JSON, CSV, HTML, "application/json", "application/sparql-query")
    media = HTML if accept == "html" else choose(accept, offered)
    if media is None:
        return problem(
            406, _("This query can be had as %(offered)s, but %(asked)s was asked for", offered=", ".join(offered), asked=accept)
        )
    try:
        text = one.bound(given, base)
    except QueryError as error:
        return problem(400, str(error))
    if media == "application/sparql-query":
        return Response(text, content_type=f"{media}; charset=utf-8")
    if media != HTML:
        return found(_ask(text, media))
    ran = _ask(text, GRAPHS[0] if one.is_graph else RESULTS_JSON) if given or "run" in request.args else None
    return _page(one, given, text, ran)


def _ask(text: str, media: str) -> Answer:
    return services().endpoint.run(text, media, scope=scope(), client=client(), gone=gone())


def _page(one: Published, given: Mapping[str, str], text: str, ran: Answer | None) -> Response:
    base = services().iris.base
    values = one.example(base) | dict(given)
    address = f"{base}/queries/{one.name}"
    asked = f"{address}?{urlencode(values)}" if values else address
    return Response(
        render_template(
            "query.html",
            query=one,
            values=values,
            text=text,
            address=asked,
            curl=_curl(asked, one.is_graph),
            python=_python(text, base, one.is_graph),
            choices={name: _choices(kind) for name, kind in one.picks.items()},
            result=None if ran is None else _table(ran, one.is_graph),
        ),
        200 if ran is None or ran.status == 200 else ran.status,
    )


def _table(answer: Answer, is_graph: bool) -> dict[str, Any]:
    """What the page shows of an answer: columns and rows, or triples as text, or the reason why there is none."""
    if answer.status != 200:
        return {"problem": answer.body.decode()}
    if is_graph:
        return {"turtle": answer.body.decode()}
    read = json.loads(answer.body)
    if "boolean" in read:
        return {"columns": [_("answer")], "rows": [{_("answer"): {"type": "literal", "value": _("yes") if read["boolean"] else _("no")}}]}
    return {"columns": read["head"]["vars"], "rows": read["results"]["bindings"]}


def _choices(kind: str) -> list[dict[str, Any]]:
    """Things of a class that the reader may see, for a list to pick from."""
    rows = queries.rows(services().store, queries.load("api", "instances"), [{"class": kind}])
    seen = {row["instance"]: row.get("label", "") for row in rows if scope().allows(row["graph"])}
    return [{"iri": iri, "label": label} for iri, label in list(seen.items())[:MOST_PICKED]]


def _curl(address: str, is_graph: bool) -> str:
    return f"curl -H 'Authorization: Bearer YOUR-TOKEN' -H 'Accept: {GRAPHS[0] if is_graph else CSV}' '{address}'"


def _python(text: str, base: str, is_graph: bool) -> str:
    wanted = "TURTLE" if is_graph else "JSON"
    quoted = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').strip()
    read = (
        "print(client.query().response.read().decode())"
        if is_graph
        else 'for row in client.queryAndConvert()["results"]["bindings"]:\n    print(row)'
    )
    return (
        f"from SPARQLWrapper import {wanted}, POST, SPARQLWrapper\n\n"
        f'client = SPARQLWrapper("{base}/sparql", returnFormat={wanted})\n'
        f'client.addCustomHttpHeader("Authorization", "Bearer YOUR-TOKEN")\nclient.setMethod(POST)\n'
        f'client.setQuery("""\n{quoted}\n""")\n{read}\n'
    )


def _words(one: Published) -> str:
    texts = (one.topic, one.summary, one.explanation)
    return " ".join((one.name, *texts, *(_(text) for text in texts if text))).lower()
