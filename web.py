"""The pages over a platform: what they may call of it, and the server that they answer by."""

import contextlib
from collections.abc import Callable
from typing import Any

from flask import Flask
from waitress.server import create_server

from api import ApiSettings, Services, create_app
from commands.arguments import Verbs
from forgetting import Rights
from kg.terms import instant
from registry.updates import Updates
from service import Platform, new_key
from settings import WebSettings
from sparql.intake import Intake

LONGEST_BODY = 16 << 20  # what is longer is refused before it is kept


def pages(platform: Platform, verbs: Verbs, stack: contextlib.ExitStack) -> Flask:
    """Make the pages over a platform; what they open is closed with the stack."""
    settings = platform.settings
    services = Services(
        store=platform.store,
        iris=platform.iris,
        channels=platform.channels,
        readings=platform.readings,
        endpoint=platform.endpoint,
        dead_letters=platform.dead_letters,
        commands=verbs,
        now=lambda: platform.now(),
        status=platform.status,
        access=platform.access,
        audit=platform.audit,
        dumps=settings.data_dir / "dumps",
        enrol=_enrol(platform),
        gate=platform.gate,
        intake=stack.enter_context(contextlib.closing(Intake())),
        monitor=platform.monitor,
        notices=platform.notices,
        rights=Rights(platform),
        updates=_updates(platform) if settings.web.updates else None,
    )
    return create_app(ApiSettings(shown_settings=tuple(settings.shown()), names=settings.web.names), services)


def listening(app: Flask, wanted: WebSettings) -> Any:  # noqa: ANN401  (waitress names several kinds of server)
    """Open the port; one request ahead is looked at, so that a client that hangs up is noticed.

    Raises
    ------
    RuntimeError
        If it can't be listened on.
    """
    behind: dict[str, Any] = (
        {"trusted_proxy": wanted.proxy, "trusted_proxy_headers": {"x-forwarded-for"}, "clear_untrusted_proxy_headers": True}
        if wanted.proxy
        else {}
    )
    try:
        return create_server(
            app,
            host=wanted.host,
            port=wanted.port,
            threads=wanted.threads,
            ident="FLEXCoop",
            channel_request_lookahead=1,
            max_request_body_size=LONGEST_BODY,
            **behind,
        )
    except OSError as error:
        raise RuntimeError(
            f"port {wanted.port} can't be listened on ({error.strerror}); stop what uses it, or set FLEX_HTTP_PORT"
        ) from error


def _updates(platform: Platform) -> Updates:
    web = platform.settings.web
    return Updates(
        platform.store,
        platform.gate,
        platform.settings.data_dir / "updates",
        deadline_s=web.sparql_deadline_s,
        memory_mb=web.sparql_memory_mb,
        mint=new_key,
        base=platform.settings.base,
    )


def _enrol(platform: Platform) -> Callable[[str, str, bytes], dict[str, Any]]:
    def enrol(osb: str, code: str, request: bytes) -> dict[str, Any]:
        given, host, port = platform.boxes.enrol(osb, code, request)
        return {
            "certificate": given.certificate,
            "ca": given.ca,
            "notAfter": instant(given.not_after),
            "broker": {"host": host, "port": port},
        }

    return enrol
