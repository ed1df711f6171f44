"""The live box on a bench: times that are wrong, outages of days, dispatch, comfort; nothing sleeps, time passes when told to."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from devices_memory import FakeTime, Platform, body, inventory, minting, unzipped

from devices import box_config
from devices.clock import Clock
from devices.live import LiveBox
from devices.messages import Identity, instant
from devices.mqtt import Delivery
from devices.outbox import Outbox
from devices.polling import Polled, Written
from mappers import jsonld
from mappers.points import Sample
from ontology.names import FCV

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, QUARTER, MINUTE = timedelta(days=1), timedelta(minutes=15), timedelta(minutes=1)
ME = Identity("http://127.0.0.1:8080", "osb-h01", "h01")
BATTERY = ME.iri("device/h01-battery")
POWER = "device/h01-battery#activePower"


class Handle:
    """A device's thread that does at once what it is told, unless it is broken."""

    def __init__(self, rest: Decimal) -> None:
        self.held, self.told, self.watched, self.error = rest, [], None, None
        self.report: Callable[[Written], None] = lambda _: None

    def write(self, command: str, value: Decimal) -> None:
        self.told.append((command, value))
        before, self.held = self.held, value if self.error is None else self.held
        self.report(Written(self.name, command, value, before, self.error))

    def watch(self, command: str | None) -> None:
        self.watched = command


class Bench:
    """A box, its devices' values and a platform, on one fake time."""

    def __init__(self, folder: Path, *devices: box_config.Device, wrong: timedelta = timedelta(0), drift: float = 0.0, **limits) -> None:
        self.folder, self.devices, self.limits = folder, devices or (battery(),), limits
        self.time = FakeTime(START, wrong, drift)
        self.platform = Platform(self.time)
        self.values = {"battery": {"activePower": "1.5"}}
        self.acking = True
        self.mint = minting()
        self.handles: dict[str, Handle] = {}
        self.start()

    def start(self) -> None:
        found = inventory(self.folder, *self.devices, **self.limits)
        self.outbox = Outbox(found.box.state, durable=False)
        self.clock = Clock(self.time.wall, self.time.monotonic)
        for device in found.box.devices:
            commands = found.profiles[device.name].commands
            handle = self.handles.setdefault(device.name, Handle(commands[0].restore if commands else Decimal(0)))
            handle.name = device.name
        self.box = LiveBox(found, self.handles, self.platform, self.outbox, self.clock, self.mint)
        for handle in self.handles.values():
            handle.report = self.box.take
            handle.told.clear()

    def kill(self) -> None:
        """As after kill -9: only the file and the devices are left."""
        self.outbox.close()
        self.platform.connected = False

    def connect(self) -> None:
        self.platform.connected = True
        self.box.connected()
        self.answer()

    def answer(self) -> None:
        if self.acking:
            for answer in self.platform.answers():
                self.tell("ack", answer)

    def tell(self, verb: str, said: dict) -> None:
        self.box.receive([Delivery(ME.topic(verb), json.dumps(said).encode(), lambda: None)])

    def poll(self) -> None:
        for device in self.devices:
            values = self.values.get(device.name, {})
            held = self.handles[device.name].held if self.handles[device.name].watched and values else None
            samples = tuple(Sample(point, value) for point, value in values.items())
            fault = None if values else (str(FCV.DeviceUnreachable), "no answer in 3 s")
            self.box.take(Polled(device.name, self.time.monotonic(), samples, fault, held))

    def run(self, span: timedelta, poll_s: float = 10) -> None:
        """Let time pass: a poll every so often, chores, and the platform's answers."""
        for _ in range(round(span.total_seconds() / poll_s)):
            self.poll()
            self.time.pass_(poll_s)
            self.box.work()
            self.answer()

    def statuses(self) -> list[tuple[str, str | None]]:
        return [(one["status"], one.get("reason")) for one in self.platform.bodies("report")]


@pytest.fixture
def bench(tmp_path: Path):
    made: list[Bench] = []

    def make(*devices: box_config.Device, **more) -> Bench:
        made.append(Bench(tmp_path, *devices, **more))
        return made[-1]

    yield make
    for one in made:
        one.outbox.close()


def battery(**more) -> box_config.Device:
    return box_config.Device("battery", "battery", {}, ratings={"ratedPower": Decimal(5)}, **more)


