"""What years in the field do to a live box: lost answers, wrong clocks, broken messages, full disks; nothing sleeps, time passes when told to."""

import json
import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from devices_memory import PROFILES, FakeTime, MemoryDevice, command, lift
from test_devices_live import BATTERY, HEAT_PUMP, ME, MINUTE, POWER, QUARTER, START, Bench, Handle, battery, dispatch, heat_pump, warm

from devices import box_config
from devices.aggregation import Aggregator
from devices.clock import Clock
from devices.control import Comfort, Control
from devices.errors import DeviceReadError
from devices.messages import instant
from devices.mqtt import Delivery
from devices.polling import DeviceThread, Written
from ontology.names import FCV

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class SlowHandle(Handle):
    """A device's thread whose device hangs: what it is told is done, and said, when `let_go` is called."""

    def __init__(self, rest: Decimal) -> None:
        super().__init__(rest)
        self.waiting: list[tuple[str, Decimal]] = []

    def write(self, command: str, value: Decimal) -> None:
        self.told.append((command, value))
        self.waiting = [one for one in self.waiting if one[0] != command] + [(command, value)]

    def take_hold(self) -> list[Written]:
        """The device does what it was told; nobody hears of it yet."""
        said = []
        for name, value in self.waiting:
            said.append(Written(self.name, name, value, self.held, None))
            self.held = value
        self.waiting = []
        return said

    def let_go(self) -> None:
        for one in self.take_hold():
            self.report(one)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator:
    made: list[Bench] = []

    def make(*devices: box_config.Device, **more) -> Bench:
        made.append(Bench(tmp_path, *devices, **more))
        return made[-1]

    yield make
    for one in made:
        one.outbox.close()


def slow(one: Bench) -> SlowHandle:
    """Make the battery of a bench hang."""
    handle = SlowHandle(Decimal(5))
    handle.name, handle.report = "battery", one.box.take
    one.handles["battery"] = handle
    one.kill()
    one.start()
    return handle


# --- set-points must not stay
def test_a_limit_that_was_revoked_while_the_device_hung_is_taken_back_when_it_comes_to_itself(bench) -> None:
    one = bench()
    device = slow(one)
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER + MINUTE)
    one.tell("dispatch", {"revoke": ME.iri("instruction/i1"), "at": instant(one.time.true)})
    said = device.take_hold()  # it is written at last, and that is heard of after the revoke
    one.run(timedelta(seconds=10))
    for written in said:
        one.box.take(written)
    one.run(2 * MINUTE)
    device.let_go()

    assert device.held == Decimal(5)


def test_a_crash_between_a_write_and_its_answer_leaves_no_limit_behind(bench) -> None:
    one = bench()
    device = slow(one)
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER)
    device.take_hold()  # in force, and the box ends before it hears of it
    one.kill()
    one.time.pass_(3600)
    one.start()
    one.connect()
    one.run(MINUTE)
    device.let_go()

    assert device.held == Decimal(5)


def test_a_stop_tries_to_free_a_device_even_where_it_has_just_failed(bench) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER + MINUTE)
    one.handles["battery"].error = "no answer"
    one.tell("dispatch", {"revoke": ME.iri("instruction/i1"), "at": instant(one.time.true)})
    one.run(timedelta(seconds=10))
    one.handles["battery"].error = None
    one.box.release()

    assert one.handles["battery"].held == Decimal(5)


def test_a_device_taken_out_of_the_configuration_while_limited_is_said_and_freed_when_it_is_back(bench, caplog) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER + MINUTE)
    one.kill()
    both, one.devices = one.devices, (box_config.Device("meter", "meter", {}),)
    one.start()
    one.connect()
    one.run(HOUR)
    assert "battery" in caplog.text
    one.kill()
    one.devices = both
    one.start()
    one.connect()
    one.run(MINUTE)

    assert one.handles["battery"].held == Decimal(5)


