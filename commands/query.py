"""What asks and changes nothing: a query at an endpoint, and the settings."""

import argparse
from pathlib import Path
from typing import Any

from SPARQLWrapper import CONSTRUCT, DESCRIBE, TURTLE, SPARQLWrapper

from commands.context import Context
from commands.line import Declare
from commands.site import running
from kg import queries


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    query = verb("query", _query, "send a SPARQL query to an endpoint, by default the running platform's")
    query.add_argument("query", help="a .rq file or the text itself")
    query.add_argument("--endpoint", metavar="URL")
    query.add_argument("--set", action="append", metavar="NAME=VALUE", help="fill a parameter of the file in; all of them, once each")
    verb("settings", _settings, "show every setting")


def _query(context: Context, given: argparse.Namespace) -> dict[str, Any]:
    """Send a query to a SPARQL endpoint, as any partner would."""
    web = context.settings.web
    text = Path(given.query).read_text(encoding="utf-8") if Path(given.query).is_file() else given.query
    if given.set:
        text = queries.parse("the query", text).bind_texts(**dict(pair.partition("=")[::2] for pair in given.set))
    site = None if given.endpoint else running(context.settings.data_dir)
    client = SPARQLWrapper(given.endpoint or f"{site.url if site else f'http://{web.host}:{web.port}'}/sparql", returnFormat="json")
    for header, value in (site.headers if site else {}).items():
        client.addCustomHttpHeader(header, value)
    client.setTimeout(int(web.sparql_deadline_s) + 5)
    client.setQuery(text)
    graph_wanted = client.queryType in (CONSTRUCT, DESCRIBE)
    if graph_wanted:
        client.setReturnFormat(TURTLE)
    try:
        answer = client.query().response.read() if graph_wanted else client.queryAndConvert()
    except Exception as error:
        raise RuntimeError(f"the endpoint did not answer the query: {error}") from error
    if graph_wanted:
        return {"turtle": answer.decode()}
    if "boolean" in answer:
        return {"answer": answer["boolean"]}
    return {
        "columns": answer["head"]["vars"],
        "rows": [{name: cell["value"] for name, cell in row.items()} for row in answer["results"]["bindings"]],
    }


def _settings(context: Context, _: argparse.Namespace) -> dict[str, Any]:
    """Show every setting and its value."""
    return {name: f"{value or '(empty)'}   {text}" for name, value, _default, text in context.settings.shown()}
