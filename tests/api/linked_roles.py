"""Clients of the application as somebody of each role, over any services."""

from datetime import UTC, datetime

from flask import g
from flask.testing import FlaskClient

from access.policy import Policy
from access.principal import PUBLIC, Principal, Role
from api import ApiSettings, Services, create_app
from sparql.scope import Scope

BASE = "http://127.0.0.1:8080"
OPERATOR = Principal(Role.OPERATOR, "operator")
MEMBER = Principal(Role.MEMBER, "h01", f"{BASE}/id/member/h01")
OTHER = Principal(Role.MEMBER, "h02", f"{BASE}/id/member/h02")
BOX = Principal(Role.OSB, "osb-h01", f"{BASE}/id/osb/h01")
PARTNER = Principal(Role.PARTNER, "p1", f"{BASE}/id/partner/p1")
GRID_OPERATOR = Principal(Role.GRID_OPERATOR, "dso", f"{BASE}/id/dso/demo")
ROLES = {"operator": OPERATOR, "member": MEMBER, "other": OTHER, "box": BOX, "partner": PARTNER, "dso": GRID_OPERATOR, "public": PUBLIC}
NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)


def scope_of(services: Services, who: Principal) -> Scope:
    return Policy(services.store, services.iris, lambda: NOW).scope(who)


def client_as(services: Services, who: Principal, scope: Scope | None = None) -> FlaskClient:
    """A client that is taken for somebody; with a scope of its own where the test names one."""
    app = create_app(ApiSettings(shown_settings=()), services)
    policy = Policy(services.store, services.iris, lambda: NOW)

    @app.before_request
    def _known() -> None:
        g.principal, g.scope = who, policy.scope(who) if scope is None else scope

    return app.test_client()