def test_blocks_in_a_row_are_no_longer_than_sg_ready_allows(bench) -> None:
    one = bench(heat_pump())
    one.values = warm("22")
    one.connect()
    for number in range(3):
        begin = START + QUARTER + number * 2 * HOUR
        name = ME.iri(f"instruction/i{number}")
        one.tell("dispatch", dispatch(begin, HEAT_PUMP, (0.0,) * 8, instruction=name, notAfter=instant(begin + 2 * HOUR)))
    one.run(QUARTER + 2 * HOUR + 5 * MINUTE)

    assert one.handles["heatpump"].held == Decimal(2)
    assert "blocked for 2:00" in (one.statuses()[-1][1] or "")
    one.run(2 * HOUR)
    assert one.handles["heatpump"].held == Decimal(1)  # the third comes after a rest
    assert [status for status, _ in one.statuses()] == ["Accepted"] * 3 + ["Started", "Started", "Succeeded", "Aborted", "Started"]


def test_an_instruction_may_begin_some_seconds_after_its_slot(bench) -> None:
    one = bench()
    one.connect()
    one.time.pass_(0.4)  # the box looks once a second, not at the stroke
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER + MINUTE)

    assert [status for status, _ in one.statuses()] == ["Accepted", "Started"]


class CoarseHandle(Handle):
    """A device's thread whose device knows no more than tenths of 6 kW."""

    def write(self, command: str, value: Decimal) -> None:
        self.told.append((command, value))
        before, self.held = self.held, round(value / 6, 2) * 6
        self.report(Written(self.name, command, value, before, None, self.held))


def test_a_set_point_that_the_device_rounded_is_not_a_foreign_one(bench) -> None:
    one = bench()
    one.handles["battery"] = CoarseHandle(Decimal(5))
    one.kill()
    one.start()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, limit=(-2.0, -2.0)))
    one.run(2 * QUARTER)
    assert one.handles["battery"].held == Decimal("-1.98")
    assert one.platform.flags() == []
    assert one.handles["battery"].told == [("powerLimit", Decimal("-2.0"))]
    one.handles["battery"].held = Decimal("-1.5")
    one.run(QUARTER)

    assert [flag[1] for flag in one.platform.flags()] == ["fcv:SetpointOverridden"]


def test_the_thread_of_a_device_says_what_it_shows_after_a_write() -> None:
    device, said = RoundingDevice(dict, powerLimit=Decimal(5)), []
    time_ = FakeTime(START)
    thread = DeviceThread(
        "battery", PROFILES["battery"], device, lift, MINUTE, Clock(time_.wall, time_.monotonic), said.append, threading.Condition.wait
    )
    thread.write("powerLimit", Decimal("1.234"))

    assert thread.write_waiting()
    assert said == [Written("battery", "powerLimit", Decimal("1.234"), Decimal(5), None, Decimal("1.2"))]


class RoundingDevice(MemoryDevice):
    """Holds tenths."""

    def write(self, name: str, value: Decimal) -> None:
        super().write(name, round(value, 1))


def test_an_instruction_that_a_stop_of_the_box_broke_is_not_said_to_be_kept(bench) -> None:
    one = bench()
    one.values["battery"]["activePower"] = "-3"
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER + MINUTE)
    one.box.release()
    one.kill()
    one.time.pass_(60)
    one.start()
    one.connect()
    one.run(2 * QUARTER)

    assert one.statuses()[-1][0] == "Succeeded"
    assert "the box was stopped while it was in force" in (one.statuses()[-1][1] or "")


def test_a_device_that_cannot_be_asked_can_still_be_freed() -> None:
    class Mute(MemoryDevice):
        def read_back(self, name: str) -> Decimal | None:
            raise DeviceReadError(str(FCV.DeviceFault), f"{name} can't be read")

    device, said, time_ = Mute(dict, powerLimit=Decimal(1)), [], FakeTime(START)
    thread = DeviceThread(
        "battery", PROFILES["battery"], device, lift, MINUTE, Clock(time_.wall, time_.monotonic), said.append, threading.Condition.wait
    )
    for value in (Decimal(5), Decimal(2)):
        thread.write("powerLimit", value)
        assert thread.write_waiting()

    assert device.log == [("powerLimit", Decimal(5))]  # a limit isn't written where nobody knows what was there before
    assert [one.error for one in said] == [None, "powerLimit can't be read"]