def heat_pump() -> box_config.Device:
    band = box_config.Comfort(Decimal(20), Decimal(24))
    return box_config.Device("heatpump", "heatpump", {}, ratings={"ratedPower": Decimal(3)}, comfort=band)


def dispatch(start: datetime, device: str = BATTERY, limit: tuple[float, ...] = (-2.0, -1.0), **more) -> dict:
    return {
        "instruction": ME.iri("instruction/i1"),
        "event": ME.iri("event/e1"),
        "device": device,
        "start": instant(start),
        "end": instant(start + len(limit) * QUARTER),
        "step": "PT15M",
        "notAfter": instant(start),
        "limit": list(limit),
    } | more


# --- readings
def test_the_announcement_comes_first_and_can_be_read(bench) -> None:
    one = bench()
    one.run(MINUTE)
    one.connect()

    (said,) = [payload for _, topic, payload in one.platform.sent if topic.endswith("/announce")]
    triples = {
        (triple.subject.value, triple.predicate.value.rsplit("/", 1)[-1].rsplit("#")[-1]) for triple in jsonld.announcement(said).triples
    }

    assert one.platform.sent[0][1].endswith("/announce")
    assert {(BATTERY, "deviceProfile"), (BATTERY, "controlType"), (f"{BATTERY}#ratedPower", "hasValue")} <= triples
    assert (ME.iri(POWER), "hasTemporalResolution") in triples


def test_quarter_hours_are_sent_as_they_end_with_the_clock_offset(bench) -> None:
    one = bench()
    one.connect()
    one.run(2 * QUARTER + MINUTE)

    said = one.platform.bodies("telemetry")

    assert one.platform.slots() == {(POWER, START): "1.5", (POWER, START + QUARTER): "1.5"}
    assert [message["clockOffset"] for message in said] == ["0", "0"]
    assert len(one.box.backlog) == 0
    assert one.platform.flags() == []


def test_steps_of_single_points_are_their_own(bench) -> None:
    one = bench(battery(steps={"activePower": MINUTE}))
    one.connect()
    one.run(3 * MINUTE + timedelta(seconds=10))

    assert sorted(at for _, at in one.platform.slots()) == [START, START + MINUTE, START + 2 * MINUTE]


def test_a_silent_device_is_flagged_and_touches_no_other(bench) -> None:
    meter = box_config.Device("meter", "meter", {})
    one = bench(battery(), meter)
    one.connect()
    one.run(QUARTER + MINUTE)

    assert one.platform.slots() == {(POWER, START): "1.5"}
    assert {(channel, reason, comment) for channel, reason, _, _, comment in one.platform.flags()} == {
        (f"connection/h01#{name}", "fcv:DeviceUnreachable", "no answer in 3 s") for name in ("activePower", "importedEnergy")
    }


def test_a_refused_box_keeps_its_readings_and_asks_again(bench) -> None:
    one = bench()
    one.acking = False
    one.connect()
    (first,) = one.platform.answers()
    one.tell("ack", first | {"accepted": 0, "refused": [{"point": "osb", "sentence": "nobody has claimed it"}]})
    one.run(QUARTER + MINUTE)

    assert one.platform.bodies("telemetry") == []
    assert len(one.platform.bodies("announce")) >= 3
    one.acking = True
    one.run(MINUTE)
    assert one.platform.slots() == {(POWER, START): "1.5"}


# --- time
def test_a_clock_wrong_by_a_day_is_measured_before_a_reading_is_stamped(bench) -> None:
    one = bench(wrong=-DAY)
    one.run(5 * MINUTE)  # the network is slower than the devices
    one.connect()
    one.run(QUARTER)

    assert one.platform.slots() == {(POWER, START): "1.5"}  # true time, whole, once
    assert one.platform.flags() == []
    assert {message["clockOffset"] for message in one.platform.bodies("telemetry")} == {"86400"}


def test_a_wrong_clock_that_nobody_corrects_for_hours_is_mended_afterwards(bench) -> None:
    one = bench(wrong=-DAY - timedelta(seconds=20))
    one.run(2 * timedelta(hours=1))
    assert len(one.box.backlog) > 0
    one.connect()
    one.run(MINUTE)

    slots = one.platform.slots()

    assert {at for _, at in slots} <= {START - QUARTER + n * QUARTER for n in range(10)}
    assert len(slots) >= 7
    skews = [flag for flag in one.platform.flags() if flag[1] == "fcv:ClockSkew"]
    assert skews
    assert "20 s beside it" in skews[0][4]


