"""What may not be called so, and what no clock knows, is refused with one sentence by whatever way it comes in."""

import html
import io
import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from patience import PATIENCE_S

from api import ApiSettings, create_app
from devices import announcement, config
from devices.channels import of_home
from devices.messages import Identity
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from registry.gate import Gate
from registry.updates import Updates
from shapes import InvalidGraphError
from sparql.intake import Intake
from telemetry.announce import register

HTML = {"Accept": "text/html"}
PREFIXES = """@prefix fc: <https://w3id.org/flexcoop/ns#> . @prefix org: <http://www.w3.org/ns/org#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @base <{base}/id/> .
"""
WAYS = ("form", "onboarding", "import", "paste", "put", "post", "update")
NO_MEMBER = (
    "“{}” can't be the key of a new member. Write one that nobody has or had: small letters, digits and dashes, at most 32, like h18."
)
NO_BOX = "The box h01 belongs to somebody else. Look at its label again, or have it let go there first."
NO_ZONE = "state exactly one zone of the IANA list"


class Rights:
    """Somebody with the key h77 was erased."""

    def was_erased(self, member: str) -> bool:
        return member == "h77"


class Door:
    """All the ways in, for an operator; each answers with what the page or the tool is told."""

    def __init__(self, client: FlaskClient, iris: Iris) -> None:
        self.client, self.iris = client, iris

    def page(self, path: str, data: dict[str, object]) -> str:
        return self._text(self.client.post(path, data={"_language": "en", "language": "en", **data}, headers=HTML))

    def sheet(self, slug: str, text: str) -> str:
        """What the preview of a sheet says."""
        answer = self.client.post(
            f"/registry/{slug}/import", data={"file": (io.BytesIO(text.encode()), "s.csv")}, content_type="multipart/form-data"
        )
        until = time.monotonic() + PATIENCE_S
        while "data-progress" in (told := self.client.get(answer.location, headers=HTML).get_data(as_text=True)):
            assert time.monotonic() < until
            time.sleep(0.05)
        return html.unescape(told)

    def rdf(self, way: str, place: str, turtle: str) -> str:
        """What comes of statements about things of a graph that is named by its place."""
        body = PREFIXES.format(base=self.iris.base) + turtle
        if way == "paste":
            given = {"text": body, "syntax": "text/turtle", "graph": place, "mode": "add"}
            shown = self.client.post("/registry/paste", data=given).get_data(as_text=True)
            tag = re.search(r'name="tag" value="([^"]*)"', shown)
            assert tag is not None
            return self._text(self.client.post("/registry/paste", data=given | {"tag": tag[1]}))
        if way == "update":
            head = re.sub(r"@prefix (\S+) (\S+) \.", r"PREFIX \1 \2", PREFIXES.format(base=self.iris.base))
            head = re.sub(r"@base (\S+) \.", r"BASE \1", head)
            text = f"{head} INSERT DATA {{ GRAPH <{self.iris.graph(place)}> {{ {turtle} }} }}"
            return self._text(self.client.post("/update", data=text, content_type="application/sparql-update"))
        address = f"/rdf-graph-store?graph={self.iris.graph(place)}"
        return self._text(self.client.open(address, method=way.upper(), data=body.encode(), content_type="text/turtle"))

    def _text(self, answer) -> str:
        assert answer.status_code == 422, answer.get_data(as_text=True)[:500]
        return (
            answer.json["detail"] + " ".join(answer.json["sentences"]) if answer.is_json else html.unescape(answer.get_data(as_text=True))
        )


@pytest.fixture
def door(services, iris: Iris, signed_in, tmp_path: Path) -> Iterator[Door]:
    numbers, rights, intake = itertools.count(1), Rights(), Intake()
    gate = Gate(services.store, iris, services.now, lambda: f"t{next(numbers)}", erased=rights.was_erased)
    limits = {"deadline_s": 20.0, "memory_mb": 1024, "mint": lambda: f"u{next(numbers)}", "base": f"{iris.base}/update"}
    updates = Updates(services.store, gate, tmp_path / "updates", **limits)
    yield Door(
        signed_in(create_app(ApiSettings(shown_settings=()), replace(services, gate=gate, intake=intake, updates=updates, rights=rights))),
        iris,
    )
    intake.close()


@pytest.fixture
def unchanged(store: EmbeddedStore, door: Door) -> Iterator[None]:  # what the door finds there is no change
    before = {graph: set(store.graph(graph)) for graph in store.graphs()}
    yield
    assert {graph: set(store.graph(graph)) for graph in store.graphs()} == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("way", WAYS)
