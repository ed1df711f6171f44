"""RDF that strangers send: read whole and checked, or refused at once with a sentence, and the process lives on."""

import gzip
import io
import time
from collections.abc import Iterator

import pytest
from pyoxigraph import BlankNode, Literal, NamedNode

from kg.terms import XSD
from sparql.errands import BrokenError, Errand, LateError
from sparql.intake import Intake, RefusedRdfError
from sparql.lexical import fault

CAP = 4 << 20
SOON_S = 0.1
PATIENCE = 10  # the machine of the tests may have other work; measured alone, all of these are below 20 ms
DEEP = 100_000
RDF_XML = b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:x='http://x/'>%s</rdf:RDF>"
TURTLE, JSON_LD, XML = "text/turtle", "application/ld+json", "application/rdf+xml"


@pytest.fixture(scope="module")
def intake() -> Iterator[Intake]:
    made = Intake(max_bytes=CAP, deadline_s=10.0)
    made.read(b"", TURTLE)  # it is warm now
    yield made
    made.close()


REFUSED = {
    "brackets in Turtle": (400, TURTLE, b"<http://a> <http://b> " + b"[ <http://b> " * DEEP + b"]" * DEEP + b" .", "nests deeper than 64"),
    "lists in Turtle": (400, TURTLE, b"<http://a> <http://b> " + b"(" * DEEP + b")" * DEEP + b" .", "nests deeper than 64"),
    "objects in JSON-LD": (400, JSON_LD, b'{"http://p":' * DEEP + b"1" + b"}" * DEEP, "nests deeper than 32"),
    "elements in RDF/XML": (400, XML, RDF_XML % (b"<x:A><x:p>" * 40_000 + b"</x:p></x:A>" * 40_000), "nests deeper than 64"),
    "a bomb of entities": (
        400,
        XML,
        b'<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + RDF_XML % b"<x:A x:p='&b;'/>",
        "holds a DTD",
    ),
    "an entity from a file": (400, XML, b"<!DOCTYPE z [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + RDF_XML % b"", "holds a DTD"),
    "a DTD hidden by its encoding": (400, XML, "<!DOCTYPE z []>".encode("utf-16"), "in UTF-8 only"),
    "a context from elsewhere": (
        400,
        JSON_LD,
        b'{"@context": "http://127.0.0.1:9/c", "@id": "http://a", "p": 1}',
        "no context is ever fetched",
    ),
    "a context that imports": (
        400,
        JSON_LD,
        b'{"@context": {"@version": 1.1, "@import": "http://127.0.0.1:9/c"}}',
        "no context is ever fetched",
    ),
    "one thing said twice": (400, JSON_LD, b'{"@id": "http://a", "@id": "http://b", "http://p": 1}', "twice in one object"),
    "a relative IRI": (400, TURTLE, b"<a> <http://b> 1 .", "'a' is a relative IRI"),
    "a relative IRI in JSON-LD": (400, JSON_LD, b'{"@id": "a", "http://p": 1}', "'a' is a relative IRI"),
    "half a statement": (400, TURTLE, b"<http://a> <http://b> ", "This is not text/turtle"),
    "no UTF-8": (400, TURTLE, b"<http://a> <http://b> '\xff' .", "text/turtle"),
    "a statement about a statement": (400, TURTLE, b"<http://a> <http://b> <<( <http://a> <http://b> 1 )>> .", "give the statement an IRI"),
    "another format": (415, "text/plain", b"<http://a> <http://b> 1 .", "RDF can't be read as text/plain"),
    "too much": (413, TURTLE, b" " * (CAP + 1), f"longer than {CAP} bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_wanted_is_refused_soon_with_a_sentence(name: str, intake: Intake) -> None:
    status, media, payload, sentence = REFUSED[name]

    begun = time.monotonic()
    with pytest.raises(RefusedRdfError) as refused:
        intake.read(payload, media)
    took = time.monotonic() - begun

    assert refused.value.status == status
    assert sentence in str(refused.value)
    assert took < SOON_S * PATIENCE
    assert len(intake.read(b"<http://a> <http://b> 1 .", TURTLE)) == 1


@pytest.mark.parametrize(
    ("literal", "sentence"),
    [
        (
            '"abc"^^xsd:decimal',
            '"abc" as http://b of <http://a> is stated as http://www.w3.org/2001/XMLSchema#decimal but is no decimal number',
        ),
        ('"NaN"^^xsd:decimal', "is no decimal number"),
        ('"1e400"^^xsd:decimal', "without exponent"),
        (f'"{"9" * 400}"^^xsd:integer', "is not from -9223372036854775808"),
        ('"0.0000000000000000001"^^xsd:decimal', "19 decimal places"),
        ('"2026-02-30"^^xsd:date', "is no day of the calendar"),
        ('"2026-02-30T10:00:00Z"^^xsd:dateTime', "is no day of the calendar"),
        ('"25:00:00"^^xsd:time', "is no time of the day"),
        ('"2026-08-12T10:00:00"^^xsd:dateTimeStamp', "has no offset"),
        ('"yes"^^xsd:boolean', "is neither true nor false"),
        ('"P1Y"^^xsd:dayTimeDuration', "is no duration"),
        ('"300"^^xsd:byte', "is not from -128 to 127"),
        ('"[1,"^^rdf:JSON', "is no JSON"),
    ],
)
def test_a_literal_that_does_not_fit_its_datatype_is_refused_by_name(literal: str, sentence: str, intake: Intake) -> None:
    head = "@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . "

    with pytest.raises(RefusedRdfError) as refused:
        intake.read(f"{head} <http://a> <http://b> {literal} .".encode(), TURTLE)

    assert (refused.value.status, sentence in str(refused.value)) == (400, True)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("decimal", "-12.50"),
        ("integer", "-9223372036854775808"),
        ("double", "1.5E3"),
        ("double", "-INF"),
        ("date", "2024-02-29"),
        ("dateTime", "2026-08-12T10:15:00.123456789+02:00"),
        ("time", "10:15:00Z"),
        ("dayTimeDuration", "-P1DT2H30M0.5S"),
        ("duration", "P1Y2M"),
        ("gYear", "2026"),
        ("anyURI", "no check"),
    ],
)
def test_a_literal_that_fits_is_taken(kind: str, text: str) -> None:
    assert fault(Literal(text, datatype=NamedNode(XSD + kind))) is None


def test_a_gzip_bomb_is_refused_at_the_cap(intake: Intake) -> None:
    bomb = gzip.compress(b" " * (110 << 20), mtime=0)
    assert len(bomb) < CAP

    begun = time.monotonic()
    with pytest.raises(RefusedRdfError) as refused:
        intake.read(bomb, TURTLE, encoding="gzip")

    assert (refused.value.status, "once unpacked" in str(refused.value)) == (413, True)
    assert time.monotonic() - begun < SOON_S * PATIENCE


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"plain", "is not gzip"),
        (gzip.compress(b"<http://a> <http://b> 1 .", mtime=0)[:-6], "ends too early"),
        (gzip.compress(b"", mtime=0) + b"more", "follows the end"),
    ],
)
def test_what_is_no_gzip_stream_is_refused(payload: bytes, sentence: str, intake: Intake) -> None:
    with pytest.raises(RefusedRdfError, match=sentence):
        intake.read(payload, TURTLE, encoding="gzip")