def test_a_step_of_the_clock_while_running_moves_no_reading(bench) -> None:
    one = bench()
    one.connect()
    one.run(5 * MINUTE)
    one.time.set_wall(timedelta(hours=9))
    one.run(QUARTER)

    assert one.platform.slots() == {(POWER, START): "1.5"}
    assert one.platform.flags() == []


def test_a_drifting_clock_stays_within_a_second_or_so(bench) -> None:
    one = bench(drift=200e-6)
    one.connect()
    one.run(timedelta(hours=12), poll_s=60)

    assert abs(one.clock.now() - one.time.true) < timedelta(seconds=1.5)  # undisciplined it would be 8.6 s
    assert len(one.platform.slots()) in (47, 48)


def test_a_platform_that_states_no_times_is_served_by_the_system_clock(bench) -> None:
    one = bench()
    one.platform.knows_time = False
    one.connect()
    one.run(QUARTER + MINUTE)

    assert one.platform.slots() == {(POWER, START): "1.5"}
    assert "clockOffset" not in one.platform.bodies("telemetry")[0]


# --- outages
def test_seven_days_of_outage_come_back_in_order_beside_live_readings_at_a_bounded_rate(bench) -> None:
    one = bench(battery(steps={"activePower": MINUTE}, poll=timedelta(seconds=60)), backlog_bytes_per_second=Decimal(500))
    one.connect()
    one.run(10 * MINUTE, poll_s=60)
    one.platform.connected = False
    for minute in range(7 * 24 * 60):
        one.values["battery"]["activePower"] = str(Decimal(minute * 7919 % 5003) / 1000)
        one.run(MINUTE, poll_s=60)
    begun, before = one.time.monotonic(), len(one.platform.sent)
    one.connect()
    one.run(20 * MINUTE, poll_s=5)

    new = [(at, body(payload), len(payload)) for at, topic, payload in one.platform.sent[before:] if topic.endswith("/telemetry")]
    live = [(at, said) for at, said, _ in new if all("at" in reading and reading["@type"] == "Observation" for reading in said["readings"])]
    old = [(at, said, size) for at, said, size in new if any(reading["@type"] == "TimeSeries" for reading in said["readings"])]
    starts = [reading["start"] for _, said, _ in old for reading in said["readings"] if reading["@type"] == "TimeSeries"]
    assert starts == sorted(starts)
    assert len(starts) >= 8  # cut at midnights
    assert len(old) < 30
    # live ones go out while the backlog is still on its way, each within seconds of its minute's end
    last_old = max(at for at, _, _ in old)
    assert last_old - begun > 10
    assert [at for at, _ in live if at < last_old]
    # the rate: what was sent up to any moment is at most the purse plus 500 bytes a second, but for one message
    sent = 0
    for at, _, size in old:
        assert sent <= 500 + 500 * (at - begun + 5)
        sent += size
    minutes = {at for _, at in one.platform.slots()}
    assert minutes >= {START + n * MINUTE for n in range(10 + 7 * 24 * 60)}
    assert len(one.box.backlog) == 0


def test_few_messages_are_unacknowledged_at_a_time_and_are_sent_again(bench) -> None:
    one = bench(battery(steps={"activePower": MINUTE}, poll=timedelta(seconds=60)))
    one.run(timedelta(days=6), poll_s=60)
    one.connect()
    one.acking = False
    one.platform.answers()
    one.run(timedelta(seconds=25), poll_s=5)
    first = runs_of_days(one.platform)
    one.run(timedelta(seconds=30), poll_s=5)
    again = runs_of_days(one.platform)[len(first) :]

    assert len(first) == len(set(first)) == 4
    assert set(again) == set(first)


def runs_of_days(platform: Platform) -> list[str]:
    return [said["@id"] for said in platform.bodies("telemetry") if said["readings"][0]["@type"] == "TimeSeries"]


