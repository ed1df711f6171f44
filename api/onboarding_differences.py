"""What boxes say otherwise than owners, in words."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import rdflib
from pyoxigraph import NamedNode, Triple

from api.languages import language, said
from api.onboarding_state import devices_of, home
from api.services import services
from forms import made
from forms.errors import UnknownFormError
from forms.model import Form, Kind, Names
from forms.shown import key as shown_key
from forms.typed import decimal_text
from forms.vocabulary import vocabulary
from ontology.names import SAREF
from registry import owners_word


def differences(key: str) -> list[dict[str, Any]]:
    """What boxes say otherwise than the owner, in words."""
    known = services()
    by_iri = {each.iri: each for each in devices_of(home(key))}
    found = []
    for each in owners_word.differences(known.store, known.iris, key):
        device = by_iri.get(each.thing)
        form = _form_of(device.type) if device is not None else None
        names = _name_of(form, each.path, each.kind)
        found.append(
            {"thing": each.thing, "path": each.path, "kind": each.kind, "label": device.label if device else known.iris.local(each.thing)}
            | {"names": names, "owner": _spelt(each.owner), "box": _spelt(each.box)}
        )
    return found


def _form_of(cls: str) -> Form | None:
    try:
        return made.form(cls)
    except UnknownFormError:
        return None


def _name_of(form: Form | None, path: str, kind: str) -> Names:
    fields = form.fields if form is not None else ()
    named = [field.names for field in fields if field.path == path and (field.kind != Kind.VALUE or field.of_kind == kind)]
    return named[0] if named else {"en": shown_key(kind or path).rsplit("/", 1)[-1].rsplit("#", 1)[-1]}


def _spelt(word: Iterable[Triple]) -> str:
    """One side of a difference as people read it: a number with its unit, a name, the name of a term."""
    by_path = {triple.predicate.value: triple.object for triple in word}
    value = by_path.get(str(SAREF.hasValue))
    if value is not None:
        unit = by_path.get(str(SAREF.isMeasuredIn))
        symbol = vocabulary().symbol(rdflib.URIRef(unit.value)) if isinstance(unit, NamedNode) else {}
        return f"{decimal_text(Decimal(str(getattr(value, 'value', value))), language())} {said(symbol)}".strip()
    return ", ".join(_called(term) for term in sorted(by_path.values(), key=str))


def _called(term: object) -> str:
    text = str(getattr(term, "value", term))
    names = vocabulary().names(rdflib.URIRef(text)) if isinstance(term, NamedNode) else {}
    return said(names) or shown_key(text)
