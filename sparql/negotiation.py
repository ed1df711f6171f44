"""Which media type answers an `Accept` header.

References
----------
RFC 9110 §12.5.1; SPARQL 1.1 Protocol §2.1.6.
"""

from collections.abc import Sequence

RESULTS_JSON = "application/sparql-results+json"
TURTLE = "text/turtle"
SOLUTIONS = (
    RESULTS_JSON,
    "application/sparql-results+xml",
    "text/csv",
    "text/tab-separated-values",
    "application/json",
)
GRAPHS = (TURTLE, "application/n-triples", "application/ld+json", "application/rdf+xml")
SHORT = {
    "json": RESULTS_JSON,
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "turtle": TURTLE,
    "ttl": TURTLE,
    "ntriples": "application/n-triples",
    "nt": "application/n-triples",
    "jsonld": "application/ld+json",
    "rdfxml": "application/rdf+xml",
}


def choose(accept: str, offered: Sequence[str]) -> str | None:
    """Choose what the client likes best of what is offered; on a tie, what is offered first.

    Parameters
    ----------
    accept
        The header as it came, or one of the short names (`csv`); empty means anything.

    Returns
    -------
    str or None
        The media type; `None` if the client takes none of them.

    Examples
    --------
    >>> choose("text/csv;q=0.5, application/*;q=0.2", SOLUTIONS)
    'text/csv'
    >>> choose("text/turtle", SOLUTIONS) is None
    True
    """
    text = SHORT.get(accept.strip().lower(), accept)
    ranges = [parsed for part in text.split(",") if (parsed := _range(part)) is not None]
    if not ranges:
        return offered[0]
    liked = [(_quality(media, ranges), media) for media in offered]
    best = max(quality for quality, _ in liked)
    return next(media for quality, media in liked if quality == best) if best > 0 else None


def _range(part: str) -> tuple[str, float] | None:
    media, *parameters = [piece.strip().lower() for piece in part.split(";")]
    if not media:
        return None
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return media, quality


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Find how much a type is liked: the most specific range that it falls into says."""
    for wanted in (media, f"{media.split('/')[0]}/*", "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0
