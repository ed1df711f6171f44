"""A platform to be killed: `python telemetry_platform.py STORE-DIRECTORY BROKER-PORT DEAD-LETTERS`; says `ready` and runs on."""

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from kg.embedded import EmbeddedStore
from kg.iris import Iris
from telemetry import Channels, DeadLetters, ReadingWriter
from telemetry.ingest import Ingest, Limits


def main(directory: Path, port: int, letters: Path) -> None:
    """Ingest until killed, in small batches so that a kill finds one half done."""
    iris = Iris("http://127.0.0.1:8080")
    store = EmbeddedStore(directory)
    channels = Channels(store, iris)
    writer = ReadingWriter(store, iris, channels)
    ingest = Ingest(
        "127.0.0.1",
        port,
        iris,
        store,
        writer,
        DeadLetters(letters),
        channels=channels,
        clock=lambda: datetime(2016, 9, 30, tzinfo=UTC),
        on_report=lambda *_: None,
        limits=Limits(batch_messages=5),
    )
    ingest.start()
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