def test_a_mean_of_an_hour_is_held_against_the_highest_limit_in_it(bench) -> None:
    one = bench(battery(step=HOUR))
    one.values["battery"]["activePower"] = "1"
    one.connect()
    one.tell("dispatch", dispatch(START + HOUR, limit=(0.5, 2.0, 0.5, 0.5)))
    one.tell("dispatch", dispatch(START + HOUR, limit=(0.5, 0.6, 0.5, 0.5), instruction=ME.iri("instruction/i2")))
    one.run(2 * HOUR + MINUTE, poll_s=10)

    ends = {said["instruction"][-2:]: said.get("reason") for said in one.platform.bodies("report") if said["status"] == "Succeeded"}
    assert ends["i1"] is None
    assert "kept in 0 of 1 intervals" in ends["i2"]


def test_what_members_switch_by_hand_is_an_opt_out(bench) -> None:
    plug = box_config.Device("plug", "plug", {}, ratings={"ratedPower": Decimal(2)})
    one = bench(plug, battery())
    one.values["plug"] = {"activePower": "0"}
    one.connect()
    name = ME.iri("instruction/i2")
    one.tell("dispatch", dispatch(START + QUARTER, ME.iri("device/h01-plug"), (0.5, 0.5)))
    one.tell("dispatch", dispatch(START + QUARTER, BATTERY, (0.5, 0.5), instruction=name))
    one.run(QUARTER + MINUTE)
    one.handles["plug"].held = Decimal(1)  # somebody pressed its button
    one.run(MINUTE)

    assert one.handles["plug"].told == [("switch", Decimal(0))]  # it stays on
    assert one.handles["battery"].held == Decimal(5)
    (wish,) = [said for said in one.platform.bodies("report") if "optOut" in said]
    assert (wish["optOut"], wish["reason"]) == (ME.iri("event/e1"), "ManualOverride")
    assert [said["status"] for said in one.platform.bodies("report") if "status" in said][-2:] == ["Aborted", "Aborted"]
    one.tell("dispatch", dispatch(START + 2 * QUARTER, BATTERY, instruction=ME.iri("instruction/i3")))
    one.run(MINUTE)
    assert "opted out" in one.platform.bodies("report")[-1]["reason"]


def test_a_plug_that_was_out_of_sight_has_started_anew_and_is_told_again(bench) -> None:
    plug = box_config.Device("plug", "plug", {}, ratings={"ratedPower": Decimal(2)})
    one = bench(plug)
    one.values["plug"] = {"activePower": "0"}
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, ME.iri("device/h01-plug"), (0.5, 0.5)))
    one.run(QUARTER + MINUTE)
    shown, one.values["plug"] = one.values["plug"], {}
    one.run(MINUTE)
    one.handles["plug"].held, one.values["plug"] = Decimal(1), shown
    one.run(MINUTE)

    assert one.handles["plug"].told == [("switch", Decimal(0))] * 2
    assert [said for said in one.platform.bodies("report") if "optOut" in said] == []


def test_what_a_member_had_set_beyond_the_bounds_is_taken_back_as_near_as_it_goes() -> None:
    told: list[tuple[str, Decimal]] = []
    temperature = command("temperature", "unit:DEG_C", 5, 30, 20)
    band = Comfort(Decimal(19), Decimal(23), "room", "airTemperature")
    control = Control("valve", temperature, Decimal(2), band, lambda *one: told.append(one), lambda _: None, lambda *_: None)
    control.hold(Decimal(0), 0.0)
    control.act(0.0)
    control.written(Decimal(19), Decimal(4), None)  # somebody had closed it by hand
    control.release(60.0)

    assert told == [("temperature", Decimal(19)), ("temperature", Decimal(5))]


