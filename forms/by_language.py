"""Texts in several languages: one input for each that there is, one for the reader's, and which others can be asked for.

The text in the language of the form is in the input that is named as its field; one in another language has that behind an @: `label@es`,
a second of one language a number: `label@es.2`. A text without a language is in `label@`. Sheets name the form's language, too.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from babel import Locale, UnknownLocaleError
from pyoxigraph import Literal

from forms.model import Field
from forms.things import Entry
from kg.store import Term
from shapes.words import LANGUAGES

_BEHIND = re.compile(r"(?:@(?P<tag>(?:[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)?)(?:\.(?P<number>[1-9][0-9]{0,2}))?)?")


def key_of(name: str) -> str:
    """The key of the field that an input belongs to: `label` of `label@es`, `FlexibilityContract-window` of what is inside its parts."""
    return re.split(r"[.@]", name, maxsplit=1)[0]


def language_of(name: str, within: str, language: str) -> str | None:
    """In which language an input of a field asks: its tag, empty for none; nothing for what is no input of that field.

    Parameters
    ----------
    within
        How the field is named in its form.
    language
        That the form is filled in.
    """
    found = _BEHIND.fullmatch(name, len(within)) if name.startswith(within) else None
    if found is None:
        return None
    return language if found["tag"] is None else found["tag"].lower()


def tag_of(term: Term | None) -> str:
    """The language of a text, in small letters; empty where it has none."""
    return (term.language or "").lower() if isinstance(term, Literal) else ""


def inputs(name: str, entries: Iterable[Entry], language: str) -> dict[str, Entry]:
    """Name an input for each text: that of the form's language first, then those that are offered, then any other."""
    found: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda each: _rank(tag_of(each.term), language)):
        tag = tag_of(entry.term)
        own = (_called(name, tag, number, language) for number in range(1, 1000))
        found[next(each for each in own if each not in found)] = entry
    return found


def shown(asked: Field, name: str, data: Mapping[str, Sequence[str]], language: str) -> list[str]:
    """The inputs of a field: what is there, and the reader's language where the shape lets it in; one at least."""
    there = {each: tag for each in data if (tag := language_of(each, name, language)) is not None}
    if not {name, f"{name}@{language}"} & there.keys() and _room(asked, len(there)) and _lets_in(asked, language):
        there[name] = language
    found = [*there] or [_called(name, (asked.languages or (language,))[0], 1, language)]
    return sorted(found, key=lambda each: (_rank(language_of(each, name, language) or "", language), each))


def addable(asked: Field, name: str, there: Collection[str], language: str) -> list[tuple[str, str]]:
    """The inputs that can be asked for beside those that are there, each with its language."""
    if not _room(asked, len(there)):
        return []
    used = [language_of(each, name, language) for each in there]
    found = []
    for tag in LANGUAGES:
        if _lets_in(asked, tag) and not (asked.unique_language and tag in used):
            free = next(each for number in range(1, 1000) if (each := _called(name, tag, number, language)) not in there)
            found.append((free, tag))
    return found


def called(tag: str, language: str) -> str:
    """The name of a language in another one: `Dutch`, `neerlandés`, `Nederlands`; its tag where nobody has named it."""
    try:
        return Locale.parse(tag, sep="-").get_display_name(language) or tag
    except (UnknownLocaleError, ValueError):
        return tag


def _called(name: str, tag: str, number: int, language: str) -> str:
    if number == 1:
        return name if tag == language else f"{name}@{tag}"
    return f"{name}@{tag}.{number}"


def _rank(tag: str, language: str) -> tuple[int, int, str]:
    """The reader's language, those that are offered, others, none."""
    offered = LANGUAGES.index(tag) if tag in LANGUAGES else len(LANGUAGES)
    return (0 if tag == language else 1 if tag else 2), offered, tag


def _room(asked: Field, count: int) -> bool:
    return asked.maximum_count is None or count < asked.maximum_count


def _lets_in(asked: Field, tag: str) -> bool:
    """Tell whether the shape takes texts of a language; a range of languages takes its varieties."""
    return not asked.languages or any(tag == each or tag.startswith(f"{each}-") for each in asked.languages)
