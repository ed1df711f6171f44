"""Say what this machine has, and what serves in place of what it has not."""

import shutil
import sys
from pathlib import Path

LOOKED_FOR = (
    (
        "mosquitto",
        "MQTT broker Mosquitto",
        "the broker amqtt runs inside the platform (fine for the demo, slower); install the package mosquitto",
    ),
    (
        "java",
        "Java",
        "the embedded store is used and nothing is missed by `make run`; tests on Apache Jena Fuseki and of the ontology's consistency are skipped; install a JRE of version 17 or newer",
    ),
    (
        "mvn",
        "Maven",
        "tests on Apache Jena Fuseki are skipped, unless it was fetched before; install the package maven",
    ),
    ("chromium", "Chromium", "tests in a browser are skipped; install the package chromium"),
)


def find(command: str) -> str | None:
    """Find a command on the PATH or where Debian puts servers."""
    return shutil.which(command) or shutil.which(command, path="/usr/sbin:/usr/local/sbin")


def main() -> None:
    """Print one line a thing."""
    print(f"Python {sys.version.split()[0]} in {Path(sys.prefix).name}: ready")
    for command, name, instead in LOOKED_FOR:
        print(f"{name}: {'found' if find(command) else f'not found: {instead}'}")


if __name__ == "__main__":
    main()
