"""One thread a device: it polls on the clock's grid and writes what it is told, so that a device that hangs holds up no other.

What the thread finds goes to `report`, which must be quick and safe to call from here; nothing else is shared.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from devices.aggregation import EPOCH, MICROSECOND
from devices.clock import Clock
from devices.errors import DeviceError, DeviceReadError, DeviceWriteError
from devices.transports import Device, Raw
from mappers.errors import MappingError
from mappers.points import Profile, Sample
from ontology.names import FCV

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll gave: samples, or why there are none (reason IRI and sentence), and what the watched command is found to hold."""

    device: str
    at_s: float  # on the monotonic clock
    samples: tuple[Sample, ...]
    fault: tuple[str, str] | None = None
    held: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write: what the device held before, why it isn't in force, if so, and what the device shows since."""

    device: str
    command: str
    value: Decimal
    before: Decimal | None
    error: str | None
    shown: Decimal | None = None


Report = Callable[[Polled | Written], None]
Wait = Callable[[threading.Condition, float], object]
Lift = Callable[[Profile, Raw], list[Sample]]


class DeviceThread:
    """Polls one device.

    Parameters
    ----------
    name, profile
        The device, as the configuration names it.
    device
        The device itself; only the thread uses it from now on, and closes it.
    lift
        Makes samples of what was read.
    poll
        Time between two polls, which fall on its multiples since midnight.
    clock, report
        The box's.
    wait
        Waits for a condition, at most so many seconds of the clock.
    """

    def __init__(
        self, name: str, profile: Profile, device: Device, lift: Lift, poll: timedelta, clock: Clock, report: Report, wait: Wait
    ) -> None:
        self.name, self._profile, self._device, self._lift = name, profile, device, lift
        self._poll, self._clock, self._report, self._wait = poll, clock, report, wait
        self._writes: deque[tuple[str, Decimal]] = deque()
        self._watched: str | None = None
        self._bell = threading.Condition()
        self._stopping = False
        self._faulty = ""
        self._thread = threading.Thread(target=self._run, name=f"device {name}", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def write(self, command: str, value: Decimal) -> None:
        """Have a set-point written as soon as the device is free; only the newest of one command counts."""
        with self._bell:
            self._writes = deque(waiting for waiting in self._writes if waiting[0] != command)
            self._writes.append((command, value))
            self._bell.notify()

    def watch(self, command: str | None) -> None:
        """Read a command back at each poll from now on."""
        self._watched = command

    def stop(self) -> None:
        """Write what is still to be written, then end; `join` waits for it."""
        with self._bell:
            self._stopping = True
            self._bell.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False if the device still hangs."""
        self._thread.join(max(timeout_s, 0.0))
        return not self._thread.is_alive()

    def poll(self) -> None:
        """Read the device once and report."""
        try:
            raw = self._device.read()
            at_s = self._clock.monotonic()
            samples = tuple(self._lift(self._profile, raw))
            held = self._held(self._watched)
        except DeviceReadError as error:
            self._fault(error.reason, error.sentence)
        except (MappingError, DeviceError) as error:
            self._fault(str(FCV.DeviceFault), str(error))
        except Exception as error:  # one broken driver must not end the box
            log.exception("%s: the poll failed", self.name)
            self._fault(str(FCV.DeviceFault), f"the poll failed ({type(error).__name__}: {error}); tell who maintains the profile")
        else:
            if self._faulty:
                log.warning("%s: answers again", self.name)
                self._faulty = ""
            self._report(Polled(self.name, at_s, samples, held=held))

    def write_waiting(self) -> bool:
        """Write the next of what is to be written; False if there is nothing."""
        with self._bell:
            if not self._writes:
                return False
            command, value = self._writes.popleft()
        before, shown, error = None, None, None
        try:
            if value == self._profile.command(command).restore:
                before = self._held(command)  # a device that can't be asked can perhaps be freed
                self._device.restore(command)  # also takes back what makes the set-point count
            else:
                before = self._device.read_back(command)
                self._device.write(command, value)
            shown = self._held(command)  # rounded, perhaps
        except (DeviceWriteError, DeviceReadError) as refused:
            error = refused.sentence
        except (DeviceError, MappingError) as refused:
            error = str(refused)
        except Exception as failure:
            log.exception("%s: the write failed", self.name)
            error = f"the write failed ({type(failure).__name__}: {failure}); tell who maintains the profile"
        self._report(Written(self.name, command, value, before, error, shown))
        return True

    def _held(self, command: str | None) -> Decimal | None:
        """What a command is found to hold; what can't be read back spoils no sample."""
        try:
            return self._device.read_back(command) if command else None
        except DeviceReadError as error:
            log.warning("%s: %s can't be read back: %s", self.name, command, error.sentence)
            return None

    def _fault(self, reason: str, sentence: str) -> None:
        if sentence != self._faulty:
            log.error("%s: %s", self.name, sentence)
            self._faulty = sentence
        self._report(Polled(self.name, self._clock.monotonic(), (), (reason, sentence)))

    def _run(self) -> None:
        due_s = self._clock.monotonic()  # the first poll is at once: an installer waits for it
        while True:
            while self.write_waiting():
                pass
            if self._stopping:
                break
            if self._clock.monotonic() >= due_s:
                self.poll()
                due_s = self._next()
            with self._bell:
                if not self._writes and not self._stopping:
                    self._wait(self._bell, max(due_s - self._clock.monotonic(), 0.001))
        self._device.close()

    def _next(self) -> float:
        """The next point of the grid on the monotonic clock, a little behind it, so that the sample belongs to the interval it opens."""
        now_s = self._clock.monotonic()
        into = (self._clock.at(now_s) - EPOCH) % self._poll
        return now_s + (self._poll - into) / timedelta(seconds=1) + MICROSECOND / timedelta(milliseconds=1)
