"""Values as people read them."""

from datetime import timedelta

import pytest

from forms.shown import short, span_text, text


def shown(thing, key, language="en", zone="Europe/Madrid"):
    return [text(thing.form.field(key), entry, language, zone) for entry in thing.values[key]]


@pytest.mark.parametrize(
    ("key", "field", "language", "expected"),
    [
        ("device/h01-battery", "BatterySystem-ratedPower", "en", ["5 kW"]),
        ("device/h01-battery", "BatterySystem-storageCapacity", "nl", ["0,5 kWh"]),
        ("device/h01-battery", "BatterySystem-roundTripEfficiency", "es", ["0,95"]),
        ("device/h01-battery", "DER-controlType", "es", ["Control por tasa de llenado"]),
        ("device/h01-battery", "OfferedDER-available", "es", ["sí"]),
        ("device/h01-battery", "locatedAt", "en", ["Home h01"]),
        ("contract/h01/r1", "buyer", "es", ["Cooperativa de demostración"]),
        ("contract/h01/r1", "validFrom", "en", ["1 Aug 2016"]),
        ("contract/h01/r1", "validFrom", "nl", ["1 aug 2016"]),
        (
            "contract/h01/r1",
            "FlexibilityContract-window",
            "en",
            ["First hour: 07:00; Last hour: 09:00", "First hour: 16:00; Last hour: 22:00"],
        ),
        ("contract/h01/r1", "FlexibilityContract-price", "nl", ["Prijs: 0,25 EUR/kWh"]),
        ("contract/h01/r1", "FlexibilityContract-status", "nl", ["Concept"]),
    ],
)
def test_value_is_written_for_its_reader(thing, key, field, language, expected):
    assert shown(thing(key), field, language) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(days=1, hours=2, minutes=15), "1 d 2 h 15 min"),
        (timedelta(seconds=90), "1 min 30 s"),
        (timedelta(0), "0 min"),
        (timedelta(milliseconds=-500), "−0,5 s"),
    ],
)
def test_time_span_is_written_in_words(span, expected):
    assert span_text(span, "es") == expected


def test_long_text_is_cut_at_a_blank():
    assert short("one two three", 9) == "one two…"
    assert short("one", 9) == "one"
