"""The words of a sentence for people, in each language: labels of terms and units, and what is left out as it helps a program only."""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache

import pyoxigraph as ox

from shapes.catalogue import FOLDER

LANGUAGES = ("en", "es", "nl")
Names = Mapping[str, str]

_ONTOLOGY = FOLDER.parent / "ontology"
_LABELS = {"http://www.w3.org/2000/01/rdf-schema#label", "http://www.w3.org/2004/02/skos/core#prefLabel"}
_SYMBOL = "http://qudt.org/schema/qudt/symbol"
_UNITLESS = "1"  # QUDT's symbol of what has no unit, which says nothing to a reader

SAYINGS: Mapping[str, Names] = {
    "missing": {"en": "{name} is missing.", "es": "Falta el campo {name}.", "nl": "{name} ontbreekt."},
    "stated": {"en": "{name} is stated.", "es": "El campo {name} tiene contenido.", "nl": "{name} is ingevuld."},
    "more than once": {
        "en": "{name} is stated more than once.",
        "es": "El campo {name} figura más de una vez.",
        "nl": "{name} staat er meer dan één keer.",
    },
    "times": {
        "en": "{name} is stated {count} times ({values}).",
        "es": "El campo {name} figura {count} veces ({values}).",
        "nl": "{name} staat er {count} keer ({values}).",
    },
    "is": {"en": "{name} is {value}.", "es": "El campo {name} tiene el valor {value}.", "nl": "{name} is {value}."},
    "and": {"en": " and {name} {value}", "es": " y {name}, {value}", "nl": " en {name} {value}"},
    "nameless": {"en": "A part without a name", "es": "Un elemento sin nombre", "nl": "Een onderdeel zonder naam"},
    "true": {"en": "yes", "es": "sí", "nl": "ja"},
    "false": {"en": "no", "es": "no", "nl": "nee"},
    "Property": {"en": "Property", "es": "Propiedad", "nl": "Eigenschap"},
    "Class": {"en": "Class", "es": "Clase", "nl": "Klasse"},
    "unknown term": {
        "en": "{kind} “{term}” is unknown. The ontology has no such term, so nothing would check or find it; correct its spelling.",
        "es": "{kind} desconocida: “{term}”. La ontología no tiene ese término, así que nada lo comprobaría ni lo encontraría; "
        "corrija cómo está escrito.",
        "nl": "{kind} “{term}” is onbekend. De ontologie kent die term niet, dus niets zou hem controleren of vinden; verbeter de spelling.",
    },
    "untyped": {
        "en": "The type is missing. Nothing says what this is, so nothing would check or find it; state its type.",
        "es": "Falta el tipo. Nada dice qué es esto, así que nada lo comprobaría ni lo encontraría; indique su tipo.",
        "nl": "Het type ontbreekt. Niets zegt wat dit is, dus niets zou het controleren of vinden; geef het type op.",
    },
}

# English messages are for logs and partners' programs too, so they name terms; what only a program needs is taken out, in this order.
_ENGLISH = (
    (re.compile(r", as a value of fcv:\w+"), ""),
    (re.compile(r"\bstate unit:UNITLESS"), "choose unit:UNITLESS as its unit"),
    (re.compile(r"\bstate unit:"), "state the unit unit:"),
    (re.compile(r" by IRI\b"), ""),
    (re.compile(r" (?:of|in) this graph\b"), ""),
    (re.compile(r"\bxsd:boolean, true or false"), "answer, yes or no"),
    (re.compile(r" as xsd:\w+"), ""),
    (re.compile(r" as text\b"), ""),
    (re.compile(r"\bxsd:dateTime\b"), "date and time"),
    (re.compile(r"\bxsd:date\b"), "date"),
    (re.compile(r"\bxsd:time\b"), "time"),
    (re.compile(r"\bxsd:dayTimeDuration\b"), "duration"),
    (re.compile(r"\brdf:JSON\s+"), ""),
    (re.compile(r"\bxsd:(\w+)"), r"\1"),
)
_INSTANT = re.compile(r"\b(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::00)?(?::(\d{2}))?(?:\.\d+)?(?:Z|\+00:00)")
_SPAN = re.compile(r"\bP(?=[\dT])(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\b")


