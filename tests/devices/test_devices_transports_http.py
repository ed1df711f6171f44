"""HTTP with JSON: bounded in time and size, never redirected, and what is no document is a fault."""

import json
import time

import pytest
from devices_garbage import Parrot
from devices_wire import PROFILES, given, wired
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st
from servers import free_port

from devices.errors import ConfigError, DeviceReadError
from devices.transports import lift, open_device
from ontology.names import FCV

METER = PROFILES["homewizard_p1"]
UNREACHABLE, FAULT, MISMATCH = str(FCV.DeviceUnreachable), str(FCV.DeviceFault), str(FCV.RegisterMismatch)


@pytest.fixture(scope="module")
def parrot():
    with Parrot() as server:
        yield server


def refused(parrot, answer: bytes, timeout: float = 1.0) -> tuple[str, str]:
    parrot.answer = lambda _: answer
    device = open_device(METER, {"url": f"http://127.0.0.1:{parrot.port}", "timeout": timeout})
    started = time.monotonic()
    with pytest.raises(DeviceReadError) as caught:
        device.read()
    device.close()
    assert time.monotonic() - started < timeout + 1
    return caught.value.reason, caught.value.sentence


def ok(body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body])


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"", UNREACHABLE, "gives no whole answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", FAULT, "is no HTTP"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", FAULT, "status 302"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", FAULT, "status 404"),
        (ok(b"<html>"), FAULT, "is no JSON"),
        (ok(b""), FAULT, "is no JSON"),
        (ok(b'{"a":' * 5000), FAULT, "is no JSON"),
        (ok(b"{}"), MISMATCH, "smr_version"),
        (ok(b"[1, 2]"), MISMATCH, "smr_version"),
        (ok(b"null"), MISMATCH, "smr_version"),
        (ok(b'{"smr_version": 7}'), MISMATCH, "smr_version"),
        (ok(b" " * 300_000), FAULT, "more than 262144 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}", UNREACHABLE, "no whole answer"),
    ],
)
def test_what_is_no_document_of_the_meter_has_its_reason(parrot, answer, reason, words):
    found, sentence = refused(parrot, answer)
    assert words in sentence
    assert found == reason


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@examples(body=st.binary(max_size=300), whole=st.booleans())
def test_garbage_is_refused_and_never_a_crash(parrot, body, whole):
    refused(parrot, ok(body) if whole else body)


def test_nobody_listening_is_unreachable_at_once():
    device = open_device(METER, {"url": f"http://127.0.0.1:{free_port()}", "timeout": 5})
    started = time.monotonic()
    with pytest.raises(DeviceReadError) as caught:
        device.read()
    device.close()
    assert caught.value.reason == UNREACHABLE
    assert time.monotonic() - started < 1


def test_numbers_keep_the_digits_of_the_meter(parrot):
    """0.1 + 0.2 kWh of two tariffs is 0.3 kWh, and 13086.777 stays it."""
    document = {"smr_version": 50, "total_power_import_t1_kwh": 0.1, "total_power_import_t2_kwh": 0.2, "total_power_export_kwh": 13086.777}
    parrot.answer = lambda _: ok(json.dumps(document).encode())
    device = open_device(METER, {"url": f"http://127.0.0.1:{parrot.port}", "timeout": 1})
    values = {sample.point: sample.value for sample in lift(METER, device.read())}
    device.close()
    assert (values["importedEnergy"], values["exportedEnergy"]) == ("0.3", "13086.777")


def test_the_environment_cannot_send_a_request_elsewhere(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with wired(METER) as (_, device):
        assert {sample.point for sample in lift(METER, device.read()) if sample.value} == given(METER).keys()


def test_a_login_is_sent_and_stands_in_no_sentence(parrot):
    """RFC 7617 §2: Basic, and the Base64 of user:password."""
    heard = []

    def answer(request: bytes) -> bytes:
        heard.append(request)
        return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"

    parrot.answer = answer
    device = open_device(METER, {"url": f"http://127.0.0.1:{parrot.port}", "username": "Aladdin", "password": "open sesame", "timeout": 1})
    with pytest.raises(DeviceReadError, match="status 401") as caught:
        device.read()
    device.close()
    assert b"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" in heard[0]
    assert "sesame" not in str(caught.value)
    with pytest.raises(ConfigError, match="use username and password"):
        open_device(METER, {"url": "http://Aladdin:sesame@meter"})


@pytest.mark.parametrize(
    "url",
    [
        "meter",
        "ftp://meter",
        "http://",
        "file:///etc/passwd",
        "http://meter/?a=1",
        "http://[::1",
        "http://meter:99999",
        "http://meter:x",
        "http://meter:0",
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigError, match="write it like http"):
        open_device(METER, {"url": url})
