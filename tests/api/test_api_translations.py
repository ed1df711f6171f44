"""Every sentence of the pages has its translations, and no page in Spanish or Dutch says anything in English."""

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pyoxigraph as ox
import pytest
from babel.messages.pofile import read_po

from api.languages import FOLDER, LANGUAGES, catalogue
from api.shape_tables import shape_files
from api.terms import vocabulary
from scripts.translations import sentences, translated

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "competency.trig"
OTHERS = sorted(LANGUAGES.keys() - {"en"})
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
MARKUP = re.compile(r"</?\w+[^>]*>")
VALUES = {  # of the arguments of addresses
    "key": "h01",
    "osb": "osb-h01",
    "member": "h01",
    "campaign": "c1",
    "event": "c1-h01",
    "slug": "battery-system",
    "package": "api",
    "name": "readings_of_channel",
    "number": "1",
    "local": "site/h01",
    "version": "0.1.0",
    "code": "es",
}
BY_VIEW = {
    "campaigns.campaign": {"key": "c1"},
    "campaigns.part": {"key": "c1"},
    "settlements.one": {"key": "c1"},
    "ontology_pages.module": {"name": "core"},
    "ontology_pages.module_of_version": {"name": "core"},
    "ontology_pages.shapes_of": {"name": "battery_system"},
    "linked_data.graph_document": {"local": "member/h01/facts"},
    "things.view": {"key": "device/h01-battery"},
    "things.edit": {"key": "device/h01-battery"},
    "things.history": {"key": "device/h01-battery"},
    "things.ask_to_remove": {"key": "device/h01-battery"},
}
SENTENCE = re.compile(r"^[^/#@:]*[A-Za-z]{3,} [a-z]{2,}[^/#@:]*$")  # two words, and no IRI
NO_PAGES = ("static", "languages.choose", "charts.", "oauth.", "graph_store.", "dumps.", "contexts.", "commands.", "sign_in.to_provider")
NAMES = {
    "FLEXCoop",
    ", module core",
    "Turtle",
    "JSON-LD",
    "RDF/XML",
    "N-Triples",
    "SPARQL",
    "Turtle (CONSTRUCT, DESCRIBE)",
    "Open Smart Box",
    "CC BY 4.0",
}


@pytest.mark.parametrize("code", OTHERS)
def test_translations_keep_placeholders_and_markup(code):
    wrong = []
    for sentence, found in translated(code).items():
        wanted = {name for text in sentence for name in PLACEHOLDER.findall(text)}
        for area, texts in found:
            for text in texts:
                if {*PLACEHOLDER.findall(text)} != wanted and not (len(texts) > 1 and {*PLACEHOLDER.findall(text)} <= wanted):
                    wrong.append((area, sentence, text))
                if sorted(MARKUP.findall(text)) != sorted(MARKUP.findall(sentence[0])):
                    wrong.append((area, sentence, text))
    assert wrong == []


@pytest.mark.parametrize("code", OTHERS)
def test_no_sentence_is_translated_in_two_ways(code):
    found = {sentence: {texts for _, texts in each} for sentence, each in translated(code).items()}

    assert {sentence: texts for sentence, texts in found.items() if len(texts) > 1} == {}


