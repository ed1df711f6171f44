"""Commands that hand their arguments to a verb of the platform."""

import argparse
import signal
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from commands.arguments import Arguments
from commands.context import Context, Run


def relayed(name: str, *names: str) -> Run:
    """Make a command that runs one verb with these arguments, of those that were given."""

    def run(context: Context, given: argparse.Namespace) -> dict[str, Any]:
        arguments = {key: str(value) if key == "kw" else value for key in names if (value := getattr(given, key)) is not None}
        if "file" in arguments:
            arguments["file"] = str(Path(arguments["file"]).absolute())
        return context.ask(name, arguments)

    return run


def acted(name: str, *names: str) -> Run:
    """Make a command that runs one verb with an action and these arguments, of those that aren't empty."""

    def run(context: Context, given: argparse.Namespace) -> dict[str, Any]:
        return context.ask(name, {key: value for key in ("action", *names) if (value := getattr(given, key))})

    return run


def long(name: str) -> Run:
    """Make a command that runs one long verb without arguments."""
    return lambda context, given: run_long(context, given, name, {})


def run_long(context: Context, given: argparse.Namespace, name: str, arguments: Arguments) -> dict[str, Any]:
    """Run a verb that may take long, say how far it has come, and end in good order at Ctrl-C."""
    key, stop = uuid.uuid4().hex, threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with context.reached() as ask, ThreadPoolExecutor(1) as worker:
        work = worker.submit(ask, name, arguments | {"key": key})
        shown = sys.stderr.isatty() and not given.json
        while not wait([work], 1.0).done:
            if stop.is_set():
                ask("stop", {"key": key})
            elif shown and (state := ask("progress", {"key": key}))["under_way"]:
                sys.stderr.write(f"\r{state['sentence']}\033[K")
        if shown:
            sys.stderr.write("\r\033[K")
        return work.result()
