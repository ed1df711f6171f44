"""FLEXCoop, assembled: settings → graph → services → web, and the `flex` commands. Importing this module does nothing.

A command talks to the platform that runs on the same data directory; where none runs, it opens the store itself.
"""

import argparse
import base64
import contextlib
import getpass
import json
import logging
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from SPARQLWrapper import CONSTRUCT, DESCRIBE, TURTLE, SPARQLWrapper
from waitress.server import create_server

import settings as settings_module
from access.opened import demo_accounts
from api import ApiSettings, Services, create_app
from api.tables import warm
from control import announced, running
from devices import box
from forgetting import Rights, resume_erasure
from kg import queries
from kg.errors import GraphError
from kg.terms import instant
from registry.updates import Updates
from scenario.clock import SteppedTime
from scenario.dataset import FIRST
from scenario.demo import Demo
from scenario.story import Story
from service import Platform, new_key
from settings import Settings, SettingsError
from sparql.intake import Intake
from verbs import commands, validate

log = logging.getLogger("flexcoop")
FINE, REFUSED, USAGE = 0, 1, 2
LONGEST_BODY = 16 << 20  # what is longer is refused before it is kept


def wall_clock() -> datetime:
    """Read the time: the only place that does."""
    return datetime.now(UTC)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one `flex` command; returns 0 if it was done, 1 if it was refused or failed, 2 if it was called wrongly."""
    given = _parser().parse_args(arguments)
    try:
        chosen = settings_module.load(file=given.settings)
        logging.basicConfig(level=chosen.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it reports every request
        result: dict[str, Any] | None = given.run(chosen, given)
    except (SettingsError, ValueError, GraphError, RuntimeError, LookupError, OSError, httpx.HTTPError) as error:
        if os.environ.get("FLEX_LOG_LEVEL") == "DEBUG":
            log.exception("the command failed")
        _say({"error": str(error)}, given.json) if given.json else sys.stderr.write(f"flex: {error}\n")
        return REFUSED
    if result is not None:
        _say(result, given.json)
    return REFUSED if result is not None and result.get("ok") is False else FINE


# --- the commands ---------------------------------------------------------------------------------------------------------------------


def serve(chosen: Settings, given: argparse.Namespace) -> dict[str, Any] | None:
    """Run the platform until it is told to stop; a part that can't start ends it."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    clock = SteppedTime(FIRST) if given.demo else wall_clock
    with contextlib.ExitStack() as stack:
        platform = stack.enter_context(contextlib.closing(Platform(chosen, clock, wall_clock, demo=given.demo)))
        pages = _web(platform, stack)
        web = _listening(pages, chosen)
        threading.Thread(target=web.run, name="web", daemon=True).start()
        threading.Thread(target=warm, args=(pages,), name="lists", daemon=True).start()  # nobody waits for the first list or form
        resume_erasure(platform)
        url = f"http://{chosen.web.host}:{chosen.web.port}"
        stack.enter_context(announced(chosen.data_dir, url))
        log.info("FLEXCoop is at %s", url)
        worker = threading.Thread(
            target=_play if given.demo else _live, args=(platform, chosen, stop), name="demo" if given.demo else "scheduler"
        )
        worker.start()
        while worker.is_alive() and not stop.is_set():
            stop.wait(0.5)
        stop.wait()
        worker.join(30)
        web.close()
    return {"ok": False, "error": platform.trouble} if platform.trouble and not given.demo else None


def _listening(app: Any, chosen: Settings) -> Any:  # noqa: ANN401  (a WSGI application, and its server)
    """Open the port; one request ahead is looked at, so that a client that hangs up is noticed."""
    behind: dict[str, Any] = (
        {"trusted_proxy": chosen.web.proxy, "trusted_proxy_headers": {"x-forwarded-for"}, "clear_untrusted_proxy_headers": True}
        if chosen.web.proxy
        else {}
    )
    try:
        return create_server(
            app,
            host=chosen.web.host,
            port=chosen.web.port,
            threads=chosen.web.threads,
            ident="FLEXCoop",
            channel_request_lookahead=1,
            max_request_body_size=LONGEST_BODY,
            **behind,
        )
    except OSError as error:
        raise RuntimeError(
            f"port {chosen.web.port} can't be listened on ({error.strerror}); stop what uses it, or set FLEX_HTTP_PORT"
        ) from error