def test_kill_9_loses_nothing_that_was_closed_and_doubles_nothing(bench) -> None:
    one = bench()
    one.connect()
    one.run(QUARTER + MINUTE)
    one.acking = False
    one.run(2 * QUARTER)  # on their way, not acknowledged
    one.kill()
    one.start()
    one.acking = True
    one.platform.answers()
    one.connect()
    one.run(MINUTE)

    assert [at for _, at in one.platform.slots()] == [START, START + QUARTER, START + 2 * QUARTER]
    assert set(one.platform.slots().values()) == {"1.5"}
    assert len(one.box.backlog) == 0


COUNTER = "connection/h01#importedEnergy"


def with_meter(bench) -> Bench:
    one = bench(battery(), box_config.Device("meter", "meter", {}))
    one.values["meter"] = {"activePower": "1", "importedEnergy": "100"}
    one.connect()
    return one


def restarted(one: Bench, *, orderly: bool, after: timedelta) -> None:
    """End the box, in good order or by kill -9, and start it again a while later; meanwhile the counter has gone on."""
    if orderly:
        one.box.release()
    one.kill()
    one.time.pass_(after.total_seconds())
    one.values["meter"]["importedEnergy"] = "101"
    one.start()
    one.platform.answers()
    one.connect()


def said_of(one: Bench, channel: str) -> list[tuple[datetime, str | None]]:
    """Every value that was sent of a channel, again if it was sent again."""
    found = []
    for _, topic, payload in one.platform.sent:
        if topic.endswith("/telemetry"):
            for series in jsonld.lift(unzipped(payload)).series:
                if series.channel.endswith(channel):
                    found += [(series.start + number * QUARTER, value) for number, value in enumerate(series.values)]
    return found


@pytest.mark.parametrize("orderly", [True, False], ids=["stopped", "killed"])
def test_a_restart_within_an_interval_makes_one_reading_of_it_and_keeps_its_counter(bench, orderly: bool) -> None:
    one = with_meter(bench)
    one.run(6 * MINUTE)
    one.values["battery"]["activePower"] = "3"
    restarted(one, orderly=orderly, after=MINUTE)
    one.run(9 * MINUTE)

    (mean,) = said_of(one, POWER)
    assert mean[0] == START
    assert float(mean[1] or "nan") == pytest.approx((6 * 1.5 + 8 * 3) / 14, abs=0.06)  # a killed box has forgotten up to a minute
    assert said_of(one, COUNTER) == [(START, "100")]
    assert [flag[1] for flag in one.platform.flags() if flag[0] == COUNTER] == []


def test_an_interval_that_ended_while_the_box_was_off_is_said_once_and_flagged(bench) -> None:
    one = with_meter(bench)
    one.run(6 * MINUTE)
    restarted(one, orderly=True, after=timedelta(hours=2))
    one.run(MINUTE)
    restarted(one, orderly=False, after=timedelta(hours=2))
    one.run(MINUTE)

    assert said_of(one, POWER)[0] == (START, "1.5")
    assert [at for at, _ in said_of(one, POWER)].count(START) == 1
    assert {(flag[1], flag[2]) for flag in one.platform.flags() if flag[0] == POWER} == {("fcv:PartialInterval", START)}
    assert said_of(one, COUNTER)[0] == (START, "100")


def test_after_kill_9_an_interval_that_was_said_in_full_is_not_said_in_part(bench) -> None:
    one = with_meter(bench)
    one.run(QUARTER - timedelta(seconds=20))  # kept a little before its end
    one.values["battery"]["activePower"] = "3"
    one.run(timedelta(seconds=30))  # said in full
    restarted(one, orderly=False, after=QUARTER)
    one.run(MINUTE)

    ((at, mean),) = said_of(one, POWER)
    assert (at, float(mean or "nan")) == (START, pytest.approx(1.5 + 1.5 * 20 / 900, abs=1e-4))
    assert set(said_of(one, COUNTER)) >= {(START, "100")}
    assert {value for at, value in said_of(one, COUNTER) if at == START} == {"100"}


def test_open_intervals_of_another_configuration_are_left_alone(bench) -> None:
    one = with_meter(bench)
    one.run(6 * MINUTE)
    one.devices = (battery(step=MINUTE), one.devices[1])
    restarted(one, orderly=True, after=MINUTE)
    one.run(3 * MINUTE)

    assert START not in [at for at, _ in said_of(one, POWER)]


