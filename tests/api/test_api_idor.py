"""Every address × every role × two members' keys: who is let in, and nothing of anybody else in what is answered.

An address without a line in `EXPECTED` fails, and so does a view without a rule: whoever adds one says here who may call it.
"""

import time
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import quote

import agreements
import pytest
from patience import PATIENCE_S

from access import consents, grants
from access.principal import Role
from access.terms import Terms
from kg.terms import Json, describe, iri
from ontology.names import DPV, FC, FCV, RDFS, S4ENER

LEAVES = ("facts", "osb", "telemetry", "latest", "plans", "contracts", "events", "statements")
ALL = {(key, leaf) for key in ("h01", "h02") for leaf in LEAVES}
NUMBERS = {"h01": "6.6607", "h02": "7.7707"}
DAY = date(2016, 8, 29)
ROLES = ("anonymous", "h01", "h02", "box", "granted", "ungranted", "dso", "auditor", "operator")
SEEN = {  # the canaries that each may meet
    "h01": {("h01", leaf) for leaf in LEAVES},
    "h02": {("h02", leaf) for leaf in LEAVES},
    "box": {("h01", leaf) for leaf in ("osb", "telemetry", "latest", "plans", "events")},
    "granted": {("h01", "telemetry")},
    "operator": ALL,
}
OPERATOR, MEMBER, SIGNED_IN, ANYBODY = (
    "the operator",
    "the member with that key, and the operator",
    "whoever signs in",
    "anybody, within its scope",
)
EXPECTED = {
    "things.new": OPERATOR,
    "things.create": OPERATOR,
    "things.view": OPERATOR,
    "things.edit": OPERATOR,
    "things.save": OPERATOR,
    "things.history": OPERATOR,
    "things.undo": OPERATOR,
    "things.ask_to_remove": OPERATOR,
    "things.remove": OPERATOR,
    "things.options_of": OPERATOR,
    "languages.choose": ANYBODY,
    "onboarding.everyone": OPERATOR,
    "onboarding.begin": OPERATOR,
    "onboarding.under_way_page": OPERATOR,
    "onboarding.person": OPERATOR,
    "onboarding.site": OPERATOR,
    "onboarding.connection": OPERATOR,
    "onboarding.box": OPERATOR,
    "onboarding.code": OPERATOR,
    "onboarding.devices": OPERATOR,
    "onboarding.news": OPERATOR,
    "onboarding.word": OPERATOR,
    "onboarding.comfort_page": OPERATOR,
    "onboarding.consent": OPERATOR,
    "onboarding.contract": OPERATOR,
    "onboarding.record_signature": OPERATOR,
    "onboarding.withdraw": OPERATOR,
    "onboarding.end": OPERATOR,
    "onboarding.account": OPERATOR,
    "onboarding.accept": MEMBER,
    "operator.portfolio": OPERATOR,
    "operator.compute": OPERATOR,
    "campaigns.all_of_them": OPERATOR,
    "campaigns.start": OPERATOR,
    "campaigns.campaign": OPERATOR,
    "campaigns.part": OPERATOR,
    "campaigns.pause": OPERATOR,
    "campaigns.resume": OPERATOR,
    "campaigns.abort": OPERATOR,
    "map.grid": OPERATOR,
    "outlook.page": OPERATOR,
    "outlook.day_series": OPERATOR,
    "settlements.all_of_them": OPERATOR,
    "settlements.one": OPERATOR,
    "tables.everyone": OPERATOR,
    "tables.ders": OPERATOR,
    "registry_pages.index": OPERATOR,
    "registry_pages.things": OPERATOR,
    "registry_pages.findings": OPERATOR,
    "registry_pages.work": OPERATOR,
    "registry_pages.stop": OPERATOR,
    "imports.ask": OPERATOR,
    "imports.preview": OPERATOR,
    "imports.shown": OPERATOR,
    "imports.confirm": OPERATOR,
    "imports.every": OPERATOR,
    "imports.stop": OPERATOR,
    "imports.again": OPERATOR,
    "imports.discard": OPERATOR,
    "imports.undo": OPERATOR,
    "paste.ask": OPERATOR,
    "paste.paste": OPERATOR,
    "member.today": MEMBER,
    "member_money.events": MEMBER,
    "member_money.event": MEMBER,
    "member_money.ask_opt_out": MEMBER,
    "member_money.opt_out": MEMBER,
    "member_money.earnings": MEMBER,
    "member_money.statement": MEMBER,
    "member_history.history": MEMBER,
    "member_comfort.comfort_page": MEMBER,
    "member_comfort.change_comfort": MEMBER,
    "member_home.home": MEMBER,
    "member_home.make_available": MEMBER,
    "member_data.data": MEMBER,
    "member_notices.settings": MEMBER,
    "member_notices.change": MEMBER,
    "member_notices.calendar": MEMBER,
    "notices.overview": OPERATOR,
    "notices.calendar": ANYBODY,
    "notices.ask_to_end": ANYBODY,
    "notices.end": ANYBODY,
    "privacy.export": MEMBER,
    "privacy.ask": MEMBER,
    "privacy.erase": MEMBER,
    "charts.member_day": MEMBER,
    "charts.member_comfort": MEMBER,
    "charts.portfolio_day": OPERATOR,
    "charts.campaign_series": OPERATOR,
    "consents.given": MEMBER,
    "consents.give": MEMBER,
    "consents.withdraw": MEMBER,
    "consents.give_by_form": MEMBER,
    "consents.withdraw_by_form": MEMBER,
    "consents.partners": OPERATOR,
    "consents.register": OPERATOR,
    "consents.grant": OPERATOR,
    "consents.withdraw_grant": OPERATOR,
    "audited.looked": MEMBER,
    "audited.record": OPERATOR,
    "audited.edits": OPERATOR,
    "introspection.index": OPERATOR,
    "introspection.versions": OPERATOR,
    "introspection.settings": OPERATOR,
    "introspection.health": ANYBODY,
    "health.data_health": OPERATOR,
    "health.box": OPERATOR,
    "health.day": OPERATOR,
    "health.metrics": OPERATOR,
    "refused.refused": OPERATOR,
    "refused.letter": OPERATOR,
    "refused.payload": OPERATOR,
    "refused.replay": OPERATOR,
    "refused.drop": OPERATOR,
    "commands.verbs": OPERATOR,
    "commands.run": OPERATOR,
    "enrolment.enrol": ANYBODY,
    "sparql.query": ANYBODY,
    "sparql.query_options": ANYBODY,
    "update.update": OPERATOR,
    "update.update_options": ANYBODY,
    "graph_store.read": ANYBODY,
    "graph_store.read_options": ANYBODY,
    "graph_store.replace": OPERATOR,
    "graph_store.merge": OPERATOR,
    "graph_store.remove": OPERATOR,
    "linked_data.thing": ANYBODY,
    "linked_data.document": ANYBODY,
    "linked_data.graph_document": ANYBODY,
    "linked_data.named_graph": ANYBODY,
    "linked_data.day_series": ANYBODY,
    "query_library.index": ANYBODY,
    "query_library.query": ANYBODY,
    "dumps.dump": ANYBODY,
    "catalogue.page": ANYBODY,
    "catalogue.void": ANYBODY,
    "contexts.context": ANYBODY,
    "ontology_pages.ontology": ANYBODY,
    "ontology_pages.module": ANYBODY,
    "ontology_pages.module_of_version": ANYBODY,
    "ontology_pages.shapes": ANYBODY,
    "ontology_pages.shapes_of": ANYBODY,
    "oauth.jwks": ANYBODY,
    "oauth.metadata": ANYBODY,
    "oauth.token": ANYBODY,
    "sign_in.form": ANYBODY,
    "sign_in.sign_in": ANYBODY,
    "sign_in.callback": ANYBODY,
    "sign_in.demo": ANYBODY,
    "sign_in.to_provider": ANYBODY,
    "sign_in.sign_out": ANYBODY,
    "sign_in.account": SIGNED_IN,
    "sign_in.change_password": SIGNED_IN,
    "sign_in.end_session": SIGNED_IN,
    "sign_in.create_token": SIGNED_IN,
    "sign_in.list_tokens": SIGNED_IN,
    "sign_in.revoke_token": SIGNED_IN,
}
THINGS = (
    *("member/{}", "site/{}", "connection/{}", "connection/{}#activePower", "osb/{}", "device/{}-battery", "consent/{}", "contract/{}/r1"),
    *("event/c1-{}", "baseline/c1-{}", "settlement/c1/{}", "remuneration/c1/{}", "series/connection/{}/activePower/20160829"),
    *("obs/connection/{}/activePower/20160829T101500Z", "forecast/site/{}/loadPower/20160829T190000Z", "campaign/c1"),
)
GRAPHS = (
    *("member/{}/" + leaf for leaf in LEAVES if leaf not in ("osb", "telemetry")),
    "member/{0}/osb/{0}",
    "member/{}/telemetry/2016-08",
)
LOCALS = {
    "linked_data.thing": THINGS,
    "linked_data.document": THINGS,
    "linked_data.graph_document": (*GRAPHS, "people", "registry", "market", "policy"),
    "linked_data.named_graph": (*GRAPHS, "people", "registry", "market", "policy"),
    "linked_data.day_series": (
        "connection/{}/activePower/20160829",
        "connection/{}/activePower",
        "series/connection/{}/activePower/20160829",
    ),
}
QUERIES = (
    "SELECT * WHERE {{ ?s ?p ?o FILTER (CONTAINS(STR(?o), 'canary')) }}",
    "SELECT * WHERE {{ GRAPH ?g {{ ?s ?p ?o }} FILTER (CONTAINS(STR(?o), 'canary')) }}",
    "SELECT * FROM <{base}/graph/member/{key}/facts> WHERE {{ ?s ?p ?o }}",
    "SELECT * FROM NAMED <{base}/graph/member/{key}/telemetry/2016-08> WHERE {{ GRAPH ?g {{ ?s ?p ?o }} }}",
    "DESCRIBE <{base}/id/member/{key}>",
    "CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{base}/graph/member/{key}/latest> {{ ?s ?p ?o }} }}",
)


