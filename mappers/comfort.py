"""Comfort by weekday and hour: which limits are wanted at an instant, and how they travel from the platform to a box.

Weekdays and hours are those of the site's local clock. A band is in force while that clock shows a time within it: on the day on which the
clock is put forward an hour of it may be missing, on the day on which it is put back one may come twice.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mappers.errors import MappingError
from ontology.names import FCV

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WEEKDAYS = tuple(str(FCV[name]) for name in NAMES)  # by `datetime.weekday()`
MIDNIGHT = time(0)  # as an end: that of the day
CONTEXT = "https://w3id.org/flexcoop/context/v1.jsonld"
MOST_BANDS = 400
_LOWEST, _HIGHEST = Decimal(5), Decimal(35)  # what the shape allows


@dataclass(frozen=True)
class Band:
    """Hours of some weekdays with limits of their own.

    Attributes
    ----------
    weekdays : 0 (Monday) to 6 (Sunday)
    start, end : local times `[start, end)` of one day; an `end` of 00:00 is the end of the day
    minimum, maximum : [°C]
    iri : its node in the graph; empty for a new one
    """

    weekdays: frozenset[int]
    start: time
    end: time
    minimum: Decimal
    maximum: Decimal
    iri: str = ""

    def covers(self, local: datetime) -> bool:
        """Whether it is in force when the local clock shows this."""
        now = local.time()
        return local.weekday() in self.weekdays and self.start <= now and (self.end == MIDNIGHT or now < self.end)


@dataclass(frozen=True)
class Profile:
    """What a member wants of one zone: limits for all the time, and bands in which others are wanted instead.

    Attributes
    ----------
    iri : `comfort/h01`
    channel : the temperature that is to stay within: `zone/h01-living#airTemperature`
    minimum, maximum : where no band is in force [°C]
    zone : IANA name of the site's time zone
    graph, owner : where it is said, and of whom; empty at a box
    """

    iri: str
    channel: str
    minimum: Decimal
    maximum: Decimal
    bands: tuple[Band, ...] = ()
    zone: str = "UTC"
    graph: str = ""
    owner: str = ""


def band_at(profile: Profile, instant: datetime, zone: str | ZoneInfo | None = None) -> tuple[Decimal, Decimal]:
    """The lowest and the highest temperature that are wanted at an instant [°C].

    Parameters
    ----------
    instant
        Aware.
    zone
        The site's time zone, where it is not the profile's.

    Examples
    --------
    >>> night = Band(frozenset({0}), time(22), time(0), Decimal(16), Decimal(20))
    >>> profile = Profile("comfort/h01", "zone/h01#airTemperature", Decimal(21), Decimal(26), (night,), "Europe/Madrid")
    >>> band_at(profile, datetime.fromisoformat("2026-01-05T22:30:00+01:00"))
    (Decimal('16'), Decimal('20'))
    """
    if not profile.bands:
        return profile.minimum, profile.maximum
    local = instant.astimezone(zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone or profile.zone))
    for band in profile.bands:
        if band.covers(local):
            return band.minimum, band.maximum
    return profile.minimum, profile.maximum


def whole(bands: Iterable[Band]) -> tuple[Band, ...]:
    """Cut bands that pass midnight into two, of which the second is on the days after.

    Examples
    --------
    >>> [(sorted(one.weekdays), one.start.hour, one.end.hour) for one in whole([Band(frozenset({6}), time(22), time(6), Decimal(16), Decimal(20))])]
    [([6], 22, 0), ([0], 0, 6)]
    """
    found: list[Band] = []
    for band in bands:
        if band.end == MIDNIGHT or band.start < band.end:
            found.append(band)
            continue
        after = frozenset((day + 1) % 7 for day in band.weekdays)
        found += [replace(band, end=MIDNIGHT), replace(band, weekdays=after, start=MIDNIGHT, iri="")]
    return tuple(found)


def overlapping(bands: Sequence[Band]) -> list[tuple[Band, Band]]:
    """The pairs of bands that want two things at one time."""
    return [
        (one, other)
        for one, other in combinations(bands, 2)
        if one.weekdays & other.weekdays
        and (other.end == MIDNIGHT or one.start < other.end)
        and (one.end == MIDNIGHT or other.start < one.end)
    ]


# --- on the way to a box ----------------------------------------------------------------------------------------------------------------


def message(base: str, osb: str, profiles: Sequence[Profile]) -> dict[str, Any]:
    """What a box is told on its topic `comfort` (docs/data-model.md §4): everything that is wanted in its home, which replaces what it knew.

    Parameters
    ----------
    base
        The deployment's, without slash at its end.
    osb
        Key of the box.
    """
    root = f"{base}/id/"
    said = [_profile(root, one) for one in sorted(profiles, key=lambda one: one.iri)]
    tag = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]
    return {
        "@context": [CONTEXT, {"@base": root}],
        "@id": f"message/platform/comfort/{osb}/{tag}",
        "@type": "Message",
        "tag": tag,
        "comfort": said,
    }


def read(payload: Mapping[str, Any]) -> tuple[str, tuple[Profile, ...]]:
    """Read such a message: its tag, which names its content, and the profiles.

    Raises
    ------
    MappingError
        If a part is missing or can't be.
    """
    tag, said = payload.get("tag"), payload.get("comfort")
    if not isinstance(tag, str) or not isinstance(said, list):
        raise MappingError("a message on comfort has no tag or no list of profiles; send it in the form of docs/data-model.md §4")
    if sum(1 + (len(one.get("bands") or ()) if isinstance(one, dict) else 0) for one in said) > MOST_BANDS:
        raise MappingError(f"a message on comfort has more than {MOST_BANDS} bands; send fewer")
    root = _root(payload.get("@context"))
    return tag, tuple(_read_profile(root, one) for one in said)


def _profile(root: str, profile: Profile) -> dict[str, Any]:
    return {
        "@id": profile.iri.removeprefix(root),
        "@type": "ComfortProfile",
        "forProperty": profile.channel.removeprefix(root),
        "timeZone": profile.zone,
        **_limits(profile),
        "bands": [_band(root, band) for band in sorted(profile.bands, key=_order)],
    }


def _band(root: str, band: Band) -> dict[str, Any]:
    return {
        "@id": band.iri.removeprefix(root),
        "@type": "ComfortBand",
        "weekdays": [f"fcv:{NAMES[day]}" for day in sorted(band.weekdays)],
        "windowStart": band.start.isoformat(),
        "windowEnd": band.end.isoformat(),
        **_limits(band),
    }


def _order(band: Band) -> tuple[list[int], time, str]:
    return sorted(band.weekdays), band.start, band.iri


def _limits(of: Profile | Band) -> dict[str, str]:
    return {"minimum": format(of.minimum.normalize(), "f"), "maximum": format(of.maximum.normalize(), "f"), "unit": "unit:DEG_C"}


def _root(context: object) -> str:
    for each in context if isinstance(context, list) else ():
        if isinstance(each, dict) and isinstance(each.get("@base"), str):
            return str(each["@base"])
    raise MappingError("a message on comfort does not say what its names are relative to; send @context with @base")


def _read_profile(root: str, said: object) -> Profile:
    try:
        given: Mapping[str, Any] = said  # type: ignore[assignment]  # whatever else it is raises below
        zone = given["timeZone"]
        ZoneInfo(zone)
        lowest, highest = _read_limits(given)
        bands = tuple(_read_band(root, one) for one in given["bands"])
        return Profile(root + str(given["@id"]), root + str(given["forProperty"]), lowest, highest, bands, zone)
    except (KeyError, TypeError, AttributeError, ValueError, InvalidOperation, ZoneInfoNotFoundError, OSError) as error:
        raise MappingError(
            f"a comfort profile can't be read ({type(error).__name__}: {error}); send it in the form of docs/data-model.md §4"
        ) from error


def _read_band(root: str, given: Mapping[str, Any]) -> Band:
    days = frozenset(NAMES.index(str(day).removeprefix("fcv:")) for day in given["weekdays"])
    lowest, highest = _read_limits(given)
    start, end = time.fromisoformat(given["windowStart"]), time.fromisoformat(given["windowEnd"])
    if start.tzinfo is not None or end.tzinfo is not None:
        raise ValueError(f"{given['windowStart']} to {given['windowEnd']} has an offset, and bands follow the local clock")
    return Band(days, start, end, lowest, highest, root + str(given["@id"]))


def _read_limits(given: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    lowest, highest = Decimal(given["minimum"]), Decimal(given["maximum"])
    if given["unit"] != "unit:DEG_C" or not _LOWEST <= lowest < highest <= _HIGHEST:
        raise ValueError(f"{lowest} to {highest} {given['unit']} is no band within {_LOWEST} to {_HIGHEST} °C")
    return lowest, highest
