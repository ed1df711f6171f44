"""The demo cooperative: played once in a store of its own, or behind the pages (`flex serve --demo`)."""

import argparse
import contextlib
import logging
import resource
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import settings as settings_module
from access.opened import demo_accounts
from commands.context import Context, told_to_stop
from commands.line import Declare
from scenario.clock import SteppedTime
from scenario.dataset import FIRST
from scenario.demo import Demo
from scenario.story import Story
from service import Platform
from settings import Settings

log = logging.getLogger("flexcoop")


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    demo = verb("demo", _demo, "build the demo cooperative in a store of its own, run its campaign, print the figures")
    demo.add_argument("--days", type=int, help="days of history")
    demo.add_argument("--homes", type=int, help="homes; beyond 17 the measured ones are used again")
    demo.add_argument("--seed", type=int, help="same seed, same figures")
    demo.add_argument("--keep", metavar="DIR", help="keep store and boxes there")


def play(platform: Platform, clock: SteppedTime, stop: threading.Event) -> None:
    """Play the demo's history, then live; a failure is logged and shown, and the pages stay up."""
    speed = platform.settings.demo.speed
    demo = _over(platform, clock, stop)
    try:
        demo.start()
        demo_accounts(platform.access, {home.key: platform.iris.id("member", home.key) for home in demo.homes})
        platform.scenario["phase"] = "history"
        demo.play_history()
        platform.scenario["phase"] = "live"
        log.info("history is done; live at %g times the wall clock", speed)
        demo.play_live(speed)
        platform.scenario["phase"] = "at its end"
        stop.wait()  # the boxes go on obeying: a campaign of the operator's finds them
    except Exception as error:
        log.exception("the demo has stopped")
        platform.scenario["phase"] = f"stopped: {error}"
        platform.trouble = str(error)
    finally:
        demo.finish()


def _over(platform: Platform, clock: SteppedTime, stop: threading.Event) -> Demo:
    chosen = platform.settings
    platform.scenario.update({"homes": chosen.demo.homes, "days": chosen.demo.days, "seed": chosen.demo.seed, "phase": "starting"})
    story = Story(days=chosen.demo.days, homes=chosen.demo.homes)
    last = [0.0]

    def progress(share: float, sentence: str) -> None:
        platform.scenario["progress"] = round(share, 4)
        if time.monotonic() - last[0] > 1:
            last[0] = time.monotonic()
            log.info("history %3.0f %%, %s", 100 * share, sentence)

    return Demo(platform, story, chosen.demo.seed, chosen.data_dir / "demo", clock, stop, progress)


def _demo(context: Context, given: argparse.Namespace) -> dict[str, Any]:
    """Build the demo cooperative in a store of its own, run its campaign, and say what came of it."""
    with contextlib.ExitStack() as stack:
        folder = Path(given.keep) if given.keep else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flexcoop-demo-")))
        chosen = _own(context.settings, given, folder)
        stop = told_to_stop()
        begun = time.monotonic()
        clock = SteppedTime(FIRST)
        platform = stack.enter_context(contextlib.closing(Platform(chosen, clock, context.wall)))
        demo = _over(platform, clock, stop)
        stack.callback(demo.finish)
        demo.start()
        demo.play_history()
        return _figures(platform, time.monotonic() - begun, stopped=stop.is_set())


def _own(chosen: Settings, given: argparse.Namespace, folder: Path) -> Settings:
    demo = chosen.demo
    own = {
        "FLEX_STORE": "embedded",
        "FLEX_BROKER": "embedded",
        "FLEX_DATA_DIR": str(folder),
        "FLEX_BROKER_PORT": "0",
        "FLEX_DEMO_DAYS": str(demo.days if given.days is None else given.days),
        "FLEX_DEMO_HOMES": str(demo.homes if given.homes is None else given.homes),
        "FLEX_DEMO_SEED": str(demo.seed if given.seed is None else given.seed),
    }
    return settings_module.load(dict(chosen.values) | own)


def _figures(platform: Platform, seconds: float, *, stopped: bool) -> dict[str, Any]:
    chosen = platform.settings
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "ok": not stopped,
        "homes": chosen.demo.homes,
        "days": chosen.demo.days,
        "seed": chosen.demo.seed,
        "readings": platform.count_readings(FIRST, platform.now()),
        **platform.figures(),
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(own / 1024),
        "store": chosen.store.kind,
        "broker": platform.broker.kind if platform.broker else "external",
    }
