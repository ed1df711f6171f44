"""What the optimiser states: promises, decisions, events, instructions, opt-outs and pauses, as quads."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import orjson
from pyoxigraph import Quad

from kg import provenance
from kg.iris import Iris
from kg.terms import Json, Lang, describe, iri
from ontology.names import FC, FCV, PROV, QUDT, RDF, RDFS, S4ENER, UNIT
from optimiser.planning import Share
from optimiser.records import Campaign, Event, Instruction, Pause
from optimiser.solve import Floats


def rounded(values: Floats) -> list[float]:
    """Spell powers [kW] as they are written and sent: to tenths of a watt, without a negative zero."""
    return [round(float(value), 4) + 0.0 for value in values]


def _series(graph: str, node: str, role: str, values: Floats) -> list[Quad]:
    packed = Json(orjson.dumps(rounded(values)).decode())
    return describe(graph, node, {RDF.type: S4ENER.TimeSeries, FC.seriesRole: iri(role), QUDT.hasUnit: UNIT.KiloW, FC["values"]: packed})


def promise(graph: str, campaign: Campaign, promised_kw: Floats) -> list[Quad]:
    """State what the cooperative promises for a campaign; written once, at selection."""
    node = f"{campaign.iri}#promised"
    return describe(graph, campaign.iri, {FC.hasSeries: iri(node)}) + _series(graph, node, str(FCV.LoadReduction), promised_kw)


def decision(
    iris: Iris, campaign: Campaign, run: str, at: datetime, *, used: Iterable[str], generated: Iterable[str] = (), told: str | None = None
) -> list[Quad]:
    """State the activity that decided something in a campaign, on behalf of its cooperative, and what it says of itself for people."""
    graph = iris.graph("market")
    quads = provenance.activity(iris, graph, run, at=at, used=used, generated=generated, on_behalf_of=campaign.cooperative)
    return quads + (describe(graph, run, {RDFS.comment: Lang(told)}) if told else [])


def event_iri(iris: Iris, campaign: Campaign, site: str) -> str:
    """Name a site's part in a campaign."""
    return iris.id("event", f"{iris.key(campaign.iri)}-{iris.key(site)}")


def event(
    iris: Iris,
    campaign: Campaign,
    share: Share,
    window: tuple[datetime, datetime],
    *,
    role: str,
    status: str,
    notified: datetime,
    activated: datetime | None = None,
) -> list[Quad]:
    """State a site's part in a campaign."""
    graph = iris.graph("member", iris.key(share.candidate.member), "events")
    return describe(
        graph,
        event_iri(iris, campaign, share.candidate.site),
        {
            RDF.type: FC.DREvent,
            FC.partOfCampaign: iri(campaign.iri),
            FC.forSite: iri(share.candidate.site),
            FC.underContract: iri(share.candidate.contract.iri),
            FC.role: iri(role),
            FC.start: window[0],
            FC.end: window[1],
            FC.notifiedAt: notified,
            FC.activatedAt: activated,
            FC.status: iri(status),
        },
    )


def instruct(
    iris: Iris,
    campaign: Campaign,
    share: Share,
    start: datetime,
    *,
    run: str,
    at: datetime,
    numbers: Mapping[str, int],
    boxes: Mapping[str, str],
) -> tuple[list[Quad], list[Instruction]]:
    """Spell the instructions of one share; `start` is the window's first slot, `numbers` how many each device had in this campaign."""
    graph = iris.graph("member", iris.key(share.candidate.member), "events")
    begin, end = start + share.first * campaign.step, start + share.last * campaign.step
    quads: list[Quad] = []
    made: list[Instruction] = []
    for der, limit in share.limits.items():
        one = Instruction(
            iri=iris.id("instruction", f"{iris.key(campaign.iri)}-{iris.key(der)}-{numbers.get(der, 0) + 1}"),
            graph=graph,
            event=event_iri(iris, campaign, share.candidate.site),
            der=der,
            identifier=boxes.get(der, ""),
            start=begin,
            end=end,
            not_after=end,
            step=campaign.step,
            status=str(S4ENER.New),
            limit_kw=np.asarray(rounded(limit)),
            reduction_kw=np.asarray(rounded(share.reductions[der])),
        )
        made.append(one)
        quads += _instruction(one, at, run)
    return quads, made