# --- what comes from the platform
@pytest.mark.parametrize(
    "said",
    [
        dispatch(START + QUARTER) | {"start": "0001-01-01T00:00:00+14:00"},
        dispatch(START + QUARTER) | {"notAfter": "9999-12-31T23:59:59-14:00"},
        dispatch(START + QUARTER) | {"limit": [10**400, 1]},
        dispatch(START + QUARTER) | {"instruction": "http://x/\ud800"},
        {"revoke": "\ud800"},
        {"revoke": ["no", "iri"]},
    ],
    ids=["before time", "after time", "endless", "half a letter", "half a letter revoked", "no name"],
)
def test_a_dispatch_that_cannot_be_taken_in_does_not_end_the_box(bench, said: dict) -> None:
    one = bench()
    one.connect()
    confirmed = []
    one.box.receive([Delivery(ME.topic("dispatch"), json.dumps(said).encode(), lambda: confirmed.append(True))])
    one.run(QUARTER + MINUTE)

    assert confirmed == [True]  # else the broker brings it again for ever
    assert one.handles["battery"].told == []
    assert one.platform.slots() == {(POWER, START): "1.5"}


@pytest.mark.parametrize(
    "said",
    [
        {"refused": 7},
        {"received": "0001-01-01T00:00:00+14:00", "sent": "0001-01-01T00:00:00+14:00"},
        {"received": "9999-12-31T23:59:59Z", "sent": "9999-12-31T23:59:59Z"},
        {"received": 5, "sent": None},
    ],
)
def test_an_acknowledgement_out_of_its_mind_does_not_end_the_box(bench, said: dict) -> None:
    one = bench()
    one.connect()
    one.acking = False
    one.run(QUARTER + MINUTE)
    answer = one.platform.answers()[0]
    one.tell("ack", answer | said)
    one.acking = True
    one.run(2 * QUARTER)

    assert abs(one.clock.now() - one.time.true) < timedelta(seconds=1)
    assert {(POWER, START), (POWER, START + QUARTER)} <= set(one.platform.slots())


def test_a_full_disk_does_not_keep_the_broker_waiting_for_its_acknowledgements(bench) -> None:
    one = bench(battery(steps={"activePower": MINUTE}))
    one.connect()
    one.outbox.connection.execute("PRAGMA query_only = ON")
    one.tell("dispatch", dispatch(START + QUARTER))
    unconfirmed = []
    for _ in range(30):
        one.poll()
        one.time.pass_(60)
        one.box.work()
        for answer in one.platform.answers():
            unconfirmed.append(answer["message"])
            delivery = Delivery(ME.topic("ack"), json.dumps(answer).encode(), lambda: unconfirmed.pop())
            one.box.receive([delivery])

    assert unconfirmed == []  # a broker gives up at twenty
    one.outbox.connection.execute("PRAGMA query_only = OFF")


# --- clocks
@pytest.mark.parametrize("wrong", [-DAY, DAY])
def test_an_instruction_that_comes_before_the_clock_is_compared_waits_for_that(bench, wrong: timedelta) -> None:
    one = bench(wrong=wrong)
    one.platform.connected = True
    one.tell("dispatch", dispatch(START + QUARTER))  # the broker had kept it
    one.tell("dispatch", dispatch(START - QUARTER, instruction=ME.iri("instruction/old")))
    one.run(timedelta(seconds=20))
    assert one.platform.bodies("report") == []
    one.connect()
    one.run(QUARTER + MINUTE)

    assert [status for status, _ in one.statuses()] == ["Accepted", "Rejected", "Started"]
    assert one.handles["battery"].held == Decimal("-2.0")


def test_what_cannot_be_taken_in_does_not_end_the_box_later_either(bench) -> None:
    one = bench()
    one.tell("dispatch", {"instruction": "http://x/\ud800"})
    one.tell("dispatch", dispatch(START + QUARTER))
    one.connect()
    one.run(QUARTER + MINUTE)

    assert [status for status, _ in one.statuses()] == ["Accepted", "Started"]


