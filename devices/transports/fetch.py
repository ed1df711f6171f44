"""One HTTP request to a device: bounded in time as a whole and in size, never redirected, never by a proxy."""

import socket
from collections.abc import Mapping
from threading import Timer
from typing import Any

import httpx

from devices.errors import DeviceReadError
from devices.transports.deadline import Deadline, fault, unreachable

MOST_BYTES = 256 * 1024
PIECE = 4096
HUNG_UP = ("disconnected", "closed connection")  # httpx has one class for these and for what is no HTTP at all


class _Cut:
    """Ends the connection when the time is over: httpx bounds the wait for each piece, and a piece may be one byte."""

    def __init__(self, deadline: Deadline) -> None:
        self._socket: socket.socket | None = None
        self._timer = Timer(deadline.left, self._end)
        self._timer.daemon = True
        self._timer.start()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Learn from httpx which socket it has opened."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")

    def cancel(self) -> None:
        """Leave the connection alone."""
        self._timer.cancel()

    def _end(self) -> None:
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended by itself
                return


def client(login: tuple[str, str] | None = None) -> httpx.Client:
    """A client for `request`: no proxy of the environment, no redirects; with a login, HTTP Basic."""
    return httpx.Client(trust_env=False, follow_redirects=False, auth=login)


def request(http: httpx.Client, method: str, url: str, deadline: Deadline, body: bytes | None = None) -> bytes:
    """Send a request and take in the answer's body.

    Raises
    ------
    DeviceReadError
        If there is no whole answer in time, its status isn't 2xx, or it is larger than 256 KiB.
    """
    headers = {"accept": "application/json", "accept-encoding": "identity", "connection": "close"}
    if body is not None:
        headers["content-type"] = "application/json"
    cut = _Cut(deadline)
    try:
        with http.stream(method, url, content=body, headers=headers, timeout=deadline.left, extensions={"trace": cut.trace}) as answer:
            return _body(answer, deadline)
    except httpx.TimeoutException as error:
        raise _late(url, deadline) from error
    except httpx.HTTPError as error:
        if deadline.passed:
            raise _late(url, deadline) from error
        if isinstance(error, httpx.NetworkError) or any(words in str(error) for words in HUNG_UP):
            raise unreachable(f"{url} gives no whole answer ({error}); check power, cable and address") from error
        raise fault(f"{url} answers what is no HTTP ({error}); check the address and the device's firmware") from error
    except RuntimeError as error:  # the client was closed while somebody still read
        raise unreachable(f"{url} can't be asked any more ({error}); open the device again") from error
    except (httpx.InvalidURL, ValueError) as error:
        raise fault(f"{url} can't be asked ({error}); correct the address") from error
    finally:
        cut.cancel()


def _body(answer: httpx.Response, deadline: Deadline) -> bytes:
    url = answer.request.url
    if not answer.is_success:
        raise fault(
            f"{url} answers status {answer.status_code}; check the address, and whether the device's local interface is switched on"
        )
    body = bytearray()
    for piece in answer.iter_raw(PIECE):
        body += piece
        if len(body) > MOST_BYTES:
            raise fault(f"{url} answers more than {MOST_BYTES} bytes, which no meter does; check the address")
        if deadline.passed:
            raise _late(str(url), deadline)
    return bytes(body)


def _late(url: str, deadline: Deadline) -> DeviceReadError:
    return unreachable(f"{url} didn't answer whole in {deadline.seconds:g} s; check power and network")
