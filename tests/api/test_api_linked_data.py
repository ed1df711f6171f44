"""Every IRI answers, in the form asked for, and to everybody no more than they may see."""

import dataclasses
from datetime import UTC, date, datetime

import pyoxigraph as ox
import pytest
from linked_roles import BASE, BOX, MEMBER, NOW, OPERATOR, OTHER, PARTNER, ROLES, client_as, scope_of
from pyoxigraph import Literal, NamedNode, Quad

from kg.bootstrap import load_public
from kg.provenance import activity
from kg.terms import describe
from ontology.names import DPV, FC, FCV, ODRL, PROV, RDF, RDFS, SAREF, SOSA
from sparql.scope import Scope

SITE = f"{BASE}/id/site/h01"
TURTLE, HTML, NT, NQ = "text/turtle", "text/html", "application/n-triples", "application/n-quads"


@pytest.fixture
def client(services):
    return client_as(services, OPERATOR)


def get(client, path, accept=TURTLE, **headers):
    return client.get(path, headers={"Accept": accept, **headers})


def graph(body, form=ox.RdfFormat.N_TRIPLES):
    return {(quad.subject, quad.predicate, quad.object) for quad in ox.parse(body, format=form)}


def minted(store):
    """Every IRI of ours that occurs anywhere, without its fragment; the names of graphs too."""
    terms = {term for quad in ox_quads(store) for term in (quad.subject, quad.predicate, quad.object, quad.graph_name)}
    return sorted({term.value.partition("#")[0] for term in terms if isinstance(term, NamedNode) and term.value.startswith(f"{BASE}/")})


def ox_quads(store):
    return [Quad(t.subject, t.predicate, t.object, NamedNode(name)) for name in store.graphs() for t in store.graph(name)]


@pytest.fixture
def granted(services):
    """A partner to whom a member lets its readings be seen."""
    days = {FC.validFrom: date(2016, 1, 1), FC.validTo: date(2017, 1, 1)}
    partner = NamedNode(PARTNER.subject)
    shared = {ODRL.assignee: partner, FC.dataCategory: NamedNode(FCV.TelemetryData), FC.purpose: NamedNode(DPV.ServiceProvision), **days}
    iris = services.iris
    quads = describe(iris.graph("registry"), partner.value, {RDF.type: NamedNode(FC.Partner)})
    quads += describe(iris.graph("policy"), iris.id("grant", "g1"), {RDF.type: NamedNode(FC.DataGrant), **shared})
    consent = {
        RDF.type: NamedNode(FC.DataConsent),
        ODRL.assigner: NamedNode(MEMBER.subject),
        ODRL.target: NamedNode(MEMBER.subject),
        **shared,
    }
    quads += describe(iris.graph("member", "h01", "facts"), iris.id("consent", "h01-p1"), consent)
    services.store.apply(insert=quads)
    assert any("h01/telemetry" in family for family in scope_of(services, PARTNER).families)
    return services


def test_thing_sends_on_to_its_document(client):
    answer = client.get("/id/site/h01")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/doc/site/h01")
    assert client.get("/id/site/h01?format=nt").headers["Location"] == "/doc/site/h01?format=nt"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/turtle", ox.RdfFormat.TURTLE),
        ("application/ld+json", ox.RdfFormat.JSON_LD),
        ("application/n-triples", ox.RdfFormat.N_TRIPLES),
        ("application/rdf+xml", ox.RdfFormat.RDF_XML),
        ("application/trig", ox.RdfFormat.TRIG),
        ("application/n-quads", ox.RdfFormat.N_QUADS),
        ("text/html;q=0.5, text/turtle", ox.RdfFormat.TURTLE),
    ],
)
def test_document_is_the_same_graph_in_every_format(client, accept, form):
    plain = get(client, "/doc/site/h01", NT).data
    answer = get(client, "/doc/site/h01", accept)

    assert answer.mimetype == accept.split(",")[-1].strip()
    assert graph(answer.data, form) == graph(plain)
    assert "Accept" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("accept", "given"), [("*/*", TURTLE), ("", TURTLE), ("text/html,*/*;q=0.8", HTML), ("application/*", "application/ld+json")]
)
def test_without_a_clear_wish_programs_get_turtle_and_browsers_a_page(client, accept, given):
    assert get(client, "/doc/site/h01", accept).mimetype == given