@cache
def labels() -> Mapping[str, Names]:
    """Read what each term of the ontology is called, by IRI and language; units go by their symbol."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    symbols: dict[str, str] = {}
    for path in sorted(_ONTOLOGY.glob("*.ttl")):
        for quad in ox.parse(path=str(path), rename_blank_nodes=True):
            if not (isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.Literal)):
                continue
            if quad.predicate.value in _LABELS:
                found[quad.subject.value].setdefault(quad.object.language or "en", quad.object.value)
            elif quad.predicate.value == _SYMBOL:
                symbols[quad.subject.value] = quad.object.value
    found.update({iri: dict.fromkeys(LANGUAGES, symbol) for iri, symbol in symbols.items() if symbol != _UNITLESS})
    return dict(found)


def said(names: Names, language: str) -> str:
    """Choose the words of a language; English where it has none, else whichever there are, else nothing."""
    return names.get(language) or names.get("en") or next(iter(names.values()), "")


def say(saying: str, language: str, **values: object) -> str:
    """Fill one of the `SAYINGS`."""
    return said(SAYINGS[saying], language).format(**values)


def term(iri: str, language: str) -> str:
    """Call a term of the ontology by its label: units plainly, anything else in quotation marks; nothing for what is no term of it."""
    text = said(labels().get(iri, {}), language)
    if not text:
        return ""
    return text if iri in _units() else f"“{text}”"


@cache
def _units() -> frozenset[str]:
    """The units that go by a symbol, which needs no quotation marks."""
    found = (quad for path in sorted(_ONTOLOGY.glob("*.ttl")) for quad in ox.parse(path=str(path), rename_blank_nodes=True))
    return frozenset(quad.subject.value for quad in found if quad.predicate.value == _SYMBOL and quad.object.value != _UNITLESS)


@lru_cache(maxsize=4096)  # the same few messages come again and again
def plain(text: str, language: str, prefixes: tuple[tuple[str, str], ...]) -> str:
    """Take out of a shape's message what only a program needs: names of datatypes, IRIs, and which property is meant.

    Parameters
    ----------
    prefixes
        Prefix and namespace of the terms that occur.
    """
    spaces = {prefix: namespace for prefix, namespace in prefixes if prefix != "xsd"}
    curie = rf"\b(?:{'|'.join(sorted(spaces, key=len, reverse=True))}):[A-Za-z][\w-]*"
    text = re.sub(rf"\s*\({curie}(?:(?:,\s*|\s+and\s+){curie})*\)", "", text)
    for pattern, instead in _ENGLISH if language == "en" else ():
        text = pattern.sub(instead, text)
    text = re.sub(curie, lambda match: _called(match[0], spaces, language), text)
    return times(spans(instants(text)))


def instants(text: str) -> str:
    """Write instants in UTC as people do: `2016-08-30 07:00 UTC`."""
    return _INSTANT.sub(lambda match: f"{match[1]} {match[2]}{':' + match[3] if match[3] else ''} UTC", text)


def times(text: str) -> str:
    """Write whole minutes as people do: `06:30` for `06:30:00`."""
    return re.sub(r"\b(\d{2}:\d{2}):00\b", r"\1", text)


def spans(text: str) -> str:
    """Write durations as people do: `1 h 30 min` for `PT1H30M`."""
    return _SPAN.sub(
        lambda match: " ".join(f"{n} {unit}" for n, unit in zip(match.groups(), ("d", "h", "min", "s"), strict=True) if n), text
    )


def _called(curie: str, spaces: Mapping[str, str], language: str) -> str:
    prefix, _, local = curie.partition(":")
    return term(spaces[prefix] + local, language) or f"“{local}”"
