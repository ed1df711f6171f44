"""The competency dataset is right by hand: its shapes accept it, and its figures follow from its readings."""

import hashlib
import json
from decimal import Decimal
from itertools import groupby

import answers
import pyoxigraph as ox
import pytest

import shapes
from ontology.names import FC, PROV, S4ENER, SAREF, SEAS

QUADS = list(ox.parse(path=str(answers.DATA / "competency.trig"), format=ox.RdfFormat.TRIG))
SLOTS = 8  # 00:00 to 02:00 UTC
HOURS = Decimal("0.25")


def values(subject, predicate):
    return [q.object.value for q in QUADS if q.subject.value == subject and q.predicate.value == str(predicate)]


def value(subject, predicate):
    (only,) = values(subject, predicate)
    return only


def number(subject, predicate):
    return Decimal(value(subject, predicate))


def packed(subject):
    return json.loads(value(subject, FC["values"]), parse_float=Decimal)


def thing(*path):
    return answers.BASE + "/".join(path)


@pytest.fixture(params=["h01", "h02"])
def home(request):
    return request.param


def slots(home):
    event = thing("event", f"c1-{home}")
    first, last = (int(value(event, p)[11:13]) * 4 for p in (FC.activatedAt, FC.releasedAt))
    return slice(first, last)


def test_the_shapes_have_nothing_to_say():
    assert shapes.validate([quad.triple for quad in QUADS]).findings == ()


def test_each_graph_is_accepted_beside_what_is_known():
    graph = "http://127.0.0.1:8080/graph/member/h01/contracts"
    stated = [q.triple for q in QUADS if q.graph_name.value == graph]

    report = shapes.validate(stated, context=[q.triple for q in QUADS if q.graph_name.value != graph])

    assert report.sentences == ()


def test_no_thing_is_described_twice_and_nothing_is_blank():
    in_graphs = sorted({(q.subject.value, q.predicate.value, q.object.value, q.graph_name.value) for q in QUADS})
    twice = [key for key, group in groupby(in_graphs, key=lambda row: row[:3]) if len(list(group)) > 1]

    # who keeps a result keeps the digest of what it used, whatever becomes of the readings
    assert [row for row in twice if not row[1].endswith("locatedAt") and "#r" not in row[0]] == []
    assert not any(isinstance(term, ox.BlankNode) for q in QUADS for term in (q.subject, q.object))


def test_a_closed_day_has_96_slots():
    days = [q.subject.value for q in QUADS if q.predicate.value == str(FC["values"]) and "/id/series/" in q.subject.value]

    assert len(days) == 23
    assert {len(packed(day)) for day in days} == {96}


def held(day, revision):
    """Rebuild what a day held at a revision, from what it holds now and what each correction replaced."""
    array = [None if given is None else f"{given.normalize():f}" for given in packed(day)]
    now = int(next(iter(values(day, FC.revision)), 1))
    for earlier in range(now - 1, revision - 1, -1):
        for offset, text in packed_object(f"{day}#r{earlier}").items():
            array[int(offset) // 900] = text
    return array


def packed_object(revision):
    return json.loads(value(revision, FC.supersededValues))


def test_a_digest_is_that_of_the_values_held_at_the_revision():
    stated = {q.subject.value for q in QUADS if q.predicate.value == str(FC.revisionOf)}

    assert len(stated) == 22
    for revision in stated:
        (digest,) = set(values(revision, FC.digest))
        (day,) = set(values(revision, FC.revisionOf))
        array = held(day, int(revision.rpartition("#r")[2]))
        text = f"[{','.join('null' if given is None else given for given in array)}]"
        assert digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}", revision


def test_every_day_used_is_named_with_its_revision(home):
    for used_by in (thing("baseline", f"c1-{home}"), thing("settlement", "c1", home)):
        days = {day for revision in values(used_by, FC.usedRevision) for day in values(revision, FC.revisionOf)}
        assert days == set(values(used_by, PROV.wasDerivedFrom))


def test_each_missing_reading_of_the_flagged_days_has_its_reason():
    flags = [q.subject.value for q in QUADS if q.predicate.value == str(FC.endOffset)]
    covered = {value(flag, FC.flagOf): range(*(int(value(flag, end)) // 900 for end in (FC.offset, FC.endOffset))) for flag in flags}

    assert {day[-8:]: list(slots) for day, slots in covered.items()} == {"20160821": [42, 43, 44], "20160822": list(range(96))}
    for day, slots in covered.items():
        array = packed(day) if values(day, FC["values"]) else [None] * 96
        assert [slot for slot, given in enumerate(array) if given is None] == list(slots)


def test_the_baseline_is_the_mean_of_the_ten_days_it_used(home):
    baseline = thing("baseline", f"c1-{home}")
    days = [packed(day)[:SLOTS] for day in values(baseline, PROV.wasDerivedFrom)]

    assert len(days) == 10
    assert packed(baseline) == [sum(slot) / 10 for slot in zip(*days, strict=True)]


def test_the_energies_follow_from_baseline_readings_and_instructions(home):
    result = thing("settlement", "c1", home)
    counted = slots(home)
    baseline = sum(packed(thing("baseline", f"c1-{home}"))[counted]) * HOURS
    metered = sum(packed(value(result, PROV.wasDerivedFrom))[counted]) * HOURS
    instructed = packed(thing("instruction", f"c1-{home}-battery-1#reduction"))

    assert (number(result, FC.baselineEnergy), number(result, FC.meteredEnergy)) == (baseline, metered)
    assert number(result, FC.measuredReduction) == baseline - metered
    assert number(result, FC.promisedEnergy) == sum(instructed[: counted.stop - counted.start]) * HOURS
    assert number(result, FC.deliveredEnergy) == min(baseline - metered, number(result, FC.promisedEnergy))


def test_the_portfolio_is_the_sum_of_the_members_within_what_was_asked():
    portfolio = thing("settlement", "c1#portfolio")
    members = [thing("settlement", "c1", home) for home in ("h01", "h02")]
    asked = sum(packed(thing("request", "c1"))) * HOURS

    for energy in (FC.promisedEnergy, FC.baselineEnergy, FC.meteredEnergy, FC.deliveredEnergy):
        assert number(portfolio, energy) == sum(number(member, energy) for member in members)
    assert number(portfolio, FC.requestedEnergy) == asked >= number(portfolio, FC.deliveredEnergy)


def test_the_money_follows_from_the_contracts_and_balances():
    paid = Decimal(0)
    for home in ("h01", "h02"):
        price = number(thing("contract", home, "r1#price"), SAREF.hasValue)
        payment = thing("remuneration", "c1", home)
        assert value(payment, SEAS.seller) == thing("member", home)
        assert number(payment, FC.amount) == number(thing("settlement", "c1", home), FC.deliveredEnergy) * price
        paid += number(payment, FC.amount)
    income, cooperative, members = (number(thing("settlement", f"c1#{part}"), FC.amount) for part in ("income", "cooperative", "members"))

    assert members == paid
    assert members + cooperative == income
    assert income == number(thing("settlement", "c1#portfolio"), FC.deliveredEnergy) * number(thing("request", "c1#price"), SAREF.hasValue)


def test_nothing_is_known_before_it_was_made():
    made = [q for q in QUADS if q.predicate.value == str(S4ENER.hasCreationTime) and "/event" not in q.subject.value]
    start = {q.subject.value: q.object.value for q in QUADS if q.predicate.value == str(FC.start)}

    late = [q.subject.value for q in made if q.subject.value in start and q.object.value > start[q.subject.value]]

    assert [name for name in late if "/baseline/" not in name] == []
