"""The one table of settings: `FLEX_*` in the environment, or the same names in a TOML file.

Environment wins over file, file over default. Unknown names are refused with the nearest known one.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SettingsError(ValueError):
    """A setting is unknown or its value can't be used."""


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    name: str
    kind: type[str] | type[int] | type[float] | type[Path]
    default: str
    help: str
    secret: bool = False


TABLE = (
    Setting(
        "FLEX_BASE",
        str,
        "http://127.0.0.1:8080",
        "address that all our IRIs begin with, without a slash at its end; never change it once data is stored",
    ),
    Setting("FLEX_DATA_DIR", Path, "var", "directory of everything the platform keeps: store, dead letters, broker, outboxes, backups"),
    Setting(
        "FLEX_HTTP_HOST",
        str,
        "127.0.0.1",
        "address the web pages and the endpoint listen on; anything but loopback needs FLEX_BASE to be https, from a proxy that ends TLS",
    ),
    Setting("FLEX_HTTP_PORT", int, "8080", "port of the web pages and the endpoint"),
    Setting("FLEX_HTTP_THREADS", int, "8", "threads that answer requests"),
    Setting(
        "FLEX_STORE",
        str,
        "embedded",
        "`embedded` (pyoxigraph in FLEX_DATA_DIR) or the address of a SPARQL 1.1 dataset, for example http://127.0.0.1:3030/flex",
    ),
    Setting("FLEX_STORE_QUERY", str, "", "query address of a remote store, where it is not FLEX_STORE/query"),
    Setting("FLEX_STORE_UPDATE", str, "", "update address of a remote store, where it is not FLEX_STORE/update"),
    Setting("FLEX_STORE_GSP", str, "", "Graph Store Protocol address of a remote store, where it is not FLEX_STORE/data"),
    Setting(
        "FLEX_STORE_UNION",
        str,
        "",
        "query address of a remote store at which all graphs together are the default graph, for partners' queries; without it their queries need GRAPH",
    ),
    Setting("FLEX_STORE_USER", str, "", "user name at a remote store"),
    Setting("FLEX_STORE_PASSWORD", str, "", "password at a remote store", secret=True),
    Setting(
        "FLEX_BROKER",
        str,
        "embedded",
        "`embedded` (Mosquitto where it is installed, amqtt otherwise) or host:port of a broker that runs already",
    ),
    Setting("FLEX_BROKER_PORT", int, "1883", "port of the embedded broker; 0 takes a free one"),
    Setting("FLEX_BROKER_KIND", str, "auto", "which embedded broker: `auto`, `mosquitto` or `amqtt`"),
    Setting(
        "FLEX_BROKER_SECURITY",
        str,
        "loopback",
        "`loopback` (no certificates, this machine only) or `tls` (every client shows a certificate of the platform's authority; needs Mosquitto)",
    ),
    Setting(
        "FLEX_BROKER_HOST", str, "127.0.0.1", "address the embedded broker listens on; anything but loopback needs FLEX_BROKER_SECURITY=tls"
    ),
    Setting(
        "FLEX_BROKER_NAMES",
        str,
        "",
        "DNS names and addresses by which boxes reach the broker, the first one first, separated by commas; they are put into its certificate",
    ),
    Setting(
        "FLEX_BROKER_CERTIFICATE_DAYS", int, "90", "days that a box's certificate is valid; boxes renew it by themselves before it ends"
    ),
    Setting("FLEX_SPARQL_DEADLINE_S", float, "10", "seconds after which a query at /sparql is ended with a 503"),
    Setting("FLEX_SPARQL_MAX_ROWS", int, "100000", "rows (or triples) of an answer at /sparql beyond which it is refused with a 413"),
    Setting("FLEX_SPARQL_MAX_MB", int, "32", "megabytes of an answer at /sparql beyond which it is refused with a 413"),
    Setting("FLEX_SPARQL_MEMORY_MB", int, "2048", "memory that one query at /sparql may use"),
    Setting("FLEX_HTTP_NAMES", str, "", "host names that requests may carry beside loopback and that of FLEX_BASE, separated by commas"),
    Setting(
        "FLEX_HTTP_PROXY",
        str,
        "",
        "address of the proxy in front whose X-Forwarded-For is believed, for example 127.0.0.1; without it all its clients count as one",
    ),
    Setting(
        "FLEX_OIDC_ISSUER",
        str,
        "",
        "OpenID Connect issuer by which people sign in, for example https://id.example.org/realms/coop; empty: local accounts alone",
    ),
    Setting("FLEX_OIDC_CLIENT_ID", str, "", "what the platform is called at the issuer"),
    Setting("FLEX_OIDC_CLIENT_SECRET", str, "", "the platform's secret at the issuer", secret=True),
    Setting("FLEX_OIDC_CLAIM", str, "sub", "claim of the issuer's token by which an account is linked"),
    Setting("FLEX_K_ANONYMITY", int, "10", "different homes that a published sum must be of; smaller groups are withheld (docs/policy.md)"),
    Setting("FLEX_AUDIT_DAYS", int, "730", "days for which it is kept who read what about whom; 0 keeps it for ever"),
    Setting(
        "FLEX_UPDATE",
        str,
        "off",
        "`on` lets operators' tools send SPARQL Updates to /update, through the gate of all edits; `off` refuses them",
    ),
    Setting(
        "FLEX_RETENTION_FINE_DAYS",
        int,
        "90",
        "days for which readings finer than FLEX_RETENTION_STEP_MINUTES are kept as they are before `flex retain` thins them; 0 keeps them for ever",
    ),
    Setting("FLEX_RETENTION_STEP_MINUTES", int, "15", "step to which old readings are thinned [min]"),
    Setting("FLEX_RETENTION_DAYS", int, "0", "days after which `flex retain` drops readings altogether; 0 never does"),
    Setting(
        "FLEX_RETENTION_PLANS_DAYS",
        int,
        "0",
        "days after which forecasts and flexibility that no selection or settlement rests on are dropped; 0 never does",
    ),
    Setting(
        "FLEX_SMTP_HOST",
        str,
        "",
        "mail server by which members are told of events; empty: nothing is sent, and notices are kept as what would be (docs/notices.md)",
    ),
    Setting("FLEX_SMTP_PORT", int, "587", "port of the mail server"),
    Setting(
        "FLEX_SMTP_SECURITY",
        str,
        "starttls",
        "`starttls`, `tls` (from the first byte, usually port 465) or `none` (a server on this machine only)",
    ),
    Setting("FLEX_SMTP_USER", str, "", "user name at the mail server; empty: none is given"),
    Setting("FLEX_SMTP_PASSWORD_FILE", str, "", "file whose first line is the password at the mail server"),
    Setting("FLEX_SMTP_FROM", str, "", "who writes, for example `Energy cooperative <events@coop.example>`; needed with FLEX_SMTP_HOST"),
    Setting("FLEX_LOG_LEVEL", str, "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Setting(
        "FLEX_DEMO_HOMES", int, "17", "homes of the demo cooperative; beyond 17 the measured homes are used again and marked as copies"
    ),
    Setting("FLEX_DEMO_DAYS", int, "30", "days of history the demo runs through before it goes live"),
    Setting("FLEX_DEMO_SEED", int, "7", "seed of the demo: same seed, same cooperative, same figures"),
    Setting(
        "FLEX_DEMO_SPEED",
        float,
        "300",
        "how many times faster than the wall clock the demo's live part runs; 300 shows a quarter-hour every three seconds",
    ),
)
_BY_NAME = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True)
class StoreSettings:
    """Where the graph lives."""

    kind: str
    path: Path
    query_url: str
    update_url: str
    gsp_url: str
    union_url: str
    user: str
    password: str


