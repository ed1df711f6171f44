"""What moves the market: forecasts, selections, campaigns and their settlement."""

from typing import Any

from commands.arguments import Arguments, Verbs, amount_of, number_of, object_of, text_of, time_of
from commands.line import Declare
from commands.relay import relayed
from kg.terms import instant
from service import Platform


def declare(verb: Declare) -> None:
    """Declare what is run from the line."""
    forecast = verb("forecast", relayed("forecast", "start", "end"), "forecast every channel over a window")
    optimise = verb(
        "optimise", relayed("optimise", "start", "end", "kw", "price"), "say which homes would be picked, without dispatching them"
    )
    campaign = verb("campaign", relayed("campaign", "start", "end", "kw", "price", "key"), "start a campaign: forecast, pick, dispatch")
    for made in (forecast, optimise, campaign):
        made.add_argument("--start", required=True, metavar="TIME", help="with offset: 2016-08-30T18:00-07:00")
        made.add_argument("--end", required=True, metavar="TIME")
    for made in (optimise, campaign):
        made.add_argument("--kw", required=True, type=float, help="reduction asked for")
        made.add_argument("--price", default="0.40", metavar="EUR_PER_KWH")
    campaign.add_argument("--key", help="name of the campaign")
    for name, help_ in (
        ("abort", "stop a campaign; every home returns to normal"),
        ("pause", "let a campaign rest; every home goes back to normal"),
        ("resume", "let a paused campaign go on"),
        ("settle", "settle a finished campaign"),
    ):
        verb(name, relayed(name, "campaign"), help_).add_argument("campaign", metavar="IRI")


def verbs(platform: Platform) -> Verbs:
    """Return the verbs, bound to a platform; `opt-out` and `flexibility` are the pages' alone."""

    def forecast(given: Arguments) -> dict[str, Any]:
        return object_of(platform.forecast(platform.now(), time_of(given, "start"), time_of(given, "end")))

    def flexibility(given: Arguments) -> dict[str, Any]:
        start, end = time_of(given, "start"), time_of(given, "end")
        platform.foresee(start, end)
        return {"start": instant(start), "end": instant(end)}

    def optimise(given: Arguments) -> dict[str, Any]:
        start, end = time_of(given, "start"), time_of(given, "end")
        return object_of(platform.optimise(start=start, end=end, kw=number_of(given, "kw"), price=amount_of(given, "price")))

    def campaign(given: Arguments) -> dict[str, Any]:
        start, end = time_of(given, "start"), time_of(given, "end")
        kw, price = number_of(given, "kw"), amount_of(given, "price")
        return object_of(platform.start_campaign(start=start, end=end, kw=kw, price=price, key=given.get("key")))

    def named(given: Arguments) -> str:
        text = text_of(given, "campaign").removeprefix("campaign/")
        return text if "://" in text else platform.iris.id("campaign", text)

    def abort(given: Arguments) -> dict[str, Any]:
        platform.abort(named(given))
        return {"aborted": named(given)}

    def pause(given: Arguments) -> dict[str, Any]:
        platform.pause(named(given))
        return {"paused": named(given)}

    def resume(given: Arguments) -> dict[str, Any]:
        platform.resume(named(given))
        return {"resumed": named(given)}

    def settle(given: Arguments) -> dict[str, Any]:
        return object_of(platform.settle(named(given)))

    def opt_out(given: Arguments) -> dict[str, Any]:
        platform.opt_out(text_of(given, "event"), member=given.get("member"))
        return {"optedOut": given["event"]}

    return {
        "forecast": forecast,
        "flexibility": flexibility,
        "optimise": optimise,
        "campaign": campaign,
        "abort": abort,
        "pause": pause,
        "resume": resume,
        "settle": settle,
        "opt-out": opt_out,
    }
