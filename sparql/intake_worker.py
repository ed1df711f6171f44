"""The process in which untrusted RDF is read: `python -m sparql.intake_worker MEMORY_MB`, asked by `sparql.intake`."""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

import pyoxigraph as ox
from pyoxigraph import Literal, NamedNode, Quad, Triple

from mappers import document
from mappers.errors import MappingError
from sparql.errands import Head, serve
from sparql.lexical import fault

MAX_DEPTH = 64
_NO_BASE = "http://no-base.invalid/"
_FORMATS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/ld+json": ox.RdfFormat.JSON_LD,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/trig": ox.RdfFormat.TRIG,
    "application/n-quads": ox.RdfFormat.N_QUADS,
}
_BRACKETS = re.compile(
    rb'"""(?:[^"\\]++|\\.|"(?!""))*+"""|'
    rb"'''(?:[^'\\]++|\\.|'(?!''))*+'''|"
    rb'"(?:[^"\\\r\n]++|\\.)*+"|'
    rb"'(?:[^'\\\r\n]++|\\.)*+'|<[^<>\s]*+>|#[^\r\n]*+|[\[(\])]",
    re.DOTALL,
)
_TAGS = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|</|<[^<>]*?/>|<[^<>/!?]", re.DOTALL)
_ENCODING = re.compile(rb"""^<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)["']""")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class RefusalError(Exception):
    """The body is refused: status, sentence."""


def read(head: Head, parts: Iterator[bytes]) -> tuple[Head, bytes]:
    """Read one body; answers its statements as N-Quads, or the refusal."""
    try:
        payload = _unpacked(parts, int(head["max_bytes"])) if head["packed"] else b"".join(parts)
        media: str = head["media_type"]
        if media == "application/ld+json":
            payload = _without_remote_contexts(payload)
        elif media == "application/rdf+xml":
            _refuse_dangerous_xml(payload)
        else:
            _refuse_deep(payload)
        quads = list(_checked(payload, media, head["base"]))
    except RefusalError as refusal:
        status, sentence = refusal.args
        return {"status": status, "sentence": sentence}, b""
    content = ox.serialize(quads, format=ox.RdfFormat.N_QUADS)
    return {"status": 200}, content or b""


def _unpacked(parts: Iterator[bytes], max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    found: list[bytes] = []
    room = max_bytes + 1
    try:
        for part in parts:
            waiting = part
            while waiting and not unpacker.eof:
                found.append(unpacker.decompress(waiting, room))
                waiting = unpacker.unconsumed_tail
                room -= len(found[-1])
                if room <= 0:
                    raise RefusalError(
                        413, f"The body is longer than {max_bytes} bytes once unpacked, the most that is read at once; send it in parts"
                    )
            if unpacker.eof and (waiting or unpacker.unused_data):
                raise RefusalError(400, "Something follows the end of the gzip body; send one stream")
    except zlib.error as error:
        raise RefusalError(400, f"The body is not gzip, as its Content-Encoding says ({error}); send it plain, or pack it") from error
    if not unpacker.eof:
        raise RefusalError(400, "The gzip body ends too early; send it whole")
    return b"".join(found)


def _without_remote_contexts(payload: bytes) -> bytes:
    """Spell JSON-LD anew with the bundled contexts in it, so that its parser has nothing to fetch; numbers stay as they were sent."""
    listed = payload.lstrip()[:1] == b"["
    whole = b'{"@graph":' + payload + b"}" if listed else payload
    try:
        found = document.decode(whole, max_bytes=len(whole))
        return _spelt(document.with_bundled_contexts(found)).encode()
    except MappingError as error:
        text = str(error)
        raise RefusalError(400, text[:1].upper() + text[1:]) from error


def _spelt(node: Any) -> str:  # noqa: ANN401 - JSON
    match node:
        case document.Number():
            if not _JSON_NUMBER.fullmatch(node):
                raise RefusalError(400, f"{node} is not a number of JSON; leave a missing value out")
            return str(node)
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{_spelt(value)}" for key, value in node.items()) + "}"
        case list():
            return "[" + ",".join(map(_spelt, node)) + "]"
    return json.dumps(node)


def _refuse_dangerous_xml(payload: bytes) -> None:
    if payload[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in payload[:64]:
        raise RefusalError(400, "RDF/XML is read in UTF-8 only; encode it so")
    declared = _ENCODING.match(payload.lstrip(b"\xef\xbb\xbf \t\r\n"))
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise RefusalError(400, f"RDF/XML is read in UTF-8 only, not in {declared[1].decode('ascii', 'replace')}; encode it so")
    if b"<!DOCTYPE" in payload or b"<!ENTITY" in payload:
        raise RefusalError(400, "The RDF/XML holds a DTD (<!DOCTYPE or <!ENTITY), and none is read; write names and texts out")
    depth = 0
    for tag in _TAGS.finditer(payload) if payload.count(b"</") > MAX_DEPTH else ():
        text = tag[0]
        depth += -1 if text == b"</" else 1 if len(text) == 2 and text[1:2] not in b"/!?" else 0
        _refuse_beyond(depth)


def _refuse_deep(payload: bytes) -> None:
    if payload.count(b"[") + payload.count(b"(") <= MAX_DEPTH:
        return
    depth = 0
    for found in _BRACKETS.finditer(payload):
        sign = found[0]
        depth += 1 if sign in (b"[", b"(") else -1 if sign in (b"]", b")") else 0
        _refuse_beyond(depth)


def _refuse_beyond(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise RefusalError(400, f"The body nests deeper than {MAX_DEPTH} levels, which no data needs; give its nodes IRIs and flatten it")


def _checked(payload: bytes, media: str, base: str | None) -> Iterator[Quad]:
    try:
        for quad in ox.parse(payload, format=_FORMATS[media], base_iri=base or _NO_BASE):
            _refuse_wrong(quad, relative=base is None)
            yield quad
    except SyntaxError as error:
        raise RefusalError(400, f"This is not {media}: {error}; correct it") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise RefusalError(400, f"This can't be read as {media}: {error}; correct it") from error


def _refuse_wrong(quad: Quad, *, relative: bool) -> None:
    if isinstance(quad.object, Triple):
        raise RefusalError(
            400, f"{quad.subject} is said to hold a statement about a statement, which is not kept here; give the statement an IRI"
        )
    for term in (quad.subject, quad.predicate, quad.object, quad.graph_name):
        if relative and isinstance(term, NamedNode) and term.value.startswith(_NO_BASE):
            raise RefusalError(
                400, f"{term.value.removeprefix(_NO_BASE)!r} is a relative IRI, and there is no base; write it whole, or state a base"
            )
    if isinstance(quad.object, Literal) and (wrong := fault(quad.object)):
        shown = quad.object.value if len(quad.object.value) <= 60 else quad.object.value[:60] + "…"
        told = f'"{shown}" as {quad.predicate.value} of {quad.subject} is stated as {quad.object.datatype.value} but {wrong}; correct it'
        raise RefusalError(400, told)


if __name__ == "__main__":
    serve(read)