def _live(platform: Platform, chosen: Settings, stop: threading.Event) -> None:
    del chosen
    try:
        platform.connect()
    except Exception as error:
        log.exception("the platform can't reach or start its broker")
        platform.trouble = str(error)
        stop.set()
        return
    platform.run_scheduler(stop)


def _play(platform: Platform, chosen: Settings, stop: threading.Event) -> None:
    """Play the demo's history, then live; a failure is logged and shown, and the pages stay up."""
    demo = _demo(platform, chosen, stop)
    try:
        demo.start()
        demo_accounts(platform.access, {home.key: platform.iris.id("member", home.key) for home in demo.homes})
        platform.scenario["phase"] = "history"
        demo.play_history()
        platform.scenario["phase"] = "live"
        log.info("history is done; live at %g times the wall clock", chosen.demo.speed)
        demo.play_live(chosen.demo.speed)
        platform.scenario["phase"] = "at its end"
        stop.wait()  # the boxes go on obeying: a campaign of the operator's finds them
    except Exception as error:
        log.exception("the demo has stopped")
        platform.scenario["phase"] = f"stopped: {error}"
        platform.trouble = str(error)
    finally:
        demo.finish()


def _demo(platform: Platform, chosen: Settings, stop: threading.Event) -> Demo:
    assert isinstance(platform.now, SteppedTime)  # noqa: S101  (serve and run_demo make it so)
    platform.scenario.update({"homes": chosen.demo.homes, "days": chosen.demo.days, "seed": chosen.demo.seed, "phase": "starting"})
    story = Story(days=chosen.demo.days, homes=chosen.demo.homes)
    last = [0.0]

    def progress(share: float, sentence: str) -> None:
        platform.scenario["progress"] = round(share, 4)
        if time.monotonic() - last[0] > 1:
            last[0] = time.monotonic()
            log.info("history %3.0f %%, %s", 100 * share, sentence)

    return Demo(platform, story, chosen.demo.seed, chosen.data_dir / "demo", platform.now, stop, progress)


def run_demo(chosen: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """Build the demo cooperative in a store of its own, run its campaign, and say what came of it."""
    with contextlib.ExitStack() as stack:
        folder = Path(given.keep) if given.keep else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flexcoop-demo-")))
        return _play_once(chosen, given, folder, stack)


def _play_once(chosen: Settings, given: argparse.Namespace, folder: Path, stack: contextlib.ExitStack) -> dict[str, Any]:
    own = {
        "FLEX_STORE": "embedded",
        "FLEX_BROKER": "embedded",
        "FLEX_DATA_DIR": str(folder),
        "FLEX_BROKER_PORT": "0",
        "FLEX_DEMO_DAYS": str(chosen.demo.days if given.days is None else given.days),
        "FLEX_DEMO_HOMES": str(chosen.demo.homes if given.homes is None else given.homes),
        "FLEX_DEMO_SEED": str(chosen.demo.seed if given.seed is None else given.seed),
    }
    chosen = settings_module.load({name: value for name, value in chosen.values.items()} | own)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    begun = time.monotonic()
    platform = stack.enter_context(contextlib.closing(Platform(chosen, SteppedTime(FIRST), wall_clock)))
    demo = _demo(platform, chosen, stop)
    stack.callback(demo.finish)
    demo.start()
    demo.play_history()
    return _figures(platform, chosen, time.monotonic() - begun, stopped=stop.is_set())


def _figures(platform: Platform, chosen: Settings, seconds: float, *, stopped: bool) -> dict[str, Any]:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "ok": not stopped,
        "homes": chosen.demo.homes,
        "days": chosen.demo.days,
        "seed": chosen.demo.seed,
        "readings": platform.count_readings(FIRST, platform.now()),
        **platform.figures(),
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(own / 1024),
        "store": chosen.store.kind,
        "broker": platform.broker.kind if platform.broker else "external",
    }