def test_nobody_becomes_a_member_by_a_key_that_can_not_be_one(door: Door, iris: Iris, way: str) -> None:
    for key in ("H09", "h_9", "h.9", "x-1", "h" * 33, "h77"):
        if way == "form":
            told = door.page("/registry/member/new", {"_key": key, "label": "Somebody", "Member-memberOf": iris.id("cooperative", "demo")})
        elif way == "onboarding":
            told = door.page("/onboarding/new", {"key": key, "name": "Somebody", "email": ""})
        elif way == "import":
            told = door.sheet("member", f"key,label,Member-memberOf\n{key},Somebody,cooperative/demo\n")
        else:
            said = f'<member/{key}> a fc:Member ; rdfs:label "Somebody"@en ; org:memberOf <cooperative/demo> .'
            told = door.rdf(way, f"member/{key}/facts", said)
        assert NO_MEMBER.format(key) in told


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("way", ["onboarding", "import", "paste", "post", "update"])
def test_nobody_takes_the_box_of_another_home(door: Door, way: str) -> None:
    if way == "onboarding":
        told = door.page("/onboarding/h02/box", {"identifier": "osb-h01"})
    elif way == "import":
        told = door.sheet("home", "member,box\nh02,h01\n")
    else:
        told = door.rdf(way, "member/h02/facts", "<osb/h01> fc:claimedBy <member/h02> .")
    assert NO_BOX in told


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("way", ["import", "paste", "put", "post", "update"])
def test_a_home_of_a_member_begins_with_the_key_of_the_member(door: Door, way: str) -> None:
    if way == "import":
        told = door.sheet("site", "key,member,label,ownedBy,Site-timeZone\nbarn,h02,Barn,member/h02,Europe/Madrid\n")
    else:
        home = '<site/barn> a fc:Site ; rdfs:label "Barn"@en ; fc:ownedBy <member/h02> ; fc:timeZone "Europe/Madrid" .'
        told = door.rdf(way, "member/h02/facts", home)
    assert "“barn” is not a key of member h02. Begin it with h02-." in told


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("way", ["form", "import", "paste", "put", "post", "update"])
def test_a_thing_of_the_registry_has_a_key_of_plain_letters(door: Door, way: str) -> None:
    key = "feeder-ñ"
    if way == "form":
        told = door.page("/registry/grid-node/new", {"_key": key, "label": "North"})
    elif way == "import":
        told = door.sheet("grid-node", f"key,label\n{key},North\n")
    else:
        told = door.rdf(way, "registry", f'<node/{key}> a fc:GridNode ; rdfs:label "North"@en .')
    assert f"“{key}” can't be a key. Use letters, digits, dots, dashes and underscores, at most 64." in told


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("way", WAYS)
def test_no_home_has_a_zone_that_no_clock_knows(door: Door, iris: Iris, way: str) -> None:
    if way == "form":
        owner = {"ownedBy": iris.id("member", "h02"), "label": "Barn", "Site-timeZone": "Mars/Olympus"}
        told = door.page("/registry/site/new?member=h02", owner)
    elif way == "onboarding":
        told = door.page("/onboarding/h02/home", {"label": "Home", "Site-timeZone": "Mars/Olympus"})
    elif way == "import":
        told = door.sheet("home", "member,time_zone\nh02,Mars/Olympus\n")
    else:
        home = '<site/h02-barn> a fc:Site ; rdfs:label "Barn"@en ; fc:ownedBy <member/h02> ; fc:timeZone "Mars/Olympus" .'
        told = door.rdf(way, "member/h02/facts", home)
    assert "“Mars/Olympus”" in told
    assert NO_ZONE in told


@pytest.mark.usefixtures("unchanged")
def test_no_box_announces_a_home_with_such_a_zone(services, store: EmbeddedStore, iris: Iris) -> None:
    home = config.Home("h02", "osb-h02", source=1, pv=config.PVSystem(4.0))
    said = json.loads(announcement.of_home(Identity(iris.base, "osb-h02", "h02"), home, of_home(home, None)).payload)
    barn = {"@id": "site/h02-barn", "@type": "fc:Site", "label": "Barn", "fc:ownedBy": {"@id": "member/h02"}, "fc:timeZone": "Mars/Olympus"}
    said["@graph"].append(barn)

    with pytest.raises(InvalidGraphError, match=rf"“Mars/Olympus”.*{NO_ZONE}"):
        register(store, iris, services.channels, "osb-h02", json.dumps(said).encode())


def test_the_form_offers_the_zones_in_a_list_that_narrows(door: Door) -> None:
    text = door.client.get("/registry/site/new?member=h02", headers=HTML).get_data(as_text=True)

    offered = re.search(r'<datalist id="l-Site-timeZone">(.*?)</datalist>', text, re.DOTALL)
    assert offered is not None
    zones = re.findall(r'<option value="([^"]+)">', offered[1])
    assert {"Europe/Madrid", "America/New_York", "UTC"} <= set(zones)
    assert len(zones) > 400
    assert not {"Factory", "localtime"} & set(zones)
    assert 'list="l-Site-timeZone"' in text


def test_the_page_of_the_shapes_names_the_register(door: Door) -> None:
    text = html.unescape(door.client.get("/shapes/site", headers=HTML).get_data(as_text=True))

    assert "one of https://www.iana.org/time-zones" in text
    assert "Africa/Abidjan" not in text
