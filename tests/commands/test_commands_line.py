"""What a command prints: one JSON object, or lines for people."""

from decimal import Decimal

import pytest

from commands.line import say

RESULT = {"ok": True, "paid": Decimal("5.84"), "homes": [{"key": "h01", "kWh": 1.5}, {"key": "h02", "kWh": None}], "findings": []}


def test_lines_for_people_are_numbered_and_indented(capsys: pytest.CaptureFixture[str]) -> None:
    say(RESULT, as_json=False)

    assert capsys.readouterr().out == (
        "ok: True\npaid: 5.84\nhomes:\n  1:\n    key: h01\n    kWh: 1.5\n  2:\n    key: h02\n    kWh: none\nfindings: none\n"
    )


def test_json_is_one_line_with_money_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    say(RESULT | {"sentence": "23 °C"}, as_json=True)

    assert capsys.readouterr().out == (
        '{"ok": true, "paid": "5.84", "homes": [{"key": "h01", "kWh": 1.5}, {"key": "h02", "kWh": null}], "findings": [], '
        '"sentence": "23 °C"}\n'
    )