def test_format_in_the_address_wins_and_an_unknown_one_is_named(client):
    assert get(client, "/doc/site/h01?format=jsonld", HTML).mimetype == "application/ld+json"
    refused = get(client, "/doc/site/h01?format=pdf")
    assert refused.status_code == 406
    assert "'pdf'" in refused.json["detail"]
    assert get(client, "/doc/site/h01", "image/png").status_code == 406


def test_trig_says_which_graph_says_what(client):
    quads = {quad.graph_name.value for quad in ox.parse(get(client, "/doc/osb/h01", NQ).data, format=ox.RdfFormat.N_QUADS)}

    assert quads == {f"{BASE}/graph/member/h01/facts", f"{BASE}/graph/member/h01/osb/h01"}
    page = get(client, "/doc/osb/h01", HTML).text
    assert 'said in <a href="/graph/member/h01/facts">' in page


def test_parts_of_a_thing_come_with_it_also_those_that_only_refer_to_it(client, services):
    subjects = {subject.value for subject, _, _ in graph(get(client, "/doc/contract/h01/r1", NT).data)}
    assert f"{BASE}/id/contract/h01/r1#capacity" in subjects

    day = f"{BASE}/id/series/connection/h01/activePower/20160831"
    flag = describe(f"{BASE}/graph/member/h01/telemetry/2016-08", f"{day}#s900-OutOfRange", {FC.flagOf: NamedNode(day), FC.offset: 900})
    services.store.apply(insert=flag)
    subjects = {subject.value for subject, _, _ in graph(get(client, "/doc/series/connection/h01/activePower/20160831", NT).data)}
    assert subjects >= {day, f"{day}#s900-OutOfRange"}


def test_browser_gets_a_page_with_what_refers_to_it(client):
    page = get(client, "/doc/site/h01", HTML).text

    assert "Refers to it" in page
    assert "/id/connection/h01" in page


def test_what_refers_to_it_comes_in_pages(client, services):
    site = NamedNode(SITE)
    more = [Quad(NamedNode(f"{BASE}/id/note/n{n:03}"), NamedNode(FC.forSite), site, NamedNode(f"{BASE}/graph/market")) for n in range(120)]
    services.store.apply(insert=more)

    pages = [get(client, f"/doc/site/h01?page={number}", HTML).text for number in (1, 2, 3)]
    assert [page.count("/id/note/n") > 0 for page in pages] == [True, True, True]
    seen = [f"n{n:03}" for n in range(120) if any(f'href="/id/note/n{n:03}"' in page for page in pages)]
    assert len(seen) == 120
    assert ['rel="next"' in page for page in pages] == [True, True, False]


@pytest.mark.parametrize(
    ("language", "label"), [("es", "Emplazamiento"), ("nl-NL,en;q=0.5", "Locatie"), ("en", ">Site<"), ("fr", ">Site<")]
)
def test_terms_are_named_in_the_readers_language(client, language, label):
    assert label in get(client, "/doc/site/h01", HTML, **{"Accept-Language": language}).text


def test_title_is_the_label_in_the_readers_language(client, services):
    label = Literal("Casa h01", language="es")
    services.store.apply(insert=[Quad(NamedNode(SITE), NamedNode(RDFS.label), label, NamedNode(f"{BASE}/graph/member/h01/facts"))])

    assert "<h1>Casa h01</h1>" in get(client, "/doc/site/h01", HTML, **{"Accept-Language": "es"}).text
    assert "<h1>Home h01</h1>" in get(client, "/doc/site/h01", HTML).text


def test_unknown_thing_is_a_problem_in_the_one_form(client):
    answer = get(client, "/doc/site/nobody")

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.json["detail"] == "The graph says nothing about <http://127.0.0.1:8080/id/site/nobody>"
    assert answer.json["instance"].startswith("urn:uuid:")


@pytest.mark.parametrize(
    "path",
    ["/doc/site/%3Ch01%3E", "/doc/a%20b", "/doc/%22%7D", "/doc/%00", "/doc/x%0Ay", "/graph/%3E%20x", "/doc/graph/%7C", "/api/days/x/y"],
)
def test_what_no_iri_is_spelt_like_is_not_found(client, path):
    assert get(client, path).status_code == 404


