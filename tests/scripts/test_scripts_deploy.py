"""Units, example settings and container files name only what exists, and hold to a few rules."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted((DEPLOY / "systemd").glob("*.timer"))
IMAGES = sorted((DEPLOY / "container").glob("*.Containerfile"))
HOME = "/opt/flexcoop"  # where the project lies on the machine
SETTINGS = {row.name for row in settings.TABLE}
HARDENED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "UMask": "0077"}


class Unit:
    """One unit file; a key may stand several times."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[str, list[str]] = {}
        section = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line.strip() and not line.startswith(("#", ";")):
                key, _, value = line.partition("=")
                self.lines.setdefault(f"{section}.{key}", []).append(value)

    def all(self, key: str) -> list[str]:
        return self.lines.get(f"Service.{key}", [])

    def one(self, key: str) -> str:
        (value,) = self.all(key)
        return value


def steps(path: Path) -> list[tuple[str, str]]:
    """The instructions of a container file: verb and arguments."""
    text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0].upper(), line.split(maxsplit=1)[1]) for line in lines]


def flex_commands(text: str) -> list[list[str]]:
    """What follows the program `flex` in a command line."""
    return [shlex.split(part.rstrip("'"))[:1] for part in re.findall(r"/bin/flex ([^';|]+)", text)]


@cache
def known() -> set[str]:
    """The commands of `flex`."""
    said = subprocess.run([sys.executable, "-m", "app", "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^    ([a-z][a-z-]*)\b", said, re.MULTILINE))


def knows(command: str) -> bool:
    return command in known()


def test_there_is_something_to_check() -> None:
    assert {path.name for path in UNITS} == {"flexcoop.service", "flexcoop-backup.service", "flexcoop-osb.service"}
    assert {path.name for path in IMAGES} == {"platform.Containerfile", "osb.Containerfile"}


@pytest.mark.parametrize("path", UNITS + TIMERS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong(path: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed; on Debian: apt install systemd")  # also in CI, which may have no systemd
    flex = tmp_path / "flex"
    flex.write_text("#!/bin/sh\n")
    flex.chmod(0o755)
    for unit in UNITS + TIMERS:  # the program is not where the unit looks for it on this machine
        (tmp_path / unit.name).write_text(unit.read_text(encoding="utf-8").replace(f"{HOME}/.venv/bin/flex", str(flex)))

    found = subprocess.run(
        [program, "verify", "--man=no", "--recursive-errors=no", str(tmp_path / path.name)], capture_output=True, text=True, check=False
    )

    ours = [line for line in (found.stdout + found.stderr).splitlines() if str(tmp_path) in line or path.name in line]
    assert (found.returncode, ours) == (0, [])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_names_what_exists(path: Path) -> None:
    unit = Unit(path)
    users = re.findall(r"^u (\S+)", (DEPLOY / "systemd" / "flexcoop.sysusers").read_text(), re.MULTILINE)

    started = unit.one("ExecStart")
    commands = flex_commands(started)
    assert commands
    assert all(knows(command) for (command,) in commands), started
    assert unit.one("User") in users
    assert unit.one("User") == unit.one("Group")
    for doc in re.findall(rf"{HOME}/(\S+\.md)", path.read_text()):
        assert (ROOT / doc).is_file(), doc
    for value in unit.all("Environment"):
        assert {pair.partition("=")[0] for pair in shlex.split(value)} <= SETTINGS
    state = f"/var/lib/{unit.one('StateDirectory').split()[0]}"
    written = re.findall(r"/var/lib/[\w/-]+", path.read_text())
    assert all(name == state or name.startswith(f"{state}/") for name in written), written


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_shut_in(path: Path) -> None:
    unit = Unit(path)

    assert {key: unit.one(key) for key in HARDENED} == HARDENED
    assert unit.one("User") not in ("", "root")
    assert unit.one("CapabilityBoundingSet") == ""
    assert unit.one("SystemCallFilter").startswith("@system-service")
    if unit.all("Type") == ["simple"]:
        assert unit.one("Restart") == "on-failure"
        assert not unit.all("WatchdogSec")  # nothing here notifies a watchdog, and systemd would end it for that


def test_the_timer_starts_a_unit_that_is_there() -> None:
    for path in TIMERS:
        timer = configparser.ConfigParser(strict=False, interpolation=None)
        timer.read(path)
        assert path.with_suffix(".service").is_file()
        assert timer["Timer"]["OnCalendar"]


def test_the_example_settings_are_settings_and_are_accepted() -> None:
    lines = (DEPLOY / "flexcoop.env.example").read_text(encoding="utf-8").splitlines()
    given = dict(line.partition("=")[::2] for line in lines if line and not line.startswith("#"))

    chosen = settings.load(given | {"FLEX_DATA_DIR": "/var/lib/flexcoop"})

    assert set(given) <= SETTINGS
    assert chosen.broker.tls
    assert not [name for name in given if any(row.name == name and row.secret for row in settings.TABLE)]


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_an_image_copies_what_exists_and_all_that_is_needed(path: Path) -> None:
    copied: set[str] = set()
    for verb, rest in steps(path):
        if verb == "COPY" and not rest.startswith("--from="):
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest
            copied |= set(sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    modules = {f"{name}.py" for name in project["tool"]["setuptools"]["py-modules"]}
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}

    assert modules | packages <= copied, modules | packages - copied


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_an_image_is_pinned_not_root_and_says_how_it_is(path: Path) -> None:
    found = steps(path)
    last = max(index for index, (verb, _) in enumerate(found) if verb == "FROM")
    final = found[last:]
    verbs = [verb for verb, _ in final]

    for verb, rest in found:
        if verb == "FROM":
            assert re.fullmatch(r"docker\.io/library/\w+:\d+\.\d+\.\d+-\S+(?: AS \w+)?", rest), (
                f"{rest}: name the base with its whole version"
            )
        assert verb != "ADD", "ADD fetches and unpacks; use COPY"
        assert verb != "ARG" or not re.search(r"PASS|SECRET|TOKEN|KEY", rest, re.IGNORECASE), (
            "a build argument stays in the image's history"
        )
        assert not re.search(r"\b(curl|wget)\b", rest), rest
    assert last > 0, "build in a stage of its own"
    users = [rest for verb, rest in final if verb == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    assert verbs.index("USER") < verbs.index("ENTRYPOINT")
    assert "HEALTHCHECK" in verbs
    assert "VOLUME" in verbs


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.name)
def test_an_image_starts_a_command_and_sets_settings_that_exist(path: Path) -> None:
    final = dict(steps(path))

    assert final["ENTRYPOINT"] == '["flex"]'
    assert knows(re.findall(r'"([^"]+)"', final.get("CMD", ""))[0])
    named = set(re.findall(r"FLEX_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert named <= SETTINGS, named - SETTINGS


def test_what_the_readme_names_is_there() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")

    for name in re.findall(r"`((?:systemd|container)/[\w.-]+|flexcoop\.env\.example)`", text):
        assert (DEPLOY / name).exists(), name
