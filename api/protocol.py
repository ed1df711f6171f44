"""What the addresses of the SPARQL protocols have in common: who may read from where, validators, how fresh, bodies.

References
----------
RFC 9110 §8.8 (validators), §12.5.5 (Vary), §15.5.14 (413); Fetch standard, §3.2 (CORS).
"""

import hashlib
from collections.abc import Callable, Iterable
from email.utils import format_datetime
from typing import Any

from flask import Response, make_response, request

from access.principal import Role
from api.errors import problem
from api.guard import principal
from api.services import Answer
from kg.terms import instant

EXPOSED = "Age, ETag, Last-Modified, FLEX-As-Of, Location, Retry-After, Link"
RETRY_S = 5
STREAMED_FROM = 1 << 20


def refuse(status: int, sentence: str) -> Response:
    """Refuse in the one form of errors, readable for pages of partners."""
    answer = problem(status, sentence)
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_S)
    return shared(answer)


def shared(answer: Response) -> Response:
    """Let pages from elsewhere read an answer that did not depend on a cookie; caches must tell who asked, and in which form.

    A page that is allowed to read what the visitor's own session may see would read it for its own maker.
    """
    if principal().via != "session":
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Access-Control-Expose-Headers"] = EXPOSED
    answer.headers["Vary"] = "Accept, Authorization, Cookie"
    answer.headers["Cache-Control"] = "no-cache" if principal().role is Role.PUBLIC else "private, no-cache"
    return answer


def options(methods: str) -> Response:
    """Answer OPTIONS, also a browser's question before it sends somebody else's page's request."""
    answer = make_response("", 204)
    answer.headers["Allow"] = methods
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Access-Control-Allow-Methods"] = methods
    answer.headers["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, Content-Encoding, If-Match, If-None-Match"
    answer.headers["Access-Control-Max-Age"] = "86400"
    return answer


def whole(body: bytes, media_type: str, *, tag: str | None = None) -> Response:
    """Answer with a body and its validator; 304 without it where the client has it already."""
    answer = Response(body, 200, content_type=media_type)
    answer.set_etag(tag or _tag([body], media_type))
    return _sent(shared(answer))


def found(answered: Answer) -> Response:
    """Answer with what a query found, and say how fresh it is; a long answer goes out bit by bit.

    The endpoint's reason goes out in the one form of errors, where it found nothing.
    """
    if answered.status != 200:
        refused = refuse(answered.status, answered.body.decode())
        if answered.retry_after_s is not None:
            refused.headers["Retry-After"] = str(answered.retry_after_s)
        return refused
    answer = Response(answered.chunks(), 200, content_type=answered.media_type)
    if answered.length < STREAMED_FROM:
        answer.set_data(answered.body)
    else:
        answer.call_on_close(answered.close)
    answer.set_etag(_tag(answered.chunks(), answered.media_type))
    answer.headers["Age"] = str(round(answered.age_s))
    if answered.as_of is not None:
        answer.headers["FLEX-As-Of"] = instant(answered.as_of)
        answer.headers["Last-Modified"] = format_datetime(answered.as_of, usegmt=True)
    return _sent(shared(answer))


def _tag(chunks: Iterable[bytes], media_type: str) -> str:
    content = hashlib.sha256(media_type.encode())
    for chunk in chunks:
        content.update(chunk)
    return content.hexdigest()[:32]


def _sent(answer: Response) -> Response:
    if _has_already(answer):
        answer.status_code = 304
        answer.set_data(b"")
        del answer.headers["Content-Type"]
    return answer


def _has_already(answer: Response) -> bool:
    """Compare by the validator of the content: the same content packed otherwise bears it with the way of packing behind a colon."""
    tag, _ = answer.get_etag()
    wanted = request.if_none_match
    if request.method not in ("GET", "HEAD") or not wanted:
        return False
    return wanted.star_tag or any(each.partition(":")[0] == tag for each in wanted.as_set(include_weak=True))


def too_long(most: int) -> Response | None:
    """Refuse a body by the length that it states, before any of it is read."""
    length = request.content_length or 0
    if length <= most:
        return None
    return refuse(413, f"The body has {length} bytes, more than the {most} that are read at once; send it in parts")


def client() -> str:
    """Who is to wait for himself: whoever signed in, otherwise whoever comes from one address."""
    return principal().key if principal().role is not Role.PUBLIC else f"address {request.remote_addr}"


def gone() -> Callable[[], bool] | None:
    """How to find out that whoever asked has hung up; the server offers it."""
    offered: Any = request.environ.get("waitress.client_disconnected")
    return offered if callable(offered) else None


def is_utf8() -> bool:
    """Whether a text says that it is UTF-8, or says nothing."""
    return request.mimetype_params.get("charset", "utf-8").lower() in ("utf-8", "utf8", "us-ascii")
