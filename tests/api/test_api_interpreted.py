"""Sentences of packages below the pages come in the reader's language: each form has its translation, and each that is raised has a form."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

import market
from api import interpreted as module
from api.interpreted import FORMS, heard, interpreted, lines
from api.languages import catalogue
from api.refused import REASONS
from telemetry import refused

ROOT = Path(market.__file__).resolve().parent.parent
SAID = ("market", "optimiser/campaigns.py", "optimiser/opt_outs.py", "optimiser/records.py", "optimiser/scheduling.py", "settlement")
SAYS = ("Breach", "Finding", "ContractError", "TransitionError", "RequestError", "CampaignError", "SettlementError", "NotYetError")
FIRST = "{first.sentence}"  # one said before, with what it is about put before it
INSIDE = ("the graph holds",)  # a statement that does not hold, which nothing but a fault of the platform can cause


@pytest.fixture(params=["es", "nl"])
def reader(request):
    with Flask("reader").test_request_context(f"/?lang={request.param}"):
        yield request.param


def sentences() -> Iterator[str]:
    """What is raised or found, with `x1`, `x2` … for its values."""
    files = [path for name in SAID for path in ((ROOT / name).rglob("*.py") if (ROOT / name).is_dir() else [ROOT / name])]
    for path in sorted(files):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAYS:
                yield from (text for each in node.args if " " in (text := _text(each)) and FIRST not in ast.unparse(each))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = enumerate(node.values, start=1)
        return "".join(str(each.value) if isinstance(each, ast.Constant) else f"x{place}" for place, each in parts)
    return ""


RAISED = sorted(
    {each for each in sentences() if not re.fullmatch(r"(minimum|maximum) duration", each) and not any(i in each for i in INSIDE)}
)


def test_sentences_that_are_raised_are_found():
    assert len(RAISED) > 35
    assert "x1 is x3 and can't be stopped any more; nothing needs to be done" in RAISED


@pytest.mark.parametrize("sentence", RAISED)
def test_each_sentence_that_is_raised_has_its_translation(sentence, reader):
    told = interpreted(sentence)

    assert told.language == reader
    assert set(re.findall(r"\bx\d+\b", told.text)) == set(re.findall(r"\bx\d+\b", sentence))


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_its_translations_with_the_same_values(form):
    values = re.compile(r"%\(\w+\)s|%%")
    for code in ("es", "nl"):
        text = catalogue(code).gettext(form)
        assert text != form
        assert sorted(set(values.findall(text))) == sorted(set(values.findall(form)))


SELECTION = (
    "34.5 kWh asked, 30 kWh promised by 4 of 17 sites, 2 stand by for 3.25 kWh; 4.5 kWh are missing because of capacity, window or notice"
)
AGAIN = (
    "After http://127.0.0.1:8080/id/event/c1-h02: 1.5 kWh missing from 2016-08-30T16:30:00Z on, 2 site(s) called, 0.5 kWh can't be replaced"
)


def test_numbers_causes_states_and_spans_are_written_as_the_reader_writes_them(client):
    with client.application.test_request_context("/?lang=nl"):
        assert interpreted(SELECTION).text == (
            "34,5 kWh gevraagd, 30 kWh toegezegd door 4 van 17 woningen; 2 staan stand-by voor 3,25 kWh; "
            "4,5 kWh ontbreekt vanwege: capaciteit, venster of aankondiging"
        )
        assert interpreted("c1 is aborted and can't be stopped any more; nothing needs to be done").text == (
            "c1 heeft de status “afgebroken” en kan niet meer gestopt worden; er hoeft niets te gebeuren"
        )
        assert heard(AGAIN, "Europe/Madrid") == (
            "Na event/c1-h02: 1,5 kWh ontbreekt vanaf di 30 aug 2016, 18:30, opgeroepen woningen: 2; 0,5 kWh kan niet vervangen worden"
        )
    with client.application.test_request_context("/?lang=es"):
        told = interpreted("r1 needs PT1H30M notice, but PT15M was given; start later or notify earlier").text
        assert told == "r1 necesita 1 h 30 min de preaviso, pero se dieron 15 min; empiece más tarde o avise antes"


def test_what_is_not_known_stays_english_and_is_marked_and_harmless(client):
    with client.application.test_request_context("/?lang=es"):
        assert heard("The <b>moon</b> is full") == '<span lang="en">The &lt;b&gt;moon&lt;/b&gt; is full</span>'
        two = "a at 1: 'x' is not a number; send a decimal number, and null or nothing where the value is missing\nWhat?"
        assert [each.language for each in lines(two)] == ["es", "en"]
        assert "<script>" not in heard("<script> is no reason for an opt-out; give one of comfort")
    with client.application.test_request_context("/"):
        assert heard("The <b>moon</b> is full") == "The &lt;b&gt;moon&lt;/b&gt; is full"


def test_a_sentence_within_one_that_is_not_known_leaves_the_whole_english(client):
    with client.application.test_request_context("/?lang=nl"):
        assert interpreted("Something odd, 3 kWh can't be replaced") == module.Interpreted("Something odd, 3 kWh can't be replaced", "en")


@pytest.mark.parametrize(("code", "told"), [("nl", "er is geen afrekening; kijk of"), ("es", "no hay liquidación que mostrar")])
def test_an_error_page_says_it_in_the_readers_language(client, code, told):
    answer = client.get("/members/h01/statements/nowhere", headers={"Accept": "text/html", "Accept-Language": code})

    page = answer.get_data(as_text=True)
    assert (answer.status_code, told in page, "there is no statement" in page) == (404, True, False)


def test_each_reason_of_a_refusal_has_a_name():
    assert {word for _, word in refused._REASONS} | {refused.OTHER} == REASONS.keys()
