"""Hold what the store has against what must be so: shapes, the settlements' money, and the readings they rest on."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pyoxigraph import Triple

import shapes
from kg import queries
from kg.iris import Iris
from kg.store import Store
from settlement.changes import changed_since
from settlement.summary import summary
from telemetry.channels import Channels


def check(store: Store, iris: Iris, channels: Channels, settled: Iterable[str]) -> dict[str, Any]:
    """Hold every graph against the shapes, every settlement's money against itself, and the readings it used against those of now.

    Parameters
    ----------
    settled
        IRIs of the campaigns that are settled.
    """
    skipped = {iris.graph("ontology"), iris.graph("shapes")}
    graphs = {graph: store.graph(graph) for graph in store.graphs() if graph not in skipped and "/telemetry/" not in graph}
    findings = [
        {"graph": graph, "sentence": finding.sentence}
        for graph, triples in graphs.items()
        for finding in shapes.validate(triples, context=_around(iris, graph, graphs)).findings
    ]
    books = [row for campaign in settled for row in queries.rows(store, queries.load("settlement", "money_identity"), campaign=campaign)]
    unbalanced = [row["campaign"] for row in books if not row["holds"]]
    changed = [day.sentence for day in changed_since(store, iris, channels)]
    return {
        "ok": not findings and not unbalanced and not changed,
        "graphs": len(graphs),
        "settlements": len(books),
        "unbalanced": unbalanced,
        "changed_readings": changed,
        "findings": findings,
    }


def totals(store: Store, settled: Iterable[str]) -> dict[str, Any]:
    """Sum up settled campaigns: energies [kWh], money [EUR].

    Parameters
    ----------
    settled
        IRIs of the campaigns that are settled.

    Raises
    ------
    SettlementError
        If one of them is not.
    """
    found = [summary(store, campaign) for campaign in settled]
    return {
        "campaigns": len(found),
        "asked_kwh": float(sum(one.asked_kwh for one in found)),
        "promised_kwh": float(sum(one.promised_kwh for one in found)),
        "delivered_kwh": float(sum(one.delivered_kwh for one in found)),
        "delivered_80_percent_kwh": [[float(one.lower), float(one.upper)] for one in found],
        "paid_eur": str(sum((one.paid_eur for one in found), Decimal("0.00"))),
        "income_eur": str(sum((one.income_eur for one in found), Decimal("0.00"))),
        "members_paid": sum(len(one.members) for one in found),
    }


def _around(iris: Iris, graph: str, graphs: Mapping[str, list[Triple]]) -> list[Triple]:
    """What a graph may refer to: the registry, and its owner's other small graphs; and the boxes of which the owner has corrected something."""
    owner = graph.split("/member/")[1].split("/")[0] if "/member/" in graph else ""
    near = {iris.graph("registry")} | {iris.graph("member", owner, part) for part in ("facts", "contracts", "events") if owner}
    corrected = iris.graph("member", owner, "differing", "") if owner else ""
    near |= {each.replace("/differing/", "/osb/") for each in graphs if corrected and each.startswith(corrected)}
    return [triple for other in near - {graph} for triple in graphs.get(other, [])]
