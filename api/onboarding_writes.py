"""The edits that onboarding makes, each through the gate with who and why; what was typed wrongly becomes a sentence beside its field."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyoxigraph import Literal, NamedNode, Quad

from api.guard import principal, scope
from api.languages import _, language
from api.onboarding_state import Device, Home, profiles
from api.services import services
from api.writing import gate
from forms import changes, filled, made, options, things
from forms.model import Kind
from forms.placed import place_findings
from kg import queries
from kg.terms import describe, iri
from ontology.names import DPV, FC, ODRL, RDF, RDFS
from registry.edits import Delta
from registry.errors import RefusedEditError
from shapes import sentences

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PREFIX = "osb-"
_LONGEST = 200
HOME = ("label", "Site-timeZone")
CONNECTION = (
    "label",
    "GridConnectionPoint-node",
    "GridConnectionPoint-importLimit",
    "GridConnectionPoint-exportLimit",
    "GridConnectionPoint-nearestNode",
    "latitude",
    "longitude",
)


@dataclass
class Entered:
    """What came of a form: sentences by input name, and those about the whole; nothing of either means that it was written."""

    errors: dict[str, str] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all was well."""
        return not self.errors and not self.general


def apply(delta: Delta, why: str) -> None:
    """Make an edit in the name of whoever asks.

    Raises
    ------
    NoGateError
        If the platform takes no edits.
    RefusedEditError
        As the gate says.
    """
    gate().apply(delta, by=principal().key, why=why)


@contextmanager
def alone() -> Iterator[None]:
    """Keep other edits out between looking whether something is free and taking it."""
    with gate().held():
        yield


def tried(delta: Delta, why: str) -> Entered:
    """Make an edit, or say what the shapes have against it."""
    try:
        apply(delta, why)
    except RefusedEditError as refused:
        told = [sentences.for_people(each, language()) for each in refused.findings] or list(refused.sentences)
        return Entered(general=list(dict.fromkeys(told)))
    return Entered()


def named(text: str) -> Literal:
    """A name in the language of the page."""
    return Literal(text, language=language())


# --- home and connection, by the forms of their shapes


@dataclass(frozen=True)
class Asked:
    """A form of a shape as a page shows it.

    Attributes
    ----------
    fields : those that are asked
    raw : what is in the inputs
    options : what the fields that refer to things offer, by field key: IRI and name
    """

    fields: Sequence[Any]
    raw: Mapping[str, str]
    options: Mapping[str, Sequence[tuple[str, str]]]


def asked(slug: str, keys: Sequence[str], thing_iri: str | None, typed: Mapping[str, str] | None, usual: Mapping[str, str]) -> Asked:
    """A part of a form: with what was typed, else with what is there, else with what is usual."""
    known, form = services(), made.form(slug)
    raw: dict[str, str] = dict(usual)
    thing = things.read(known.store, known.iris, thing_iri, form=form) if thing_iri else None
    fields = [form.field(key) for key in keys]
    if thing is not None:
        raw = {}
        for each in fields:
            for entry in thing.values.get(each.key, ()) if each.kind == Kind.NAME else thing.values.get(each.key, ())[:1]:
                raw |= filled.raw(each, entry, language())
    offered = {
        each.key: [(option.iri, option.label) for option in options.search(known.store, known.iris, each, "", scope(), language(), 200)]
        for each in fields
        if each.refers_to
    }
    return Asked(fields, dict(typed) if typed is not None else raw, offered)


def enter(
    slug: str, home: Home, thing_iri: str, form: Mapping[str, str], fixed: Mapping[str, str], keys: Sequence[str], why: str
) -> Entered:
    """Write a part of a form: what a page asks, and what it knows by itself (`fixed`)."""
    known, shape = services(), made.form(slug)
    thing = things.read(known.store, known.iris, thing_iri, form=shape)
    data = {name: [text] for name, text in form.items()} | {name: [text] for name, text in fixed.items()}
    read = filled.read(
        shape,
        data,
        language(),
        existing=thing,
        lookup=lambda each, text: options.exact(known.store, known.iris, each, text, scope()),
        only=[*keys, *fixed],
    )
    found = Entered(errors=dict(read.errors))
    if not found.ok:
        return found
    place = changes.Place(known.iris.graph("member", home.key, "facts"), thing_iri)
    delta = changes.delta(known.iris, thing, read, place)
    try:
        apply(delta, why)
    except RefusedEditError as refused:
        by_input, general = place_findings(shape, thing_iri, refused.findings, language(), read, thing)
        return Entered(by_input, general or ([] if by_input else list(refused.sentences)))
    return found


