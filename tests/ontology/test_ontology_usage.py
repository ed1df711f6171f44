"""No term without use: each is in a shape, a query, the code or the data model."""

import re
from functools import cache
from pathlib import Path

import pytest
from rdflib import URIRef

from ontology import generate
from ontology.names import SKOS

ROOT = Path(__file__).parents[2]
MERGED = generate.graph()
PREFIXES = {"fc": generate.CLOSED["FC"], "fcv": generate.CLOSED["FCV"]}
OWN = sorted(
    f"{prefix}:{str(term).removeprefix(base)}"
    for prefix, base in PREFIXES.items()
    for term in set(MERGED.subjects())
    if isinstance(term, URIRef) and str(term).startswith(base)
)


@cache
def used():
    found: set[str] = set()
    for package in (path.parent for path in ROOT.glob("*/__init__.py")):
        for path in [*package.rglob("*.py"), *package.rglob("*.rq"), *package.rglob("*.ru"), *package.rglob("*.jsonld")]:
            found |= mentions(path.read_text(encoding="utf-8")) if path != generate.TARGET else set()
    for path in [*(ROOT / "shapes").glob("*.ttl"), ROOT / "docs" / "data-model.md"]:
        found |= mentions(path.read_text(encoding="utf-8"))
    return found


def mentions(text):
    curies = re.findall(r"\b(fcv?):(\w+)", text)
    attributes = re.findall(r"\b(FCV?)(?:\.(\w+)|\[\"(\w+)\"\])", text)
    listed = re.findall(r"https://w3id\.org/flexcoop/(ns#|vocab/)(\w+)", text)
    return (
        {f"{prefix}:{name}" for prefix, name in curies}
        | {f"{prefix.lower()}:{name or key}" for prefix, name, key in attributes}
        | {f"{'fc' if kind == 'ns#' else 'fcv'}:{name}" for kind, name in listed}
    )


def members(scheme):
    """The concepts of a scheme; of anything else, none."""
    inside = MERGED.subjects(SKOS.inScheme, URIRef(PREFIXES["fcv"] + scheme.partition(":")[2]))
    return {f"fcv:{str(concept).removeprefix(PREFIXES['fcv'])}" for concept in inside}


@pytest.mark.parametrize("term", OWN)
def test_a_term_is_used(term):
    assert {term, *members(term)} & used(), (
        f"{term} is in no shape, query, code nor in docs/data-model.md: use it or take it out of ontology/"
    )


def test_what_is_mentioned_is_counted():
    assert mentions('FC.Site, FCV["Primary"], fc:covers') == {"fc:Site", "fcv:Primary", "fc:covers"}


_ATTRIBUTE = r'\b([A-Z][A-Z0-9]+)(?:\.(\w+)|\["([\w-]+)"\])'
FOREIGN = sorted(
    f"{name.lower()}:{str(term).removeprefix(base)}"
    for name, base in generate.CLOSED.items()
    if name not in ("FC", "FCV")
    for term in set(MERGED.subjects())
    if isinstance(term, URIRef) and str(term).startswith(base)
)


@cache
def spelt():
    """Whatever the project names outside of `ontology/*.ttl` and `names.py`, as CURIE or IRI, and what our axioms name."""
    files = [path for path in ROOT.glob("*/**/*.*") if path.suffix in (".py", ".rq", ".ru", ".jsonld", ".ttl", ".trig", ".md")]
    ours = [path for path in files if path.parent != generate.HERE and not path.relative_to(ROOT).parts[0].startswith(".")]
    found = {str(value) for triple in MERGED for value in triple[1:] if isinstance(value, URIRef) and value != triple[0]}
    for path in ours:
        text = path.read_text(encoding="utf-8")
        found |= {f"{prefix}:{local}" for prefix, local in re.findall(r"\b([a-z]\w*):([\w-]+)", text)}
        found |= {f"{name.lower()}:{local or key}" for name, local, key in re.findall(_ATTRIBUTE, text)}
        found |= set(re.findall(r"https?://[^\s<>\"']+", text))
    return found


@pytest.mark.parametrize("term", FOREIGN)
def test_a_term_of_others_is_restated_because_we_use_it(term):
    prefix, _, local = term.partition(":")

    assert {term, generate.CLOSED[prefix.upper()] + local} & spelt(), f"{term} is used nowhere: take it out of ontology/alignment.ttl"
