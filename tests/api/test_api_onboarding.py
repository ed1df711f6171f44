"""A home with PV, battery and heat pump is taken up, step by step, with every mistake once."""

import itertools
import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from pyoxigraph import NamedNode

from access.principal import Role
from api import ApiSettings, create_app
from devices import announcement, config
from devices.channels import of_home
from devices.messages import Identity
from kg import queries
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.terms import describe
from kg.terms import iri as term
from market import contracts
from notices import wishes
from ontology.names import FC, FCV, RDF, SAREF, UNIT
from registry import owners_word
from registry.gate import Gate
from settlement.books import check
from telemetry.announce import register
from telemetry.errors import BrokerError

KEY = "h18"


@pytest.fixture
def claims() -> list[str]:
    """For which boxes claim codes were made."""
    return []


@pytest.fixture
def services(services, store: EmbeddedStore, iris: Iris, claims):
    """With a gate, and a broker that gives certificates."""
    numbers = itertools.count(1)

    def claim(given):
        claims.append(given["osb"])
        return {"osb": given["osb"], "code": "ABCDE-FGHJK-MNPQR-STVWX", "expires": "2016-09-01T12:00:00Z"}

    gate = Gate(store, iris, services.now, lambda: f"t{next(numbers)}", lambda _: services.channels.reload())
    return replace(services, gate=gate, commands={**services.commands, "claim": claim, "certificates": lambda _: {"certificates": []}})


def spoken(capacity: float = 10.0, key: str = KEY) -> bytes:
    """What the box of the home announces."""
    home = config.Home(
        key,
        f"osb-{key}",
        source=1,
        pv=config.PVSystem(4.0),
        battery=config.Battery(capacity, 5.0),
        heat_pump=config.HeatPump(2.5),
    )
    return announcement.of_home(Identity("http://127.0.0.1:8080", f"osb-{key}", key), home, of_home(home, None)).payload


def text_of(answer) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


def written(answer, to: str) -> None:
    assert answer.status_code == 303, text_of(answer)
    assert answer.headers["Location"] == to


def refused(answer, field: str, sentence: str) -> None:
    """The page shows a sentence beside a field, and in the summary on top with a link to it."""
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422, text_of(answer)
    assert sentence in text_of(answer)
    assert f'href="#f-{field}"' in page
    assert f'id="e-{field}"' in page
    assert f"e-{field}" in "".join(re.findall(r'aria-describedby="([^"]*)"', page))


def quads(store: EmbeddedStore) -> set[tuple[str, object]]:
    return {(graph, triple) for graph in store.graphs() for triple in store.graph(graph)}


def registered(client, key: str = KEY, **more: str) -> None:
    written(client.post("/onboarding/new", data={"key": key, "name": "", "email": "", "language": "en", **more}), f"/onboarding/{key}/home")


def settled_in(client, key: str = KEY) -> None:
    """Member, home, connection and box."""
    registered(client, key)
    client.post(f"/onboarding/{key}/home", data={"label": f"Home {key}", "Site-timeZone": "Europe/Madrid", "room": "Living room"})
    connection = {
        "label": "Connection",
        "GridConnectionPoint-node": "http://127.0.0.1:8080/id/node/feeder-1",
        "GridConnectionPoint-importLimit": "17",
    }
    written(client.post(f"/onboarding/{key}/connection", data=connection), f"/onboarding/{key}/box")
    written(client.post(f"/onboarding/{key}/box", data={"identifier": f"osb-{key}"}), f"/onboarding/{key}/box")