def _since_boot() -> float:
    """A clock that is never set and goes on while the machine is suspended [s]."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def run_osb(_: Settings, given: argparse.Namespace) -> dict[str, Any] | None:
    """Run the Open Smart Box of a configuration file until told to stop; or read its devices once, or get its certificate."""
    found = box.inventory(Path(given.config))
    if given.enrol:
        return {"ok": True, **box.request_certificate(found.box, given.enrol)}
    environment = box.Environment(wall_clock, _since_boot, lambda: uuid.uuid4().hex)
    if given.check:
        rows = box.check(found, environment)
        readable = all(not row["reason"] for row in rows)
        return {"ok": readable, "rows": rows} if given.json else {"ok": readable, "devices": "\n" + "\n".join(box.table(rows))}
    process = box.BoxProcess(found, environment)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: process.stop())
    process.run()
    return None


def run_validate(_: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """Hold files against the shapes."""
    reports = [validate(Path(file)) for file in given.files]
    return {"ok": all(report["conforms"] for report in reports), "files": reports}


def run_query(chosen: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """Send a query to a SPARQL endpoint, as any partner would."""
    text = Path(given.query).read_text(encoding="utf-8") if Path(given.query).is_file() else given.query
    if given.set:
        text = queries.parse("the query", text).bind_texts(**dict(pair.partition("=")[::2] for pair in given.set))
    site = None if given.endpoint else running(chosen.data_dir)
    address = given.endpoint or f"{site.url if site else f'http://{chosen.web.host}:{chosen.web.port}'}/sparql"
    client = SPARQLWrapper(address, returnFormat="json")
    for header, value in (site.headers if site else {}).items():
        client.addCustomHttpHeader(header, value)
    client.setTimeout(int(chosen.web.sparql_deadline_s) + 5)
    client.setQuery(text)
    graph_wanted = client.queryType in (CONSTRUCT, DESCRIBE)
    if graph_wanted:
        client.setReturnFormat(TURTLE)
    try:
        answer = client.query().response.read() if graph_wanted else client.queryAndConvert()
    except Exception as error:
        raise RuntimeError(f"the endpoint did not answer the query: {error}") from error
    if graph_wanted:
        return {"turtle": answer.decode()}
    if "boolean" in answer:
        return {"answer": answer["boolean"]}
    return {
        "columns": answer["head"]["vars"],
        "rows": [{name: cell["value"] for name, cell in row.items()} for row in answer["results"]["bindings"]],
    }


def run_settings(chosen: Settings, _: argparse.Namespace) -> dict[str, Any]:
    """Show every setting and its value."""
    return {name: f"{value or '(empty)'}   {text}" for name, value, _default, text in chosen.shown()}


def verb(name: str, *names: str) -> Callable[[Settings, argparse.Namespace], dict[str, Any]]:
    """Make a command that runs one verb on the running platform, or on the store itself where none runs."""

    def run(chosen: Settings, given: argparse.Namespace) -> dict[str, Any]:
        arguments = {key: str(value) if key == "kw" else value for key in names if (value := getattr(given, key)) is not None}
        if "file" in arguments:
            arguments["file"] = str(Path(arguments["file"]).absolute())
        return ask(chosen, name, arguments)

    return run


def ask(chosen: Settings, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run one verb on the running platform, or on the store itself where none runs."""
    site = running(chosen.data_dir)
    if site:
        return site.post(name, arguments)
    with contextlib.closing(Platform(chosen, wall_clock)) as platform:
        return commands(platform)[name](arguments)


