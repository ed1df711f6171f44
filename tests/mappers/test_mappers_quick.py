"""The quick decoder of telemetry: it gives what the strict one gives, or leaves the message to that one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mappers_jsonld import a_reading, encoded, message, observation, paths, series

from mappers import jsonld, plain
from mappers.document import decode
from mappers.errors import MappingError

texts = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000).map(str),
    st.sampled_from(["1.5", "-0", "1e5", "NaN", "", "٣", "\ud800", "7" * 70]),
)
said_in_texts = st.one_of(
    texts.map(observation),
    st.lists(st.one_of(st.none(), texts), max_size=5).map(series),
    texts.map(lambda value: observation(value, at="2016-08-12T02:00:00+02:00")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(a_reading, said_in_texts), max_size=4), paths, st.sampled_from(["-0.5", "x", 3, None, True]))
def test_the_quick_decoder_gives_what_the_strict_one_gives(readings: list[dict], key: str, offset: object) -> None:
    payload = encoded(message(*readings) | {"@id": key, "clockOffset": offset})
    quick = plain.quick(payload)

    if quick is not None:
        assert quick == plain.read(decode(payload))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.just("1.25"), st.just("-0.5")).map(observation), max_size=4))
def test_a_message_of_texts_takes_the_quick_way(readings: list[dict]) -> None:
    payload = encoded(message(*readings, series(["1.5", None, "2"])))

    assert plain.quick(payload) == plain.read(decode(payload)) == jsonld.lift(payload)
    assert plain.quick(payload) is not None


@pytest.mark.parametrize("number", ["1.230", "1e2", "12345678901234567890123", "0.1000000000000000055511151231257827"])
def test_a_json_number_is_read_in_the_digits_in_which_it_was_sent(number: str) -> None:
    payload = encoded(message(observation("VALUE"))).replace(b'"VALUE"', number.encode())
    run = encoded(message(series(["VALUE"]))).replace(b'"VALUE"', number.encode())

    assert plain.quick(payload) is None
    assert plain.quick(run) is None


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(message(observation())).encode("utf-16"),
        b"\xef\xbb\xbf" + encoded(message(observation())),
        encoded(message(observation(comment="of another kind"))),
        encoded(message(observation()) | {"@context": "https://example.org/context"}),
        encoded([message(observation())]),
        b"{",
    ],
)
def test_what_is_not_plain_is_left_to_the_strict_decoder(payload: bytes) -> None:
    assert plain.quick(payload) is None


def test_what_is_too_large_is_refused_by_the_strict_decoder() -> None:
    payload = encoded(message(observation())) + b" " * (4 << 20)

    assert plain.quick(payload) is None
    with pytest.raises(MappingError, match="more than the 4194304"):
        jsonld.lift(payload)
