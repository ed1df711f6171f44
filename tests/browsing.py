"""What the tests in a browser share."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page
from servers import require

AXE = Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Seen:
    """What a page complained of, and whom it asked."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def of(self, page: Page) -> "Seen":
        """Listen to a page."""
        page.on("console", lambda message: self.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        return self


def grave(page: Page) -> list[tuple[str, str, list[str]]]:
    """What axe-core finds serious or critical about a page: rule, what it asks for, the first elements."""
    require(AXE.exists(), "axe-core is not installed (npm ci)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def wider_by(page: Page, patience_s: float = 3.0) -> int:
    """By how many pixels a page is wider than its window; charts are given a moment to follow the window."""
    end = time.monotonic() + patience_s
    while (
        by := page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    ) > 0 and time.monotonic() < end:
        page.wait_for_timeout(50)
    return int(by)
