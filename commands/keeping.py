"""What keeps the store: backup and restoring, the check of the whole, and the long jobs that make room."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import forgetting
from commands.arguments import Arguments, Verb, Verbs, file_of, text_of
from commands.line import Declare
from commands.relay import long, relayed
from commands.work import Step, Stop, Tell, Work
from service import Platform
from telemetry.jobs import JobStoppedError, Report


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    verb("backup", relayed("backup", "file"), "write the whole graph as N-Quads").add_argument("file")
    verb("restore", relayed("restore", "file"), "replace the whole graph by N-Quads").add_argument("file")
    verb("check", relayed("check"), "hold the whole graph against the shapes, the books, and the readings they rest on")
    verb("retain", long("retain"), "thin and drop the readings that FLEX_RETENTION_… no longer keeps; goes on where it was stopped")
    verb("rebuild", long("rebuild"), "write the store anew, which gives back the room of what was dropped; the platform goes on meanwhile")


def verbs(platform: Platform, work: Work) -> Verbs:
    """Return the verbs, bound to a platform; `progress` and `stop` are for whoever has begun one that takes long."""

    def backup(given: Arguments) -> dict[str, Any]:
        target = Path(text_of(given, "file")).absolute()
        platform.store.backup(target)
        return {"file": str(target), "bytes": target.stat().st_size, "triples": platform.store.count()}

    def restore(given: Arguments) -> dict[str, Any]:
        platform.restore(file_of(given))
        again = forgetting.forget_again(platform)
        return {"triples": platform.store.count(), "forgotten_again": again}

    def check(_: Arguments) -> dict[str, Any]:
        return platform.check()

    def job(name: str, task: Callable[[Report, Stop], dict[str, Any]]) -> Verb:
        def run(given: Arguments) -> dict[str, Any]:
            def begin(tell: Tell, stop: Stop) -> dict[str, Any]:
                return task(lambda at: tell(Step(at.done / at.total if at.total else None, f"{at.phase}: {at.sentence}")), stop)

            try:
                return {"ok": True} | work.run(str(given.get("key") or name), name, begin)
            except JobStoppedError as stopped:
                return {"ok": False, "stopped": str(stopped)}

        return run

    def progress(given: Arguments) -> dict[str, Any]:
        return work.progress(str(given.get("key", "")))

    def stop(given: Arguments) -> dict[str, Any]:
        return work.stop(str(given.get("key", "")))

    return {
        "backup": backup,
        "restore": restore,
        "check": check,
        "retain": job("retain", lambda report, stop: platform.retain(platform.now(), stop=stop, report=report)),
        "rebuild": job("rebuild", lambda report, stop: platform.rebuild(stop=stop, report=report)),
        "progress": progress,
        "stop": stop,
    }