@pytest.fixture
def world(services, store, iris, app, access, as_member, as_partner, signed_in, anonymous):
    """Canaries in every graph of both members, a consent of h01 to one partner, and a client for every role."""
    for key, number in NUMBERS.items():
        for graph in [name for name in store.graphs() if name.startswith(f"{iris.graph('member', key)}/")]:
            leaf = graph.split("/member/")[1].split("/")[1]
            subjects = sorted({triple.subject.value for triple in store.graph(graph)})
            store.apply(insert=[q for s in subjects for q in describe(graph, s, {RDFS.comment: f"canary-{key}-{leaf}"})])
        channel = iris.id("connection", f"{key}#activePower")
        said = {FC.forProperty: iri(channel), FC.day: DAY, S4ENER.hasTemporalResolution: timedelta(minutes=15)}
        packed = Json(f"[{','.join([number] * 96)}]")
        telemetry = iris.graph("member", key, "telemetry", "2016-08")
        more = {FC["values"]: packed, RDFS.comment: f"canary-{key}-telemetry"}
        latest = describe(iris.graph("member", key, "latest"), channel, {FC.latestValue: 1.5, RDFS.comment: f"canary-{key}-latest"})
        store.apply(insert=[*describe(telemetry, iris.day(channel, DAY), said | more), *latest])
    agreed = Terms([str(DPV.ResearchAndDevelopment)], date(2016, 8, 1), date(2016, 12, 31), [str(FCV.TelemetryData)])
    for key in ("p1", "p2"):
        partner = agreements.state(store, grants.register(iris, key, f"Partner {key}", at=services.now()))
        settled = replace(agreed, targets=[iris.graph("settlement") + "/"])
        agreements.state(store, grants.give(store, iris, partner, settled, at=services.now()))
    given = consents.give(store, iris, iris.id("member", "h01"), iris.id("partner", "p1"), agreed, at=services.now())
    agreements.state(store, given)
    _wait_for_the_checkpoint(signed_in(app))
    box, _ = access.tokens.create_for("box", Role.OSB, iris.id("osb", "h01"))
    return {
        "anonymous": anonymous,
        "h01": as_member("h01"),
        "h02": as_member("h02"),
        "box": signed_in(app, box),
        "granted": as_partner("p1"),
        "ungranted": as_partner("p2"),
        "dso": as_partner("dso1", Role.GRID_OPERATOR),
        "auditor": as_partner("auditor1", Role.AUDITOR),
        "operator": signed_in(app),
    }


