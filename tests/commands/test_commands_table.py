"""The command line and the platform know the same verbs, and a command runs on the store itself where no platform runs."""

import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import commands
import settings
from commands import table
from commands.arguments import ArgumentError
from commands.context import Context
from commands.line import line
from commands.loading import GraphNameError
from service import Platform

NOW = datetime(2026, 8, 12, 12, tzinfo=UTC)
PARTNER = """
PREFIX fc: <https://w3id.org/flexcoop/ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
<http://127.0.0.1:8080/graph/{graph}> {{ <http://127.0.0.1:8080/id/partner/university> a fc:Partner ; rdfs:label "University"@en }}
"""
Flex = Callable[..., Any]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    chosen = settings.load({"FLEX_DATA_DIR": str(tmp_path / "var")})
    return Context(chosen, lambda: NOW, lambda: 0.0, table.verbs)


@pytest.fixture
def platform(context: Context) -> Iterator[Platform]:
    made = Platform(context.settings, context.wall)
    yield made
    made.close()


@pytest.fixture
def flex(context: Context) -> Flex:
    """Run what a command line says."""

    def run(*words: str) -> Any:
        parser, verb = line()
        table.declare(verb)
        given = parser.parse_args(words)
        return given.run(context, given)

    return run


def declared(declare: Callable[..., None]) -> set[str]:
    """The names that a family puts on the line."""
    _, verb = line()
    made: list[str] = []
    declare(lambda name, run, help_: made.append(name) or verb(name, run, help_))
    return set(made)


def families() -> list[Any]:
    modules = [import_module(f"commands.{each.name}") for each in pkgutil.iter_modules(commands.__path__)]
    return [module for module in modules if module is not table and hasattr(module, "declare")]


def test_every_family_is_on_the_line() -> None:
    known = declared(table.declare)

    assert len(families()) == 11
    assert [(family.__name__, declared(family.declare) - known) for family in families() if declared(family.declare) - known] == []


def test_the_platform_does_what_the_line_offers_and_what_pages_ask(platform: Platform) -> None:
    local = {"demo", "osb", "validate", "query", "settings"}
    for_pages = {"opt-out", "flexibility", "progress", "stop"}

    assert set(table.verbs(platform)) == declared(table.declare) - local | for_pages


def test_facts_are_entered_all_or_none_and_on_record(flex: Flex, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.trig", tmp_path / "bad.trig"
    good.write_text(PARTNER.format(graph="registry"))
    bad.write_text(PARTNER.format(graph="registry").replace(' ; rdfs:label "University"@en', ""))

    refused, entered = flex("load", str(bad)), flex("load", str(good))

    assert (refused["ok"], refused["triples"], len(refused["findings"])) == (False, 0, 1)
    assert refused["findings"][0].startswith("partner/university: Name is missing.")
    assert entered == {"ok": True, "triples": 2, "findings": []}
    nquads = tmp_path / "all.nq"
    counted = flex("backup", str(nquads))["triples"]
    lines = nquads.read_text().splitlines()
    assert len(lines) == counted
    university, label = "<http://127.0.0.1:8080/id/partner/university>", "<http://www.w3.org/2000/01/rdf-schema#label>"
    assert f'{university} {label} "University"@en <http://127.0.0.1:8080/graph/registry> .' in lines
    assert any("facts were loaded from a file" in each for each in lines)
    assert any("<http://127.0.0.1:8080/id/agent/local>" in each for each in lines)


def test_facts_of_no_graph_of_ours_are_refused(flex: Flex, tmp_path: Path) -> None:
    file = tmp_path / "other.trig"
    file.write_text(PARTNER.format(graph="registry").replace("8080/graph/", "9/"))

    with pytest.raises(GraphNameError, match=r"^http://127.0.0.1:9/registry is not a graph that facts are entered in; use "):
        flex("load", str(file))


def test_a_verb_says_which_argument_it_cant_use(platform: Platform, tmp_path: Path) -> None:
    verbs = table.verbs(platform)
    window = {"start": "2026-08-12T18:00Z", "end": "2026-08-12T20:00Z", "price": "0.40", "kw": 5.0}

    with pytest.raises(ArgumentError, match=r"^kw='nan' is not a finite number; write it like 25.5$"):
        verbs["optimise"](window | {"kw": "nan"})
    with pytest.raises(ArgumentError, match=r"^price='abc' is not an amount; write it like 0.40$"):
        verbs["campaign"](window | {"price": "abc"})
    with pytest.raises(ArgumentError, match=r"^start='2026-08-12T18:00' has no offset, so it names no instant; "):
        verbs["forecast"](window | {"start": "2026-08-12T18:00"})
    with pytest.raises(ArgumentError, match=r"^campaign is missing; give it as a text$"):
        verbs["settle"]({})
    with pytest.raises(ArgumentError, match=f"^there is no file {tmp_path}/nope$"):
        verbs["load"]({"file": f"{tmp_path}/nope"})
    with pytest.raises(ArgumentError, match=r"^letter='x' is not a whole number; the numbers are in `flex refused`$"):
        verbs["refused"]({"letter": "x"})
