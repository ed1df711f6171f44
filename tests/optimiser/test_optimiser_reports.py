"""Reports of boxes on their instructions: whose they may be, which form they have, and that a status only moves forward."""

from itertools import pairwise

import pytest
from optimiser_world import AT, IRIS, E, keys

from optimiser.errors import ReportError


def test_a_report_of_a_foreign_box_is_refused(world):
    made = world.scheduled()
    a, b = keys(made.primaries)
    before = world.graph()
    stolen = IRIS.id("instruction", f"c1-{a}-battery-1")

    for payload in (
        {"instruction": stolen, "status": "Accepted", "at": "2026-06-10T13:00:00Z"},
        {"optOut": E[a], "at": "2026-06-10T13:00:00Z"},
    ):
        with pytest.raises(ReportError, match="isn't one of its own"):
            world.campaigns.report(f"osb-{b}", payload, AT)

    assert world.graph() == before


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        ({"at": "2026-06-10T13:00:00Z"}, "neither an instruction nor an optOut"),
        ({"instruction": "x", "status": "Accepted", "at": "2026-06-10T13:00:00"}, "has no offset"),
        ({"instruction": "x", "status": "Accepted"}, "without a readable time"),
        ({"instruction": "no iri", "status": "Accepted", "at": "2026-06-10T13:00:00Z"}, "is no IRI"),
        ({"instruction": "http://x/y", "status": "Accepted", "at": "2026-06-10T13:00:00Z"}, "isn't one of its own"),
        ({"instruction": "own", "status": "Bored", "at": "2026-06-10T13:00:00Z"}, "status 'Bored'"),
        ({"optOut": "own", "reason": "Bored", "at": "2026-06-10T13:00:00Z"}, "for 'Bored'"),
    ],
)
def test_a_report_in_no_known_form_is_refused_with_its_sentence(world, payload, sentence):
    key = world.scheduled().primaries[0][-3:]
    own = {"instruction": IRIS.id("instruction", f"c1-{key}-battery-1"), "optOut": E[key]}
    payload = {name: own.get(name, value) if value == "own" else value for name, value in payload.items()}

    with pytest.raises(ReportError, match=sentence):
        world.campaigns.report(f"osb-{key}", payload, AT)


def test_a_status_only_moves_forward(world):
    key = world.scheduled().primaries[0][-3:]
    order = ["Accepted", "Started", "Succeeded"]

    for earlier, later in pairwise(order):
        world.accept(key, status=later)
        before = world.graph()
        world.accept(key, status=earlier)
        world.accept(key, status=later)
        assert world.graph() == before
    world.accept(key, status="Rejected")
    assert world.graph() == before
