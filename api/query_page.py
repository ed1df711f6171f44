"""The page of `/sparql`: an editor where there is a script, a form where there is none, and examples to begin with."""

from flask import Response, render_template, request

from access.principal import Role
from api.guard import principal
from api.query_library import published
from api.services import services
from kg.prefixes import prefixes

EXAMPLES = (
    "api/latest_values",
    "api/devices_by_class",
    "api/readings_of_channel",
    "api/days_of_channel",
    "settlement/portfolio_result",
    "ontology/cq_member_earnings",
    "ontology/cq_list_values",
)
# The editor sets styles and draws its icons itself; scripts come from here alone, as on every page.
POLICY = (
    "default-src 'self'; img-src 'self' data:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def page() -> Response:
    """Show the editor, with the query of the address or the first example in it."""
    base, library = services().iris.base, published()
    examples = [library[name] for name in EXAMPLES]
    text = request.args.get("query") or examples[0].text(base)
    answer = Response(
        render_template(
            "sparql.html",
            text=text,
            prefixes=dict(prefixes()),
            examples=examples,
            base=base,
            anonymous=principal().role is Role.PUBLIC,
        )
    )
    answer.headers["Content-Security-Policy"] = POLICY
    return answer