def run_load(chosen: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """Load a file; see `run_long`."""
    return run_long(chosen, given, "load", {"file": str(Path(given.file).absolute())})


def long(name: str) -> Callable[[Settings, argparse.Namespace], dict[str, Any]]:
    """Make a command that runs one long verb without arguments."""
    return lambda chosen, given: run_long(chosen, given, name, {})


def run_long(chosen: Settings, given: argparse.Namespace, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a verb that may take long, say how far it has come, and end in good order at Ctrl-C."""
    key, stop = uuid.uuid4().hex, threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    with contextlib.ExitStack() as stack:
        site = running(chosen.data_dir)
        verbs = {} if site else commands(stack.enter_context(contextlib.closing(Platform(chosen, wall_clock))))

        def tell(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            return site.post(name, arguments) if site else verbs[name](arguments)

        work = stack.enter_context(ThreadPoolExecutor(1)).submit(tell, name, arguments | {"key": key})
        shown = sys.stderr.isatty() and not given.json
        while not wait([work], 1.0).done:
            if stop.is_set():
                tell("stop", {"key": key})
            elif shown and (state := tell("progress", {"key": key}))["under_way"]:
                sys.stderr.write(f"\r{state['sentence']}\033[K")
        if shown:
            sys.stderr.write("\r\033[K")
        return work.result()


def run_refused(chosen: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """List dead letters, show one, export, mend and replay it, or set it aside."""
    filters = {name: getattr(given, name) for name in ("source", "reason", "since", "until", "state", "limit") if getattr(given, name)}
    if given.export is not None:
        number, file = given.export
        letter = ask(chosen, "refused", {"letter": number})
        Path(file).write_bytes(base64.b64decode(letter["payload64"]))
        return {"letter": int(number), "file": str(Path(file).absolute()), "bytes": Path(file).stat().st_size}
    if given.replay is not None:
        mended = {} if given.mended is None else {"payload64": base64.b64encode(Path(given.mended).read_bytes()).decode()}
        return ask(chosen, "refused", {"replay": given.replay} | mended | filters)
    if given.drop is not None:
        return ask(chosen, "refused", {"drop": given.drop})
    if given.letter is not None:
        return {name: value for name, value in ask(chosen, "refused", {"letter": given.letter}).items() if name != "payload64"}
    return ask(chosen, "refused", filters)


# --- assembly -------------------------------------------------------------------------------------------------------------------------


def _web(platform: Platform, stack: contextlib.ExitStack) -> Any:  # noqa: ANN401  (a WSGI application)
    settings = platform.settings
    intake = stack.enter_context(contextlib.closing(Intake()))
    services = Services(
        store=platform.store,
        iris=platform.iris,
        channels=platform.channels,
        readings=platform.readings,
        endpoint=platform.endpoint,
        dead_letters=platform.dead_letters,
        commands=commands(platform),
        now=lambda: platform.now(),
        status=platform.status,
        access=platform.access,
        audit=platform.audit,
        dumps=settings.data_dir / "dumps",
        enrol=_enrol(platform),
        gate=platform.gate,
        intake=intake,
        monitor=platform.monitor,
        notices=platform.notices,
        rights=Rights(platform),
        updates=_updates(platform) if settings.web.updates else None,
    )
    return create_app(ApiSettings(shown_settings=tuple(settings.shown()), names=settings.web.names), services)


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


def _say(result: dict[str, Any], as_json: bool) -> None:
    try:
        if as_json:
            sys.stdout.write(json.dumps(result, ensure_ascii=False, default=str) + "\n")
        else:
            sys.stdout.writelines(f"{line}\n" for line in _lines(result))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(value: Any, indent: str = "") -> Iterator[str]:  # noqa: ANN401  (JSON)
    items = value.items() if isinstance(value, dict) else enumerate(value, 1)
    for name, item in items:
        if isinstance(item, (dict, list)) and item:
            yield f"{indent}{name}:"
            yield from _lines(item, indent + "  ")
        else:
            yield f"{indent}{name}: {'none' if item in ([], {}, None) else item}"


def run_account(chosen: Settings, given: argparse.Namespace) -> dict[str, Any]:
    """Make an account or change one; a password is read from the terminal, or from standard input where there is none."""
    arguments = {name: value for name in ("name", "role", "for", "issuer", "sub") if (value := getattr(given, name))}
    if given.action == "password" or (given.action == "add" and not given.no_password):
        arguments["password"] = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return ask(chosen, "account", arguments | {"action": given.action})


def run_people(name: str, *names: str) -> Callable[[Settings, argparse.Namespace], dict[str, Any]]:
    """Make a command about tokens or partners."""

    def run(chosen: Settings, given: argparse.Namespace) -> dict[str, Any]:
        return ask(chosen, name, {key: value for key in ("action", *names) if (value := getattr(given, key))})

    return run


def _people(action: Callable[..., argparse.ArgumentParser]) -> None:
    account = action("account", run_account, "accounts of people who sign in: add, list, disable, enable, password, link (docs/access.md)")
    account.add_argument("action", choices=("add", "list", "disable", "enable", "password", "link"))
    account.add_argument("name", nargs="?")
    account.add_argument("--role", help="operator, member, grid-operator or auditor")
    account.add_argument("--for", metavar="THING", help="whom it acts for: member/h01, dso/demo")
    account.add_argument("--no-password", action="store_true", help="it is reached by an OpenID provider alone")
    account.add_argument("--issuer", metavar="URL", help="of the identity that is linked; FLEX_OIDC_ISSUER unless given")
    account.add_argument("--sub", help="what the issuer calls the person")
    token = action("token", run_people("token", "name", "account", "role", "for", "days", "number"), "API tokens: add, list, revoke")
    token.add_argument("action", choices=("add", "list", "revoke"))
    token.add_argument("name", nargs="?", help="what it is for")
    token.add_argument("--account", metavar="NAME", help="whose it is")
    token.add_argument("--role", help="of a program without account: osb, partner, grid-operator, auditor")
    token.add_argument("--for", metavar="THING", help="whom such a program acts for: osb/h01, partner/university")
    token.add_argument("--days", help="until it ends; 90 unless told otherwise")
    token.add_argument("--number", metavar="N", help="of the token that is revoked")
    names = ("key", "label", "category", "dataset", "purpose", "from", "to", "grant")
    export = action("export", verb("export", "member", "file"), "write everything that is held about a member to a ZIP (docs/privacy.md)")
    export.add_argument("member", metavar="KEY")
    export.add_argument("file")
    erase = action("erase", verb("erase", "member", "confirm"), "forget a member for ever; the books keep a pseudonym")
    erase.add_argument("member", metavar="KEY")
    erase.add_argument("--confirm", required=True, metavar="KEY", help="the key once more")
    key = action("key", run_people("key", "kid"), "keys that sign partners' tokens: list, rotate, remove the oldest")
    key.add_argument("action", choices=("list", "rotate", "remove"))
    key.add_argument("--kid", help="of the key that is removed; its tokens count no more")
    partner = action("partner", run_people("partner", *names), "partners, their clients and what they are granted (docs/policy.md)")
    partner.add_argument("action", choices=("add", "list", "secret", "revoke", "grant", "grants", "withdraw"))
    partner.add_argument("key", nargs="?", help="of the partner: university")
    partner.add_argument("--label", help="its name")
    partner.add_argument(
        "--category", action="append", metavar="DATA", help="of members who consent: TelemetryData, LatestData, PlansData …"
    )
    partner.add_argument("--dataset", action="append", metavar="IRI", help="that is nobody's in particular")
    partner.add_argument("--purpose", action="append", metavar="DPV", help="what for: ResearchAndDevelopment, ServiceProvision …")
    partner.add_argument("--from", metavar="DATE", help="first day")
    partner.add_argument("--to", metavar="DATE", help="last day")
    partner.add_argument("--grant", metavar="IRI", help="that is withdrawn")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flex", description="FLEXCoop: semantic demand response for energy cooperatives")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="one JSON object on the last line of the output")
    shared.add_argument("--settings", type=Path, metavar="FILE", help="TOML file with FLEX_* names; the environment wins over it")
    actions = parser.add_subparsers(required=True, metavar="COMMAND")

    def action(name: str, run: Callable[[Settings, argparse.Namespace], Any], help_: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=help_, description=help_, parents=[shared])
        made.set_defaults(run=run)
        return made

    action("serve", serve, "run the platform").add_argument("--demo", action="store_true", help="with the demo cooperative")
    demo = action("demo", run_demo, "build the demo cooperative in a store of its own, run its campaign, print the figures")
    demo.add_argument("--days", type=int, help="days of history")
    demo.add_argument("--homes", type=int, help="homes; beyond 17 the measured ones are used again")
    demo.add_argument("--seed", type=int, help="same seed, same figures")
    demo.add_argument("--keep", metavar="DIR", help="keep store and boxes there")
    osb = action("osb", run_osb, "run an Open Smart Box")
    osb.add_argument("--config", required=True, metavar="FILE", help="TOML file, see docs/osb.md")
    osb.add_argument("--check", action="store_true", help="read each device once, print what it says, and end")
    osb.add_argument("--enrol", metavar="CODE", help="get the box's certificate with the claim code of its owner, and end")
    action(
        "load", run_load, "load readings from CSV or Parquet (channel, timestamp, value, unit), or facts from TriG or N-Quads"
    ).add_argument("file")
    action("validate", run_validate, "hold RDF files against the shapes").add_argument("files", nargs="+", metavar="FILE")
    forecast = action("forecast", verb("forecast", "start", "end"), "forecast every channel over a window")
    optimise = action(
        "optimise", verb("optimise", "start", "end", "kw", "price"), "say which homes would be picked, without dispatching them"
    )
    campaign = action("campaign", verb("campaign", "start", "end", "kw", "price", "key"), "start a campaign: forecast, pick, dispatch")
    for made in (forecast, optimise, campaign):
        made.add_argument("--start", required=True, metavar="TIME", help="with offset: 2016-08-30T18:00-07:00")
        made.add_argument("--end", required=True, metavar="TIME")
    for made in (optimise, campaign):
        made.add_argument("--kw", required=True, type=float, help="reduction asked for")
        made.add_argument("--price", default="0.40", metavar="EUR_PER_KWH")
    campaign.add_argument("--key", help="name of the campaign")
    action("abort", verb("abort", "campaign"), "stop a campaign; every home returns to normal").add_argument("campaign", metavar="IRI")
    action("pause", verb("pause", "campaign"), "let a campaign rest; every home goes back to normal").add_argument(
        "campaign", metavar="IRI"
    )
    action("resume", verb("resume", "campaign"), "let a paused campaign go on").add_argument("campaign", metavar="IRI")
    action("settle", verb("settle", "campaign"), "settle a finished campaign").add_argument("campaign", metavar="IRI")
    action("backup", verb("backup", "file"), "write the whole graph as N-Quads").add_argument("file")
    action("restore", verb("restore", "file"), "replace the whole graph by N-Quads").add_argument("file")
    action("check", verb("check"), "hold the whole graph against the shapes, the books, and the readings they rest on")
    action("retain", long("retain"), "thin and drop the readings that FLEX_RETENTION_… no longer keeps; goes on where it was stopped")
    action(
        "rebuild", long("rebuild"), "write the store anew, which gives back the room of what was dropped; the platform goes on meanwhile"
    )
    refused = action("refused", run_refused, "list what was refused at the border; show, mend and replay it")
    refused.add_argument("letter", nargs="?", metavar="N", help="show this letter with its payload")
    refused.add_argument("--replay", metavar="N", help="send it over the border again; `all` takes every open letter that the filters find")
    refused.add_argument("--with", dest="mended", metavar="FILE", help="the mended payload of the letter that is replayed")
    refused.add_argument("--export", nargs=2, metavar=("N", "FILE"), help="write the letter's payload to a file, to be mended")
    refused.add_argument("--drop", metavar="N", help="set it aside without replaying it")
    refused.add_argument("--source", help="only of this box, topic or file")
    refused.add_argument("--reason", help="only for this reason, such as unknown-channel, or words of the sentence")
    refused.add_argument("--since", metavar="TIME", help="only refused since then, with offset")
    refused.add_argument("--until", metavar="TIME", help="only refused before then")
    refused.add_argument("--state", choices=("open", "mended", "dropped", "all"), help="open ones unless told otherwise")
    refused.add_argument("--limit", type=int, help="the newest so many; 100 unless told otherwise")
    action("health", verb("health"), "say what each box sends, what is missing, doubtful or refused, and what needs a look")
    claim = action("claim", verb("claim", "osb"), "make the one-time code for which a box is given its certificate")
    claim.add_argument("osb", metavar="OSB", help="identifier of the box: osb-h01")
    revoke = action("revoke", verb("revoke", "osb"), "end a box's certificates, and its connection")
    revoke.add_argument("osb", metavar="OSB", help="identifier of the box: osb-h01")
    action("certificates", verb("certificates"), "list the certificates of the boxes")
    _people(action)
    query = action("query", run_query, "send a SPARQL query to an endpoint, by default the running platform's")
    query.add_argument("query", help="a .rq file or the text itself")
    query.add_argument("--endpoint", metavar="URL")
    query.add_argument("--set", action="append", metavar="NAME=VALUE", help="fill a parameter of the file in; all of them, once each")
    action("settings", run_settings, "show every setting")
    return parser


if __name__ == "__main__":
    sys.exit(main())
