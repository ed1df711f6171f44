"""A retention or rebuild to be killed: `python telemetry_retention.py retain|rebuild STORE-DIRECTORY JOBS-DIRECTORY`; says `done` at its end."""

import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, ReadingWriter
from telemetry.rebuild import rebuild
from telemetry.retention import Policy, retain

IRIS = Iris("http://127.0.0.1:8080")
FIRST, DAYS = date(2016, 7, 20), 24
NOW = datetime(2016, 9, 30, 12, 0, tzinfo=UTC)
POLICY = Policy(fine_days=30, kept_days=60, thinned_to=timedelta(minutes=15))


def main(job: str, directory: Path, jobs: Path) -> None:
    """Run the job until killed or done."""
    with closing(EmbeddedStore(directory)) as store:
        print("open", flush=True)  # noqa: T201 - the test waits for it
        if job == "rebuild":
            rebuild(store, jobs, now=NOW)
        else:
            channels = Channels(store, IRIS)
            retain(store, IRIS, channels, ReadingWriter(store, IRIS, channels), POLICY, jobs, now=NOW)
    print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
