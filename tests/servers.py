"""Real servers for the tests: each on a free loopback port, started once a test run, ended by its own pid.

A server that is absent skips the tests that need it, with the reason; under `CI=true` it fails them.
"""

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from patience import PATIENCE_S

ROOT = Path(__file__).parents[1]
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def require(condition: bool, reason: str) -> None:
    """Skip the test unless the condition holds; fail it instead where `CI=true`."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"needed in CI: {reason}", pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """Find a TCP port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent() -> None:
    """To be called in a child before it starts its program: the kernel ends it when its parent is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@dataclass
class Child:
    """One child process and the file that takes its output."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask it to end, make it end if it does not, and collect it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def wait_until(self, ready: Callable[[], bool], timeout_s: float = PATIENCE_S) -> "Child":
        """Return when `ready()` is true; fail with its output when it ended or took too long."""
        until = time.monotonic() + timeout_s
        while not ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.process.args} ended with {self.process.returncode}:\n{self.output}")
            if time.monotonic() > until:
                self.kill()
                raise AssertionError(f"{self.process.args} was not ready in {timeout_s} s:\n{self.output}")
            time.sleep(0.02)
        return self


def start(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Child:
    """Start a child that dies with this process; `env` is added to the environment. End it with `.stop()`."""
    handle, name = tempfile.mkstemp(prefix="flexcoop-test-", suffix=".log")
    with os.fdopen(handle, "wb") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            preexec_fn=die_with_parent,
        )
    atexit.register(_collect, process, Path(name))
    return Child(process, Path(name))


@contextlib.contextmanager
def running(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Run a child for the length of a `with` block."""
    child = start(command, env=env)
    try:
        yield child
    finally:
        child.stop()


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Tell whether an HTTP server answers there, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@dataclass(frozen=True)
class SparqlServer:
    """The addresses of a running SPARQL server."""

    query_url: str
    update_url: str
    gsp_url: str
    union_query_url: str
    child: Child = field(repr=False)


def start_oxigraph(location: Path | None = None) -> SparqlServer:
    """Start the `oxigraph` server of PyPI; the caller ends `.child`."""
    program = Path(sys.executable).with_name("oxigraph")
    require(program.is_file(), "the oxigraph server is not installed; pip install '.[test]' brings it")
    port = free_port()
    where = ["--location", location] if location is not None else []
    child = start([program, "serve", *where, "--bind", f"127.0.0.1:{port}"])
    base = f"http://127.0.0.1:{port}"
    child.wait_until(lambda: answers(f"{base}/"))
    return SparqlServer(f"{base}/query", f"{base}/update", f"{base}/store", f"{base}/query?union-default-graph", child)


def start_fuseki(location: Path, *, timeout_s: int = 60) -> SparqlServer:
    """Start Apache Jena Fuseki with a TDB2 store in `location`; the caller ends `.child`."""
    require(shutil.which("java") is not None, "Fuseki needs Java 17 or newer, and there is no java on the PATH")
    script = ROOT / "scripts" / "fuseki.py"
    fetched = subprocess.run([sys.executable, script, "fetch"], capture_output=True, text=True, check=False)
    require(fetched.returncode == 0, f"Fuseki can't be had: {fetched.stderr.strip()}")
    port = free_port()
    child = start(
        [
            sys.executable,
            script,
            "serve",
            "--port",
            str(port),
            "--location",
            location,
            "--timeout",
            str(timeout_s),
        ]
    )
    base = f"http://127.0.0.1:{port}"
    child.wait_until(lambda: answers(f"{base}/$/ping"))
    return SparqlServer(f"{base}/flex/query", f"{base}/flex/update", f"{base}/flex/data", f"{base}/flex/union", child)


@cache
def oxigraph() -> SparqlServer:
    """The `oxigraph` server that all tests of this run share; whoever uses it empties it first."""
    return start_oxigraph(_temporary("oxigraph"))


@cache
def fuseki() -> SparqlServer:
    """The Fuseki that all tests of this run share; whoever uses it empties it first."""
    return start_fuseki(_temporary("fuseki"))


def _temporary(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"flexcoop-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _collect(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    log.unlink(missing_ok=True)