def test_a_full_disk_holds_up_neither_readings_nor_reports(bench) -> None:
    one = bench()
    one.connect()
    one.run(MINUTE)
    one.outbox.connection.execute("PRAGMA query_only = ON")  # every write fails
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(2 * QUARTER)

    assert (POWER, START) in one.platform.slots()
    assert [status for status, _ in one.statuses()][:2] == ["Accepted", "Started"]
    assert one.handles["battery"].held == Decimal("-1.0")
    one.outbox.connection.execute("PRAGMA query_only = OFF")
    one.run(MINUTE)
    assert not one.box.backlog.disk_full


# --- dispatch
def test_a_limit_is_written_at_its_slots_watched_and_taken_back(bench) -> None:
    one = bench()
    one.values["battery"]["activePower"] = "-2.5"
    one.connect()
    one.run(MINUTE)
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER)
    assert one.handles["battery"].told == [("powerLimit", Decimal("-2.0"))]
    one.run(2 * QUARTER + MINUTE)

    assert one.handles["battery"].told == [("powerLimit", Decimal(value)) for value in ("-2.0", "-1.0", "5")]
    assert [status for status, _ in one.statuses()] == ["Accepted", "Started", "Succeeded"]
    assert one.statuses()[-1][1] is None
    assert one.handles["battery"].watched is None


def test_a_device_that_drew_too_much_is_said_at_the_end(bench) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(3 * QUARTER + MINUTE)

    status, why = one.statuses()[-1]
    assert status == "Succeeded"
    assert "kept in 0 of" in why
    assert "drew 1.5 kW where -" in why


def test_a_foreign_set_point_is_flagged_and_written_again(bench, caplog) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER + MINUTE)
    one.handles["battery"].held = Decimal(3)  # an unauthenticated write to the register
    one.run(QUARTER)

    assert one.handles["battery"].told[:2] == [("powerLimit", Decimal("-2.0"))] * 2
    assert "something else set it to 3" in caplog.text
    ((channel, _, at, until, _),) = [flag for flag in one.platform.flags() if flag[1] == "fcv:SetpointOverridden"]
    assert (channel, at, until) == (POWER, START + QUARTER, START + 2 * QUARTER)


def test_the_same_instruction_is_executed_once_and_not_after_its_last_moment(bench) -> None:
    one = bench()
    one.connect()
    for _ in range(3):
        one.tell("dispatch", dispatch(START + QUARTER))
    one.tell("dispatch", dispatch(START + QUARTER, instruction=ME.iri("instruction/late"), notAfter=instant(START - MINUTE)))
    one.run(4 * QUARTER)
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(MINUTE)

    assert [status for status, _ in one.statuses()] == ["Accepted", "Rejected", "Started", "Succeeded"]
    assert "after its last moment" in one.statuses()[1][1]


@pytest.mark.parametrize("how", ["revoked", "stopped", "silent"])
def test_however_it_ends_the_device_goes_back_to_rest(bench, how: str) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, limit=(-2.0,) * 8))
    one.run(QUARTER + 2 * MINUTE)
    if how == "revoked":
        one.tell("dispatch", {"revoke": ME.iri("instruction/i1"), "at": instant(one.time.true)})
        one.run(MINUTE)
    elif how == "stopped":
        one.box.release()
    else:
        one.platform.connected = False
        one.run(timedelta(minutes=31))
        one.connect()
        one.run(MINUTE)

    assert one.handles["battery"].held == Decimal(5)
    ends = [(status, why) for status, why in one.statuses() if status == "Aborted"]
    assert [why.split(" for")[0] for _, why in ends] == {
        "revoked": ["revoked by the platform"],
        "stopped": [],
        "silent": ["the platform was not heard"],
    }[how]


def test_after_kill_9_a_running_instruction_goes_on_and_a_past_one_is_taken_back(bench) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(QUARTER + MINUTE)
    one.kill()
    one.time.pass_(60)
    one.start()
    one.connect()
    one.run(MINUTE)
    assert one.handles["battery"].told == [("powerLimit", Decimal("-2.0"))]
    one.kill()
    one.time.pass_(3600)
    one.start()
    one.connect()
    one.run(MINUTE)

    assert one.handles["battery"].told == [("powerLimit", Decimal(5))]
    assert [status for status, _ in one.statuses()] == ["Accepted", "Started", "Succeeded"]