def _instruction(one: Instruction, at: datetime, run: str) -> list[Quad]:
    quads = describe(
        one.graph,
        one.iri,
        {
            RDF.type: FC.DispatchInstruction,
            FC.partOfEvent: iri(one.event),
            FC.forDER: iri(one.der),
            S4ENER.hasCreationTime: at,
            FC.start: one.start,
            FC.end: one.end,
            FC.notAfter: one.not_after,
            S4ENER.hasTemporalResolution: one.step,
            S4ENER.hasInstructionStatus: iri(one.status),
            FC.hasSeries: [iri(f"{one.iri}#limit"), iri(f"{one.iri}#reduction")],
            PROV.wasGeneratedBy: iri(run),
        },
    )
    quads += _series(one.graph, f"{one.iri}#limit", str(FCV.PowerLimit), one.limit_kw)
    return quads + _series(one.graph, f"{one.iri}#reduction", str(FCV.LoadReduction), one.reduction_kw)


def opt_out(iris: Iris, event: Event, at: datetime, reason: str) -> list[Quad]:
    """State that a site withdrew from its event."""
    node = iris.id("optout", iris.key(event.iri))
    return describe(event.graph, node, {RDF.type: FC.OptOut, FC.forEvent: iri(event.iri), FC.at: at, FC.reason: iri(reason)})


def pause(graph: str, campaign: str, number: int, at: datetime) -> list[Quad]:
    """State that a campaign was paused, for the `number`-th time."""
    node = f"{campaign}#pause-{number}"
    return describe(graph, campaign, {FC.hasPause: iri(node)}) + describe(graph, node, {RDF.type: FC.Pause, FC.pausedAt: at})


def resume(graph: str, pause: Pause, at: datetime) -> list[Quad]:
    """State the end of a pause."""
    return describe(graph, pause.iri, {FC.resumedAt: at})


def again(
    iris: Iris, campaign: Campaign, told: Instruction, start: datetime, *, number: int, at: datetime, run: str
) -> tuple[list[Quad], Instruction]:
    """Spell what is left of an instruction from a slot on as a new one: a box executes an instruction once, by its id."""
    first = max((start - told.start) // told.step, 0)
    one = replace(
        told,
        iri=iris.id("instruction", f"{iris.key(campaign.iri)}-{iris.key(told.der)}-{number}"),
        start=told.start + first * told.step,
        status=str(S4ENER.New),
        limit_kw=told.limit_kw[first:],
        reduction_kw=told.reduction_kw[first:],
    )
    return _instruction(one, at, run), one


def remark(graph: str, instruction: str, said: str) -> list[Quad]:
    """A finding of the box on an instruction that it could not keep in every slot."""
    node = f"{instruction}#finding-1"
    quads = describe(graph, instruction, {FC.hasFinding: iri(node)})
    return quads + describe(graph, node, {RDF.type: FC.Finding, FC.reason: FCV.LimitNotKept, RDFS.comment: Lang(said)})


def release(event: Event, at: datetime) -> list[Quad]:
    """State the end of the last slot that counts."""
    return describe(event.graph, event.iri, {FC.releasedAt: at})


def activate(event: Event, at: datetime) -> list[Quad]:
    """State the start of the first slot that counts."""
    return describe(event.graph, event.iri, {FC.activatedAt: at})


def sources(shares: Iterable[Share]) -> list[str]:
    """What a decision on these shares used: contracts and flexibility forecasts."""
    used = {share.candidate.contract.iri for share in shares}
    return sorted(used | {device.flexibility for share in shares for device in share.candidate.devices})