@dataclass(frozen=True)
class BrokerSettings:
    """The MQTT broker; `host` is empty when the platform starts its own, which then listens on `listen`."""

    host: str
    port: int
    kind: str
    state_dir: Path
    listen: str
    tls: bool
    names: tuple[str, ...]
    certificate_days: int
    authority_dir: Path


@dataclass(frozen=True)
class WebSettings:
    """The web server and the limits of the endpoint."""

    host: str
    port: int
    threads: int
    sparql_deadline_s: float
    sparql_max_rows: int
    sparql_max_bytes: int
    sparql_memory_mb: int
    updates: bool
    names: tuple[str, ...]
    proxy: str


@dataclass(frozen=True)
class AccessSettings:
    """By whom people are recognised, and what strangers get; an empty issuer means local accounts alone."""

    issuer: str
    client_id: str
    client_secret: str
    claim: str
    k: int
    audit_days: int | None


@dataclass(frozen=True)
class RetentionSettings:
    """How long readings are kept [days]; `None`: for ever."""

    fine_days: int | None
    kept_days: int | None
    step_minutes: int
    plans_days: int | None


@dataclass(frozen=True)
class MailSettings:
    """The mail server; an empty host means that nothing is sent. `sender` is as people see it, `address` the mailbox in it."""

    host: str
    port: int
    security: str
    user: str
    password_file: Path | None
    sender: str
    address: str


