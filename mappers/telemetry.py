"""Whatever may come on the telemetry topic, read by one function: plain or gzip, JSON-LD or SenML."""

import zlib
from collections.abc import Callable
from datetime import datetime

from mappers import jsonld, senml
from mappers.document import MAX_BYTES
from mappers.errors import MappingError
from mappers.records import Message

GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"

# first byte that isn't blank → reader; whatever else comes is refused by the first, which says what is expected
FORMATS: dict[bytes, Callable[[bytes, str, str, datetime | None], Message]] = {
    b"{": lambda payload, _base, _sender, _received: jsonld.lift(payload),
    b"[": lambda payload, base, sender, received: senml.lift(payload, base=base, sender=sender, received=received),
}


def lift(payload: bytes, *, base: str, sender: str, received: datetime | None = None) -> Message:
    """Read a telemetry message.

    Parameters
    ----------
    base
        What stands before a path, with its last slash.
    sender
        IRI of the box on whose topic it came; SenML doesn't name it. Whether a JSON-LD message is its own is for the caller to check.
    received
        What relative times of SenML are relative to; without it they are refused.

    Raises
    ------
    MappingError
        If nothing of it can be used. A bad reading in a good message is in `Message.refused` instead.
    """
    plain = unpacked(payload).removeprefix(BYTE_ORDER_MARK)
    return FORMATS.get(plain.lstrip(_BLANK)[:1], FORMATS[b"{"])(plain, base, sender, received)


def unpacked(payload: bytes, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Undo gzip where the first two bytes say so; never makes more than `max_bytes` and one of it.

    Raises
    ------
    MappingError
        If it unpacks to more, is broken or cut off, or goes on after its end.
    """
    if payload[:2] != GZIP:
        return payload
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(payload, max_bytes + 1)
    except zlib.error as error:
        raise MappingError(f"the payload begins like gzip and can't be unpacked ({error}); send it again, or uncompressed") from error
    if len(plain) > max_bytes:
        raise MappingError(f"the payload unpacks to more than the {max_bytes} bytes that one message may have; send it in parts")
    if not unpacker.eof:
        raise MappingError("the payload begins like gzip and ends too early; send it again")
    if unpacker.unused_data:
        raise MappingError(f"the payload has {len(unpacker.unused_data)} bytes after the end of its gzip stream; send one stream")
    return plain
