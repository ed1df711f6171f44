"""What packages below the pages say, in the reader's language.

They say and store one English sentence, for logs, programs and the graph. A page knows a sentence by its form, and puts the values that it
finds into the translation of that form: `FORMS` are keys of the catalogues, like every other sentence. What has no known form stays
English, and is marked as such.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from flask import Flask
from markupsafe import Markup, escape

from api.languages import _, catalogue, language, later, said
from api.present import figure, plainly, span
from kg.terms import parse_duration
from ontology.names import FCV
from shapes.words import labels

FORMS = (
    # requests and campaigns
    later("the request begins at %(start)s, before it is made (%(at)s); ask for a later window"),
    later("the price is %(price)s EUR/kWh; a request pays for a reduction, so give a finite price that isn't negative"),
    later("the registry has %(count)s cooperatives (%(names)s), but one deployment is one cooperative; name the recipient"),
    later("the registry has %(count)s grid operators (%(names)s), so it isn't clear who asks; name the requester"),
    later("the request runs from %(start)s to %(end)s, which isn't a whole number of slots of %(step)s; choose slot boundaries"),
    later("the request begins at %(start)s, which isn't a slot boundary of %(step)s; choose one"),
    later("%(count)s values are given for %(slots)s slots; give one number, or one for each slot"),
    later("%(values)s kW is asked for; a reduction is a finite number that isn't negative"),
    later("%(request)s exists already and asks for something else; choose another key"),
    later("%(start)s to %(end)s holds no quarter-hour; give an end after the start"),
    later("%(thing)s is %(state)s and can't be scheduled any more; ask for a new campaign"),
    later("%(thing)s is %(state)s, so there is nothing to pause; only what is scheduled or under way can be"),
    later("%(thing)s is %(state)s and ends at %(end)s, so it can't go on; ask for a new campaign"),
    later("%(thing)s is %(state)s and can't be stopped any more; nothing needs to be done"),
    later("%(thing)s is %(state)s (its campaign %(state2)s), so nobody can opt out of it any more; nothing needs to be done"),
    later("%(reason)s is no reason for an opt-out; give one of %(reasons)s"),
    later("there is no campaign %(campaign)s; ask for one first (flex campaign), or see /-/ for those there are"),
    later("there is no event %(event)s; events are named event/{campaign}-{site}, see the operator's page"),
    later("the selection breaks its own rules (%(rules)s), so nobody was asked; report this as a bug"),
    # what a selection says of itself
    later("%(asked)s kWh asked, %(promised)s kWh promised by %(sites)s of %(candidates)s sites, %(backups)s stand by for %(standby)s kWh"),
    later("%(sentence)s; %(missing)s kWh are missing because of %(causes)s"),
    later("%(sentence)s (gap %(gap)s%%)"),
    later("After %(cause)s: %(missing)s kWh missing from %(start)s on, %(count)s site(s) called"),
    later("%(sentence)s, %(left)s kWh can't be replaced"),
    # contracts
    later("%(contract)s has ended, so it can't be revised; draft a new contract instead"),
    later("%(contract)s is revised by %(following)s already; revise that one"),
    later("a contract has no %(names)s; change one of %(known)s"),
    later("%(party)s can't sign %(contract)s: its parties are %(buyer)s and %(seller)s; one of them must sign"),
    later("%(contract)s is %(state)s, so %(party)s can't sign it any more; only a draft can be signed"),
    later("%(contract)s is %(state)s and can't become %(state2)s: it may become %(states)s; draft a new contract instead"),
    later("there is no contract %(contract)s; see which there are at /sparql or on the operator's page"),
    later("%(part)s has %(count)s values of %(property)s, but a contract needs one %(kind)s; agree a new revision that has it"),
    later(
        "%(contract)s was changed after it was agreed: its digest is %(old)s, but its terms now give %(new)s; "
        "restore the revision from a backup, or agree a new revision"
    ),
    later(
        "%(contract)s was changed after it was agreed: the digest that %(signature)s signed is %(old)s, but its terms now give %(new)s; "
        "restore the revision from a backup, or agree a new revision"
    ),
    later("%(contract)s is not signed by %(party)s, so nothing is paid under it; have it signed"),
    # rules of a contract
    later("%(contract)s sells %(direction)s, but %(direction2)s is asked for; ask a member whose contract has that direction"),
    later("%(contract)s holds from %(start)s to %(end)s, but the activation is on %(day)s; agree a contract for that day"),
    later(
        "%(contract)s allows activations from %(start)s to %(end)s local time, but this one runs from %(start2)s to %(end2)s (%(zone)s); "
        "choose slots inside the window"
    ),
    later("%(contract)s allows no activation shorter than %(least)s, but this one lasts %(length)s; lengthen it"),
    later("%(contract)s allows no activation longer than %(most)s, but this one lasts %(length)s; shorten it"),
    later("%(contract)s allows %(most)s kW, but %(kw)s kW is asked for; ask for less"),
    later("%(contract)s needs %(least)s notice, but %(given)s was given; start later or notify earlier"),
    later("%(contract)s allows %(most)s activation(s) per %(period)s, but this would be number %(number)s; ask another member"),
    # settlement
    later("%(event)s: no baseline method for %(method)s; nothing is measured"),
    later("%(event)s: no instruction was accepted for any slot that counts, so nothing counts as delivered"),
    later("%(event)s: no day without an event to tell the baseline's error from, so nothing is measured"),
    later("%(event)s: no slot that counts has a reading, so nothing counts as delivered"),
    later(
        "the members are paid %(paid)s EUR, but the market pays %(income)s EUR: the cooperative pays %(share)s EUR; "
        "see the prices of contracts and request"
    ),
    later("%(count)s slots of the event have no reading; they count as not delivered"),
    later("%(count)s readings of the event carry a quality flag; they count as they stand"),
    later(
        "the interval of the portfolio rests on %(days)s days without an event; with fewer than %(least)s it may be too narrow",
    ),
    later("the interval of %(what)s rests on %(days)s days without an event; with fewer than %(least)s it may be too narrow"),
    later("readings before the event are missing, so the baseline was not adjusted to the day"),
    later(
        "only %(days)s similar days with complete readings, but a baseline needs %(least)s: "
        "no reduction is measured; settle again by hand once there are more"
    ),
    later("the weather during the event is not in the graph, and the contract's baseline is a regression on it"),
    later("%(rows)s readings of similar days are too few for a regression with %(columns)s coefficients; %(least)s are needed"),
    later("%(campaign)s was aborted, so nothing was delivered under it; there is nothing to settle"),
    later("%(campaign)s is %(state)s and ends at %(end)s, but it is %(at)s; settle it once it has finished"),
    later(
        "%(campaign)s lacks %(count)s readings of its event (of %(sites)s); they are waited for until %(until)s, "
        "and then count as not delivered"
    ),
    later("%(member)s has %(count)s results in %(campaign)s, so there is no statement; see whether it was called and is settled"),
    later("%(campaign)s has %(count)s settlement runs in the graph, not one; settle it first"),
    later("%(campaign)s has %(count)s requests with a price in the graph, but settling needs exactly one; check the campaign's IRI"),
    later("%(request)s asks for %(count)s slots, but its window has %(slots)s; correct the request"),
    # readings that were refused
    later("%(point)s: %(value)s is not a channel that any OSB has described; describe it in the announcement, or correct its name"),
    later(
        "%(point)s: %(value)s is a channel of another OSB, and %(box)s may not speak for it; "
        "send only readings of the channels you have announced"
    ),
    later("%(message)s: it says it was made by %(sender)s, but came on the topic of %(box)s; send it on the sender's own topic"),
    later("%(point)s: %(value)s has no unit, and a number without one is no reading; send it with its unit, %(unit)s"),
    later("%(point)s: %(value)s can't be converted to %(unit)s, the unit of the channel; send the reading in %(unit2)s"),
    later("%(point)s: a step of %(value)s is not the step of the channel, %(step)s; send the mean of each of the channel's intervals"),
    later(
        "%(point)s: %(value)s is off the grid of the channel, whose intervals begin every %(step)s from 00:00 UTC; "
        "send the mean of each interval under the time at which it begins"
    ),
    later("%(point)s: %(value)s lies before %(earliest)s, as if the clock had been reset; set the clock of the OSB"),
    later("%(point)s: %(value)s lies more than %(ahead)s ahead of %(at)s, when it was received; set the clock of the OSB"),
    later("%(point)s: %(value)s is not a number; send a decimal number, and null or nothing where the value is missing"),
    later("%(point)s: %(value)s has no offset, so it names no instant; add Z, or the offset like +02:00"),
    later("%(point)s: %(value)s is not an instant; write it like 2016-08-12T10:15:00Z"),
    later("%(point)s: %(value)s is not a date and time of the calendar; correct it"),
    later("%(point)s: %(value)s is 10²⁰ or more, beyond what an xsd:decimal holds; check the meter and its scale"),
    later("the payload %(start)s is not JSON (%(error)s); send a JSON-LD object in UTF-8"),
    later("the payload is not valid JSON-LD (%(error)s); correct it and send it again"),
    later("the payload has %(count)s bytes, more than the %(most)s that one message may have; send it in parts"),
    later('the message has no id, so it can\'t be acknowledged; give it an "@id" that is absolute or below an "@base"'),
    later("the message could not be processed (%(error)s); tell the operator, who finds it in the list"),
)
_CAUSES = tuple(map(later, ("capacity", "duration", "energy", "connection", "window or notice", "flexibility")))
_VALUE = re.compile(r"%\((\w+)\)s")
_SPAN = re.compile(r"P(?=[\dT])(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?")
_DECIMAL = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class Interpreted:
    """A sentence with the language that it is in."""

    text: str
    language: str


def interpreted(sentence: str) -> Interpreted:
    """Say a sentence of a package below in the language of this page; as it stands where its form is not known."""
    if language() == "en":
        return Interpreted(sentence, "en")
    for form, literal, pattern in _forms():
        found = pattern.fullmatch(sentence) if literal in sentence else None
        if found is None:
            continue
        if catalogue(language()).gettext(form) == form:
            break
        values = {name: _value(name, text) for name, text in found.groupdict().items()}
        if all(each.language == language() for each in values.values()):
            return Interpreted(_(form, **{name: each.text for name, each in values.items()}), language())
    return Interpreted(sentence, "en")


def lines(sentences: str) -> list[Interpreted]:
    """Several sentences, each on a line of its own."""
    return [interpreted(each) for each in sentences.splitlines()]


def heard(sentence: str, zone: str = "UTC") -> Markup:
    """A sentence of a package below, as it goes into a page: English only where it must be, and marked; times in a zone."""
    return Markup("\n").join(
        escape(text) if each.language == language() else Markup('<span lang="{}">{}</span>').format(each.language, text)
        for each in lines(sentence)
        for text in [plainly(each.text, zone)]
    )


@cache
def _forms() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """Each form with a text that it must hold and its pattern; those that say most of their own come first."""
    found = []
    for form in FORMS:
        parts = _VALUE.split(form.replace("%%", "%"))
        pattern = "".join(
            re.escape(part) if index % 2 == 0 else f"(?P<{part}>.+{'' if part == 'sentence' else '?'})" for index, part in enumerate(parts)
        )
        found.append((form, max(parts[::2], key=len), re.compile(pattern)))
    return tuple(sorted(found, key=lambda each: -sum(map(len, _VALUE.split(each[0])[::2]))))


def _value(name: str, text: str) -> Interpreted:
    """A value of a sentence as people write it: a sentence within it, a state, causes, a time span, a number."""
    if name == "sentence":
        return interpreted(text)
    return Interpreted(_KINDS.get(name, _plain)(text), language())


def _plain(text: str) -> str:
    if _SPAN.fullmatch(text):
        return span(parse_duration(text))
    return figure(float(text)) if _DECIMAL.fullmatch(text) else text


def _state(text: str) -> str:
    """A state of a campaign, an event or a contract by its label: `aborted`, `optedout`."""
    name = text.removeprefix("Campaign").casefold()
    known = (names for prefix in ("Campaign", "Event", "Contract") if (names := _states().get(f"{prefix}{name}".casefold())))
    return said(next(known, {})).lower() or text


@cache
def _states() -> Mapping[str, Mapping[str, str]]:
    return {iri.removeprefix(str(FCV)).casefold(): names for iri, names in labels().items() if iri.startswith(str(FCV))}


_KINDS: Mapping[str, Callable[[str], str]] = {
    "state": _state,
    "state2": _state,
    "states": lambda text: ", ".join(map(_state, text.split(", "))),
    "causes": lambda text: ", ".join(_(each) if each in _CAUSES else each for each in text.split(", ")),
}


def install(app: Flask) -> None:
    """Make it known to the templates: `{{ finding.sentence|heard(zone) }}`."""
    app.jinja_env.filters["heard"] = heard
