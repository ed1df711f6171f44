"""Every file in tests/data/shapes is a test: `valid*.ttl` conforms, `invalid-<why>.ttl` gives exactly its `# expect:` sentences."""

from pathlib import Path

import pyoxigraph as ox
import pytest

import shapes

DATA = Path(__file__).parents[1] / "data" / "shapes"
VALID = sorted(DATA.glob("*/valid*.ttl"))
INVALID = sorted(DATA.glob("*/invalid-*.ttl"))

TELLING = [
    *("signConvention", "direction", "seriesRole", "timeZone", "start", "end", "day", "offset", "at", "latestAt", "notAfter", "notifiedAt"),
    *("activatedAt", "signedAt", "validFrom", "validTo", "windowStart", "windowEnd", "minDuration", "maxDuration", "minNotice"),
    "perPeriod",
]
# What gives a number its meaning: without one of these a thing must not pass.
UNITS_SIGNS_TIMES = {
    "http://qudt.org/schema/qudt/hasUnit",
    "https://saref.etsi.org/core/isMeasuredIn",
    "https://saref.etsi.org/core/hasTimestamp",
    "https://saref.etsi.org/saref4ener/hasCreationTime",
    "https://saref.etsi.org/saref4ener/hasTemporalResolution",
    "http://www.w3.org/ns/prov#startedAtTime",
    *(f"https://w3id.org/flexcoop/ns#{name}" for name in TELLING),
}


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def triples(path: Path) -> list[ox.Triple]:
    return [quad.triple for quad in ox.parse(path=str(path))]


def expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]


@pytest.mark.parametrize("path", VALID, ids=name)
def test_valid_fixture_conforms(path):
    report = shapes.validate(triples(path))

    assert report == shapes.Report(True, ())


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid_fixture_is_refused_with_its_sentences(path):
    report = shapes.validate(triples(path))

    assert not report.conforms
    assert list(report.sentences) == expected(path)
    assert expected(path), "an invalid fixture needs at least one '# expect:' line"


@pytest.mark.parametrize("path", VALID, ids=name)
def test_without_any_unit_sign_or_time_it_fails(path):
    given = triples(path)
    telling = [triple for triple in given if triple.predicate.value in UNITS_SIGNS_TIMES]

    survived = [str(triple) for triple in telling if shapes.validate([other for other in given if other != triple]).conforms]

    assert survived == []


@pytest.mark.parametrize("thing", sorted(path.stem for path in shapes.files() if path.stem not in {"groups", "fields"}))
def test_thing_has_a_valid_and_an_invalid_fixture(thing):
    folder = DATA / thing

    assert list(folder.glob("valid*.ttl")), f"write {folder}/valid.ttl"
    assert list(folder.glob("invalid-*.ttl")), f"write {folder}/invalid-<why>.ttl with an '# expect:' line for each sentence"


def test_every_fixture_belongs_to_a_thing():
    things = {path.stem for path in shapes.files()}

    assert {path.name for path in DATA.iterdir()} <= things
    assert {path.name for path in DATA.glob("*/*")} == {path.name for path in VALID + INVALID}