def test_a_home_with_pv_battery_and_heat_pump_is_taken_up_from_the_member_to_the_account(
    client, services, store, iris, access, as_member, claims
) -> None:
    # member
    assert "A pseudonym" in text_of(client.get("/onboarding/new"))
    registered(client, name="Somebody Else", email="somebody@example.org", language="es")
    people = {str(t.object) for t in store.graph(iris.graph("people")) if str(t.subject).startswith(f"<{iris.id('member', KEY)}#")}
    assert '"Somebody Else"' in people
    assert "<mailto:somebody@example.org>" in people
    assert wishes.of(store, iris.id("member", KEY)).language == "es"
    assert not any(
        "Somebody" in str(t) or "example.org" in str(t)
        for graph in store.graphs()
        if graph != iris.graph("people") and not graph.endswith(("/edits", "/graph/edits"))
        for t in store.graph(graph)
    )

    # home; what comes later leads back to what is missing
    written(client.get(f"/onboarding/{KEY}/connection"), f"/onboarding/{KEY}/home")
    refused(
        client.post(f"/onboarding/{KEY}/home", data={"label": "Home", "Site-timeZone": "Europe/Madird"}),
        "Site-timeZone",
        "“Europe/Madird” is not accepted.",
    )
    assert client.post(f"/onboarding/{KEY}/home", data={"label": "", "Site-timeZone": "Europe/Madrid"}).status_code == 422
    written(
        client.post(f"/onboarding/{KEY}/home", data={"label": "Home h18", "Site-timeZone": "Europe/Madrid", "room": "Kitchen"}),
        f"/onboarding/{KEY}/connection",
    )

    # connection
    connection = {
        "label": "Connection of h18",
        "GridConnectionPoint-node": iris.id("node", "feeder-1"),
        "GridConnectionPoint-importLimit": "1,500",
    }
    refused(client.post(f"/onboarding/{KEY}/connection", data=connection), "GridConnectionPoint-importLimit", "thousands")
    refused(
        client.post(f"/onboarding/{KEY}/connection", data=connection | {"GridConnectionPoint-importLimit": "-3"}),
        "GridConnectionPoint-importLimit",
        "",
    )
    written(
        client.post(f"/onboarding/{KEY}/connection", data=connection | {"GridConnectionPoint-importLimit": "17.5"}),
        f"/onboarding/{KEY}/box",
    )
    assert 'value="17.5"' in client.get(f"/onboarding/{KEY}/connection").get_data(as_text=True)

    # box: somebody else's, none, a wrong one that is let go, the right one; and its code, which is shown once
    refused(client.post(f"/onboarding/{KEY}/box", data={"identifier": "osb-h01"}), "identifier", "The box h01 belongs to somebody else.")
    refused(client.post(f"/onboarding/{KEY}/box", data={"identifier": "osb h18/#"}), "identifier", "An identifier has at most 64")
    written(client.post(f"/onboarding/{KEY}/box", data={"identifier": "osb-wrong"}), f"/onboarding/{KEY}/box")
    written(client.post(f"/onboarding/{KEY}/box", data={"identifier": f"osb-{KEY}"}), f"/onboarding/{KEY}/box")
    assert not any("osb/wrong" in str(t) for t in store.graph(iris.graph("member", KEY, "facts")))
    answer = client.post(f"/onboarding/{KEY}/box/code", data={"osb": f"osb-{KEY}"})
    assert "ABCDE-FGHJK-MNPQR-STVWX" in text_of(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ABCDE" not in client.get(f"/onboarding/{KEY}/box").get_data(as_text=True)
    assert client.post(f"/onboarding/{KEY}/box/code", data={"osb": "osb-h01"}).status_code == 404
    assert claims == [f"osb-{KEY}"]

    # devices: the page waits for the box, then shows what it reports
    waiting = client.get(f"/onboarding/{KEY}/devices")
    assert "has not announced itself yet" in text_of(waiting)
    tag = client.get(f"/onboarding/{KEY}/devices/news").json["tag"]
    register(store, iris, services.channels, f"osb-{KEY}", spoken())
    assert client.get(f"/onboarding/{KEY}/devices/news").json["tag"] != tag
    shown = text_of(client.get(f"/onboarding/{KEY}/devices"))
    assert all(each in shown for each in ("Battery", "Heat pump", "PV system", "Smart meter", "5 kW"))
    answers = {f"{KEY}-{device}.available": "yes" for device in ("pv", "battery", "heatpump")}
    refused(
        client.post(f"/onboarding/{KEY}/devices", data=answers | {f"{KEY}-battery.profile": "eastron_sdm630"}),
        f"{KEY}-battery.profile",
        "no such profile",
    )
    written(
        client.post(f"/onboarding/{KEY}/devices", data=answers | {f"{KEY}-battery.profile": "sunspec_battery"}),
        f"/onboarding/{KEY}/comfort",
    )
    assert "SunSpec Alliance members" in text_of(client.get(f"/onboarding/{KEY}/devices"))

    # comfort
    refused(client.post(f"/onboarding/{KEY}/comfort", data={"minimum": "warm", "maximum": "24"}), "minimum", "")
    swapped = client.post(f"/onboarding/{KEY}/comfort", data={"minimum": "25", "maximum": "24"})
    assert swapped.status_code == 422
    assert "smaller than the highest" in text_of(swapped)
    written(client.post(f"/onboarding/{KEY}/comfort", data={"minimum": "20", "maximum": "24.5"}), f"/onboarding/{KEY}/consent")

    # consent
    refused(
        client.post(f"/onboarding/{KEY}/consent", data={"first": "2016-08-31", "last": "2021-08-31"}),
        "how",
        "Say how the member gave their consent",
    )
    refused(
        client.post(f"/onboarding/{KEY}/consent", data={"first": "31.8.2016", "last": "2021-08-31", "how": "on paper"}),
        "first",
        "Write a day like",
    )
    assert (
        client.post(f"/onboarding/{KEY}/consent", data={"first": "2022-08-31", "last": "2021-08-31", "how": "on paper"}).status_code == 422
    )
    written(
        client.post(f"/onboarding/{KEY}/consent", data={"first": "2016-08-31", "last": "2021-08-31", "how": "on paper"}),
        f"/onboarding/{KEY}/contract",
    )
    assert any("given by member h18 on paper, entered by" in str(t.object) for t in store.graph(iris.graph("audit")))

    # contract: usual terms, mistakes, the text, the offer
    page = client.get(f"/onboarding/{KEY}/contract").get_data(as_text=True)
    assert 'value="7.5"' in page  # 5.0 of the battery and 2.5 of the heat pump; the sun can't be made to draw less
    device = iris.id("device", f"{KEY}-battery")
    terms = {
        "kw": "7.5",
        "price": "0.25",
        "longest": "120",
        "times": "1",
        "notice": "60",
        "start": "15:00",
        "end": "22:00",
        "first": "2016-08-31",
        "last": "2017-08-27",
    }
    refused(client.post(f"/onboarding/{KEY}/contract", data=terms), "covers", "covers at least one device")
    refused(
        client.post(f"/onboarding/{KEY}/contract", data=terms | {"covers": iris.id("device", "h01-battery")}),
        "covers",
        "Only devices of this home",
    )
    refused(client.post(f"/onboarding/{KEY}/contract", data=terms | {"covers": device, "kw": "much"}), "kw", "")
    assert client.post(f"/onboarding/{KEY}/contract", data=terms | {"covers": device, "start": "23:00"}).status_code == 422
    before = quads(store)
    preview = client.post(f"/onboarding/{KEY}/contract", data=terms | {"covers": device, "do": "preview"})
    assert "By at most 7.5 kW, for at most 2 h at a time" in text_of(preview)
    assert quads(store) == before
    written(client.post(f"/onboarding/{KEY}/contract", data=terms | {"covers": device, "do": "offer"}), f"/onboarding/{KEY}/contract")
    [offered] = contracts.read_all(store, [iris.id("contract", KEY, "r1")])
    assert (offered.status, offered.price_eur_per_kwh, offered.covers) == (contracts.DRAFT, Decimal("0.25"), (device,))
    assert [each.party for each in offered.signatures] == [offered.buyer]

    # the member accepts it, nobody else
    assert as_member("h01").post(f"/members/{KEY}/contracts/r1/accept").status_code == 404
    assert client.post(f"/members/{KEY}/contracts/r1/accept").status_code == 403
    assert as_member(KEY).post(f"/members/{KEY}/contracts/r1/accept", data={"digest": "sha256:0"}).status_code == 409
    written(as_member(KEY).post(f"/members/{KEY}/contracts/r1/accept", data={"digest": offered.digest}), f"/members/{KEY}/home")
    active = contracts.active(store, iris, services.now())
    assert iris.id("contract", KEY, "r1") in [each.iri for each in active]

    # account: as_member above has made one already, so another name
    refused(client.post(f"/onboarding/{KEY}/account", data={"name": KEY}), "name", "already")
    refused(client.post(f"/onboarding/{KEY}/account", data={"name": "Somebody Else!"}), "name", "The name of an account has")
    made = client.post(f"/onboarding/{KEY}/account", data={"name": "h18-kitchen"})
    password = re.search(r'id="first-password"[^>]*>([^<]+)<', made.get_data(as_text=True))[1]
    found = access.accounts.verify("h18-kitchen", password)
    assert (found.role, found.subject) == (Role.MEMBER, iris.id("member", KEY))
    assert password not in client.get(f"/onboarding/{KEY}/account").get_data(as_text=True)

    # done: no longer under way, dispatchable, and nothing in the graph breaks a shape
    assert "All is done." in text_of(client.get(f"/onboarding/{KEY}"))
    assert f"/onboarding/{KEY}" not in client.get("/onboarding").get_data(as_text=True)
    rows = queries.rows(store, queries.load("optimiser", "available_ders"), cooperative=offered.buyer)
    assert {row["der"] for row in rows} >= {iris.id("device", f"{KEY}-{each}") for each in ("pv", "battery", "heatpump")}
    assert [each for each in check(store, iris, services.channels, [])["findings"] if KEY in each["graph"]] == []


def test_each_step_is_told_by_the_graph_and_can_be_left_and_come_back_to(client, services, store, iris) -> None:
    registered(client)
    assert "Stands at" in text_of(client.get("/onboarding"))
    assert f'href="/onboarding/{KEY}/home"' in client.get("/onboarding").get_data(as_text=True)
    client.post(f"/onboarding/{KEY}/home", data={"label": "Home h18", "Site-timeZone": "Europe/Madrid"})
    assert f'href="/onboarding/{KEY}/connection"' in client.get("/onboarding").get_data(as_text=True)

    site = NamedNode(iris.id("site", KEY))  # somebody takes the home away elsewhere: the step is open again
    graph = iris.graph("member", KEY, "facts")
    store.replace_graph(graph, [t for t in store.graph(graph) if t.subject != site])
    assert f'href="/onboarding/{KEY}/home"' in client.get("/onboarding").get_data(as_text=True)


def test_a_box_that_announces_itself_again_leaves_the_capacity_as_the_owner_said_it(client, services, store, iris) -> None:
    settled_in(client)
    register(store, iris, services.channels, f"osb-{KEY}", spoken(10.0))
    battery = iris.id("device", f"{KEY}-battery")
    kind = {
        RDF.type: term(str(SAREF.PropertyValue)),
        SAREF.isValueOfProperty: term(str(FCV.StorageCapacity)),
        SAREF.isMeasuredIn: term(str(UNIT["KiloW-HR"])),
    }
    said = describe(iris.graph("member", KEY, "facts"), f"{battery}#storageCapacity", {**kind, SAREF.hasValue: Decimal("8.5")})
    services.gate.apply(owners_word.overrule(store, iris, KEY, said), by="operator", why="the plate says so")
    register(store, iris, services.channels, f"osb-{KEY}", spoken(12.0))

    page = client.get(f"/onboarding/{KEY}/devices").get_data(as_text=True)
    assert "<td>8.5 kWh</td><td>12 kWh</td>" in page
    assert "Storage capacity" in page
    ratings = queries.rows(store, queries.load("forecasting", "der_ratings"), der=[battery])
    assert [row["value"] for row in ratings if row["kind"] == str(FCV.StorageCapacity)] == [Decimal("8.5")]

    word = {"thing": battery, "path": str(SAREF.hasPropertyValue), "kind": str(FCV.StorageCapacity)}
    written(client.post(f"/onboarding/{KEY}/devices/word", data=word), f"/onboarding/{KEY}/devices")
    ratings = queries.rows(store, queries.load("forecasting", "der_ratings"), der=[battery])
    assert [row["value"] for row in ratings if row["kind"] == str(FCV.StorageCapacity)] == [Decimal("12")]
    assert client.post(f"/onboarding/{KEY}/devices/word", data={"thing": battery, "path": str(FC.ownedBy), "kind": ""}).status_code == 422


@pytest.mark.parametrize(
    "key",
    ["", "h01", "H01", "../h01", "h01/facts", "a b", "ñandú", "-h", "h" * 33, "x-1234", "<script>alert(1)</script>", "h18#x", "%2e%2e"],
)
def test_a_key_that_is_taken_or_can_not_be_one_is_refused_and_nothing_is_written(client, store, key) -> None:
    before = quads(store)
    answer = client.post("/onboarding/new", data={"key": key, "name": "Somebody", "email": "", "language": "en"})
    refused(answer, "key", "be the key of a new member. Write one that nobody has or had")
    assert "<script>alert" not in answer.get_data(as_text=True)
    assert quads(store) == before


@pytest.mark.parametrize("address", ["nobody", "a@b", "x@example.org\r\nBcc: y@example.org", "<script>@example.org", "javascript:alert(1)"])
def test_an_address_that_no_letter_could_go_to_is_refused(client, store, address) -> None:
    before = quads(store)
    refused(client.post("/onboarding/new", data={"key": KEY, "name": "", "email": address, "language": "en"}), "email", "no e-mail address")
    assert quads(store) == before


def test_markup_in_any_field_is_shown_as_text(client, services, store, iris) -> None:
    evil = '<script>alert(1)</script>"onfocus="alert(2)'
    registered(client, name=evil)
    client.post(f"/onboarding/{KEY}/home", data={"label": evil, "Site-timeZone": "Europe/Madrid", "room": evil})
    for path in ("", "/member", "/home", "/connection", "/box"):
        page = client.get(f"/onboarding/{KEY}{path}").get_data(as_text=True)
        assert "<script>alert" not in page
        assert '"onfocus=' not in page


def test_unknown_homes_are_not_found_and_members_do_not_get_in(client, as_member, anonymous) -> None:
    for path in ("/onboarding/nobody", "/onboarding/nobody/home", "/onboarding/..%2fh01/home", "/onboarding/h01/nowhere"):
        assert client.get(path).status_code == 404
    for path in ("/onboarding", "/onboarding/h01", "/onboarding/h01/box"):
        assert as_member("h01").get(path).status_code == 403
        assert anonymous.get(path).status_code in (303, 401)


def test_a_broker_without_certificates_has_no_codes_and_the_page_says_so(services, signed_in, store, iris) -> None:
    def none(_):
        raise BrokerError("the broker wants no certificates")

    app = create_app(ApiSettings(shown_settings=()), replace(services, commands={**services.commands, "claim": none, "certificates": none}))
    client = signed_in(app)
    settled_in(client)
    page = text_of(client.get(f"/onboarding/{KEY}/box"))
    assert "gives no claim codes" in page
    assert "Make a claim code" not in page
    assert client.post(f"/onboarding/{KEY}/box/code", data={"osb": f"osb-{KEY}"}).status_code == 422


def test_a_clerk_records_a_signature_on_paper_and_withdraws_an_offer(client, services, store, iris) -> None:
    settled_in(client)
    register(store, iris, services.channels, f"osb-{KEY}", spoken())
    client.post(f"/onboarding/{KEY}/devices", data={f"{KEY}-battery.available": "yes"})
    terms = {
        "kw": "5",
        "price": "0.2",
        "longest": "60",
        "times": "2",
        "notice": "30",
        "start": "15:00",
        "end": "22:00",
        "first": "2016-08-31",
        "last": "2017-08-27",
    }
    offer = terms | {"covers": iris.id("device", f"{KEY}-battery"), "do": "offer"}
    written(client.post(f"/onboarding/{KEY}/contract", data=offer), f"/onboarding/{KEY}/contract")
    assert "withdraw it before" in text_of(client.post(f"/onboarding/{KEY}/contract", data=offer))
    written(client.post(f"/onboarding/{KEY}/contract/r1/withdraw"), f"/onboarding/{KEY}/contract")
    written(client.post(f"/onboarding/{KEY}/contract", data=offer), f"/onboarding/{KEY}/contract")

    refused(client.post(f"/onboarding/{KEY}/contract/r2/sign", data={"how": "by telepathy"}), "how", "Say how the member signed")
    assert client.post(f"/onboarding/{KEY}/contract/r9/sign", data={"how": "on paper"}).status_code == 404
    assert client.post(f"/onboarding/{KEY}/contract/r2/sign", data={"how": "on paper"}).status_code == 303
    assert contracts.read(store, iris.id("contract", KEY, "r2")).status == contracts.ACTIVE
    assert contracts.read(store, iris.id("contract", KEY, "r2")).valid_to == date(2017, 8, 27)
    assert any("signed by member h18 on paper, entered by" in str(t.object) for t in store.graph(iris.graph("audit")))
    assert client.post(f"/onboarding/{KEY}/contract/r2/withdraw").status_code == 422


@pytest.mark.parametrize("language", ["es", "nl"])
def test_the_pages_speak_the_readers_language(client, language) -> None:
    registered(client)
    page = text_of(client.get(f"/onboarding/{KEY}/home?lang={language}"))
    assert {"es": "Zona horaria", "nl": "Tijdzone"}[language] in page
    assert "Write and go on" not in page
    assert json.dumps(page).count("Grid connection") == 0