def _wait_for_the_checkpoint(operator):
    """Queries run on a checkpoint that may be seconds old; without the canaries in it, none could be caught."""
    deadline, ask = time.monotonic() + PATIENCE_S, quote("ASK { GRAPH ?g { ?s ?p 'canary-h02-statements' } }")
    while operator.get(f"/sparql?query={ask}", headers={"Accept": "application/sparql-results+json"}).json["boolean"] is not True:
        assert time.monotonic() < deadline, "the endpoint does not see what was written"
        time.sleep(0.2)


def allowed(who, role, key):
    match who:
        case "the operator":
            return role == "operator"
        case "the member with that key, and the operator":
            return role in ("operator", key)
        case "whoever signs in":
            return role != "anonymous"
    return True


def arguments(rule, key):
    """Values of a rule's arguments, several sets where it names things."""
    plain = {
        "key": key,
        "code": "es",
        "member": key,
        "osb": f"osb-{key}",
        "campaign": "c1",
        "event": f"c1-{key}",
        "device": f"{key}-battery",
        "number": 424242,
        "hashed": "0" * 64,
        "verb": "campaign",
        "package": "api",
        "revision": "r1",
        "kind": "planned",
        "slug": "site",
    }
    if rule.endpoint.startswith(("campaigns.", "settlements.", "charts.campaign")):
        plain["key"] = "c1"
    names = {"dumps.dump": (f"member-{key}.trig", f"{key}.trig", "feed.nt", "registry.trig")}.get(
        rule.endpoint, ("member_home", "core", "consent")
    )
    found = [plain | {"name": name, "version": "0.1.0", "filename": "style.css"} for name in names]
    locals_ = [path.format(key) for path in LOCALS.get(rule.endpoint, ())]
    places = [f"graph/{path.format(key)}" for path in GRAPHS]
    found = [each | {"local": local} for local in locals_ for each in found[:1]] if locals_ else found
    return [each | {"place": place} for place in places for each in found[:1]] if "place" in rule.arguments else found


