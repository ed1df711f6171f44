"""How commands reach the platform that runs on the same data directory: by its note of where it is, with the machine's own token."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

NOTE = "platform.json"
TOKEN = "operator.token"  # noqa: S105  (the name of its file)


@dataclass(frozen=True)
class Site:
    """A running platform: its address, and the token by which it knows whoever may read its data directory."""

    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run a verb there.

        Raises
        ------
        RuntimeError
            If it is refused, with the platform's sentence.
        """
        # no limit: a load or a check takes as long as it takes, and Ctrl-C ends the waiting
        answer = httpx.post(f"{self.url}/api/commands/{verb}", json=arguments, headers=self.headers, timeout=None)  # noqa: S113
        if answer.is_error:
            raise RuntimeError(answer.json().get("detail", answer.text))
        result: dict[str, Any] = answer.json()
        return result


@contextlib.contextmanager
def announced(data_dir: Path, url: str) -> Iterator[None]:
    """Leave a note where the running platform is."""
    note = data_dir / NOTE
    note.write_text(json.dumps({"pid": os.getpid(), "url": url}))
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def running(data_dir: Path) -> Site | None:
    """Find the platform that runs on this data directory, if one does."""
    note, token = data_dir / NOTE, data_dir / TOKEN
    if not note.is_file() or not token.is_file():
        return None
    found = json.loads(note.read_text())
    site = Site(str(found["url"]), token.read_text(encoding="ascii").strip())
    try:
        state = httpx.get(f"{site.url}/health", headers=site.headers, timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return None  # it was killed: the note is stale, and the store free
    return site if state.get("pid") == found["pid"] else None  # another platform may answer at that address now
