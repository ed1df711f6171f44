"""What the pages of one thing share: the form with what was typed, what two clerks did, what refers to a thing, where things lead to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from flask import Response, make_response, render_template, request

from api import look_up, thing_form, thing_save, thing_view, visible
from api.errors import NotFoundError
from api.guard import scope
from api.languages import LANGUAGES, _, language
from api.services import services
from api.thing_form import Data, Offers, Sheet
from api.thing_save import Where
from forms import made, options, shown, things
from forms.model import Form
from forms.things import Thing
from registry import merge, versions
from registry.merge import Side
from shapes.words import said
from sparql.scope import Scope

CONTROLS = ("_add", "_remove", "_search")
_MOST_MEMBERS = 20
MOST_INPUTS = 2000  # of one form; reading them takes time by the square


@dataclass(frozen=True)
class Shell:
    """What a form is about, and what goes along with it unseen.

    Attributes
    ----------
    thing : nothing for a new one
    member : key of whose it is
    key : typed for a new thing
    tag : of what was seen
    base : what its inputs held then
    back : the page on this host that is returned to; empty: the thing's own
    """

    thing: Thing | None = None
    member: str | None = None
    key: str = ""
    tag: str = ""
    base: Data = field(default_factory=dict)
    back: str = ""


def address(iri: str) -> str:
    """Where a thing has its page: in the registry if it is entered by hand, its document otherwise; nothing for what is no web address."""
    base = f"{services().iris.base}/id/"
    if not iri.startswith(base):
        return iri if iri.startswith(("http://", "https://")) else ""
    local = quote(iri[len(base) :].partition("#")[0])
    return f"/things/{local}" if local.partition("/")[0] in {each.id_type for each in made.forms()} else f"/doc/{local}"


def called(thing: Thing) -> str:
    """How a thing is called; one without a name by what it is and its key."""
    key = shown.key(thing.iri)
    return said(thing.names, language()) or f"{said(thing.form.names, language())} {key.partition('/')[2] or key}"


def member_of(thing: Thing) -> str | None:
    """The key of the member whose graphs speak of a thing."""
    prefix = services().iris.graph("member", "")
    return next((graph[len(prefix) :].partition("/")[0] for graph in thing.graphs if graph.startswith(prefix)), None)


def zone_of(member: str | None) -> str:
    """The zone of a member's home; of whatever is nobody's, that of most homes."""
    if member is not None:
        try:
            return str(look_up.home(member).get("zone") or look_up.zone())
        except NotFoundError:
            pass
    return look_up.zone()


def tagged(answer: Response, tag: str) -> Response:
    """Name what an answer shows, for If-Match."""
    answer.set_etag(tag)
    return answer


# --- the form


def sent() -> Data:
    """What was typed."""
    given = request.form.to_dict(flat=False)
    if len(given) > MOST_INPUTS:
        raise thing_save.ThingError(
            413, _("The form has %(count)s inputs, but at most %(most)s are read at once.", count=len(given), most=MOST_INPUTS)
        )
    return {
        name: texts
        for name, texts in given.items()
        if (not name.startswith("_") or name.startswith(thing_form.TYPED)) and name != "form_token"
    }


def kept(name: str) -> Data:
    """Texts by input name, as an earlier page has put them into the form."""
    try:
        found = json.loads(request.form.get(name, "{}"))
        return {str(key): [str(text) for text in texts] for key, texts in found.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def chosen(data: Data) -> Data:
    """Take from another clerk's edit, or from what was before, the fields for which that was chosen."""
    for name, choice in request.form.items():
        if name.startswith("_choose.") and choice in ("theirs", "saw"):
            data = thing_form.replaced(data, name.removeprefix("_choose."), kept("_base" if choice == "theirs" else "_saw"))
    return data


def where(asked: Form, member: str | None) -> Where:
    """In which language and zone a form was filled in."""
    spoken = request.form.get("_language", "")
    return Where(asked, spoken if spoken in LANGUAGES else language(), zone_of(member))


def is_rearranged() -> bool:
    """Whether a value is to be added or taken away, or something searched for; then nothing is written."""
    return any(name in request.form for name in CONTROLS)


def rearranged(asked: Form, data: Data, offered: Offers) -> Sheet:
    """The form with one value more or less, or with what was searched for."""
    removed = request.form.get("_remove", "")
    return Sheet(
        asked,
        thing_form.without(data, removed) if removed else data,
        offered,
        add=request.form.get("_add", ""),
        search=request.form.get("_search", ""),
    )


def offers(member: str | None, about: str = "") -> Offers:
    """What fields may refer to: of a member's things, those of the member and of nobody in particular come first."""
    known = services()
    return Offers(known.store, known.iris, language(), None if member is None else _near(member), scope(), about)


def _near(member: str) -> Scope:
    iris = services().iris
    own = {iris.graph("member", member, "facts"), iris.graph("member", member, "contracts"), iris.graph("registry")}
    boxes = iris.graph("member", member, "osb", "")
    return Scope(graphs=frozenset(own | {graph for graph in visible.graphs() if graph.startswith(boxes)}))


