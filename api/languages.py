"""The language of a page: which one this reader wants, and the sentences in it.

Templates say `{{ _("Sign in") }}` and `{% trans n=count %}…{% pluralize %}…{% endtrans %}`, modules of `api` say `_("…")`: English is the key.
Translations lie in `translations/{language}/{area}.po`, one file for each part of the pages. Names of shapes and terms are in the graph
and not here: `said(names)` chooses among them.
"""

import gettext as catalogues
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from babel.messages.pofile import read_po
from flask import Flask, g, has_request_context, request

FOLDER = Path(__file__).parent / "translations"
LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español", "nl": "Nederlands"}
COOKIE = "language"


def language() -> str:
    """The language of this page: what the address asks for (`?lang=es`), what was chosen before, what the browser prefers, or English."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        g.language = _wanted((request.args.get("lang"), request.cookies.get(COOKIE), *_liked())) or "en"
    found: str = g.language
    return found


def _liked() -> Iterable[str]:
    """The languages that the browser prefers, best first; a country's variety counts as the language."""
    return (tag.lower().partition("-")[0] for tag, quality in request.accept_languages if quality > 0)


def _wanted(given: Iterable[str | None]) -> str | None:
    return next((each for each in given if each in LANGUAGES), None)


def said(names: Mapping[str, str], wanted: str | None = None) -> str:
    """Choose among the same words in several languages: the page's, English, or whichever there is; empty if there is none."""
    for each in (wanted or language(), "en", ""):
        if each in names:
            return names[each]
    return next(iter(names.values()), "")


class Catalogue(catalogues.NullTranslations):
    """The sentences of one language, read from its `.po` files; what has no translation stays English."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._one: dict[str, str] = {}
        self._many: dict[str, tuple[str, ...]] = {}
        for path in sorted((FOLDER / code).glob("*.po")):
            with path.open("rb") as file:
                for message in read_po(file, locale=code):
                    if isinstance(message.id, (tuple, list)):
                        self._many[message.id[0]] = tuple(message.string or ())
                    elif message.id and message.string:
                        self._one[message.id] = str(message.string)

    def gettext(self, message: str) -> str:
        """Translate a sentence."""
        return self._one.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Translate a sentence that depends on a number; the languages here know one and many."""
        one, *many = self._many.get(msgid1) or (msgid1, msgid2)
        return (one if n == 1 else many[0] if many else one) or (msgid1 if n == 1 else msgid2)


@cache
def catalogue(code: str) -> Catalogue:
    """The sentences of a language, read once a process."""
    return Catalogue(code)


def _(message: str, **values: object) -> str:
    """Say a sentence in the language of this page; `%(name)s` in it is replaced by a value of that name."""
    text = catalogue(language()).gettext(message)
    return text % values if values else text


def later(message: str) -> str:
    """Mark a sentence that is translated where it is used, as `_(name)`, so that it is found by whoever lists the sentences."""
    return message


def ngettext(one: str, many: str, n: int, **values: object) -> str:
    """Say a sentence that depends on a number, which is `%(num)s` in it."""
    return catalogue(language()).ngettext(one, many, n) % {"num": n, **values}


def other_languages() -> list[tuple[str, str, str]]:
    """The address of this page's switch for each language there is: code, own name, address."""
    here = request.full_path.rstrip("?")
    return [(code, name, f"/language/{code}?{urlencode({'next': here})}") for code, name in LANGUAGES.items()]


def install(app: Flask) -> None:
    """Let templates speak the reader's language."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: catalogue(language()).gettext(text), lambda one, many, n: catalogue(language()).ngettext(one, many, n), newstyle=True
    )
    app.jinja_env.globals.update(said=said, language=language, other_languages=other_languages)

    @app.after_request
    def _mark(answer: Any) -> Any:  # noqa: ANN401  (Flask's own)
        if answer.mimetype == "text/html":
            answer.headers.setdefault("Content-Language", language())
            answer.vary.update(("Accept-Language", "Cookie"))
        return answer
