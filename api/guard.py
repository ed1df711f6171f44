"""Who may call which address: every view says so, and one that doesn't is closed to all.

A view is decorated with one rule, below its route:

    @pages.get("/members/<key>")
    @rule.member("key")
    def member(key: str) -> Response: ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, g, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from access.errors import CredentialError
from access.opened import Access, of_session
from access.principal import PUBLIC, Principal, Role
from access.sessions import Session, form_token, is_form_token
from api.errors import NotFoundError, problem
from api.languages import _
from api.services import services
from sparql.scope import NOTHING, Scope

View = TypeVar("View", bound=Callable[..., Any])
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ONLY_READS = frozenset({"sparql.query"})  # a POST there changes nothing, and pages of partners may send it
FIELD, HEADER = "form_token", "X-Form-Token"
BY_LINK = frozenset({"notices.end"})  # a token in the address alone lets in, from wherever a mail program sends it
_NO_COOKIE = frozenset({"oauth.token"}) | BY_LINK  # credentials come with the request itself


@dataclass(frozen=True)
class Rule:
    """Who may call a view.

    Attributes
    ----------
    roles : the roles that may; empty: anybody, also without sign-in
    own : name of the view's argument that holds a member's key; a member passes only with their own
    """

    roles: frozenset[Role] = frozenset()
    own: str | None = None

    def __call__(self, view: View) -> View:
        """Mark a view with this rule."""
        view.access_rule = self  # type: ignore[attr-defined]
        return view


class rule:  # noqa: N801  (reads as a word: @rule.operator)
    """The rules."""

    anybody = Rule()  # what the view shows is public, or it filters by `scope()`
    signed_in = Rule(frozenset(Role) - {Role.PUBLIC})
    operator = Rule(frozenset({Role.OPERATOR}))

    @staticmethod
    def member(argument: str) -> Rule:
        """The member whose key the argument holds, and operators."""
        return Rule(frozenset({Role.OPERATOR, Role.MEMBER}), own=argument)


def principal() -> Principal:
    """Who makes this request."""
    found: Principal = g.get("principal", PUBLIC)
    return found


def scope() -> Scope:
    """What whoever makes this request may see, read when it is first asked for."""
    if "scope" not in g:
        access = services().access
        g.scope = access.scope(principal()) if access is not None else NOTHING
    found: Scope = g.scope
    return found


def session() -> Session | None:
    """The session of this request, if a cookie brought one."""
    found: Session | None = g.get("session")
    return found


def cookie_name() -> str:
    """The session's cookie; over https the browser itself keeps other hosts and paths from setting it."""
    return "__Host-flexcoop" if is_https() else "flexcoop"


def is_https() -> bool:
    """Whether people reach the platform by https, which its base says."""
    return services().iris.base.startswith("https://")


def home(who: Principal) -> str:
    """Where somebody begins: operators at the portfolio, members at their own page, everybody else at the catalogue."""
    if who.role is Role.MEMBER and who.subject:
        return f"/members/{quote(who.subject.rsplit('/', 1)[1])}"
    return "/" if who.role is Role.OPERATOR else "/catalogue"


def local_path(given: str | None) -> str:
    """A path on this host to go on to, or `/` where something else was given."""
    text = given or ""
    plain = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    return text if plain and text.startswith("/") and not text.startswith("//") and not urlsplit(text).netloc else "/"


def install(app: Flask) -> None:
    """Let this module decide about every request of the application, and the templates make forms that are accepted."""
    app.before_request(_decide)
    app.after_request(_mark)
    app.jinja_env.globals.update(form_input=_form_input, principal=principal, begins_at=home)


def _decide() -> BaseResponse | None:
    refused = _foreign_name() or _foreign_page()
    if refused is not None:
        return refused
    if request.endpoint == "static":
        return None
    try:
        _recognise(services().access)
    except CredentialError as error:
        return _unauthorized(str(error), error.code, error.scheme)
    return _forged() or _by_rule()


def _foreign_name() -> Response | None:
    """Refuse a name that is not ours: a DNS name of somebody else's that points here would make their page one of ours."""
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        host = ""
    names = current_app.extensions["flexcoop.settings"].names
    if host in LOOPBACK or host == urlsplit(services().iris.base).hostname or host in names:
        return None
    return problem(403, f"This platform does not answer as {request.host}; open it by its own address, or add the name to FLEX_HTTP_NAMES")


def _foreign_page() -> Response | None:
    """Refuse what a page of somebody else's makes a browser send."""
    if request.method in SAFE or request.endpoint in ONLY_READS | BY_LINK or not _from_elsewhere():
        return None
    origin = request.headers.get("Origin") or "another site"
    return problem(403, _("A form of %(origin)s may not change anything here; use the form on this platform's own page", origin=origin))


