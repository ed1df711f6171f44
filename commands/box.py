"""The Open Smart Box as a process of this machine."""

import argparse
import uuid
from pathlib import Path
from typing import Any

from commands.context import Context, until_told
from commands.line import Declare
from devices import box


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    osb = verb("osb", _osb, "run an Open Smart Box")
    osb.add_argument("--config", required=True, metavar="FILE", help="TOML file, see docs/osb.md")
    osb.add_argument("--check", action="store_true", help="read each device once, print what it says, and end")
    osb.add_argument("--enrol", metavar="CODE", help="get the box's certificate with the claim code of its owner, and end")


def _osb(context: Context, given: argparse.Namespace) -> dict[str, Any] | None:
    """Run the box of a configuration file until told to stop; or read its devices once, or get its certificate."""
    found = box.inventory(Path(given.config))
    if given.enrol:
        return {"ok": True, **box.request_certificate(found.box, given.enrol)}
    environment = box.Environment(context.wall, context.since_boot, lambda: uuid.uuid4().hex)
    if given.check:
        rows = box.check(found, environment)
        readable = all(not row["reason"] for row in rows)
        return {"ok": readable, "rows": rows} if given.json else {"ok": readable, "devices": "\n" + "\n".join(box.table(rows))}
    process = box.BoxProcess(found, environment)
    until_told(process.stop)
    process.run()
    return None