def test_what_waits_for_the_clock_survives_a_crash(bench) -> None:
    one = bench(wrong=DAY)
    one.platform.connected = True
    one.tell("dispatch", dispatch(START + QUARTER))
    one.kill()
    one.start()
    one.connect()
    one.run(QUARTER + MINUTE)

    assert [status for status, _ in one.statuses()] == ["Accepted", "Started"]


def test_a_clock_wrong_at_the_start_ends_no_running_instruction(bench) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, limit=(-2.0,) * 8))
    one.run(QUARTER + MINUTE)
    one.kill()
    one.time.set_wall(DAY)
    one.start()
    one.run(timedelta(seconds=20))
    one.connect()
    one.run(MINUTE)

    assert [status for status, _ in one.statuses()] == ["Accepted", "Started"]
    assert one.handles["battery"].told == [("powerLimit", Decimal("-2.0"))]  # not taken back in between


def test_a_device_left_limited_is_freed_when_nobody_tells_the_time(bench) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, limit=(-2.0,) * 8))
    one.run(QUARTER + MINUTE)
    one.kill()
    one.start()
    one.run(2 * MINUTE)

    assert one.handles["battery"].held == Decimal(5)


def test_a_clock_far_ahead_gives_up_no_reading(bench) -> None:
    one = bench()
    one.connect()
    one.run(MINUTE)
    one.platform.connected = False
    one.run(7 * DAY, poll_s=300)
    one.kill()
    one.time.set_wall(10 * 365 * DAY)  # its battery is dead
    one.start()
    one.run(HOUR, poll_s=60)
    one.time.set_wall(timedelta(0))
    one.connect()
    one.run(HOUR, poll_s=60)

    assert {at for _, at in one.platform.slots()} >= {START + n * QUARTER for n in range(7 * 96)}


def test_readings_of_an_earlier_start_are_not_moved_by_the_error_of_this_one(bench) -> None:
    one = bench()
    one.run(HOUR, poll_s=60)  # the system clock was right, but nobody confirmed it
    one.kill()
    one.time.set_wall(-DAY)
    one.start()
    one.run(MINUTE)
    one.connect()
    one.run(MINUTE)

    slots = one.platform.slots()
    assert {(POWER, START + n * QUARTER) for n in range(3)} <= set(slots)
    assert max(at for _, at in slots) <= START + HOUR
    assert "fcv:ClockSkew" in {flag[1] for flag in one.platform.flags()}


def test_a_system_clock_set_by_ntp_before_anybody_was_asked_counts(bench) -> None:
    one = bench(wrong=-DAY)
    one.run(5 * MINUTE)
    one.time.set_wall(DAY)  # NTP answers, the platform doesn't
    one.run(HOUR)
    one.kill()  # nobody will ever say how wrong it was
    one.time.pass_(60)
    one.start()
    one.connect()
    one.run(MINUTE)

    assert {(POWER, START + n * QUARTER) for n in range(3)} <= set(one.platform.slots())


# --- the backlog
def test_what_was_written_after_the_disk_had_room_again_is_sent(bench) -> None:
    one = bench(battery(steps={"activePower": MINUTE}))
    one.outbox.connection.execute("PRAGMA query_only = ON")
    one.connect()
    one.platform.connected = False
    one.run(10 * MINUTE)
    one.platform.connected = True
    one.box.connected()
    one.answer()
    one.acking = False
    one.run(timedelta(seconds=10))  # on its way from memory
    one.outbox.connection.execute("PRAGMA query_only = OFF")
    one.run(timedelta(seconds=10))
    one.acking = True
    one.run(2 * MINUTE)

    assert len(one.box.backlog) == 0


def test_very_many_channels_of_one_interval_fit_the_broker(bench) -> None:
    devices = [box_config.Device(f"plug{number}", "plug", {}, ratings={"ratedPower": Decimal(2)}) for number in range(300)]
    one = bench(*devices, battery())
    assert BATTERY.endswith("battery")
    one.values = {device.name: {"activePower": str(Decimal(hash(device.name) % 2003) / 1000)} for device in devices}
    one.connect()
    one.run(QUARTER + MINUTE, poll_s=60)

    assert max(len(payload) for _, topic, payload in one.platform.sent if topic.endswith("/telemetry")) < 65_536


