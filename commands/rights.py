"""A member's rights: everything that is held in one file, and being forgotten."""

from pathlib import Path
from typing import Any

import forgetting
from commands.arguments import Arguments, Verbs, text_of
from commands.line import Declare
from commands.relay import relayed
from service import Platform


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    export = verb("export", relayed("export", "member", "file"), "write everything that is held about a member to a ZIP (docs/privacy.md)")
    export.add_argument("member", metavar="KEY")
    export.add_argument("file")
    erase = verb("erase", relayed("erase", "member", "confirm"), "forget a member for ever; the books keep a pseudonym")
    erase.add_argument("member", metavar="KEY")
    erase.add_argument("--confirm", required=True, metavar="KEY", help="the key once more")


def verbs(platform: Platform) -> Verbs:
    """Return the verbs, bound to a platform."""

    def export(given: Arguments) -> dict[str, Any]:
        file = Path(text_of(given, "file")).absolute()
        part = file.with_name(file.name + ".part")
        with part.open("wb") as target:
            counts = forgetting.export_member(platform, text_of(given, "member"), target)
        part.replace(file)
        return {"file": str(file), **counts}

    def erase(given: Arguments) -> dict[str, Any]:
        return forgetting.erase_member(platform, text_of(given, "member"), confirmed=text_of(given, "confirm"))

    return {"export": export, "erase": erase}