def test_a_box_that_was_down_when_it_was_due_says_so(bench) -> None:
    one = bench()
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER))
    one.run(MINUTE)
    one.kill()
    one.time.pass_(1200)
    one.start()
    one.connect()
    one.run(MINUTE)

    assert one.handles["battery"].told == []
    assert [status for status, _ in one.statuses()] == ["Accepted", "Aborted"]


def test_a_write_that_fails_is_tried_again_and_counts_as_not_kept(bench) -> None:
    one = bench()
    one.values["battery"]["activePower"] = "-3"
    one.handles["battery"].error = "the control is locked"
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, limit=(-2.0,)))
    one.run(QUARTER + 2 * MINUTE)
    assert len(one.handles["battery"].told) in (4, 5)  # every half minute
    one.run(QUARTER)

    assert "kept in 0 of" in one.statuses()[-1][1]
    assert "the control is locked" in one.statuses()[-1][1]


# --- devices that can't hold a part of the power
HEAT_PUMP = ME.iri("device/h01-heatpump")


def warm(celsius: str) -> dict[str, dict[str, str]]:
    return {"heatpump": {"activePower": "0", "airTemperature": celsius}}


def test_a_limit_blocks_a_heat_pump_while_the_members_are_comfortable(bench) -> None:
    one = bench(heat_pump())
    one.values = warm("21.5")
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, HEAT_PUMP, (0.0, 0.0)))
    one.run(QUARTER + 2 * MINUTE)
    assert one.handles["heatpump"].held == Decimal(1)
    one.values = warm("19.9")
    one.run(MINUTE)

    assert one.handles["heatpump"].held == Decimal(2)
    assert one.statuses()[-1] == ("Aborted", "the room is at 19.9 °C, and the members want 20 to 24 °C")


def test_in_a_cold_room_nothing_is_accepted(bench) -> None:
    one = bench(heat_pump())
    one.values = warm("18")
    one.connect()
    one.run(MINUTE)
    one.tell("dispatch", dispatch(START + QUARTER, HEAT_PUMP, (0.0, 0.0)))
    one.run(MINUTE)

    assert one.statuses() == [("Rejected", "the room is at 18 °C, and the members want 20 to 24 °C")]


def test_a_heat_pump_is_not_left_blocked_while_its_room_sensor_is_silent(bench) -> None:
    one = bench(heat_pump())
    one.values = warm("21.5")
    one.connect()
    one.tell("dispatch", dispatch(START + MINUTE, HEAT_PUMP, (0.0, 0.0, 0.0), notAfter=instant(START + QUARTER)))
    one.run(3 * MINUTE)
    assert one.handles["heatpump"].held == Decimal(1)
    one.values = {"heatpump": {"activePower": "0"}}
    one.run(16 * MINUTE)

    assert one.handles["heatpump"].held == Decimal(2)
    assert one.statuses()[-1] == ("Aborted", "the room's temperature (heatpump.airTemperature) has not been known for 15 minutes")


@pytest.mark.parametrize(
    ("limits", "words"),
    [((-1.0,), "can only be switched off"), ((0.0,) * 9, "may block a heat pump for 2:00:00")],
)
def test_what_a_heat_pump_cannot_do_is_refused(bench, limits: tuple[float, ...], words: str) -> None:
    one = bench(heat_pump())
    one.values = warm("22")
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, HEAT_PUMP, limits))
    one.run(MINUTE)

    ((status, why),) = one.statuses()
    assert status == "Rejected"
    assert words in why


def test_a_plug_that_its_members_had_switched_off_stays_off_afterwards(bench) -> None:
    plug = box_config.Device("plug", "plug", {}, ratings={"ratedPower": Decimal(2)})
    one = bench(plug)
    one.values = {"plug": {"activePower": "0"}}
    one.handles["plug"].held = Decimal(0)
    one.connect()
    one.tell("dispatch", dispatch(START + QUARTER, ME.iri("device/h01-plug"), (0.5,)))
    one.run(2 * QUARTER + MINUTE)

    assert one.handles["plug"].told == [("switch", Decimal(0)), ("switch", Decimal(0))]
