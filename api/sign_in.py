"""Signing in and out, and what people keep here: their password, sessions and API tokens."""

import contextlib
import secrets
from datetime import timedelta
from hmac import compare_digest

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from access.accounts import Account
from access.errors import AccessError, ProviderError, ThrottledError, UnknownPersonError
from access.opened import Access
from access.principal import Role
from access.sessions import WHOLE, Session
from access.tokens import Token
from api.errors import NotFoundError, problem
from api.guard import LOOPBACK, cookie_name, is_https, local_path, rule, session
from api.languages import _, later
from api.services import services

pages = Blueprint("sign_in", __name__)
_DOOR = "flexcoop_door"  # a cookie of those not yet signed in: ties a form, or a way by the provider, to this browser
_DAYS = (7, 30, 90, 366)
ROLES = {
    Role.OPERATOR: later("operator"),
    Role.MEMBER: later("member"),
    Role.OSB: later("Open Smart Box"),
    Role.PARTNER: later("partner"),
    Role.GRID_OPERATOR: later("grid operator"),
    Role.AUDITOR: later("auditor"),
    Role.PUBLIC: later("public"),
}


@pages.get("/sign-in")
@rule.anybody
def form() -> BaseResponse:
    """Show the ways to sign in."""
    onward = local_path(request.args.get("next"))
    if session() is not None and "next" in request.args:
        return redirect(onward, code=303)
    return _form(onward)


@pages.post("/sign-in")
@rule.anybody
def sign_in() -> BaseResponse:
    """Sign in with name and password."""
    access, onward = _access(), local_path(request.form.get("next"))
    if not _same_door():
        return _form(onward, 403, _("The form was not one that was shown to this browser, or cookies are off; try again"))
    name = request.form.get("name", "").strip()[:64]
    try:
        account = access.account(name, request.form.get("password", ""), request.remote_addr or "")
    except ThrottledError as error:
        refused = _form(onward, 429, _too_often(error))
        refused.headers["Retry-After"] = str(error.retry_after)
        return refused
    if account is None:
        return _form(onward, 403, _("Name and password do not belong together, or the account is disabled"))
    return _signed_in(access, account, onward)


@pages.post("/sign-in/demo")
@rule.anybody
def demo() -> BaseResponse:
    """Sign in to a demo account by a click; on this machine only."""
    access, onward = _access(), local_path(request.form.get("next"))
    account = access.accounts.find(request.form.get("account", ""))
    if not _offers_demo(access) or account is None or not account.demo or account.disabled:
        raise NotFoundError(_("There is no such demo account; demo accounts are offered by a demo, to the machine it runs on"))
    if not _same_door():
        return _form(onward, 403, _("The form was not one that was shown to this browser, or cookies are off; try again"))
    return _signed_in(access, account, onward)


@pages.get("/sign-in/provider")
@rule.anybody
def to_provider() -> BaseResponse:
    """Send on to the OpenID provider."""
    access = _access()
    if access.oidc is None:
        raise NotFoundError(_("No OpenID provider is set; sign in with a local account"))
    try:
        address, browser = access.oidc.begin(local_path(request.args.get("next")))
    except ProviderError as error:
        return problem(503, str(error))
    answer = redirect(address, code=303)
    _give_door(answer, browser)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.get("/sign-in/callback")
@rule.anybody
def callback() -> BaseResponse:
    """Take the answer of the OpenID provider."""
    access = _access()
    if access.oidc is None:
        raise NotFoundError(_("No OpenID provider is set; sign in with a local account"))
    try:
        sub, onward = access.oidc.finish(request.cookies.get(_DOOR, ""), request.args)
        account = access.accounts.linked(access.oidc.issuer, sub)
        if account is None or account.disabled:
            raise UnknownPersonError(
                _(
                    "The provider knows you as %(sub)s, and there is no account for that here. Ask the operator to link one; "
                    "until then you see what is public",
                    sub=repr(sub),
                )
            )
    except ProviderError as error:
        return _form("/", 403, str(error))
    except UnknownPersonError as error:
        return _form("/", 403, str(error))
    return _signed_in(access, account, onward)


@pages.post("/sign-out")
@rule.anybody
def sign_out() -> BaseResponse:
    """End the session."""
    now = session()
    if now is not None:
        _access().sessions.end(now.hash, now.account)
    answer = redirect("/sign-in", code=303)
    answer.delete_cookie(cookie_name(), secure=is_https(), httponly=True, samesite="Lax")
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@pages.get("/account")
@rule.signed_in
def account() -> Response:
    """Show one's own sessions and API tokens."""
    return _account_page(_own())


