"""What the settings name, opened: the store, the endpoint, who may come in, the boxes' certificates and the notices."""

import secrets
from collections.abc import Callable
from datetime import datetime

from access.opened import Access, OidcSettings, open_access
from kg.embedded import EmbeddedStore
from kg.iris import Iris
from kg.remote import RemoteStore
from kg.store import Store
from notices import Clocks, Desk, Office, Smtp
from settings import AccessSettings, BrokerSettings, MailSettings, Settings, SettingsError, StoreSettings
from sparql.service import QueryService
from telemetry.boxes import Boxes, Reached
from telemetry.broker import Broker


def store(wanted: StoreSettings) -> EmbeddedStore | RemoteStore:
    """Open the graph where the settings say it is."""
    if wanted.kind == "embedded":
        return EmbeddedStore(wanted.path)
    return RemoteStore(
        wanted.query_url,
        wanted.update_url,
        wanted.gsp_url,
        auth=(wanted.user, wanted.password) if wanted.user else None,
        union_query_url=wanted.union_url or None,
    )


def endpoint(settings: Settings, graph: EmbeddedStore | RemoteStore, now: Callable[[], datetime]) -> QueryService:
    """Make what answers queries, within the limits of the settings."""
    web = settings.web
    return QueryService(
        graph,
        settings.data_dir / "reader",
        deadline_s=web.sparql_deadline_s,
        max_rows=web.sparql_max_rows,
        max_bytes=web.sparql_max_bytes,
        memory_mb=web.sparql_memory_mb,
        now=now,
        base=settings.base,
    )


def access(settings: Settings, graph: Store, iris: Iris, clocks: Clocks, *, demo: bool) -> Access:
    """Open what is known of people and programs, with the OpenID provider of the settings; `demo` as in `access.opened.open_access`."""
    return open_access(settings.data_dir, graph, iris, now=clocks.now, wall=clocks.wall, oidc=_oidc(settings.access), demo=demo)


def notices(settings: Settings, graph: Store, iris: Iris, clocks: Clocks) -> Desk:
    """Open the desk that writes to members, with the mail server of the settings.

    Raises
    ------
    SettingsError
        If the file of the mail server's password can't be read.
    """
    mail = settings.mail
    office = Office(settings.base, mail.sender or "FLEXCoop <notices@localhost>", mail.address or "notices@localhost")
    return Desk(graph, iris, settings.data_dir / "notices.sqlite", clocks, office, _mail_server(mail), secrets.token_urlsafe)


def boxes(wanted: BrokerSettings, graph: Store, iris: Iris, wall: Callable[[], datetime], running: Callable[[], Broker | None]) -> Boxes:
    """Open the certificates of the boxes; `running` as in `telemetry.boxes.Boxes`."""
    return Boxes(
        graph,
        iris,
        wall,
        Reached(wanted.host, wanted.port, wanted.listen, wanted.names),
        running,
        folder=wanted.authority_dir if wanted.tls else None,
        days=wanted.certificate_days,
    )


def _oidc(wanted: AccessSettings) -> OidcSettings | None:
    return OidcSettings(wanted.issuer, wanted.client_id, wanted.client_secret, wanted.claim) if wanted.issuer else None


def _mail_server(wanted: MailSettings) -> Smtp | None:
    if not wanted.host:
        return None
    password = ""
    if wanted.password_file is not None:
        try:
            password = wanted.password_file.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, ValueError) as error:
            raise SettingsError(f"FLEX_SMTP_PASSWORD_FILE={wanted.password_file} can't be read ({error}); name a file of text") from error
    return Smtp(wanted.host, wanted.port, wanted.security, wanted.address, wanted.user, password)
