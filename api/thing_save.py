"""From a form that was sent to an edit, or to what keeps it from being made: sentences beside inputs, or another clerk's edit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pyoxigraph import Literal, NamedNode

from api import onboarding_people, thing_agreed
from api.guard import principal, scope
from api.languages import _
from api.services import Services, services
from forms import changes, filled, options, placed, things
from forms.changes import Place
from forms.errors import PlaceError
from forms.given import Filled, Given
from forms.model import Form
from forms.things import Entry, Thing
from market import contracts
from ontology.names import FC
from registry import claims, naming, owners_word, versions
from registry.edits import Delta, Receipt
from registry.errors import RefusedEditError
from registry.gate import Gate

NOTHING = "none"  # the tag of a thing that is not there
_DIGEST = str(FC.digest)


class ThingError(ValueError):
    """An edit can't be asked for in this way: status, sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Where:
    """A form in the hands of somebody.

    Attributes
    ----------
    language, zone : in which it is filled in
    """

    form: Form
    language: str
    zone: str


def gate() -> Gate:
    """The gate that edits pass."""
    found = services().gate
    if found is None:
        raise ThingError(501, _("The registry is only read here; this platform was started without its gate for edits."))
    return found


def thing_at(iri: str, form: Form | None = None) -> Thing | None:
    """A thing as whoever asks may see it."""
    known = services()
    return things.read(known.store, known.iris, iri, scope().allows, form)


def tag_of(thing: Thing | None) -> str:
    """Name the content of a thing; of one that is not there, too."""
    return NOTHING if thing is None else thing.tag


def locked(thing: Thing) -> str:
    """Say why a thing is not to be changed; nothing where it may be."""
    if sentence := thing_agreed.fixed(thing.iri, thing.quads):
        return sentence
    if not thing.form.stored_in:
        return _("It is not entered by hand: the platform writes it, or the member does on a page of their own.")
    return ""


def read(where: Where, data: Mapping[str, Sequence[str]], existing: Thing | None) -> Filled:
    """Read what was filled in, finding things by their names."""
    known = services()
    return filled.read(
        where.form,
        data,
        where.language,
        where.zone,
        existing,
        lookup=lambda field, text: options.exact(known.store, known.iris, field, text, scope()),
    )


def edit(existing: Thing | None, given: Filled, place: Place) -> Delta:
    """What a form changes, with what follows from it: a contract's digest, where a box is kept, and what it says otherwise.

    Raises
    ------
    RefusedEditError
        If it can't be told where a box is that is now another member's.
    """
    known = services()
    delta = _delta(known, existing, given, place, {})
    if given.form.cls == str(FC.FlexibilityContract):
        digest = next(each for each in given.form.fields if each.path == _DIGEST)
        before = frozenset(existing.quads) if existing is not None else frozenset()
        after = [quad.triple for quad in (before - delta.delete) | delta.insert]
        delta = _delta(known, existing, given, place, {digest.key: [Literal(contracts.digest(after))]})
    return owners_word.settled(known.store, known.iris, claims.moved(known.store, known.iris, delta))


def _delta(known: Services, existing: Thing | None, given: Filled, place: Place, computed: Mapping[str, Sequence[Literal]]) -> Delta:
    return changes.delta(known.iris, existing, given, place, given=computed, overrule=Delta)


def place(form: Form, member: str | None, key: str) -> Place:
    """Find a place for a new thing.

    Raises
    ------
    PlaceError
        If a key is needed and there is none, or it can't be one, or is in use.
    """
    iris, chooses = services().iris, form.stored_in == "registry" or form.slug == "member"
    if not chooses:
        return changes.place(form, iris, member=member, taken=_is_taken)
    if not key:
        raise PlaceError(_("The key is missing. It names the thing in its address; write letters and digits, like h07 or feeder-1."))
    refused = onboarding_people.refusal(key) if form.slug == "member" else naming.of_thing(key)
    if refused is None and _is_taken(iris.id(form.id_type, key)):
        refused = naming.Refusal("used", {"key": key})
    if refused is not None:
        raise PlaceError(refused)
    return changes.place(form, iris, member=key if form.slug == "member" else None, key=key if form.slug != "member" else None)


def _is_taken(iri: str) -> bool:
    """Whether anything is said of a thing, or was: a key that was in use once is not given to another thing."""
    known = services()
    return bool(versions.content(known.store, known.iris, iri) or versions.history(known.store, known.iris, iri))


def apply(delta: Delta, why: str) -> Receipt:
    """Make an edit in the name of whoever asks."""
    return gate().apply(delta, by=principal().key, why=why)


def errors_of(refused: RefusedEditError, given: Filled, existing: Thing | None, iri: str) -> dict[str, str]:
    """Why the gate refused, by input name; what is about no input is under names that no input has."""
    beside, general = placed.place_findings(given.form, iri, refused.findings, given.language, given, existing)
    general = general if refused.findings else list(refused.sentences)
    return beside | {f"_other.{number}": sentence for number, sentence in enumerate(general)}


# --- terms that were filled in, as entries are


def entries(values: Sequence[Given], names: Mapping[str, Mapping[str, str]]) -> tuple[Entry, ...]:
    """What was filled in, to be shown like what is in the graph."""
    return tuple(_entry(each, names) for each in values)


def _entry(given: Given, names: Mapping[str, Mapping[str, str]]) -> Entry:
    if given.part is not None:
        return Entry(NamedNode(given.was or "urn:x-new"), "", {key: entries(inside, names) for key, inside in given.part.items()})
    term = given.term if given.term is not None else Literal("")
    number = {"value": (Entry(term, ""),)}
    return Entry(term, "", number, names.get(term.value, {}))


def referred(values: Mapping[str, Sequence[Given]]) -> Iterator[str]:
    """The IRIs in what was filled in."""
    for given in (each for found in values.values() for each in found):
        if isinstance(given.term, NamedNode):
            yield given.term.value
        yield from referred(given.part or {})