@pages.post("/account/password")
@rule.signed_in
def change_password() -> BaseResponse:
    """Change the password, which ends all other sessions."""
    access, now, form = _access(), _own(), request.form
    if not now.account.password:
        return problem(409, _("This account has no password; whoever runs the platform can give it one"))
    try:
        known = access.account(now.account.name, form.get("old", ""), request.remote_addr or "")
    except ThrottledError as error:
        refused = problem(429, _too_often(error))
        refused.headers["Retry-After"] = str(error.retry_after)
        return refused
    if known is None:
        return problem(403, _("The present password is wrong; nothing was changed"))
    access.accounts.set_password(now.account.name, form.get("new", ""), but=now.hash)
    return redirect("/account", code=303)


@pages.post("/account/sessions/<hashed>/end")
@rule.signed_in
def end_session(hashed: str) -> BaseResponse:
    """End one of one's own sessions."""
    if not _access().sessions.end(hashed, _own().account):
        raise NotFoundError(_("There is no such session of yours; it may have ended already"))
    return redirect("/account", code=303)


@pages.post("/account/tokens")
@rule.signed_in
def create_token() -> Response:
    """Make an API token, and show it this once."""
    now, form = _own(), request.form
    days = form.get("days", "90")
    life = timedelta(days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0)
    secret, made = _access().tokens.create(form.get("name", ""), now.account, life)
    answer = jsonify({"token": secret, **_shown(made)}) if _wants_json() else _account_page(now, secret)
    answer.status_code = 201
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.get("/account/tokens")
@rule.signed_in
def list_tokens() -> Response:
    """List one's own API tokens, for programs."""
    return jsonify([_shown(token) for token in _access().tokens.list(_own().account)])


@pages.post("/account/tokens/<int:number>/revoke")
@rule.signed_in
def revoke_token(number: int) -> BaseResponse:
    """Revoke one of one's own API tokens."""
    try:
        _access().tokens.revoke(number, _own().account)
    except AccessError as error:
        raise NotFoundError(str(error)) from error
    return redirect("/account", code=303)


def _form(onward: str, status: int = 200, refused: str = "") -> Response:
    access = services().access
    browser = request.cookies.get(_DOOR) or secrets.token_urlsafe(32)
    answer = make_response(
        render_template(
            "sign_in.html",
            next=onward,
            refused=refused,
            door=browser,
            provider=access is not None and access.oidc is not None,
            demo=access.accounts.list(demo=True) if access is not None and _offers_demo(access) else [],
        ),
        status,
    )
    _give_door(answer, browser)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _account_page(now: Session, secret: str = "") -> Response:
    access = _access()
    return make_response(
        render_template(
            "account.html",
            session=now,
            account=now.account,
            role=_(ROLES[now.account.role]),
            sessions=access.sessions.list(now.account),
            tokens=access.tokens.list(now.account),
            secret=secret,
            days=_DAYS,
        )
    )


def _signed_in(access: Access, account: Account, onward: str) -> BaseResponse:
    """Begin a session under a new name: one that somebody planted in this browser before is worth nothing."""
    cookie = access.sessions.start(account, request.user_agent.string, instead=request.cookies.get(cookie_name()))
    answer = redirect(onward, code=303)
    answer.set_cookie(cookie_name(), cookie, max_age=int(WHOLE.total_seconds()), path="/", secure=is_https(), httponly=True, samesite="Lax")
    answer.delete_cookie(_DOOR, secure=is_https(), httponly=True, samesite="Lax")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _give_door(answer: BaseResponse, browser: str) -> None:
    answer.set_cookie(_DOOR, browser, max_age=3600, path="/", secure=is_https(), httponly=True, samesite="Lax")


def _same_door() -> bool:
    cookie = request.cookies.get(_DOOR, "")
    return bool(cookie) and compare_digest(cookie.encode(), request.form.get("door", "").encode("utf-8", "replace"))


def _offers_demo(access: Access) -> bool:
    """Tell whether the demo runs and this request is from its machine; one that a proxy passes on is not."""
    passed_on = any(request.headers.get(name) for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"))
    with contextlib.suppress(ValueError):
        return access.demo and not passed_on and request.remote_addr in LOOPBACK and request.host.rsplit(":", 1)[0].strip("[]") in LOOPBACK
    return False


def _too_often(error: ThrottledError) -> str:
    return _("Too many attempts from your address or at this account; try again in %(seconds)s s", seconds=error.retry_after)


def _own() -> Session:
    """The session of this request: a token must not make further tokens, or it would outlive its revocation."""
    found = session()
    if found is None:
        raise NotFoundError(_("This page belongs to somebody who is signed in at a browser, not to a token"))
    return found


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def _shown(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role.value,
        "created": token.created.isoformat(),
        "expires": token.expires.isoformat(),
        "used": token.used and token.used.isoformat(),
        "revoked": token.revoked and token.revoked.isoformat(),
    }


def _access() -> Access:
    found = services().access
    if found is None:
        raise NotFoundError(_("Nobody can sign in to this platform; start it with `flex serve`"))
    return found
