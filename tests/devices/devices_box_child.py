"""A live box in a process of its own, with a battery in memory and a time that runs fast: `… FOLDER PORT SPEED EPOCH`."""

import signal
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from devices_memory import MemoryDevice, inventory, lift

from devices import box_config
from devices.box import BoxProcess, Environment


class FastTime:
    """A clock that runs `speed` times as fast as the real one since `epoch` (s since 1970), at which it is the same."""

    def __init__(self, speed: float, epoch: float) -> None:
        self.speed, self.epoch = speed, epoch

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.epoch, UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.time() - self.epoch) * self.speed

    def environment(self, *devices: MemoryDevice) -> Environment:
        waiting = list(devices)
        return Environment(
            self.wall,
            self.monotonic,
            lambda: uuid.uuid4().hex,
            open=lambda _profile, _address: waiting.pop(0),
            lift=lift,
            wait=lambda condition, seconds: condition.wait(seconds / self.speed),
        )


def battery(**more) -> box_config.Device:
    return box_config.Device(
        "battery", "battery", {}, ratings={"ratedPower": Decimal(5)}, steps={"activePower": timedelta(minutes=1)}, **more
    )


def main() -> None:
    folder, port, speed, epoch = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    device = MemoryDevice(lambda: {"activePower": "1.5"}, powerLimit=Decimal(5))
    process = BoxProcess(inventory(folder, battery(), port=port), FastTime(speed, epoch).environment(device))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.stop())
    process.run()


if __name__ == "__main__":
    main()