def requests(app, rule, key, base):
    """Every address of a rule with a member's key, and the query strings that it takes."""
    with app.test_request_context():
        adapter = app.url_map.bind("127.0.0.1:8080")
        paths = {adapter.build(rule.endpoint, {n: v for n, v in each.items() if n in rule.arguments}) for each in arguments(rule, key)}
    paths = {path for path in paths if not path.startswith("http")} | {
        path.partition("8080")[2] for path in paths if path.startswith("http")
    }
    if rule.endpoint == "query_library.query":
        member = quote(f"{base}/id/member/{key}", safe="")
        names = (
            "api/member_home",
            "api/member_events",
            "api/member_contract",
            "api/portfolio",
            "ontology/cq_consents",
            "ontology/cq_comfort_limits",
        )
        return [f"/queries/{name}{more}" for name in names for more in ("", f"?member={member}", f"?member={member}&format=csv")]
    if rule.endpoint == "sparql.query":
        return sorted(f"{path}?query={quote(query.format(base=base, key=key))}" for path in paths for query in QUERIES)
    if rule.endpoint.startswith("graph_store.") and "place" not in rule.arguments:
        graphs = [f"{base}/graph/{path.format(key)}" for path in GRAPHS]
        return [*sorted(f"{path}?graph={quote(graph, safe='')}" for path in paths for graph in graphs), "/rdf-graph-store?default"]
    return sorted(
        {f"{path}?date=2016-08-29" if key in path and rule.endpoint.startswith(("charts.", "member.today")) else path for path in paths}
    )


