"""Copy what the pages load from `node_modules` to `api/static/vendor`: only the files that are served, with their licences."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "api" / "static" / "vendor"
FILES = {
    "uplot/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css": "uPlot.min.css",
    "uplot/LICENSE": "uPlot.LICENSE",
    "@zazuko/yasgui/build/yasgui.min.js": "yasgui.min.js",
    "@zazuko/yasgui/build/yasgui.min.css": "yasgui.min.css",
    "@zazuko/yasgui/package.json": "yasgui.package.json",  # names its licence
}


def main() -> None:
    """Copy every file, or say which one the package no longer has."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        origin = ROOT / "node_modules" / source
        if not origin.is_file():
            raise SystemExit(
                f"node_modules/{source} is missing: run `npm ci`, or the package has moved the file and scripts/vendor.py must follow"
            )
        shutil.copyfile(origin, TARGET / name)


if __name__ == "__main__":
    main()