@pytest.mark.parametrize("code", OTHERS)
def test_files_of_translations_are_sound(code):
    for path in sorted((FOLDER / code).glob("*.po")):
        with path.open("rb") as file:
            read = read_po(file, locale=code, abort_invalid=True)

        assert str(read.locale) == code, path
        assert [message.id for message in read if message.fuzzy and message.id] == [], path
        ids = re.findall(r"^msgid (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(read) > 0
        assert len({*ids} - {'""'}) == len([each for each in ids if each != '""']), path


@pytest.mark.parametrize("code", OTHERS)
def test_translation_is_another_sentence(code):
    """A long sentence that is the same in two languages was copied, not translated."""
    same = [sentence for sentence, found in translated(code).items() if len(sentence[0].split()) > 3 and found[0][1] == sentence]

    assert same == []


class Words(HTMLParser):
    """The texts of a page that a reader of its language meets: not those that are marked as another language, nor code."""

    SILENT = ("code", "pre", "script", "style", "textarea", "template")

    def __init__(self, language: str) -> None:
        super().__init__()
        self._own, self._open, self._hidden = language, list[tuple[str, bool]](), 0
        self.said: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        hidden = given.get("lang") not in (None, self._own) or tag in self.SILENT
        if not (hidden or self._hidden):
            self.said |= {text.strip() for name in ("title", "aria-label", "placeholder", "alt") if (text := given.get(name) or "").strip()}
        if tag not in ("input", "br", "meta", "link", "img", "hr", "wbr"):
            self._open.append((tag, hidden))
            self._hidden += hidden

    def handle_endtag(self, tag: str) -> None:
        while self._open and tag in {name for name, _ in self._open}:
            name, hidden = self._open.pop()
            self._hidden -= hidden
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._hidden:
            self.said.add(" ".join(data.split()))


def words(language: str, page: str) -> set[str]:
    reader = Words(language)
    reader.feed(page)
    return reader.said


def addresses(app) -> dict[str, str]:
    """One address for each view that may show a page."""
    adapter = app.url_map.bind("127.0.0.1:8080")
    return {
        rule.endpoint: adapter.build(rule.endpoint, {name: (VALUES | BY_VIEW.get(rule.endpoint, {}))[name] for name in rule.arguments})
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.endpoint.startswith(NO_PAGES) and rule.arguments <= VALUES.keys()
    }


def pages(client, app, language: str) -> dict[str, str]:
    """All pages that there are in a language, by view."""
    found = {}
    for view, address in addresses(app).items():
        answer = client.get(address, query_string={"lang": language}, headers={"Accept": "text/html"})
        if answer.mimetype == "text/html" and answer.status_code < 500:
            assert answer.headers["Content-Language"] == language, address
            found[view] = answer.text
    return found


def known() -> set[str]:
    """Texts of the graph, which are as they were entered."""
    files = {name.replace("_", " ") for name in shape_files()}  # shown by their name
    modules = {text for each in vocabulary().modules.values() for text in (each.title, f"{each.title} · FLEXCoop")}
    with DATA.open("rb") as file:
        texts = {quad.object.value for quad in ox.parse(file, format=ox.RdfFormat.TRIG) if isinstance(quad.object, ox.Literal)}
    return files | modules | texts


def of_a_device(text: str) -> bool:
    """Whether it begins with what a maker calls a device, as its profile has it."""
    profiles = (ROOT / "devices" / "profiles").glob("*/profile.toml")
    return any(text.startswith(tomllib.loads(path.read_text(encoding="utf-8"))["label"]) for path in profiles)


def with_values(sentence: str) -> tuple[str, re.Pattern[str]]:
    """What a sentence must hold, and all that it can be with values put in."""
    parts = re.split(r"%\(\w+\)[sd]", sentence.replace("%%", "%"))
    return max(parts, key=len), re.compile(".+?".join(map(re.escape, parts)))


def english_with_values(code: str, texts: set[str]) -> set[str]:
    """The texts that are an English sentence with values, of the pages or of the packages below them, which the graph may hold."""
    forms = {with_values(sentence[0]): found[0][1][0] for sentence, found in translated(code).items() if "%(" in sentence[0]}
    patterns = [each for each, own in forms.items() if len(re.findall(r"[a-z]{2,}", each[0])) > 3 and each[0] not in own]
    assert len(patterns) > 150
    return {text for text in texts if any(literal in text and whole.fullmatch(text) for literal, whole in patterns)}


@pytest.mark.parametrize("code", OTHERS)
def test_no_page_shows_a_sentence_that_has_a_translation(client, app, code):
    spoken = catalogue(code)
    english = {
        sentence[0]
        for sentence in sentences()
        if len(sentence) == 1 and "%(" not in sentence[0] and spoken.gettext(sentence[0]) != sentence[0]
    }
    shown = pages(client, app, code)

    alike = known() | {
        spoken.gettext(sentence[0]) for sentence in sentences() if len(sentence) == 1
    }  # "in" is English and Dutch, "no" Spanish
    said = {view: words(code, page) for view, page in shown.items()}
    assert {view: left for view, texts in said.items() if (left := (texts & english) - alike)} == {}
    assert {view: left for view, texts in said.items() if (left := english_with_values(code, texts))} == {}
    assert len(shown) > 25


@pytest.mark.parametrize("code", OTHERS)
def test_nothing_of_a_page_stays_english(client, app, code):
    """What reads the same in two languages is a name, a figure, or something that was entered."""
    english, shown = pages(client, app, "en"), pages(client, app, code)
    same_word = {texts[0] for sentence, found in translated(code).items() for _, texts in found if texts == sentence}
    entered = known() | NAMES | same_word

    assert shown.keys() == english.keys()
    assert {
        view: left
        for view, page in shown.items()
        if (
            left := {
                text for text in words(code, page) & words("en", english[view]) - entered if SENTENCE.search(text) and not of_a_device(text)
            }
        )
    } == {}