def test_readings_stamped_while_the_disk_was_full_are_moved_too(bench) -> None:
    one = bench(wrong=-DAY)
    one.outbox.connection.execute("PRAGMA query_only = ON")
    one.run(HOUR, poll_s=60)
    one.connect()
    one.run(MINUTE)
    assert {at for _, at in one.platform.slots()} >= {START + n * QUARTER for n in range(3)}
    one.outbox.connection.execute("PRAGMA query_only = OFF")
    one.run(MINUTE)

    assert min(at for _, at in one.platform.slots()) >= START - QUARTER
    assert len(one.box.backlog) == 0


def test_readings_in_the_file_are_moved_when_they_are_sent_if_they_cannot_be_written(bench) -> None:
    one = bench(wrong=-DAY)
    one.run(HOUR, poll_s=60)
    one.outbox.connection.execute("PRAGMA query_only = ON")
    one.connect()
    one.run(MINUTE)
    one.outbox.connection.execute("PRAGMA query_only = OFF")
    one.run(MINUTE)

    assert {at for _, at in one.platform.slots()} >= {START + n * QUARTER for n in range(3)}
    assert min(at for _, at in one.platform.slots()) >= START - QUARTER
    assert len(one.box.backlog) == 0


def test_a_card_that_cannot_even_be_read_holds_up_no_live_reading(bench) -> None:
    one = bench()
    one.connect()
    one.run(MINUTE)
    one.outbox.connection.set_progress_handler(lambda: 1, 1)  # every statement fails
    one.run(2 * QUARTER)
    one.outbox.connection.set_progress_handler(None, 0)
    one.run(MINUTE)

    assert {(POWER, START), (POWER, START + QUARTER)} <= set(one.platform.slots())
    assert not one.box.backlog.disk_full


def test_a_day_of_waiting_for_the_time_goes_out_in_messages_that_the_broker_takes(bench) -> None:
    devices = [box_config.Device(f"plug{n}", "plug", {}, ratings={"ratedPower": Decimal(2)}, step=MINUTE, poll=MINUTE) for n in range(30)]
    one = bench(*devices, clock_patience=2 * DAY)
    chance = random.Random(3)  # noqa: S311 - no secret
    for _ in range(12 * 60):
        one.values = {device.name: {"activePower": str(Decimal(chance.randrange(10**9)) / 10**6)} for device in devices}
        one.poll()
        one.time.pass_(60)
    one.box.work()
    one.connect()
    one.run(10 * MINUTE, poll_s=5)

    assert max(len(payload) for _, topic, payload in one.platform.sent if topic.endswith("/telemetry")) < 65_536
    assert len(one.platform.slots()) >= 30 * 12 * 60


def test_a_clock_that_is_put_back_counts_no_time_twice() -> None:
    aggregator = Aggregator("x", "unit", str(FCV.ActivePower), MINUTE, timedelta(seconds=10), START)
    for second, value in ((0, 1), (10, 1), (20, 1), (30, 1), (40, 1), (50, 1), (35, 3), (45, 3), (55, 3)):
        aggregator.take(START + timedelta(seconds=second), Decimal(value))

    (reading,) = aggregator.close(START + 2 * MINUTE)

    assert Decimal(reading.value or "nan") == Decimal("1.333")  # 50 s of 1, the last known, then 10 s of 3
    assert reading.reason is None


def test_a_box_without_devices_answers_and_is_quiet(bench, caplog) -> None:
    one = bench()
    one.kill()
    one.devices = ()
    one.start()
    one.run(HOUR)
    assert caplog.text.count("could not be asked for the time") == 1
    one.connect()
    one.tell("dispatch", dispatch(one.time.true + QUARTER))
    one.run(MINUTE)

    assert [status for status, _ in one.statuses()] == ["Rejected"]