def form(asked: Where, sheet: Sheet, shell: Shell, status: int = 200) -> Response:
    """The page of a form."""
    sheet.spoken = asked.language
    groups = sheet.groups()
    page = render_template(
        "thing_edit.html",
        form=asked.form,
        groups=groups,
        summary=_summary(sheet),
        key_error=sheet.errors.get("_key", ""),
        shell=shell,
        asks_key=shell.thing is None and (asked.form.stored_in == "registry" or asked.form.slug == "member"),
        base=json.dumps(shell.base),
        spoken=asked.language,
        name=called(shell.thing) if shell.thing is not None else "",
        zone=asked.zone,
        why=request.form.get("_why", ""),
        to=address,
        moved=sheet.search or sheet.add or request.form.get("_remove", ""),
    )
    answer = make_response(page, status)
    return answer if shell.thing is None else tagged(answer, shell.thing.tag)


def _summary(sheet: Sheet) -> list[tuple[str, str]]:
    return [("_key" if told == sheet.errors.get("_key") else name, told) for name, told in sheet.summary()]


def whose(asked: Form) -> Response:
    """Ask which member a new thing belongs to."""
    known, text = services(), request.args.get("q", "")
    owner = next((each for each in asked.fields if each.refers_to == made.form("member").cls), None) or made.form("site").field("ownedBy")
    found = options.search(known.store, known.iris, owner, text, scope(), language(), _MOST_MEMBERS + 1)
    listed = [(each, known.iris.key(each.iri)) for each in found[:_MOST_MEMBERS]]
    return make_response(render_template("thing_whose.html", form=asked, text=text, members=listed, more=len(found) > _MOST_MEMBERS))


# --- two clerks


@dataclass(frozen=True)
class Difference:
    """A field that one of two clerks has changed, or both: texts of what was seen, is wanted, and is there now."""

    key: str
    names: Mapping[str, str]
    saw: tuple[str, ...]
    mine: tuple[str, ...]
    theirs: tuple[str, ...]
    side: Side


def collided(asked: Where, thing: Thing, data: Data, base: Data, why: str) -> Response:
    """Show what somebody else has written meanwhile, field by field, and let it be chosen."""
    known, now = services(), thing_form.shown(thing, asked.language, asked.zone)
    mine = thing_form.with_typed(data)
    three = merge.three_way(*(thing_form.states(asked.form, each) for each in (base, mine, now)))
    before, wanted, there = (_texts(asked, each, thing) for each in (base, mine, now))
    differing = [
        Difference(each.key, each.names, before.get(each.key, ()), wanted.get(each.key, ()), there.get(each.key, ()), three[each.key].side)
        for each in asked.form.fields
        if each.key in three and three[each.key].side not in (Side.NOBODY, Side.SAME)
    ]
    last = next(iter(versions.history(known.store, known.iris, thing.iri)), None)
    return _about(
        thing,
        "thing_merge.html",
        412,
        differing=differing,
        last=last,
        zone=asked.zone,
        data=mine,
        base=json.dumps(now),
        saw=json.dumps(base),
        spoken=asked.language,
        why=why,
    )


def _about(found: Thing, template: str, status: int = 200, **shown: object) -> Response:
    """A page about a thing, which says the version that it shows."""
    page = render_template(template, thing=found, name=called(found), to=address, **shown)
    return tagged(make_response(page, status), found.tag)


def _texts(asked: Where, data: Data, thing: Thing) -> dict[str, tuple[str, ...]]:
    """What the fields of a form that was filled in say, for people."""
    values = thing_save.read(asked, data, thing).values
    names = things.names_of(services().store, thing_save.referred(values))
    found = {}
    for each in asked.form.fields:
        entries = thing_save.entries(values.get(each.key, ()), names)
        found[each.key] = tuple(shown.text(each, entry, asked.language, asked.zone) for entry in entries)
    return found


# --- pages without a form


def thing(found: Thing) -> Response:
    """The page of a thing."""
    member = member_of(found)
    zone = zone_of(member)
    incoming, more = thing_view.referring(found, language())
    addable = [each for each in made.forms() if each.stored_in in ("facts", "contracts") and each.slug != "member"]
    return _about(
        found,
        "thing.html",
        groups=thing_view.groups(found, language(), zone),
        incoming=incoming,
        more=more,
        member=member,
        zone=zone,
        addable=addable if found.form.slug == "member" else [],
        locked=thing_save.locked(found),
        done=request.args.get("done", ""),
        document=f"/doc/{quote(services().iris.local(found.iri))}",
    )


def gone(iri: str) -> Response:
    """The page of a thing that is not there any more."""
    past = thing_view.past(iri, language(), zone_of(None))
    if past.since is None:
        raise NotFoundError(_("There is nothing called %(key)s here.", key=services().iris.local(iri)))
    last = past.steps[0].version
    return make_response(render_template("thing_gone.html", past=past, last=last, zone=zone_of(None), address=address(iri)), 410)


def locked(found: Thing, sentence: str) -> Response:
    """Say why a thing is not changed."""
    told = {"name": called(found), "sentence": sentence, "address": f"/things/{quote(services().iris.local(found.iri))}"}
    page = render_template("thing_locked.html", **told, member=member_of(found), of_contract=found.form.stored_in == "contracts")
    return make_response(page, 409)


def removal(found: Thing, status: int = 200) -> Response:
    """Ask whether to take a thing away, or say what keeps it."""
    incoming, more = thing_view.referring(found, language())
    return _about(
        found,
        "thing_remove.html",
        status,
        incoming=incoming,
        more=more,
        locked=thing_save.locked(found),
        by_box=any(things.from_box(graph) for graph in found.graphs),
        zone=zone_of(member_of(found)),
    )
