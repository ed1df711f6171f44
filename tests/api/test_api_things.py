"""The pages of one thing: entered, seen, edited, brought together, undone and taken away by forms, without scripts."""

import html
import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pyoxigraph import Literal, NamedNode, Quad

from api import ApiSettings, Services, create_app
from forms import made
from kg.iris import Iris
from kg.terms import describe
from market import contracts
from ontology.names import FC, FCV, ORG, PROV, RDF, RDFS, SAREF
from registry.gate import Gate

HTML = {"Accept": "text/html"}
NO_MEMBER = (
    "“{}” can't be the key of a new member. Write one that nobody has or had: small letters, digits and dashes, at most 32, like h18."
)


@pytest.fixture
def app(services: Services, wall) -> Flask:
    numbers = itertools.count(1)
    at = iter(wall[0] + timedelta(seconds=each) for each in itertools.count())
    gate = Gate(services.store, services.iris, lambda: next(at), lambda: f"k{next(numbers)}")
    return create_app(ApiSettings(shown_settings=()), replace(services, gate=gate))


class Page:
    """A page with one form, filled in as a browser without scripts does."""

    def __init__(self, client: FlaskClient, path: str, answer=None) -> None:
        self.client, self.path = client, path
        self.answer = answer if answer is not None else client.get(path, headers=HTML)
        self.text = self.answer.get_data(as_text=True)

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def fields(self) -> dict[str, list[str]]:
        """What the form would send, were it sent as it is."""
        found: dict[str, list[str]] = {}
        body = self.text[self.text.index("<form") :]
        for tag, attributes in re.findall(r"<(input|select|textarea)((?:\s[^>]*)?)>", body):
            given = {name: html.unescape(value) for name, value in re.findall(r'([\w.-]+)="([^"]*)"', attributes)}
            name, kind = given.get("name"), given.get("type", "text")
            if name is None or (kind in ("radio", "checkbox") and " checked" not in attributes):
                continue
            value = given.get("value", "")
            if tag == "select":
                inside = re.search(rf'<select[^>]*name="{re.escape(name)}"[^>]*>(.*?)</select>', body, re.DOTALL)
                chosen = re.search(r'<option value="([^"]*)" selected', inside[1]) if inside else None
                value = html.unescape(chosen[1]) if chosen else ""
            found.setdefault(name, []).append(value)
        return found

    def send(self, headers: dict[str, str] | None = None, **given: object) -> "Page":
        """Send it with some inputs filled in otherwise; `None` leaves one out."""
        data = {**self.fields, **{name: value if isinstance(value, list) else [value] for name, value in given.items()}}
        flat = [(name, each) for name, texts in data.items() for each in texts if each is not None]
        answer = self.client.post(self.path, data=_multi(flat), headers=HTML | (headers or {}))
        return Page(self.client, self.path, answer)

    def follow(self) -> "Page":
        assert self.status == 303, self.errors()
        return Page(self.client, self.answer.headers["Location"])

    def errors(self) -> list[tuple[str, str]]:
        """The summary: where each line leads to, and what it says."""
        found = re.search(r'id="errors".*?</div>', self.text, re.DOTALL)
        lines = re.findall(r"<li>(.*?)</li>", found[0], re.DOTALL) if found else []
        return [
            ((re.search(r'href="#f-([^"]*)"', line) or ["", ""])[1], html.unescape(re.sub("<[^>]*>", "", line)).strip()) for line in lines
        ]

    def beside(self, name: str) -> str:
        """The sentence beside an input, to which the input refers."""
        told = re.search(rf'<p class="wrong" id="e-{re.escape(name)}">(.*?)</p>', self.text, re.DOTALL)
        assert told is not None, f"nothing is said beside {name}"
        asked = re.findall(
            rf'aria-describedby="[^"]*\be-{re.escape(name)}(?=[" ])[^"]*"[^>]*aria-invalid="true"|aria-invalid="true"[^>]*\be-{re.escape(name)}(?=[" ])',
            self.text,
        )
        assert asked, f"no input says that e-{name} is about it"
        return html.unescape(re.sub("<[^>]*>", "", told[1])).strip()