def room(home: Home, label: str) -> Entered:
    """Give a home its first room, where it has none."""
    known = services()
    zone = known.iris.id("zone", f"{home.key}-living")
    facts = known.iris.graph("member", home.key, "facts")
    if any(t.subject.value == zone for t in known.store.graph(facts)):  # type: ignore[union-attr]
        return Entered()
    quads = describe(
        facts,
        zone,
        {
            str(RDF.type): FC.ThermalZone,
            str(RDFS.label): named(" ".join(label.split())[:_LONGEST] or _("Living room")),
            str(FC.locatedAt): iri(known.iris.id("site", home.key)),
        },
    )
    return tried(Delta(insert=frozenset(quads)), "Onboarding: the first room of the home")


# --- box


def claim(home: Home, identifier: str) -> Entered:
    """Bind a box to the member; one that was named before and has never spoken is let go."""
    known, name = services(), identifier.strip()
    if not _IDENTIFIER.fullmatch(name):
        return Entered(
            {
                "identifier": _(
                    "An identifier has at most 64 letters, digits, dashes and underscores, like osb-h18; it is printed on the box."
                )
            }
        )
    box = known.iris.id("osb", name.removeprefix(_PREFIX))
    if box in home.boxes:
        return Entered()
    facts = known.iris.graph("member", home.key, "facts")
    silent = {each for each, spoken in home.boxes.items() if not spoken}
    gone = {
        Quad(t.subject, t.predicate, t.object, NamedNode(facts))
        for t in known.store.graph(facts)
        if isinstance(t.subject, NamedNode) and t.subject.value in silent
    }
    site = {str(FC.locatedAt): iri(home.site)} if home.site else {}
    claimed = describe(facts, box, {str(FC.claimedBy): iri(home.member), **site})
    entered = tried(Delta(frozenset(gone), frozenset(claimed)), f"Onboarding: the box {name} was claimed for its member")
    return entered if entered.ok else Entered({"identifier": " ".join(entered.general)})


def identifier_of(box: str, spoken: str) -> str:
    """What a box is called on the broker: as it said itself, else as its IRI tells."""
    return spoken or f"{_PREFIX}{services().iris.key(box)}"


# --- devices


def offer(home: Home, devices: Sequence[Device], form: Mapping[str, str]) -> Entered:
    """Take the owner's word on each device: whether it may be called, and by which profile its box reads it."""
    known = services()
    facts = known.iris.graph("member", home.key, "facts")
    where = NamedNode(facts)
    there = [Quad(t.subject, t.predicate, t.object, where) for t in known.store.graph(facts)]
    gone: set[Quad] = set()
    comes: set[Quad] = set()
    found = Entered()
    for device in devices:
        said: dict[str, Any] = {}
        answer = form.get(f"{device.key}.available", "")
        if device.can_be_called and answer in ("yes", "no"):
            said |= {str(FC.ownedBy): iri(home.member), str(FC.availableForDR): answer == "yes"}
        profile = form.get(f"{device.key}.profile", "")
        if profile and profile != device.profile:
            if profile not in profiles() or profiles()[profile].device_class != device.type:
                found.errors[f"{device.key}.profile"] = _("There is no such profile for a device of this kind; choose one of the list.")
                continue
            said[str(FC.deviceProfile)] = profile
        gone |= {quad for quad in there if quad.subject == NamedNode(device.iri) and quad.predicate.value in said}
        comes |= set(describe(facts, device.iri, said))
    if not found.ok:
        return found
    return tried(Delta(frozenset(gone), frozenset(comes)), "Onboarding: the owner's word on the devices")


# --- consent


def consent(home: Home, first: Any, last: Any, how: str) -> Entered:  # noqa: ANN401  (days)
    """State the member's consent that the cooperative may use their data for its service."""
    known = services()
    found = parties(str(FC.Cooperative))
    if not found:
        return Entered(general=[_("The registry has no cooperative yet that members could belong to; enter it first.")])
    facts = known.iris.graph("member", home.key, "facts")
    used = {t.subject.value for t in known.store.graph(facts) if isinstance(t.subject, NamedNode)}
    numbered = (known.iris.id("consent", home.key if n == 1 else f"{home.key}-{n}") for n in range(1, 10_000))
    name = next(each for each in numbered if each not in used)
    quads = describe(
        facts,
        name,
        {
            str(RDF.type): FC.DataConsent,
            str(ODRL.assigner): iri(home.member),
            str(ODRL.assignee): iri(found[0][0]),
            str(ODRL.target): iri(home.member),
            str(FC.purpose): DPV.ServiceProvision,
            str(FC.validFrom): first,
            str(FC.validTo): last,
        },
    )
    return tried(Delta(insert=frozenset(quads)), f"Onboarding: consent given by member {home.key} {how}, entered by {principal().key}")


def parties(kind: str) -> list[tuple[str, str]]:
    """IRI and name of the cooperatives or of the nodes of the grid that the registry has."""
    known = services()
    rows = queries.rows(known.store, queries.load("api", "onboarding_parties"))
    return [(row["thing"], row["label"]) for row in rows if row["type"] == kind and row["graph"] == known.iris.graph("registry")]