def test_same_answer_is_not_sent_twice(client):
    first = get(client, "/doc/site/h01")
    again = get(client, "/doc/site/h01", **{"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert get(client, "/doc/site/h01", NT).headers["ETag"] != first.headers["ETag"]
    assert get(client, "/doc/site/h01", NT, **{"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_headers_tell_what_it_describes_its_other_forms_and_who_may_read_it(client):
    answer = get(client, "/doc/site/h01")
    links = answer.headers.getlist("Link")

    assert f'<{SITE}>; rel="describes"' in links
    assert '</doc/site/h01?format=jsonld>; rel="alternate"; type="application/ld+json"' in links
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"Accept", "Accept-Language", "Authorization", "Cookie"} <= set(answer.headers["Vary"].split(", "))
    client.set_cookie("session", "x")
    assert "Access-Control-Allow-Origin" not in get(client, "/doc/site/h01").headers


def test_head_and_options_are_answered(client):
    head = client.head("/doc/site/h01", headers={"Accept": TURTLE})
    options = client.options(
        "/doc/site/h01", headers={"Origin": "https://partner.example", "Access-Control-Request-Headers": "authorization"}
    )

    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == get(client, "/doc/site/h01").headers["ETag"]
    assert "Authorization" in options.headers["Access-Control-Allow-Headers"]
    assert "GET" in options.headers["Access-Control-Allow-Methods"]


def test_script_in_a_label_and_javascript_iris_are_text(client, services):
    where = NamedNode(f"{BASE}/graph/member/h01/facts")
    evil = [
        Quad(NamedNode(SITE), NamedNode(RDFS.label), Literal("<script>alert(1)</script>", language="nl"), where),
        Quad(NamedNode(SITE), NamedNode(RDFS.seeAlso), NamedNode("javascript:alert(1)"), where),
        Quad(NamedNode("javascript:alert(2)"), NamedNode(RDFS.seeAlso), NamedNode(SITE), where),
    ]
    services.store.apply(insert=evil)
    page = get(client, "/doc/site/h01", HTML, **{"Accept-Language": "nl"}).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'href="javascript:' not in page
    assert "javascript:alert(1)" in page


# --- readings -------------------------------------------------------------------------------------------------------------------------


def test_observation_says_what_the_endpoint_says_of_it(client, services):
    at = datetime(2016, 8, 31, 1, tzinfo=UTC)
    channel = f"{BASE}/id/connection/h01#activePower"
    value = services.readings.frame([channel], at, at.replace(minute=15)).iloc[0, 0]
    triples = graph(get(client, "/doc/obs/connection/h01/activePower/20160831T010000Z", NT).data)
    said = {(predicate.value, term.value) for _, predicate, term in triples}

    assert {term.value for _, predicate, term in triples if predicate.value == str(RDF.type)} == {
        str(SAREF.Observation),
        str(SOSA.Observation),
    }
    assert (str(SAREF.observes), channel) in said
    assert (str(SAREF.hasTimestamp), "2016-08-31T01:00:00Z") in said
    assert (str(PROV.wasDerivedFrom), f"{BASE}/id/series/connection/h01/activePower/20160831") in said
    assert [float(term.value) for _, predicate, term in triples if predicate.value == str(SOSA.hasSimpleResult)] == [value]


@pytest.mark.parametrize("stamp", ["20160831T010100Z", "99991231T235959Z", "20160831T01000Z", "20160230T000000Z", "x", "20160831T010000"])
def test_observation_that_was_not_made_is_not_found(client, stamp):
    assert get(client, f"/doc/obs/connection/h01/activePower/{stamp}").status_code == 404


def test_unit_of_an_observation_is_told_to_those_who_may_see_the_channel(granted):
    path = "/doc/obs/connection/h01/activePower/20160831T010000Z"

    assert b"hasUnit" in get(client_as(granted, MEMBER), path).data
    answer = get(client_as(granted, PARTNER), path)
    assert answer.status_code == 200
    assert b"hasUnit" not in answer.data


def test_day_of_readings_shows_a_chart_and_the_same_as_a_table(client):
    page = get(client, "/doc/series/connection/h01/activePower/20160831", HTML).text
    chart = client.get("/api/days/connection/h01/activePower/20160831").json

    assert 'data-src="/api/days/connection/h01/activePower/20160831"' in page
    assert page.count('<td class="n">') == len(chart["t"]) == 96
    assert chart["series"][0]["unit"] == "kilowatt"
    known = [value for value in chart["series"][0]["values"] if value is not None]
    assert known


def test_day_of_somebody_else_is_not_found_in_any_form(services):
    other = client_as(services, OTHER)
    for path in ("/doc/series/connection/h01/activePower/20160831", "/api/days/connection/h01/activePower/20160831"):
        assert get(other, path).status_code == 404
    assert get(other, "/doc/obs/connection/h01/activePower/20160831T010000Z").status_code == 404


# --- history --------------------------------------------------------------------------------------------------------------------------


def test_history_tells_what_made_used_and_edited_a_thing(client, services):
    edit = f"{BASE}/id/run/edit-1"
    facts = f"{BASE}/graph/member/h01/facts"
    quads = activity(services.iris, f"{BASE}/graph/audit", edit, at=NOW, on_behalf_of=f"{BASE}/id/agent/clerk")
    quads += describe(f"{BASE}/graph/audit", edit, {FC.editedGraph: NamedNode(facts), RDFS.comment: "the owner moved"})
    services.store.apply(insert=quads)
    page = get(client, "/doc/site/h01", HTML).text

    assert "edited a graph that speaks of it" in page
    assert "the owner moved" in page
    assert "Wed 31 Aug 2016, 12:00" in page
    assert "made it" in get(client, "/doc/settlement/c1/h01", HTML).text
    assert "the owner moved" not in get(client_as(services, MEMBER), "/doc/site/h01", HTML).text  # the audit is the operator's
    assert get(client, "/id/agent/clerk").status_code == 303
    assert get(client, "/doc/agent/clerk").status_code == 200


def test_history_of_a_forecast_tells_what_was_expected_when(client, services):
    rows = services.store.select(
        f"SELECT ?f ?p WHERE {{ GRAPH ?g {{ ?f a <{FC.ForecastSeries}> ; <{FC.forProperty}> ?p }} }} ORDER BY ?f LIMIT 1"
    )
    first, about = rows[0]["f"].value, rows[0]["p"]
    later = f"{BASE}/id/forecast/x/y/20160830T190000Z"
    plans = f"{BASE}/graph/member/h01/plans"
    created = "https://saref.etsi.org/saref4ener/hasCreationTime"
    known = any(quad.subject.value == first and quad.predicate.value == created for quad in ox_quads(services.store))
    when = datetime(2016, 8, 30, 19, tzinfo=UTC)
    quads = describe(plans, later, {RDF.type: NamedNode(FC.ForecastSeries), FC.forProperty: about, created: when})
    services.store.apply(insert=quads if known else [*quads, *describe(plans, first, {created: NOW})])
    page = get(client, first.removeprefix(BASE).replace("/id/", "/doc/"), HTML).text

    assert "What was expected when" in page
    assert "Tue 30 Aug 2016, 19:00" in page


def test_history_of_a_day_tells_its_earlier_revisions(client, services):
    day = f"{BASE}/id/series/connection/h01/activePower/20160831"
    month = f"{BASE}/graph/member/h01/telemetry/2016-08"
    revision = {
        RDF.type: NamedNode(FC.DayRevision),
        FC.revisionOf: NamedNode(day),
        FC.revision: 1,
        FC.digest: "sha256:0123456789abcdef",
        PROV.invalidatedAtTime: NOW,
    }
    services.store.apply(insert=describe(month, f"{day}#r1", revision))
    page = get(client, "/doc/series/connection/h01/activePower/20160831", HTML).text

    assert '<a href="#r1">revision 1</a>, until Wed 31 Aug 2016, 12:00 UTC' in page


# --- named graphs ---------------------------------------------------------------------------------------------------------------------


def test_named_graph_leads_to_its_content_or_to_a_page(client):
    rdf, page = get(client, "/graph/member/h01/facts"), get(client, "/graph/member/h01/facts", HTML)

    assert (rdf.status_code, page.status_code) == (303, 303)
    assert rdf.headers["Location"] == "/rdf-graph-store?graph=http%3A%2F%2F127.0.0.1%3A8080%2Fgraph%2Fmember%2Fh01%2Ffacts"
    shown = get(client, page.headers["Location"], HTML).text
    assert "/id/site/h01" in shown
    assert "triples" in shown


def test_named_graph_that_may_not_be_seen_is_as_one_that_is_not_there(services):
    public = client_as(services, ROLES["public"])
    there, missing = (get(public, f"/graph/{name}") for name in ("member/h01/facts", "member/h99/facts"))

    assert there.status_code == missing.status_code == 404
    assert there.json["detail"].replace("h01", "h99") == missing.json["detail"]


# --- everything, as everybody ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_every_iri_dereferences_for_who_may_see_it_and_no_triple_comes_from_elsewhere(granted, role):
    load_public(granted.store, granted.iris)
    who = ROLES[role]
    scope, client = scope_of(granted, who), client_as(granted, who)
    quads = ox_quads(granted.store)
    allowed = {quad for quad in quads if scope.allows(quad.graph_name.value)}
    mentioned = {
        term.value.partition("#")[0]
        for quad in allowed
        for term in (quad.subject, quad.object, quad.graph_name)
        if isinstance(term, NamedNode)
    }
    broken, leaked, hidden = [], [], []
    for iri in minted(granted.store):
        path = iri.removeprefix(BASE)
        answer = get(client, path, NQ)
        if path.startswith("/graph/"):
            if (answer.status_code == 303) != any(quad.graph_name.value == iri for quad in allowed) and not _only_named(iri, quads):
                broken.append(iri)
            continue
        if not path.startswith("/id/"):
            continue
        answer = get(client, answer.headers["Location"], NQ)
        if iri in mentioned:
            broken += [iri] if answer.status_code != 200 else []
        else:
            hidden += [iri] if answer.status_code != 404 else []
        if answer.status_code == 200:
            leaked += [quad for quad in ox.parse(answer.data, format=ox.RdfFormat.N_QUADS) if quad not in allowed]
    assert (broken, leaked, hidden) == ([], [], [])


def _only_named(iri, quads):
    """Graphs that triples speak of, but that hold nothing."""
    return not any(quad.graph_name.value == iri for quad in quads)


@pytest.mark.parametrize("role", ["member", "box", "partner", "dso", "public"])
def test_pages_name_nothing_that_the_reader_may_not_see(granted, role):
    """Every graph gets a thing with a telltale label and a telltale reference; those of other graphs must not show."""
    load_public(granted.store, granted.iris)
    names = granted.store.graphs()
    things = [
        f"{BASE}/id/site/h01",
        f"{BASE}/id/member/h01",
        f"{BASE}/id/connection/h01",
        f"{BASE}/id/cooperative/demo",
        f"{BASE}/id/osb/h01",
    ]
    for number, name in enumerate(names):
        where = NamedNode(name)
        marks = [Quad(NamedNode(thing), NamedNode(RDFS.label), Literal(f"tell{number}tale", language="en"), where) for thing in things]
        marks += [Quad(NamedNode(f"{BASE}/id/note/tell{number}tale"), NamedNode(RDFS.seeAlso), NamedNode(thing), where) for thing in things]
        marks += activity(granted.iris, name, f"{BASE}/id/run/tell{number}tale", at=NOW, used=things)
        granted.store.apply(insert=marks)
    scope, client = scope_of(granted, ROLES[role]), client_as(granted, ROLES[role])
    foreign = [f"tell{number}tale" for number, name in enumerate(names) if not scope.allows(name)]
    own = [f"tell{number}tale" for number, name in enumerate(names) if scope.allows(name)]
    for thing in things:
        for accept in (HTML, NQ, "application/ld+json"):
            text = get(client, thing.removeprefix(BASE).replace("/id/", "/doc/"), accept).text
            assert [mark for mark in foreign if mark in text] == []
            assert any(mark in text for mark in own)


def test_nobody_sees_anything_without_a_scope(services):
    nobody = client_as(services, OPERATOR, Scope())

    assert {get(nobody, iri.removeprefix(BASE)).status_code for iri in minted(services.store) if "/graph/" in iri} == {404}
    assert get(nobody, "/doc/site/h01").status_code == 404


def test_graphs_that_are_many_are_looked_through_as_well_as_few(granted, monkeypatch):
    """With few graphs the search is narrowed to them; with many the rows are filtered: the same comes of both."""
    member = client_as(granted, MEMBER)
    few = get(member, "/doc/member/h01", HTML).text
    monkeypatch.setattr("api.visible.MOST_NAMED", 0)

    assert get(member, "/doc/member/h01", HTML).text == few


def test_a_store_without_graphs_answers_in_good_order(services):
    services.store.drop(services.store.graphs())
    empty = client_as(dataclasses.replace(services), BOX)

    assert get(empty, "/doc/site/h01").status_code == 404
