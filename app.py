"""FLEXCoop, assembled: settings → graph → services → web, and the `flex` commands. Importing this module does nothing."""

import argparse
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

import settings as settings_module
import web
from api.tables import warm
from commands import demo, table
from commands.context import Context, told_to_stop
from commands.line import line, say
from commands.site import announced
from forgetting import resume_erasure
from kg.errors import GraphError
from scenario.clock import SteppedTime
from scenario.dataset import FIRST
from service import Platform
from settings import SettingsError

log = logging.getLogger("flexcoop")
FINE, REFUSED = 0, 1  # argparse ends with 2 itself


def wall_clock() -> datetime:
    """Read the time: the only place that does."""
    return datetime.now(UTC)


def since_boot() -> float:
    """Read a clock that is never set and goes on while the machine is suspended [s]."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one `flex` command; returns 0 if it was done, 1 if it was refused or failed, 2 if it was called wrongly."""
    given = _parser().parse_args(arguments)
    try:
        chosen = settings_module.load(file=given.settings)
        logging.basicConfig(level=chosen.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it reports every request
        result: dict[str, Any] | None = given.run(Context(chosen, wall_clock, since_boot, table.verbs), given)
    except (SettingsError, ValueError, GraphError, RuntimeError, LookupError, OSError, httpx.HTTPError) as error:
        if os.environ.get("FLEX_LOG_LEVEL") == "DEBUG":
            log.exception("the command failed")
        if given.json:
            say({"error": str(error)}, as_json=True)
        else:
            sys.stderr.write(f"flex: {error}\n")
        return REFUSED
    if result is not None:
        say(result, as_json=given.json)
    return REFUSED if result is not None and result.get("ok") is False else FINE


def _parser() -> argparse.ArgumentParser:
    parser, verb = line()
    verb("serve", serve, "run the platform").add_argument("--demo", action="store_true", help="with the demo cooperative")
    table.declare(verb)
    return parser


def serve(context: Context, given: argparse.Namespace) -> dict[str, Any] | None:
    """Run the platform until it is told to stop; a part that can't start ends it."""
    stop, chosen = told_to_stop(), context.settings
    clock = SteppedTime(FIRST) if given.demo else None
    with contextlib.ExitStack() as stack:
        platform = stack.enter_context(contextlib.closing(Platform(chosen, clock or context.wall, context.wall, demo=given.demo)))
        pages = web.pages(platform, context.verbs(platform), stack)
        server = web.listening(pages, chosen.web)
        threading.Thread(target=server.run, name="web", daemon=True).start()
        threading.Thread(target=warm, args=(pages,), name="lists", daemon=True).start()  # nobody waits for the first list or form
        resume_erasure(platform)
        url = f"http://{chosen.web.host}:{chosen.web.port}"
        stack.enter_context(announced(chosen.data_dir, url))
        log.info("FLEXCoop is at %s", url)
        if clock is not None:
            worker = threading.Thread(target=demo.play, args=(platform, clock, stop), name="demo")
        else:
            worker = threading.Thread(target=_live, args=(platform, stop), name="scheduler")
        worker.start()
        while worker.is_alive() and not stop.is_set():
            stop.wait(0.5)
        stop.wait()
        worker.join(30)
        server.close()
    return {"ok": False, "error": platform.trouble} if platform.trouble and not given.demo else None


def _live(platform: Platform, stop: threading.Event) -> None:
    try:
        platform.connect()
    except Exception as error:
        log.exception("the platform can't reach or start its broker")
        platform.trouble = str(error)
        stop.set()
        return
    platform.run_scheduler(stop)


if __name__ == "__main__":
    sys.exit(main())
