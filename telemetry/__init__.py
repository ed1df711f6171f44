"""Telemetry: from the broker to the graph and back into numpy.

Reads from the graph: the channels that the OSBs describe and who has claimed which OSB. Writes: the readings of each member
(`…/telemetry/{yyyy-mm}`), their quality flags, and what an OSB asserts when it announces itself (`…/osb/{osb}`).
`ingest` listens, `quality` judges, `writer` stores, `readings` answers; `refused` keeps what could not be stored, `broker` starts
the MQTT broker, `load` takes files. It must not know what readings are used for: forecasts, contracts and money lie above.
"""

from telemetry.channels import Channel, Channels
from telemetry.errors import BrokerError, TelemetryError, UnknownChannelError
from telemetry.readings import Energy, Readings
from telemetry.refused import DeadLetter, DeadLetters
from telemetry.writer import Outcome, ReadingWriter

__all__ = [
    "BrokerError",
    "Channel",
    "Channels",
    "DeadLetter",
    "DeadLetters",
    "Energy",
    "Outcome",
    "ReadingWriter",
    "Readings",
    "TelemetryError",
    "UnknownChannelError",
]
