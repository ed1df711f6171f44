"""Which media type answers an `Accept` header."""

import pytest

from sparql.negotiation import GRAPHS, SOLUTIONS, choose

JSON, XML, CSV, TSV = SOLUTIONS[:4]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        (" , ", JSON),
        ("*/*", JSON),
        ("text/*", CSV),
        ("text/csv;q=0.5, application/sparql-results+xml;q=0.6", XML),
        ("TEXT/CSV ; Q=0.5", CSV),
        ("application/sparql-results+json;q=0, */*;q=0.1", XML),
        ("text/*;q=0.9, text/csv;q=0.1", TSV),
        ("application/x-unknown, text/turtle", None),
        ("*/*;q=0", None),
        ("text/csv;q=nonsense", None),
        ("text/csv;header=present", CSV),
        ("tsv", TSV),
        ("turtle", None),
    ],
)
def test_the_client_gets_what_it_likes_best_of_what_there_is(accept: str, chosen: str | None) -> None:
    assert choose(accept, SOLUTIONS) == chosen


def test_what_rdflib_asks_for_by_default_gives_turtle_or_better() -> None:
    assert choose("application/rdf+xml;q=0.9, text/turtle, */*;q=0.1", GRAPHS) == "text/turtle"
