"""Run one benchmark by its name."""

import runpy
import sys
from pathlib import Path

NAMES = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python -m bench NAME [--json], with NAME one of {', '.join(NAMES)}")
    name = sys.argv.pop(1)
    sys.argv[0] = f"bench {name}"
    runpy.run_module(f"bench.{name}", run_name="__main__")