def _multi(flat: list[tuple[str, object]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in flat:
        found.setdefault(name, []).append(str(value))
    return found


@pytest.fixture
def page(client: FlaskClient) -> Callable[[str], Page]:
    return lambda path: Page(client, path)


# --- a home is entered, with each mistake once


def test_a_clerk_enters_a_member_with_home_connection_and_battery_and_reads_what_is_wrong(page, services: Services, iris: Iris) -> None:
    begun = page("/registry/member/new")
    nameless = begun.send(_key="h 09", **{"Member-memberOf": begun.fields["Member-memberOf"][0]})
    assert nameless.status == 422
    assert nameless.errors() == [
        ("_key", NO_MEMBER.format("h 09")),
        ("label", "Name is missing."),
    ]
    assert nameless.beside("label").endswith("Name is missing.")
    assert nameless.fields["_key"] == ["h 09"]
    taken = nameless.send(_key="h01", label="Member h09")
    assert taken.errors() == [("_key", NO_MEMBER.format("h01"))]
    member = taken.send(_key="h09").follow()
    assert "It was entered." in member.text
    assert "<h1>Member h09</h1>" in member.text

    site = page("/registry/site/new?member=h09").send(label="Home h09", **{"Site-timeZone": "Mars/Olympus"})
    assert site.status == 422
    assert [name for name, _ in site.errors()] == ["Site-timeZone"]
    assert site.beside("Site-timeZone") == (
        "Mistake: “Mars/Olympus” is not accepted. Local days and contract windows follow the clock of the site; "
        "state exactly one zone of the IANA list, like Europe/Madrid."
    )
    site.send(**{"Site-timeZone": "Europe/Madrid"}).follow()

    connection = page("/registry/grid-connection-point/new?member=h09")
    assert connection.fields["locatedAt"] == [iris.id("site", "h09")]  # there is no choice about it
    wrong = connection.send(label="Grid connection of h09", **{"GridConnectionPoint-importLimit": "1,500", "GridConnectionPoint-node": ""})
    assert wrong.status == 422
    assert wrong.beside("GridConnectionPoint-importLimit") == (
        "Mistake: “1,500” may mean two different numbers. Write it without a thousands sign, with one decimal point at most."
    )
    assert [name for name, _ in wrong.errors()] == ["GridConnectionPoint-node", "GridConnectionPoint-importLimit"]
    node = re.search(r'<option value="([^"]*/id/node/[^"]*)"', wrong.text)[1]
    wrong.send(**{"GridConnectionPoint-importLimit": "0.95", "GridConnectionPoint-node": node}).follow()
    assert Quad(
        NamedNode(iris.id("connection", "h09#importLimit")),
        NamedNode(str(SAREF.hasValue)),
        Literal("0.95", datatype=NamedNode("http://www.w3.org/2001/XMLSchema#decimal")),
        NamedNode(iris.graph("member", "h09", "facts")),
    ) in everything(services)

    page("/registry/open-smart-box/new?member=h09").send(
        label="OSB h09", **{"OpenSmartBox-identifier": "osb-h09", "OpenSmartBox-manufacturer": "FLEXCoop", "OpenSmartBox-model": "OSB"}
    ).follow()
    battery = page("/registry/battery-system/new?member=h09")
    given = {
        "label": "Battery",
        "DER-controlType": str(FCV.FRBC),
        "BatterySystem-ratedPower": "-5",
        "BatterySystem-storageCapacity": "abc",
        "BatterySystem-roundTripEfficiency": "1.2",
        "BatterySystem-minimumStateOfCharge": "10",
    }
    wrong = battery.send(**given)
    assert wrong.status == 422
    assert [name for name, _ in wrong.errors()] == [
        "BatterySystem-ratedPower",
        "BatterySystem-storageCapacity",
        "BatterySystem-roundTripEfficiency",
        "OfferedDER-available",
    ]
    assert "“-5” is not accepted" in wrong.beside("BatterySystem-ratedPower")
    assert wrong.beside("BatterySystem-storageCapacity") == (
        "Mistake: “abc” is not a number. Write digits with at most one decimal point, like 0.5."
    )
    assert all(wrong.fields[name] == [text] for name, text in given.items())  # nothing that was typed is lost
    right = wrong.send(
        **{
            "BatterySystem-ratedPower": "5",
            "BatterySystem-storageCapacity": "6.4",
            "BatterySystem-roundTripEfficiency": "0.95",
            "OfferedDER-available": "true",
        }
    )
    seen = right.follow()
    assert "6.4 kWh" in seen.text
    assert 'href="/things/site/h09"' in seen.text
    assert 'href="/things/device/h09-battery"' in page("/things/site/h09").text  # the home lists its devices


def test_what_the_shapes_refuse_after_the_inputs_are_read_is_said_beside_the_input(page) -> None:
    comfort = page("/registry/comfort-profile/new?member=h01")
    wrong = comfort.send(**{"ComfortProfile-minimum": "26", "ComfortProfile-maximum": "21", "forProperty": _channel(comfort)})
    assert wrong.status == 422
    assert all(name.startswith("ComfortProfile-m") for name, _ in wrong.errors())
    assert wrong.beside(wrong.errors()[0][0])


def _channel(page: Page) -> str:
    found = re.search(r'<option value="([^"]*airTemperature)"', page.text)
    return found[1] if found else page.fields["forProperty"][0]


# --- what is there is edited


def everything(services: Services) -> set[Quad]:
    store = services.store
    return {Quad(t.subject, t.predicate, t.object, NamedNode(graph)) for graph in store.graphs() for t in store.graph(graph)}


def about(services: Services, iri: str) -> set[Quad]:
    kept = ("/audit", "/edits")
    return {
        quad
        for quad in everything(services)
        if quad.subject.value.split("#")[0] == iri
        and not quad.graph_name.value.endswith(kept)
        and "/differing/" not in quad.graph_name.value
    }


def test_an_edit_changes_one_value_and_leaves_what_no_form_asks_for(page, services: Services, iris: Iris) -> None:
    site, note = iris.id("site", "h01"), NamedNode("http://example.org/note")
    foreign = Quad(NamedNode(site), note, Literal("<script>alert(1)</script>"), NamedNode(iris.graph("member", "h01", "facts")))
    services.store.apply(insert=[foreign])
    before = about(services, site)

    saved = page("/things/site/h01/edit").send(label="The blue house", _why="It was painted").follow()

    after = about(services, site)
    assert foreign in after
    assert (len(before - after), len(after - before)) == (1, 1)
    assert "The change was saved." in saved.text
    assert "One statement that the form does not ask for" in saved.text or "statements that the form does not ask for" in saved.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in saved.text
    past = page("/things/site/h01/history")
    assert "It was painted" in past.text
    assert re.search(r"Name</th><td>Home h01.*?</td><td>The blue house", past.text, re.DOTALL)
    assert "It was there before edits of it were recorded" in past.text
    assert page("/things/site/h01/edit").send().follow().text.count("Nothing was different") == 1


def test_the_owners_word_takes_the_place_of_what_a_box_reports(page, services: Services, iris: Iris) -> None:
    assert "reported by the box" in page("/things/device/h01-battery").text
    page("/things/device/h01-battery/edit").send(**{"BatterySystem-storageCapacity": "7.25"}).follow()

    number = NamedNode(str(SAREF.hasValue))
    said = {
        (quad.object.value, quad.graph_name.value)
        for quad in about(services, iris.id("device", "h01-battery"))
        if quad.subject.value.endswith("#storageCapacity") and quad.predicate == number
    }
    assert said == {("7.25", iris.graph("member", "h01", "facts"))}
    assert "7.25 kWh" in page("/things/device/h01-battery").text


def test_two_clerks_collide_and_the_second_brings_both_together(page, services: Services, iris: Iris) -> None:
    first, second = page("/things/device/h01-battery/edit"), page("/things/device/h01-battery/edit")
    first.send(**{"BatterySystem-ratedPower": "6", "BatterySystem-storageCapacity": "7", "_why": "Second module"}).follow()

    refused = second.send(label="Cellar battery", **{"BatterySystem-ratedPower": "5.5"})

    assert refused.status == 412
    assert about(services, iris.id("device", "h01-battery")) == about(services, iris.id("device", "h01-battery"))
    assert "Second module" in refused.text
    rows = dict(re.findall(r'<th scope="row" id="[^"]*">([^<]*?)\s*(?:<span.*?)?</th>(.*?)</tr>', refused.text, re.DOTALL))
    assert list(rows) == ["Name", "Rated power", "Storage capacity"]
    texts = {
        name: [re.sub(r"\s+", " ", re.sub("<[^>]*>", "", each)).strip() for each in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]
        for name, row in rows.items()
    }
    assert texts["Rated power"] == ["you saw 5 kW", "you want 5.5 kW", "now it is 6 kW"]
    assert texts["Storage capacity"] == ["you saw 6.4 kWh", "you want 6.4 kWh", "now it is 7 kWh"]
    chosen = {name: found for name, found in refused.fields.items() if name.startswith("_choose.")}
    assert chosen == {"_choose.label": ["mine"], "_choose.BatterySystem-storageCapacity": ["theirs"]}  # the conflict is asked

    merged = refused.send(**{"_choose.BatterySystem-ratedPower": "mine"}).follow()

    assert all(text in merged.text for text in ("Cellar battery", "5.5 kW", "7 kWh"))
    again = refused.send(**{"_choose.BatterySystem-ratedPower": "saw"})  # a third edit came in between: asked once more
    assert again.status == 412


def test_programs_edit_by_etag_and_if_match(page, client: FlaskClient) -> None:
    seen = page("/things/site/h01/edit")
    tag = seen.answer.headers["ETag"]
    assert tag.strip('"').split(":")[0] == seen.fields["_etag"][0]

    saved = seen.send({"If-Match": tag}, _etag=None, label="Home one")
    stale = seen.send({"If-Match": tag}, _etag=None, label="Home two")
    unseen = seen.send(_etag=None, label="Home three")

    assert [each.status for each in (saved, stale, unseen)] == [303, 412, 428]
    assert saved.follow().answer.headers["ETag"] == stale.answer.headers["ETag"] != tag
    gone = client.post("/things/site/h01/undo", data={"version": "1"}, headers={**HTML, "If-Match": tag})
    assert gone.status_code == 412


def test_a_thing_goes_back_to_a_version_and_forward_again(page, services: Services, iris: Iris) -> None:
    iri = iris.id("device", "h01-battery")
    before = about(services, iri)
    page("/things/device/h01-battery/edit").send(**{"BatterySystem-ratedPower": "6"}).follow()
    changed = about(services, iri)

    undone = undo(page, "/things/device/h01-battery", 0)
    assert "It is what it was in that version." in undone.text
    assert about(services, iri) == before
    undo(page, "/things/device/h01-battery", 1)
    assert about(services, iri) == changed
    past = page("/things/device/h01-battery/history")
    assert [int(number) for number in re.findall(r'<li class="card" id="v(\d+)"', past.text)] == [3, 2, 1, 0]
    assert "Back to version 0" in past.text


def undo(page, path: str, number: int) -> Page:
    past = page(f"{path}/history")
    tag = re.search(r'name="_etag" value="([^"]*)"', past.text)[1]
    answer = past.client.post(f"{path}/undo", data={"version": str(number), "_etag": tag}, headers=HTML)
    return Page(past.client, path, answer).follow()


def test_a_thing_that_others_refer_to_stays_and_another_goes_and_comes_back(page, services: Services, iris: Iris) -> None:
    kept = page("/things/site/h01/remove")
    assert "something refers to it" in kept.text
    answer = kept.client.post("/things/site/h01/remove", data={"_etag": page("/things/site/h01/edit").fields["_etag"][0]}, headers=HTML)
    assert answer.status_code == 409
    assert about(services, iris.id("site", "h01"))

    page("/registry/weather-station/new").send(_key="roof", label="On the roof").follow()
    made = about(services, iris.id("station", "roof"))
    gone = page("/things/station/roof/remove").send(_why="Taken down")
    assert gone.status == 303
    left = page("/things/station/roof")
    assert (left.status, "On the roof was removed" in left.text, "Taken down" in left.text) == (410, True, True)
    assert about(services, iris.id("station", "roof")) == set()
    assert page("/registry/weather-station/new").send(_key="roof", label="Another").errors() == [
        ("_key", "“roof” is in use. Choose another key.")
    ]

    undo(page, "/things/station/roof", 1)

    assert about(services, iris.id("station", "roof")) == made


# --- contracts

C = "FlexibilityContract-"


def contract(page, **more: object) -> Page:
    """Draft a contract for the battery of h01."""
    form = page("/registry/flexibility-contract/new?member=h01")
    given = {
        f"{C}covers": [re.search(r'type="checkbox" name="FlexibilityContract-covers" value="([^"]*battery)"', form.text)[1]],
        "buyer": re.search(r'<option value="([^"]*cooperative[^"]*)"', form.text)[1],
        "validFrom": "2016-09-01",
        "validTo": "2017-08-31",
        "baselineMethod": re.search(r'name="baselineMethod".*?<option value="(http[^"]*)"', form.text, re.DOTALL)[1],
        f"{C}capacity.0.CapacityTerm-value": "2",
        f"{C}capacity.0.direction": str(FCV.LoadReduction),
        f"{C}duration.0.DurationTerm-minimum.minutes": "15",
        f"{C}duration.0.DurationTerm-maximum.hours": "2",
        f"{C}frequency.0.FrequencyTerm-period.days": "7",
        f"{C}frequency.0.FrequencyTerm-count": "3",
        f"{C}notice.0.NoticeTerm-notice.hours": "1",
        f"{C}price.0.RemunerationTerm-value": "0.40",
        f"{C}window.0.WindowTerm-start": "16:00",
        f"{C}window.0.WindowTerm-end": "21:00",
    }
    return form.send(**{**given, **more})


def test_a_signed_contract_is_not_edited(page) -> None:
    refused = page("/things/contract/h01/r1/edit")

    assert refused.status == 409
    assert "Agree a new revision with the member" in refused.text
    assert 'href="/members/h01/home"' in refused.text
    assert 'href="/things/contract/h01/r1/edit"' not in page("/things/contract/h01/r1").text
    for verb in ("edit", "undo", "remove"):
        data = {"version": "0", "_etag": page("/things/contract/h01/r1/history").answer.headers["ETag"].strip('"')}
        assert refused.client.post(f"/things/contract/h01/r1/{verb}", data=data, headers=HTML).status_code == 409


def test_a_draft_is_written_with_its_digest_and_keeps_it_true(page, services: Services, iris: Iris) -> None:
    iri = iris.id("contract", "h01", "r2")
    nothing = contract(page, **{f"{C}duration.0.DurationTerm-minimum.minutes": "", f"{C}price.0.RemunerationTerm-value": "much"})
    assert [name for name, _ in nothing.errors()] == [f"{C}duration.0.DurationTerm-minimum", f"{C}price.0.RemunerationTerm-value"]
    contract(page).follow()

    def digest() -> str:
        triples = [quad.triple for quad in about(services, iri)]
        assert contracts.verify_signatures(triples) == []
        return next(each.object.value for each in triples if each.predicate.value == str(FC.digest))

    first = digest()
    assert contracts.read(services.store, iri).min_duration == timedelta(minutes=15)
    page("/things/contract/h01/r2/edit").send(**{f"{C}price.0.RemunerationTerm-value": "0.45"}).follow()
    assert digest() != first
    undo(page, "/things/contract/h01/r2", 1)
    assert digest() == first


def test_values_and_parts_are_added_and_taken_away_by_buttons(page, services: Services, iris: Iris) -> None:
    contract(page).follow()
    form = page("/things/contract/h01/r2/edit").send(_add=f"{C}window")
    assert form.status == 200
    assert f"{C}window.1.WindowTerm-start" in form.fields
    assert 'id="errors"' not in form.text
    both = form.send(**{f"{C}window.1.WindowTerm-start": "07:00", f"{C}window.1.WindowTerm-end": "09:00"})
    fewer = both.send(_remove=f"{C}window.0") if both.status == 200 else page("/things/contract/h01/r2/edit").send(_remove=f"{C}window.0")
    assert f"{C}window.0.WindowTerm-start" not in fewer.fields
    fewer.follow() if fewer.status == 303 else fewer.send().follow()
    starts = {
        quad.object.value for quad in about(services, iris.id("contract", "h01", "r2")) if quad.predicate.value == str(FC.windowStart)
    }
    assert starts == {"07:00:00"}


# --- things are searched for


@pytest.fixture
def many(services: Services, iris: Iris) -> None:
    """Thirty more members, so that no list can show them all."""
    for number in range(30):
        key = f"m{number:02}"
        labelled = {
            str(RDF.type): NamedNode(str(FC.Member)),
            str(RDFS.label): Literal(f"Member {key}", language="en"),
            str(ORG.memberOf): NamedNode(iris.id("cooperative", "demo")),
        }
        services.store.apply(insert=describe(iris.graph("member", key, "facts"), iris.id("member", key), labelled))


def test_one_of_many_is_searched_for_by_a_button_and_chosen(page, many, iris: Iris) -> None:
    form = page("/things/cooperative/demo")
    assert "and 12 more" in form.text  # of 32 members twenty are listed
    whose = page("/registry/site/new")
    assert "Which member does it belong to?" in whose.text
    assert "There are more" in whose.text
    found = page("/registry/site/new?q=m17")
    assert re.findall(r'href="\?member=([^"]*)"', found.text) == ["m17"]

    site = page("/registry/site/new?member=m17").send(label="Home of m17", **{"Site-timeZone": "Europe/Madrid"}).follow()
    edit = page(site.path.partition("?")[0] + "/edit")
    searched = Page(edit.client, edit.path, edit.client.get(edit.path, headers=HTML)).send(
        _search="Site-copyOf", **{"_q.Site-copyOf": "h0"}
    )
    assert searched.status == 200
    assert edit.status == 200


def test_a_name_that_is_typed_and_not_chosen_is_looked_up(page, many, services: Services, iris: Iris) -> None:
    tariff = page("/registry/options?form=site&field=ownedBy&q=m0")
    assert tariff.text.count("Member m0") == 10
    answer = tariff.client.get("/registry/options?form=site&field=ownedBy&q=M17", headers={"Accept": "application/json"})
    assert answer.json == {"options": [{"iri": iris.id("member", "m17"), "label": "Member m17", "note": "member/m17"}], "more": False}
    for wrong in ("form=site&field=nothing", "form=nothing&field=ownedBy", ""):
        assert tariff.client.get(f"/registry/options?{wrong}", headers=HTML).status_code == 404


def test_what_is_not_entered_by_hand_is_seen_and_not_edited(page) -> None:
    assert page("/things/event/c1-h01").status == 200
    assert "/registry/dr-event" not in page("/things/event/c1-h01").text
    sentences = {key: "It is not entered by hand" for key in ("event/c1-h01", "settlement/c1/h01")}
    for key, sentence in (sentences | {"consent/h01": "A consent is the member&#39;s own word"}).items():
        refused = page(f"/things/{key}/edit")
        assert (refused.status, sentence in refused.text) == (409, True)


# --- nothing that is typed runs

EVIL = ('<script>alert(1)</script>"><img src=x onerror=alert(1)>', "javascript:alert(1)", "' onmouseover='alert(1)")


@pytest.mark.parametrize("text", EVIL)
def test_nothing_that_is_typed_into_any_field_runs(text: str, page) -> None:
    for form in made.forms():
        member = "" if form.stored_in == "registry" or form.slug == "member" else "?member=h01"
        shown = page(f"/registry/{form.slug}/new{member}")
        answer = shown.send(
            _key=text, _why=text, **{name: text for name in shown.fields if not name.startswith("_") and name != "form_token"}
        )
        assert answer.status in (422, 303), form.slug
        _refuse_running(answer.text)


def _refuse_running(text: str) -> None:
    scripts = re.findall(r"<script[^>]*>", text)
    assert all(' src="/static/' in each for each in scripts)
    assert not re.search(r"<img|<[a-z][^<>]*?\son[a-z]+\s*=\s*[^\s\"'>]*alert\(1\)(?=[^\"]*>)", re.sub(r'"[^"]*"', '""', text))
    assert not re.search(r"""(href|src|action)=["']?\s*javascript:""", text)


def test_what_lies_in_the_graph_does_not_run_either(page, services: Services, iris: Iris) -> None:
    facts, site = NamedNode(iris.graph("member", "h01", "facts")), NamedNode(iris.id("site", "h01"))
    derived = NamedNode(str(PROV.wasDerivedFrom))
    evil = [
        Quad(site, derived, NamedNode("javascript:alert(1)"), facts),
        Quad(site, NamedNode(str(FC.note)) if hasattr(FC, "note") else derived, Literal(EVIL[0]), facts),
    ]
    services.store.apply(insert=evil)
    for path in ("/things/site/h01", "/things/site/h01/edit", "/things/site/h01/history", "/things/site/h01/remove"):
        _refuse_running(page(path).text)
    assert "javascript:alert(1)" in page("/things/site/h01").text  # shown as text


def test_the_pages_speak_the_readers_language(page) -> None:
    for language, words in (("es", ("Guardar", "obligatorio", "Potencia nominal")), ("nl", ("Opslaan", "verplicht", "Nominaal vermogen"))):
        shown = page(f"/things/device/h01-battery/edit?lang={language}")
        assert all(word in shown.text for word in words), language
    spanish = page("/things/device/h01-battery/edit?lang=es")
    assert spanish.fields["BatterySystem-storageCapacity"] == ["6,4"]
    wrong = spanish.send(**{"BatterySystem-storageCapacity": "1.500"})
    assert wrong.status == 422
    assert "separador de miles" in wrong.beside("BatterySystem-storageCapacity")
    spanish.send(**{"BatterySystem-storageCapacity": "0,95"}).follow()
    assert page("/things/device/h01-battery/edit?lang=en").fields["BatterySystem-storageCapacity"] == ["0.95"]


@pytest.mark.parametrize("key", ["device/nothing", "device", "../etc/passwd", "device/h01-battery/x/y/z"])
def test_what_is_not_there_is_not_found(key: str, page) -> None:
    assert [page(f"/things/{key}{verb}").status for verb in ("", "/edit", "/history", "/remove")] == [404] * 4


@pytest.mark.parametrize("path", ["/registry/nothing/new", "/registry/series/new", "/registry/site/new?member=nobody"])
def test_no_form_is_shown_for_what_is_not_entered_by_hand(path: str, page) -> None:
    assert page(path).status == 404


# --- names in several languages


def names_of(services: Services, iri: str) -> set[str]:
    label, thing = NamedNode(str(RDFS.label)), NamedNode(iri)
    return {str(quad.object) for quad in about(services, iri) if (quad.subject, quad.predicate) == (thing, label)}


def test_a_dutch_clerk_puts_a_dutch_name_beside_the_english_one(client, page, services: Services, iris: Iris) -> None:
    client.set_cookie("language", "nl")
    form = page("/things/site/h01/edit")
    english = form.fields["label@en"][0]
    assert form.fields["label"] == [""]
    assert re.search(r'<label for="f-label@en">Engels</label>\s*<div class="together">\s*<input [^>]*lang="en"', form.text)
    assert re.search(r'<label for="f-label">Nederlands</label>\s*<div class="together">\s*<input [^>]*lang="nl"', form.text)
    assert 'name="_add" value="label@es">Toevoegen: Naam in het Spaans</button>' in form.text

    spanish = form.send(_add="label@es")
    assert spanish.fields["label@es"] == [""]
    wrong = spanish.send(**{"label": "Thuis", "label@es": "x" * 201})
    assert wrong.errors() == [("label@es", "Naam (Spaans): De tekst heeft 201 tekens. Kort hem in tot hoogstens 200.")]
    assert "201 tekens" in wrong.beside("label@es")
    seen = wrong.send(**{"label@es": "Casa"}).follow()

    names = names_of(services, iris.id("site", "h01"))
    assert names == {f'"{english}"@en', '"Thuis"@nl', '"Casa"@es'}
    assert "<h1>Thuis</h1>" in seen.text
    assert f"{english} (Engels)" in seen.text


def test_a_form_that_was_opened_in_one_language_is_read_in_it(client, page, services: Services, iris: Iris) -> None:
    form = page("/things/site/h01/edit")
    client.set_cookie("language", "es")
    wrong = form.send(label="")
    assert [name for name, _ in wrong.errors()] == ["label"]
    assert re.search(r'<label for="f-label">inglés</label>', wrong.text)

    wrong.send(label="Home by the river").follow()

    names = names_of(services, iris.id("site", "h01"))
    assert names == {'"Home by the river"@en'}