def test_a_body_is_left_unread_beyond_the_cap(intake: Intake) -> None:
    endless = io.BytesIO(b" " * (8 * CAP))

    with pytest.raises(RefusedRdfError, match="longer than"):
        intake.read(endless, TURTLE)

    assert endless.tell() < CAP + (1 << 17)


def test_good_bodies_are_read_whole_in_every_format(intake: Intake) -> None:
    turtle = intake.read(b'<a> <b> 1.50 , [ <c> ( \'x(((\' """[[[""" ) ] . # ((((', TURTLE, base="http://x/")
    json_ld = intake.read(
        b'[{"@id": "a", "http://x/b": {"@value": "1.50", "@type": "http://www.w3.org/2001/XMLSchema#decimal"}}]', JSON_LD, base="http://x/"
    )
    xml = intake.read(RDF_XML % b"<x:A rdf:about='http://a'><x:p>1</x:p></x:A>", XML)
    packed = intake.read(gzip.compress(b"<http://a> <http://b> 1 .", mtime=0), TURTLE, encoding="gzip")
    quads = intake.read(b"<http://a> <http://b> <http://c> <http://g> .", "application/n-quads")
    ours = intake.read(b'{"@context": "https://w3id.org/flexcoop/context/v1.jsonld", "@id": "http://a", "@type": "Message"}', JSON_LD)

    assert len(turtle) == 7
    assert [str(quad.object) for quad in json_ld] == ['"1.50"^^<http://www.w3.org/2001/XMLSchema#decimal>']
    assert (len(xml), len(packed), str(quads[0].graph_name)) == (2, 1, "<http://g>")
    assert [str(quad.object) for quad in ours] == ["<https://w3id.org/flexcoop/ns#Message>"]
    assert any(isinstance(quad.subject, BlankNode) for quad in turtle)


def test_many_flat_brackets_are_no_nesting(intake: Intake) -> None:
    payload = b"".join(b"<http://a/%d> <http://b> [ <http://c> ( 1 2 ) ] .\n" % number for number in range(1000))

    assert len(intake.read(payload, TURTLE)) == 6000


def test_a_child_that_is_lost_is_replaced() -> None:
    errand = Errand("sparql.intake_worker", 256)
    head = {"media_type": TURTLE, "base": None, "packed": False, "max_bytes": CAP}
    try:
        with pytest.raises((LateError, BrokenError)):
            errand.ask(head, [b""], 0.0)
        told, _ = errand.ask(head, [b"<http://a> <http://b> 1 ."], 10.0)
    finally:
        errand.close()

    assert told == {"status": 200}
