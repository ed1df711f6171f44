"""Comfort in the graph: what members want of their rooms by weekday and hour, read and changed.

A profile has limits for all the time; its bands (`comfort/h01#b1`) are hours of some weekdays in which others are wanted instead. A band ends
at 00:00 with its day; one that passes midnight is kept as two. The shapes refuse bands of one zone that overlap.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pyoxigraph import NamedNode, Quad

from kg import queries
from kg.iris import Iris
from kg.store import Store
from kg.terms import canonical, describe, iri
from mappers.comfort import WEEKDAYS, Band, Profile, band_at, overlapping, whole
from ontology.names import FC, QUDT, RDF, UNIT
from registry.edits import Delta

__all__ = ["WEEKDAYS", "Band", "Profile", "band_at", "change", "new", "of_channels", "overlapping", "profiles", "whole"]

_DAYS = {name: day for day, name in enumerate(WEEKDAYS)}
_OURS = {str(FC[name]) for name in ("minimum", "maximum", "hasBand", "forProperty", "ownedBy", "onWeekday", "windowStart", "windowEnd")}
_OURS.add(str(QUDT.hasUnit))


def profiles(store: Store, iris: Iris, member: str | Sequence[str] | None) -> list[Profile]:
    """What a member wants of each of their zones, ordered by IRI.

    Parameters
    ----------
    member
        IRI of the member, or of several; `None`: everybody.
    """
    del iris
    if member is not None and not member:
        return []
    found = _read(store, queries.rows(store, queries.load("registry", "comfort_of_members"), owner=member))
    rooms = sorted({profile.channel.partition("#")[0] for profile in found})
    rows = queries.rows(store, queries.load("registry", "room_zones"), room=rooms) if rooms else []
    zones = {str(row["room"]): str(row["zone"]) for row in rows}
    return [replace(profile, zone=zones.get(profile.channel.partition("#")[0], profile.zone)) for profile in found]


def of_channels(store: Store, channels: Sequence[str]) -> dict[str, Profile]:
    """What is wanted of each channel, without the time zone of the site; of several profiles of one, the last by its limits counts."""
    if not channels:
        return {}
    rows = queries.rows(store, queries.load("registry", "comfort_of_channels"), channel=list(channels))
    return {profile.channel: profile for profile in _read(store, rows)}


def new(iris: Iris, member: str, channel: str, *, minimum: Decimal, maximum: Decimal, zone: str = "UTC", number: int = 1) -> Profile:
    """A profile that is not in the graph yet, for `change`.

    Parameters
    ----------
    member, channel
        IRIs of the member and of the temperature of one of their zones.
    number
        Which of the member's profiles it is, from 1.
    """
    key = iris.key(member)
    name = iris.id("comfort", key if number == 1 else f"{key}-{number}")
    return Profile(name, channel, minimum, maximum, (), zone, iris.graph("member", key, "facts"), member)


def change(store: Store, profile: Profile, *, minimum: Decimal, maximum: Decimal, bands: Iterable[Band]) -> Delta:
    """The edit after which a profile has these limits and these bands; `registry.gate` makes it.

    A band with an IRI keeps its node and whatever else is said of it, one without gets a new node; of a band that is not given nothing
    stays. Bands that pass midnight are cut in two.

    Parameters
    ----------
    profile
        As `profiles` read it, or `new`.
    """
    there = _there(store, profile)
    wanted = replace(profile, minimum=minimum, maximum=maximum, bands=_named(profile.iri, whole(bands)))
    spelt = set(_spelt(wanted))
    kept = {profile.iri, *(band.iri for band in wanted.bands)}
    same = {_alike(quad) for quad in spelt}
    gone = {quad for quad in there if (_name(quad.subject) not in kept or quad.predicate.value in _OURS) and _alike(quad) not in same}
    known = {_alike(quad) for quad in there}
    return Delta(frozenset(gone), frozenset(quad for quad in spelt if _alike(quad) not in known))


def _there(store: Store, profile: Profile) -> set[Quad]:
    """Everything that the graph says of the profile and its bands."""
    graph, content = NamedNode(profile.graph), list(store.graph(profile.graph))
    mine = {profile.iri}
    mine |= {_name(each.object) for each in content if _name(each.subject) == profile.iri and each.predicate.value == str(FC.hasBand)}
    return {Quad(each.subject, each.predicate, each.object, graph) for each in content if _name(each.subject) in mine}


def _alike(quad: Quad) -> tuple[str, str, str]:
    """The same for quads that differ in how a number is spelt: a store that is told 26.0 may answer 26."""
    return _name(quad.subject), quad.predicate.value, str(canonical(quad.object))  # type: ignore[arg-type]  # no store here holds quoted triples


def _name(term: Any) -> str:  # noqa: ANN401  (any term)
    return str(getattr(term, "value", ""))


def _named(profile: str, bands: Sequence[Band]) -> tuple[Band, ...]:
    """Give bands without node one that no other has."""
    used = {band.iri for band in bands}
    free = (name for number in range(1, len(bands) + len(used) + 2) if (name := f"{profile}#b{number}") not in used)
    return tuple(band if band.iri else replace(band, iri=next(free)) for band in bands)


def _spelt(profile: Profile) -> Iterable[Quad]:
    yield from describe(
        profile.graph,
        profile.iri,
        {
            str(RDF.type): FC.ComfortProfile,
            str(FC.ownedBy): iri(profile.owner),
            str(FC.forProperty): iri(profile.channel),
            **_limits(profile),
            str(FC.hasBand): [iri(band.iri) for band in profile.bands],
        },
    )
    for band in profile.bands:
        yield from describe(
            profile.graph,
            band.iri,
            {
                str(RDF.type): FC.ComfortBand,
                str(FC.onWeekday): [iri(WEEKDAYS[day]) for day in sorted(band.weekdays)],
                str(FC.windowStart): band.start,
                str(FC.windowEnd): band.end,
                **_limits(band),
            },
        )


def _limits(of: Profile | Band) -> dict[str, Any]:
    return {str(FC.minimum): of.minimum, str(FC.maximum): of.maximum, str(QUDT.hasUnit): UNIT.DEG_C}


def _read(store: Store, rows: Sequence[Mapping[str, Any]]) -> list[Profile]:
    bands = _bands(store, sorted({str(row["profile"]) for row in rows}))
    return [
        Profile(
            iri=str(row["profile"]),
            channel=str(row["channel"]),
            minimum=Decimal(row["minimum"]),
            maximum=Decimal(row["maximum"]),
            bands=bands.get((str(row["profile"]), str(row["graph"])), ()),
            graph=str(row["graph"]),
            owner=str(row.get("owner", "")),
        )
        for row in rows
    ]


def _bands(store: Store, names: Sequence[str]) -> dict[tuple[str, str], tuple[Band, ...]]:
    """The bands of profiles, by profile and graph."""
    if not names:
        return {}
    listed = queries.rows(store, queries.load("registry", "comfort_weekdays"), profile=names)
    days = {
        (str(row["graph"]), str(row["band"])): frozenset(_DAYS[day] for day in str(row["weekdays"]).split() if day in _DAYS)
        for row in listed
    }
    found: dict[tuple[str, str], dict[str, Band]] = {}
    for row in queries.rows(store, queries.load("registry", "comfort_bands"), profile=names):
        graph, name = str(row["graph"]), str(row["band"])
        band = Band(days.get((graph, name), frozenset()), row["start"], row["end"], Decimal(row["minimum"]), Decimal(row["maximum"]), name)
        found.setdefault((str(row["profile"]), graph), {})[name] = band
    return {where: tuple(sorted(each.values(), key=_order)) for where, each in found.items()}


def _order(band: Band) -> tuple[list[int], Any, str]:
    return sorted(band.weekdays), band.start, band.iri