def leaked(role, body):
    """The canaries in an answer that its receiver must not meet."""
    found = {(key, leaf) for key, leaf in ALL if f"canary-{key}-{leaf}" in body}
    found |= {(key, "telemetry") for key, number in NUMBERS.items() if number in body}
    return found - SEEN.get(role, set())


def rules(app):
    return sorted((rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"), key=lambda rule: (rule.rule, rule.endpoint))


def test_every_view_has_a_rule_and_a_line_here(app):
    without = [rule.rule for rule in rules(app) if getattr(app.view_functions[rule.endpoint], "access_rule", None) is None]
    endpoints = {rule.endpoint for rule in rules(app)}

    assert without == []
    assert sorted(endpoints - set(EXPECTED)) == []
    assert sorted(set(EXPECTED) - endpoints) == []


@pytest.mark.parametrize("role", ROLES)
def test_nobody_gets_in_where_it_should_not_nor_meets_what_is_not_its_own(app, world, iris, role):
    client, wrong = world[role], []
    for rule in rules(app):
        for key in ("h01", "h02"):
            for method in sorted(rule.methods - {"OPTIONS"}):
                if role == "operator" and method not in ("GET", "HEAD"):
                    continue  # may, and would change what is looked at here
                expects = allowed(EXPECTED[rule.endpoint], role, key)
                for path in requests(app, rule, key, iris.base):
                    answer = client.open(path, method=method, headers={"Accept": "application/json, text/turtle;q=0.9, */*;q=0.1"})
                    body = answer.get_data(as_text=True)
                    answer.close()
                    if expects is False and answer.status_code not in (401, 403, 404):
                        wrong.append(("let in", method, path, answer.status_code))
                    if EXPECTED[rule.endpoint] != ANYBODY and expects and answer.status_code in (401, 403):
                        wrong.append(("kept out", method, path, answer.status_code))
                    if answer.status_code >= 500:
                        wrong.append(("failed", method, path, answer.status_code))
                    wrong += [("leaked", method, path, canary) for canary in sorted(leaked(role, body))]

    assert wrong == []


@pytest.mark.parametrize(
    ("role", "path", "canary"),
    [
        ("h01", "/doc/member/h01", "canary-h01-facts"),
        ("h02", "/doc/member/h02", "canary-h02-facts"),
        ("granted", "/doc/series/connection/h01/activePower/20160829", "canary-h01-telemetry"),
        ("box", "/doc/series/connection/h01/activePower/20160829", "canary-h01-telemetry"),
        ("operator", "/doc/member/h02", "canary-h02-facts"),
        ("h01", "/api/members/h01/day?date=2016-08-29", "6.6607"),
        ("h01", f"/sparql?query={quote(QUERIES[0].format())}", "canary-h01-statements"),
        ("granted", f"/sparql?query={quote(QUERIES[1].format())}", "canary-h01-telemetry"),
        ("h01", "/rdf-graph-store?graph=http%3A%2F%2F127.0.0.1%3A8080%2Fgraph%2Fmember%2Fh01%2Ffacts", "canary-h01-facts"),
    ],
)
def test_the_canaries_sing_to_those_who_may_hear_them(world, role, path, canary):
    answer = world[role].get(path, headers={"Accept": "application/json, text/turtle;q=0.9, */*;q=0.1"})

    assert answer.status_code == 200
    assert canary in answer.get_data(as_text=True)
