"""The command line: how a verb is declared on it, and what a command prints."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from commands.context import Run

Declare = Callable[[str, Run, str], argparse.ArgumentParser]  # name, what it runs, help → where its arguments are added


def line() -> tuple[argparse.ArgumentParser, Declare]:
    """Make a command line without verbs, and what declares one on it; help lists them in the order in which they are declared."""
    parser = argparse.ArgumentParser(prog="flex", description="FLEXCoop: semantic demand response for energy cooperatives")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="one JSON object on the last line of the output")
    shared.add_argument("--settings", type=Path, metavar="FILE", help="TOML file with FLEX_* names; the environment wins over it")
    every = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, run: Run, help_: str) -> argparse.ArgumentParser:
        made = every.add_parser(name, help=help_, description=help_, parents=[shared])
        made.set_defaults(run=run)
        return made

    return parser, verb


def say(result: dict[str, Any], *, as_json: bool) -> None:
    """Print what a command gives: as JSON, or line by line for people."""
    try:
        if as_json:
            sys.stdout.write(json.dumps(result, ensure_ascii=False, default=str) + "\n")
        else:
            sys.stdout.writelines(f"{line}\n" for line in _lines(result))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(value: Any, indent: str = "") -> Iterator[str]:  # noqa: ANN401  (JSON)
    items = value.items() if isinstance(value, dict) else enumerate(value, 1)
    for name, item in items:
        if isinstance(item, (dict, list)) and item:
            yield f"{indent}{name}:"
            yield from _lines(item, indent + "  ")
        else:
            yield f"{indent}{name}: {'none' if item in ([], {}, None) else item}"
