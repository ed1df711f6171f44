"""Start one simulated device on loopback: `python -m devices.simulators.wire PROFILE --port N [--fault hang]`; SIGTERM ends it."""

import argparse
import json
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from threading import Event

from devices.errors import ConfigError
from devices.simulators.wire import faults
from devices.simulators.wire.behaviour import RATED_KW, Simulated
from devices.simulators.wire.device import EVERY_S, UNIT, WireDevice
from mappers.errors import MappingError
from mappers.points import Profile
from mappers.profile import load

PROFILES = Path(__file__).parents[2] / "profiles"


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 1 if it can't start, with a sentence."""
    given = _parser().parse_args(arguments)
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        device = _device(given)
    except (ConfigError, MappingError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with device:
        sys.stdout.write(f"{device.profile.id} listens at {json.dumps(device.address)}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


def _device(given: argparse.Namespace) -> WireDevice:
    profile = _profile(given.profile)
    constant = given.power
    switched = faults.Faults()
    for name in given.fault:
        switched.named(name)
    return WireDevice(
        profile,
        Simulated(profile, None if constant is None else lambda _: constant, rated_kw=given.rated),
        port=given.port,
        unit=given.unit,
        serial=given.serial,
        broker=given.broker,
        name=given.name,
        rated_kw=given.rated,
        every_s=given.every,
        faults=switched,
    )


def _profile(name: str) -> Profile:
    folder = Path(name) if (Path(name) / "profile.toml").is_file() else PROFILES / name
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in PROFILES.iterdir() if path.is_dir()))
        raise ConfigError(f"there is no device profile {name!r}; choose from {known}, or name a folder")
    return load(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devices.simulators.wire", description="Start one simulated device on loopback.")
    parser.add_argument("profile", help="name of a folder of devices/profiles, or a folder")
    parser.add_argument("--port", type=int, default=0, help="TCP port; any free one if not given")
    parser.add_argument("--unit", type=int, default=UNIT, help="Modbus unit id")
    parser.add_argument("--serial", action="store_true", help="Modbus RTU on a pseudo-terminal instead of TCP")
    parser.add_argument("--broker", type=_broker, help="HOST:PORT of the broker of an MQTT device")
    parser.add_argument("--name", default="device-1", help="name of an MQTT device")
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between two messages of an MQTT device")
    parser.add_argument("--power", type=_decimal, help="kW that it would like to do, in the sign of its activePower")
    parser.add_argument("--rated", type=_decimal, default=RATED_KW, help="kW on its plate")
    parser.add_argument("--fault", action="append", default=[], choices=faults.NAMES, help="a fault from the beginning; may be repeated")
    return parser


def _broker(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host, int(port)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


if __name__ == "__main__":
    sys.exit(main())
