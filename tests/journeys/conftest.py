"""The whole chain as a user runs it: the `flex` command in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from playwright.sync_api import Browser, sync_playwright
from servers import ROOT, Child, free_port, require, start

DAYS, HOMES, SEED = 16, 6, 9
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FLEX = [sys.executable, str(ROOT / "app.py")]


@dataclass(frozen=True)
class Played:
    """A demo that was played to its end, and what `flex demo --json` printed."""

    folder: Path
    figures: dict[str, Any]

    @property
    def store(self) -> Path:
        return self.folder / "store"


def _run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*FLEX, *arguments], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(env or {})}, check=False)


def _flex(*arguments: str, env: dict[str, str] | None = None, expect: int = 0) -> dict[str, Any]:
    """Run one command with `--json`; fails with its output if it does not exit as expected."""
    done = _run(*arguments, "--json", env=env)
    assert done.returncode == expect, (
        f"flex {' '.join(arguments)} exited with {done.returncode}:\n{done.stderr[-4000:]}\n{done.stdout[-2000:]}"
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="session")
def flex() -> Callable[..., dict[str, Any]]:
    """The command itself: `flex("demo", "--days", "16")`."""
    return _flex


@pytest.fixture(scope="session")
def raw_flex() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command with its exit code and outputs as they come."""
    return _run


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A small demo cooperative with one settled campaign."""
    folder = tmp_path_factory.mktemp("played")
    return Played(folder, _flex("demo", "--days", str(DAYS), "--homes", str(HOMES), "--seed", str(SEED), "--keep", str(folder)))


@dataclass
class Site:
    """A running platform."""

    url: str
    folder: Path
    env: dict[str, str]
    child: Child

    @property
    def token(self) -> str:
        """The machine's own token, which acts as an operator."""
        return (self.folder / "operator.token").read_text(encoding="ascii").strip()

    @property
    def headers(self) -> dict[str, str]:
        """What an operator's request carries."""
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, accept: str = "application/json") -> Any:
        request = urllib.request.Request(self.url + path, headers={"Accept": accept, **self.headers})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            body = answer.read().decode()
        return json.loads(body) if accept == "application/json" else body

    def health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.get("/health")
        except urllib.error.HTTPError as error:
            found = json.loads(error.read())
        except OSError:
            found = {}
        return found

    def wait_until(self, reached: Callable[[dict[str, Any]], bool], timeout_s: float = 240) -> dict[str, Any]:
        end = time.monotonic() + timeout_s
        while True:
            state = self.health()
            if state and reached(state):
                return state
            phase = str(state.get("scenario", {}).get("phase", ""))
            assert not phase.startswith("stopped"), f"{phase}\n{self.child.output[-4000:]}"
            assert self.child.process.poll() is None, self.child.output[-4000:]
            assert time.monotonic() < end, f"not reached in {timeout_s} s: {state}\n{self.child.output[-4000:]}"
            time.sleep(0.02)


def _begin(folder: Path, *arguments: str, **settings: str) -> Site:
    port = int(settings.get("FLEX_HTTP_PORT") or free_port())
    env = {
        "FLEX_DATA_DIR": str(folder),
        "FLEX_HTTP_PORT": str(port),
        "FLEX_BROKER_PORT": "0",
        "FLEX_DEMO_DAYS": str(DAYS),
        "FLEX_DEMO_HOMES": str(HOMES),
        "FLEX_DEMO_SEED": str(SEED),
        "FLEX_DEMO_SPEED": "0",
        **settings,
    }
    site = Site(f"http://127.0.0.1:{port}", folder, env, start([*FLEX, "serve", *arguments], env=env))
    site.wait_until(lambda state: True, 60)
    return site


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start `flex serve` with settings of the test; a second call with the same folder starts it again."""
    started: list[Site] = []

    def begin(*arguments: str, folder: Path | None = None, **settings: str) -> Site:
        started.append(_begin(folder or tmp_path / "platform", *arguments, **settings))
        return started[-1]

    yield begin
    for site in started:
        site.child.stop(20)


@pytest.fixture(scope="module")
def site(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A platform on a copy of the played demo, for the tests of one module."""
    folder = tmp_path_factory.mktemp("site") / "copy"
    shutil.copytree(played.folder, folder)
    running = _begin(folder, "--demo")
    running.wait_until(lambda state: state["scenario"].get("phase") == "at its end")
    yield running
    running.child.stop(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    chromium = shutil.which("chromium")
    require(chromium is not None, "Chromium is not installed")
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield running
        running.close()