@dataclass(frozen=True)
class DemoSettings:
    """The demo cooperative."""

    homes: int
    days: int
    seed: int
    speed: float


@dataclass(frozen=True)
class Settings:
    """All settings, in the parts that the packages receive."""

    base: str
    data_dir: Path
    log_level: str
    store: StoreSettings
    broker: BrokerSettings
    web: WebSettings
    access: AccessSettings
    retention: RetentionSettings
    mail: MailSettings
    demo: DemoSettings
    values: Mapping[str, str]

    def shown(self) -> list[tuple[str, str, str, str]]:
        """The table as people may see it: name, value (secrets hidden), default, help."""
        return [
            (row.name, "(hidden)" if row.secret and self.values[row.name] else self.values[row.name], row.default, row.help)
            for row in TABLE
        ]


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Read the settings from defaults, a TOML file and the environment, in rising order.

    Raises
    ------
    SettingsError
        If a `FLEX_*` name is unknown, or a value is not of its type or out of its range.
    """
    given = dict(os.environ if environment is None else environment)
    values = {row.name: row.default for row in TABLE}
    if file is not None:
        values |= _known({name: str(value) for name, value in tomllib.loads(file.read_text(encoding="utf-8")).items()}, str(file))
    values |= _known({name: value for name, value in given.items() if name.startswith("FLEX_")}, "the environment")
    for name, value in values.items():
        _typed(name, value)
    return _settings(values)


def _known(values: Mapping[str, str], origin: str) -> dict[str, str]:
    for name in values:
        if name not in _BY_NAME:
            near = difflib.get_close_matches(name, _BY_NAME, n=1)
            hint = f"did you mean {near[0]}?" if near else "see `flex settings` for the list"
            raise SettingsError(f"{name} in {origin} is not a setting of FLEXCoop; {hint}")
    return dict(values)


def _typed(name: str, value: str) -> None:
    kind = _BY_NAME[name].kind
    if kind in (int, float):
        try:
            number = float(value) if kind is float else int(value)
        except ValueError as error:
            raise SettingsError(f"{name}={value!r} is not a number; {_BY_NAME[name].help}") from error
        if number < 0:
            raise SettingsError(f"{name}={value!r} is negative; {_BY_NAME[name].help}")


def _settings(values: dict[str, str]) -> Settings:
    base = values["FLEX_BASE"]
    if urlsplit(base).scheme not in ("http", "https") or base.endswith("/"):
        raise SettingsError(f"FLEX_BASE={base!r} can't start our IRIs; give an http(s) address without a slash at its end")
    if values["FLEX_HTTP_HOST"] not in ("127.0.0.1", "localhost", "::1") and not base.startswith("https://"):
        raise SettingsError(
            f"FLEX_HTTP_HOST={values['FLEX_HTTP_HOST']!r} would carry passwords and members' data in the clear; "
            "keep 127.0.0.1, or put a proxy with TLS in front and say its address as FLEX_BASE=https://…"
        )
    if values["FLEX_UPDATE"] not in ("on", "off"):
        raise SettingsError(f"FLEX_UPDATE={values['FLEX_UPDATE']!r} is neither on nor off; off is the default")
    if values["FLEX_BROKER_KIND"] not in ("auto", "mosquitto", "amqtt"):
        raise SettingsError(f"FLEX_BROKER_KIND={values['FLEX_BROKER_KIND']!r} is unknown; use auto, mosquitto or amqtt")
    data_dir = Path(values["FLEX_DATA_DIR"]).absolute()
    return Settings(
        base=base,
        data_dir=data_dir,
        log_level=values["FLEX_LOG_LEVEL"].upper(),
        store=_store(values, data_dir),
        broker=_broker(values, data_dir),
        web=WebSettings(
            host=values["FLEX_HTTP_HOST"],
            port=int(values["FLEX_HTTP_PORT"]),
            threads=int(values["FLEX_HTTP_THREADS"]),
            sparql_deadline_s=float(values["FLEX_SPARQL_DEADLINE_S"]),
            sparql_max_rows=int(values["FLEX_SPARQL_MAX_ROWS"]),
            sparql_max_bytes=int(values["FLEX_SPARQL_MAX_MB"]) << 20,
            sparql_memory_mb=int(values["FLEX_SPARQL_MEMORY_MB"]),
            updates=values["FLEX_UPDATE"] == "on",
            names=_list(values["FLEX_HTTP_NAMES"]),
            proxy=values["FLEX_HTTP_PROXY"],
        ),
        access=_access(values),
        retention=RetentionSettings(
            fine_days=int(values["FLEX_RETENTION_FINE_DAYS"]) or None,
            kept_days=int(values["FLEX_RETENTION_DAYS"]) or None,
            step_minutes=int(values["FLEX_RETENTION_STEP_MINUTES"]),
            plans_days=int(values["FLEX_RETENTION_PLANS_DAYS"]) or None,
        ),
        mail=_mail(values),
        demo=DemoSettings(
            homes=int(values["FLEX_DEMO_HOMES"]),
            days=int(values["FLEX_DEMO_DAYS"]),
            seed=int(values["FLEX_DEMO_SEED"]),
            speed=float(values["FLEX_DEMO_SPEED"]),
        ),
        values=values,
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _access(values: Mapping[str, str]) -> AccessSettings:
    issuer = values["FLEX_OIDC_ISSUER"]
    if issuer and urlsplit(issuer).scheme not in ("http", "https"):
        raise SettingsError(f"FLEX_OIDC_ISSUER={issuer!r} is not an http(s) address")
    if issuer and not values["FLEX_OIDC_CLIENT_ID"]:
        raise SettingsError(
            "FLEX_OIDC_ISSUER is set, but not FLEX_OIDC_CLIENT_ID; the issuer gives it when the platform is registered there"
        )
    if int(values["FLEX_K_ANONYMITY"]) < 2:
        raise SettingsError(f"FLEX_K_ANONYMITY={values['FLEX_K_ANONYMITY']} would publish what single homes do; give 2 or more")
    return AccessSettings(
        issuer=issuer,
        client_id=values["FLEX_OIDC_CLIENT_ID"],
        client_secret=values["FLEX_OIDC_CLIENT_SECRET"],
        claim=values["FLEX_OIDC_CLAIM"],
        k=int(values["FLEX_K_ANONYMITY"]),
        audit_days=int(values["FLEX_AUDIT_DAYS"]) or None,
    )


def _mail(values: Mapping[str, str]) -> MailSettings:
    host, port, security, sender = (values[f"FLEX_SMTP_{name}"] for name in ("HOST", "PORT", "SECURITY", "FROM"))
    _, address = parseaddr(sender)
    if security not in ("starttls", "tls", "none"):
        raise SettingsError(f"FLEX_SMTP_SECURITY={security!r} is unknown; use starttls, tls or none")
    if host and security == "none" and host not in _LOOPBACK:
        raise SettingsError(
            f"FLEX_SMTP_SECURITY=none would send members' addresses to {host!r} in the clear; use starttls or tls, or a server on this machine"
        )
    if not 0 < int(port) < 65536:
        raise SettingsError(f"FLEX_SMTP_PORT={port} is no port; 587 is usual for starttls, 465 for tls")
    if (host or sender) and (any(sign in sender for sign in "\r\n") or re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", address) is None):
        raise SettingsError(
            f"FLEX_SMTP_FROM={sender!r} names no mailbox that letters could come from; write it like Energy cooperative <events@coop.example>"
        )
    file = values["FLEX_SMTP_PASSWORD_FILE"]
    if bool(values["FLEX_SMTP_USER"]) != bool(file):
        raise SettingsError("of FLEX_SMTP_USER and FLEX_SMTP_PASSWORD_FILE only one is set, and neither works alone; set both or none")
    return MailSettings(host, int(port), security, values["FLEX_SMTP_USER"], Path(file) if file else None, sender, address)


def _store(values: Mapping[str, str], data_dir: Path) -> StoreSettings:
    address = values["FLEX_STORE"].rstrip("/")
    remote = address != "embedded"
    if remote and urlsplit(address).scheme not in ("http", "https"):
        raise SettingsError(f"FLEX_STORE={address!r} is neither `embedded` nor the http(s) address of a SPARQL dataset")
    return StoreSettings(
        kind="remote" if remote else "embedded",
        path=data_dir / "store",
        query_url=values["FLEX_STORE_QUERY"] or f"{address}/query",
        update_url=values["FLEX_STORE_UPDATE"] or f"{address}/update",
        gsp_url=values["FLEX_STORE_GSP"] or f"{address}/data",
        union_url=values["FLEX_STORE_UNION"],
        user=values["FLEX_STORE_USER"],
        password=values["FLEX_STORE_PASSWORD"],
    )


def _broker(values: Mapping[str, str], data_dir: Path) -> BrokerSettings:
    address, port = values["FLEX_BROKER"], int(values["FLEX_BROKER_PORT"])
    host = ""
    if address != "embedded":
        host, colon, given = address.rpartition(":")
        if not colon or not given.isdigit():
            raise SettingsError(f"FLEX_BROKER={address!r} is neither `embedded` nor host:port, for example 127.0.0.1:1883")
        host, port = host.removeprefix("[").removesuffix("]"), int(given)  # an IPv6 address stands in brackets
    _refuse_open_broker(values)
    return BrokerSettings(
        host=host,
        port=port,
        kind=values["FLEX_BROKER_KIND"],
        state_dir=data_dir / "broker",
        listen=values["FLEX_BROKER_HOST"],
        tls=values["FLEX_BROKER_SECURITY"] == "tls",
        names=_list(values["FLEX_BROKER_NAMES"]),
        certificate_days=int(values["FLEX_BROKER_CERTIFICATE_DAYS"]),
        authority_dir=data_dir / "authority",
    )


def _refuse_open_broker(values: Mapping[str, str]) -> None:
    security, listen, days = values["FLEX_BROKER_SECURITY"], values["FLEX_BROKER_HOST"], int(values["FLEX_BROKER_CERTIFICATE_DAYS"])
    if security not in ("loopback", "tls"):
        raise SettingsError(f"FLEX_BROKER_SECURITY={security!r} is unknown; use loopback or tls")
    if security == "loopback" and listen not in ("127.0.0.1", "localhost", "::1"):
        raise SettingsError(
            f"FLEX_BROKER_HOST={listen!r} would open the broker to the network without certificates; keep 127.0.0.1, or set FLEX_BROKER_SECURITY=tls"
        )
    if security == "tls" and values["FLEX_BROKER_KIND"] == "amqtt":
        raise SettingsError("FLEX_BROKER_KIND=amqtt can't do FLEX_BROKER_SECURITY=tls; use auto or mosquitto")
    if security == "tls" and listen in ("0.0.0.0", "::") and not values["FLEX_BROKER_NAMES"].strip(" ,"):  # noqa: S104  (compared with)
        raise SettingsError(
            f"FLEX_BROKER_HOST={listen!r} does not say by which name boxes reach the broker, and they check the name in its certificate; set FLEX_BROKER_NAMES"
        )
    if not 1 <= days <= 825:
        raise SettingsError(f"FLEX_BROKER_CERTIFICATE_DAYS={days} is not from 1 to 825; 90 is the default")
