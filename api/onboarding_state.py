"""How far a home is: what the graph says decides, and nothing else is kept (docs/onboarding.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pyoxigraph import Literal, NamedNode, Triple

from access.layout import KEY
from api.errors import NotFoundError
from api.languages import said
from api.services import services
from devices.box_config import PROFILES
from kg import queries
from mappers.points import Profile
from mappers.profile import registry as read_profiles
from ontology.names import FC, FCV, RDFS

STEPS = ("member", "home", "connection", "box", "devices", "comfort", "consent", "contract", "account")
NEEDS = {"connection": "home", "box": "home", "devices": "box", "comfort": "home", "contract": "devices"}
DONE, OPEN, WAITING, NOT_NEEDED = "done", "open", "waiting", "not needed"
FLEXIBLE = frozenset(str(FC[name]) for name in ("PVSystem", "BatterySystem", "EVCharger", "HeatPump", "SmartPlug"))


@dataclass(frozen=True)
class Device:
    """A device of a home.

    Attributes
    ----------
    iri, label, type : as the owner or the box says
    profile : the id of the profile by which its box reads it; empty where none is stated
    kw : rated power; `None` where none is stated
    available : whether the owner lets it be called; `None` where they have not said
    controls : IRI of the temperature that it holds
    reported : whether a box speaks of it
    """

    iri: str
    label: str = ""
    type: str = ""
    profile: str = ""
    kw: Any = None
    available: bool | None = None
    controls: str = ""
    reported: bool = False

    @property
    def key(self) -> str:
        """What names it in a form."""
        return self.iri.rsplit("/", 1)[-1]

    @property
    def can_be_called(self) -> bool:
        """Whether it has power of its own that could be called."""
        return self.type in FLEXIBLE


@dataclass(frozen=True)
class Home:
    """A home under way.

    Attributes
    ----------
    key, member : key and IRI of the member
    owned : IRIs of site, connection and comfort profile by class
    boxes : identifiers of the boxes claimed, by IRI; empty until the box has spoken
    offered : devices of which the owner has said whether they may be called, with the temperature that each controls
    consents, contracts : IRI → the receiver; IRI → status
    account : whether somebody can sign in as the member
    """

    key: str
    member: str
    owned: Mapping[str, str] = field(default_factory=dict)
    boxes: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)
    consents: Mapping[str, str] = field(default_factory=dict)
    contracts: Mapping[str, str] = field(default_factory=dict)
    account: bool = False

    @property
    def site(self) -> str | None:
        """IRI of the home itself."""
        return self.owned.get(str(FC.Site))

    @property
    def connection(self) -> str | None:
        """IRI of its grid connection."""
        return self.owned.get(str(FC.GridConnectionPoint))

    @property
    def comfort(self) -> str | None:
        """IRI of what is wanted of its rooms."""
        return self.owned.get(str(FC.ComfortProfile))

    @property
    def temperatures(self) -> list[str]:
        """IRIs of the temperatures that its devices control."""
        return sorted({channel for channel in self.offered.values() if channel})

    @property
    def steps(self) -> dict[str, str]:
        """Each step, and how it stands."""
        done = {
            "member": True,
            "home": self.site is not None,
            "connection": self.connection is not None,
            "box": bool(self.boxes),
            "devices": bool(self.offered),
            "comfort": self.comfort is not None,
            "consent": bool(self.consents),
            "contract": str(FCV.ContractActive) in self.contracts.values(),
            "account": self.account,
        }
        found = {step: DONE if done[step] else OPEN for step in STEPS}
        if found["comfort"] == OPEN and done["devices"] and not self.temperatures:
            found["comfort"] = NOT_NEEDED
        if found["contract"] == OPEN and str(FCV.ContractDraft) in self.contracts.values():
            found["contract"] = WAITING  # for the member's signature
        if found["devices"] == OPEN and done["box"] and not any(self.boxes.values()):
            found["devices"] = WAITING  # for the box
        return found

    @property
    def next_step(self) -> str | None:
        """Where to go on: the first step that is open, else one that waits for others; nothing where all is done."""
        steps = self.steps
        return next((step for state in (OPEN, WAITING) for step in STEPS if steps[step] == state), None)

    def missing(self, step: str) -> str | None:
        """The step that must come before this one, where it has not."""
        needed = NEEDS.get(step)
        return needed if needed is not None and self.steps[needed] == OPEN else None


def homes(keys: Sequence[str]) -> list[Home]:
    """Read how far these are; of a key that nobody has, there is none."""
    known = services()
    members = {known.iris.id("member", key): key for key in keys if KEY.fullmatch(key)}
    if not members:
        return []
    rows = queries.rows(known.store, queries.load("api", "onboarding_things"), member=list(members))
    by_member: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["graph"] == known.iris.graph("member", members[row["member"]], "contracts" if row["step"] == "contract" else "facts"):
            by_member.setdefault(row["member"], []).append(row)
    access = known.access
    accounts = {each.subject for each in access.accounts.list()} if access is not None else set()
    return [
        _home(members[member], member, found, member in accounts)
        for member, found in by_member.items()
        if any(row["step"] == "member" for row in found)
    ]


def home(key: str) -> Home:
    """Read how far one is.

    Raises
    ------
    NotFoundError
        If there is no such member.
    """
    found = homes([key])
    if not found:
        raise NotFoundError(f"There is no member {key}; the homes that are under way are listed at /onboarding")
    return found[0]


def _home(key: str, member: str, rows: Iterable[Mapping[str, Any]], account: bool) -> Home:
    parts: dict[str, dict[str, str]] = {"owned": {}, "boxes": {}, "offered": {}, "consents": {}, "contracts": {}}
    names = {"owned": "owned", "box": "boxes", "device": "offered", "consent": "consents", "contract": "contracts"}
    for row in rows:
        if row["step"] == "owned":
            parts["owned"].setdefault(row["note"], row["thing"])
        elif row["step"] in names:
            parts[names[row["step"]]][row["thing"]] = str(row.get("note", ""))
    return Home(key, member, account=account, **parts)


def under_way() -> list[tuple[str, str]]:
    """Key and name of the members whose homes are under way, by key."""
    known = services()
    prefix = known.iris.id("member", "")
    found: dict[str, str] = {}
    for row in queries.rows(known.store, queries.load("api", "onboarding_members")):
        key = str(row["member"]).removeprefix(prefix)
        if KEY.fullmatch(key) and row["graph"] == known.iris.graph("member", key, "facts"):
            found.setdefault(key, row["label"])
    return sorted(found.items())


def label_of(found: Home) -> str:
    """What the member is called, in the language of the page if it can be."""
    known = services()
    facts = known.iris.graph("member", found.key, "facts")
    told = {
        t.object.language or "": t.object.value
        for t in known.store.graph(facts)
        if _names(t, found.member) and isinstance(t.object, Literal)
    }
    return said(told) or found.key


def _names(triple: Triple, thing: str) -> bool:
    return triple.subject == NamedNode(thing) and triple.predicate.value == str(RDFS.label)


def devices_of(found: Home) -> list[Device]:
    """The devices of a home, whether its box reports them or somebody has entered them; by IRI."""
    known = services()
    family = known.iris.graph("member", found.key, "")
    devices: dict[str, Device] = {}
    for row in queries.rows(known.store, queries.load("api", "onboarding_devices"), member=found.member):
        if not str(row["graph"]).startswith(family):
            continue
        device = devices.setdefault(row["device"], Device(row["device"]))
        values: dict[str, Any] = {name: row[name] for name in ("label", "profile", "kw", "available", "controls") if name in row}
        if str(row.get("type", "")).startswith(str(FC._NS)):
            values["type"] = row["type"]
        reported = device.reported or str(row["graph"]).startswith(f"{family}osb/")
        devices[row["device"]] = replace(device, reported=reported, **values)
    found_all = (each for _, each in sorted(devices.items()) if each.type)
    return [each if each.reported or not known.channels.of_feature(each.iri) else replace(each, reported=True) for each in found_all]


@cache
def profiles() -> Mapping[str, Profile]:
    """The device profiles that this platform knows, by id."""
    return read_profiles(PROFILES)


def candidates(device: Device) -> list[Profile]:
    """The profiles that a device of this class may have."""
    return [each for _, each in sorted(profiles().items()) if each.device_class == device.type]
