"""The person behind a member: pseudonym, name and address, and the account by which they sign in."""

import re
import secrets
from collections.abc import Iterable, Mapping

from pyoxigraph import NamedNode, Quad

from access.accounts import Account
from access.errors import AccessError
from access.principal import Role
from api.languages import _, language
from api.onboarding_state import Home
from api.onboarding_writes import Entered, named, parties, tried
from api.services import services
from api.writing import NoGateError
from kg import queries
from kg.terms import describe, iri
from notices import wishes
from notices.errors import WishError
from ontology.names import FC, FOAF, ORG, RDF, RDFS
from registry import naming
from registry.edits import Delta

_NUMBERED = re.compile(r"([a-z]+)(\d+)")
_LONGEST = 200
_WORDS = "amber birch cedar delta ember fjord grove heron indigo juniper kelp larch maple nectar otter pine quartz reed sage tulip"


def suggested_key(taken: Iterable[str]) -> str:
    """A key that nobody has: the next number after the highest, in the same spelling."""
    numbered = [(int(match[2]), match[1], len(match[2])) for key in taken if (match := _NUMBERED.fullmatch(key))]
    number, letters, width = max(numbered, default=(0, "h", 2))
    return f"{letters}{number + 1:0{width}d}"


def taken_keys() -> set[str]:
    """The keys of all that is kept of members, also of those of whom little is."""
    known = services()
    prefix = known.iris.graph("member", "")
    return {graph[len(prefix) :].partition("/")[0] for graph in known.store.graphs() if graph.startswith(prefix)}


def refusal(key: str) -> naming.Refusal | None:
    """Why a new member can't have a key."""
    rights = services().rights
    return naming.of_member(
        key, {each.casefold() for each in taken_keys()}, rights.was_erased if rights is not None else lambda _key: False
    )


def new_member(form: Mapping[str, str]) -> Entered:
    """Register a member under a pseudonym; what they are called and where letters go, in the graph of personal data alone."""
    key, found = form.get("key", "").strip(), Entered()
    if (refused := refusal(key)) is not None:
        found.errors["key"] = refused.said(language())
    cooperatives = parties(str(FC.Cooperative))
    if not cooperatives:
        found.general.append(_("The registry has no cooperative yet that members could belong to; enter it first."))
    person = _person(key, form, found)
    if not found.ok:
        return found
    known = services()
    facts = describe(
        known.iris.graph("member", key, "facts"),
        known.iris.id("member", key),
        {
            str(RDF.type): FC.Member,
            str(RDFS.label): named(_("Member %(key)s", key=key)),
            str(ORG.memberOf): iri(cooperatives[0][0]),
        },
    )
    return tried(Delta(person.delete, person.insert | frozenset(facts)), "Onboarding: the member was registered")


def change_person(home: Home, form: Mapping[str, str]) -> Entered:
    """Correct what the member is called and where letters go."""
    found = Entered()
    delta = _person(home.key, form, found)
    return tried(delta, "Onboarding: name or address of letters was corrected") if found.ok else found


def person_of(key: str) -> dict[str, str]:
    """What is known of the person: name, email, language."""
    known = services()
    member = known.iris.id("member", key)
    rows = queries.rows(known.store, queries.load("api", "onboarding_person"), people=known.iris.graph("people"), person=f"{member}#person")
    wish = wishes.of(known.store, member)
    return {"name": rows[0]["name"] if rows else "", "email": wish.address, "language": wish.language}


def _person(key: str, form: Mapping[str, str], found: Entered) -> Delta:
    known = services()
    name = " ".join(form.get("name", "").split())
    if len(name) > _LONGEST:
        found.errors["name"] = _("A name has at most %(most)s characters.", most=_LONGEST)
    if not naming.MEMBER_KEY.fullmatch(key) and not found.ok:
        return Delta()
    member, people = known.iris.id("member", key), known.iris.graph("people")
    wish = wishes.of(known.store, member)
    spoken = form.get("language", "")
    try:
        letters = wishes.change(
            known.store,
            known.iris,
            member,
            address=form.get("email", ""),
            language=spoken if spoken in wishes.LANGUAGES else language(),
            kinds=wish.kinds,
        )
    except WishError:
        found.errors["email"] = _("This is no e-mail address that can be written to; write it like name@example.org, or leave it empty.")
        return Delta()
    node, where = NamedNode(f"{member}#person"), NamedNode(people)
    there = {Quad(t.subject, t.predicate, t.object, where) for t in known.store.graph(people) if t.subject == node}
    wanted = set(describe(people, node.value, {str(FOAF.name): name})) if name else set()
    return Delta(letters.delete | frozenset(there - wanted), letters.insert | frozenset(wanted - there))


def account(home: Home, name: str) -> tuple[Account | None, str, Entered]:
    """Make an account for the member; returns it with its first password, which is not kept anywhere."""
    access = services().access
    if access is None:
        raise NoGateError("This platform knows nobody; start it with access control")
    password = "-".join(
        [*(secrets.choice(_WORDS.split()) for _unused in range(3)), f"{secrets.randbelow(1_000_000):06d}", secrets.token_hex(4)]
    )
    try:
        return access.accounts.add(name.strip(), Role.MEMBER, home.member, password), password, Entered()
    except AccessError:
        taken = access.accounts.find(name.strip()) is not None
        told = _("There is an account %(name)s already; choose another name.", name=name.strip()[:64]) if taken else ""
        wrong = _(
            "The name of an account has 1 to 64 small letters, digits, dots, dashes and underscores, and begins with a letter or digit."
        )
        return None, "", Entered({"name": told or wrong})
