"""List the sentences of the pages that lack a translation: `python -m scripts.translations [area …]`.

A sentence is what a template or a module of `api` says by `_("…")`, `ngettext`, `later` or `{% trans %}`, the words of a published query, and what a
setting does.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from jinja2 import TemplateSyntaxError

from api.languages import FOLDER, LANGUAGES
from api.query_library import published
from settings import TABLE

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}
AREAS = (  # how the names of files begin → the area whose .po files are theirs; the first that fits
    ("base", "shell"),
    ("form", "forms"),
    ("thing", "forms"),
    ("field", "forms"),
    ("table", "tables"),
    ("import", "tables"),
    ("registry", "tables"),
    ("paste", "tables"),
    ("progress", "tables"),
    ("finding", "tables"),
    ("onboarding", "onboarding"),
    ("member", "member"),
    ("notice", "notices"),
    ("portfolio", "operator"),
    ("campaign", "operator"),
    ("delivery", "operator"),
    ("operator", "operator"),
    ("map", "operator"),
    ("forecast", "operator"),
    ("settlement", "operator"),
    ("health", "operator"),
    ("charts", "operator"),
    ("attention", "operator"),
    ("outlook", "operator"),
    ("running", "operator"),
    ("refused", "below"),
    ("letter", "operator"),
    ("audit", "operator"),
    ("statement", "member"),
    ("erase", "member"),
    ("interpreted", "below"),
    ("settings", "settings"),
)
Sentence = tuple[str, ...]  # one text, or one and many


def sentences() -> dict[Sentence, list[str]]:
    """Find every sentence, and the files that say it."""
    found: dict[Sentence, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "api").rglob("*")):
        if path.suffix not in (".py", ".html", ".txt"):
            continue
        try:
            for sentence in _said_in(path):
                found[sentence].append(path.name)
        except TemplateSyntaxError as error:
            print(f"{path.name}, line {error.lineno}: {error.message}; its sentences are not looked at", file=sys.stderr)
    for query in published().values():
        for text in (query.topic, query.summary, query.explanation, *(meaning for _, meaning in query.columns)):
            if text:
                found[text,].append(f"{query.name}.rq")
    for setting in TABLE:
        found[setting.help,].append("settings.py")
    return dict(found)


def _said_in(path: Path) -> Iterator[Sentence]:
    options = {"extensions": "jinja2.ext.i18n", "silent": "false", "newstyle_gettext": "true"}
    method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
    for _, message, _, _ in extract_from_file(method, path, keywords=KEYWORDS, options=options if path.suffix != ".py" else {}):
        yield _several(message)


def translated(code: str) -> dict[Sentence, list[tuple[str, Sentence]]]:
    """Read what is translated into a language: sentence → areas and translations; what is fuzzy or empty is not."""
    found: dict[Sentence, list[tuple[str, Sentence]]] = defaultdict(list)
    for path in sorted((FOLDER / code).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=code):
                texts = _several(message.string or "")
                if message.id and all(texts) and not message.fuzzy:
                    found[_several(message.id)].append((path.stem, texts))
    return dict(found)


def _several(text: Any) -> Sentence:  # noqa: ANN401  (Babel's own: one text, or several as list or tuple)
    return (text,) if isinstance(text, str) else tuple(text)


def missing() -> Mapping[str, list[tuple[str, Sentence, str]]]:
    """What is not translated, by area: language, sentence and a file that says it."""
    said, found = sentences(), defaultdict(list)
    for code in LANGUAGES.keys() - {"en"}:
        known = translated(code)
        for sentence, files in said.items():
            if sentence not in known:
                found[_area(files[0])].append((code, sentence, files[0]))
    return {area: sorted(rows) for area, rows in sorted(found.items())}


def _area(file: str) -> str:
    return next((area for start, area in AREAS if file.startswith(start)), "pages")


def main() -> int:
    """Print what is missing, of some areas or all; 1 if anything is."""
    wanted = set(sys.argv[1:])
    count = 0
    for area, rows in missing().items():
        if wanted and area not in wanted:
            continue
        print(f"{area}: {len(rows)}")
        for code, sentence, file in rows:
            count += 1
            print(f"  {code} {file}: {' / '.join(sentence)}")
    print(f"{count} translations are missing" if count else "Every sentence has its translations")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