def _from_elsewhere() -> bool:
    origin = request.headers.get("Origin")
    try:
        foreign = origin is not None and urlsplit(origin).netloc != request.host
    except ValueError:
        foreign = True
    return foreign or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def _recognise(access: Access | None) -> None:
    """Find out who this is: by the header, or by the cookie; a cookie that has ended is a visitor who is not signed in."""
    if access is None:
        g.setdefault("principal", PUBLIC)
        return
    g.principal, g.session = PUBLIC, None
    if request.endpoint in _NO_COOKIE:
        return
    header = request.headers.get("Authorization")
    if header is not None:
        g.principal = access.recognise(header)
        return
    cookie = request.cookies.get(cookie_name())
    if not cookie or (request.method not in SAFE and _from_elsewhere()):
        return
    g.session = access.sessions.find(cookie)
    if g.session is None:
        g.stale = True
        return
    g.principal = of_session(g.session)


def _forged() -> Response | None:
    """Refuse a change that the cookie alone speaks for: the page that sends it must have been shown to this session."""
    if session() is None or request.method in SAFE or request.endpoint in ONLY_READS:
        return None
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if is_form_token(request.cookies[cookie_name()], given):
        return None
    sentence = _(
        "This form is not one that was shown to you, or you have signed in again since; load the page anew (%(header)s in programs)",
        header=HEADER,
    )
    return problem(403, sentence)


def _by_rule() -> BaseResponse | None:
    if request.url_rule is None or request.endpoint is None:
        return None  # nothing is there, which says nothing about what is
    if request.method == "OPTIONS" and getattr(request.url_rule, "provide_automatic_options", False):
        return None  # the methods of an address; a browser asks for them without credentials
    wanted: Rule | None = getattr(current_app.view_functions[request.endpoint], "access_rule", None)
    if wanted is None:
        return problem(403, _("This address is closed to everybody"))
    who = principal()
    if not wanted.roles or (who.role in wanted.roles and _own(wanted, who)):
        return None
    if who.role is Role.PUBLIC:
        return _ask_to_sign_in()
    if who.role not in wanted.roles:
        if request.path == "/" and _wants_page():  # the first page is the operators'; whoever signs in lands there
            return redirect(home(who), code=303)
        return problem(403, _("Your role (%(role)s) may not use this address", role=_(who.role.value)))
    raise NotFoundError(_("There is nothing at this address for you"))  # whether there is something for others is not told


def _own(wanted: Rule, who: Principal) -> bool:
    if wanted.own is None or who.role is not Role.MEMBER:
        return True
    key = (request.view_args or {}).get(wanted.own)
    return isinstance(key, str) and who.subject == services().iris.id("member", key)


def _wants_page() -> bool:
    best = request.accept_mimetypes.best_match(["application/problem+json", "application/json", "text/html"])
    return best == "text/html" and request.method in ("GET", "HEAD")


def _ask_to_sign_in() -> BaseResponse:
    if _wants_page():
        return redirect(f"/sign-in?next={quote(request.full_path.rstrip('?'), safe='/')}", code=303)
    return _unauthorized(_("Sign in, or send a token as Authorization: Bearer …"))


def _unauthorized(detail: str, code: str = "", scheme: str = "Bearer") -> Response:
    answer = problem(401, detail)
    said = f'Bearer realm="FLEXCoop", error="{code}", error_description="{_header_text(detail)}"' if code else 'Bearer realm="FLEXCoop"'
    answer.headers.add("WWW-Authenticate", said if scheme == "Bearer" else f'{scheme} realm="FLEXCoop"')
    if scheme == "Bearer" and not code and "Sec-Fetch-Mode" not in request.headers:  # a browser would ask in a window of its own
        answer.headers.add("WWW-Authenticate", 'Basic realm="FLEXCoop"')
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _header_text(text: str) -> str:
    return "".join(letter for letter in text if " " <= letter <= "~" and letter not in '"\\')


def _form_input() -> Markup:
    """What every form that changes something must hold."""
    value = form_token(request.cookies[cookie_name()]) if session() is not None else ""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, value)


def _mark(answer: Response) -> Response:
    """Keep what was made for one person out of caches that others use, and a browser at https."""
    if principal().role is not Role.PUBLIC:
        answer.headers.setdefault("Cache-Control", "no-store" if answer.mimetype == "text/html" else "private, no-cache")
    if request.endpoint != "static":
        answer.vary.update(("Cookie", "Authorization"))
    if g.get("stale") and "Set-Cookie" not in answer.headers:
        answer.delete_cookie(cookie_name(), secure=is_https(), httponly=True, samesite="Lax")
    if is_https():
        answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return answer
