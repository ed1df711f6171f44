"""A closed day at a longer step: its readings by the rule of their kind, its flags in the longer slots, its past by digest only."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from pyoxigraph import Quad

from kg.terms import describe, iri
from ontology.names import FC, FCV, PROV, S4ENER
from telemetry import days, resampling
from telemetry.days import Day, Flag
from telemetry.resampling import Rule
from telemetry.revisions import Revision

_PARTIAL = str(FCV.PartialInterval)
_MORE_PLACES = 3  # decimals that a mean has beyond those of its parts


@dataclass(frozen=True)
class Thinned:
    """What takes the place of a day's readings: texts by offset [s], and the flags."""

    values: dict[int, str]
    flags: dict[str, Flag]


def thin(day: Day, step: timedelta) -> Thinned:
    """Make the readings of a longer step.

    A mean or sum of an interval of which parts are missing rests on the others and is flagged `fcv:PartialInterval`; where half of the
    parts or more are missing, so is the interval. A last or first reading is there or not.
    """
    how, step_s = resampling.rule(day.channel), int(step.total_seconds())
    parts = step_s // day.step_s
    values: dict[int, str] = {}
    flags = _folded(day, step_s)
    for offset in range(0, 86400, step_s):
        inside = [day.values[at] for at in range(offset, offset + step_s, day.step_s) if at in day.values]
        text = _whole(day, offset, step_s, how, inside)
        if text is not None and (how in (Rule.LAST, Rule.FIRST) or 2 * len(inside) > parts):
            values[offset] = text
        if how in (Rule.MEAN, Rule.SUM) and 0 < len(inside) < parts:
            said = f"{len(inside)} of its {parts} readings existed when the day was thinned."
            flag = Flag(f"{day.iri}#s{offset}-PartialInterval-thinned", offset, _PARTIAL, said)
            flags[flag.iri] = flag
    return Thinned(values, flags)


def change(day: Day, earlier: Iterable[Revision], step: timedelta, at: datetime, activity: str) -> tuple[list[Quad], list[Quad]]:
    """What to take away and what to put in the place, in one transaction; the day's next revision."""
    thinned = thin(day, step)
    after = days.pack(thinned.values, int(step.total_seconds()))
    assert day.array is not None  # noqa: S101  (only closed days are thinned)
    gone = [day.array_quad(day.array), *_step(day, timedelta(seconds=day.step_s)), *_flags(day, day.flags.values())]
    come = [day.array_quad(after), *_step(day, step), *_flags(day, thinned.flags.values())]
    for revision in earlier:
        gone += _held(day, revision)
        come += _held(day, replace(revision, superseded={}))
    come += Revision(day.revision, day.digest, {}, at).quads(day.graph, day.iri)
    come += describe(day.graph, day.iri, {FC.revision: day.revision + 1, PROV.wasGeneratedBy: iri(activity)})
    if day.revision > 1:
        gone += describe(day.graph, day.iri, {FC.revision: day.revision})
    return gone, come


def _whole(day: Day, offset: int, step_s: int, how: Rule, inside: list[str]) -> str | None:
    match how:
        case Rule.FIRST:
            return day.values.get(offset)
        case Rule.LAST:
            return day.values.get(offset + step_s - day.step_s)
    if not inside:
        return None
    numbers = [Decimal(text) for text in inside]
    total = sum(numbers, Decimal(0))
    if how is Rule.SUM:
        return days.canonical(format(total, "f"))
    places = max(-int(number.as_tuple().exponent) for number in numbers) + _MORE_PLACES
    return days.canonical(format(round(total / len(numbers), places), "f"))


def _folded(day: Day, step_s: int) -> dict[str, Flag]:
    """The flags in the longer slots: one for each reason and slot, whose comment says how many it stands for; runs stay."""
    found: dict[tuple[int, str], list[Flag]] = {}
    kept: dict[str, Flag] = {}
    for flag in sorted(day.flags.values(), key=lambda each: (each.offset, each.iri)):
        if flag.end is not None:
            kept[flag.iri] = flag
        else:
            found.setdefault((flag.offset - flag.offset % step_s, flag.reason), []).append(flag)
    for (offset, reason), same in found.items():
        more = f" It is one of {len(same)} within the slot." if len(same) > 1 else ""
        name = _free(f"{day.iri}#s{offset}-{reason.rsplit('/', 1)[-1]}", kept)
        kept[name] = Flag(name, offset, reason, same[0].comment + more)
    return kept


def _free(name: str, taken: Container[str]) -> str:
    """A name that no run has."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _flags(day: Day, flags: Iterable[Flag]) -> list[Quad]:
    return [quad for flag in flags for quad in flag.quads(day.graph, day.iri)]


def _step(day: Day, step: timedelta) -> list[Quad]:
    return describe(day.graph, day.iri, {S4ENER.hasTemporalResolution: step})


def _held(day: Day, revision: Revision) -> list[Quad]:
    """What an earlier revision says of the values it held."""
    return [quad for quad in revision.quads(day.graph, day.iri) if quad.predicate.value == str(FC.supersededValues)]
