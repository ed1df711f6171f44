"""The pages of one thing of the registry: see it, enter and edit it by its form, its history and the way back, take it away."""

from collections.abc import Mapping

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from api import thing_agreed, thing_form, thing_pages, thing_save, thing_view
from api.errors import NotFoundError, problem
from api.guard import local_path, rule, scope
from api.languages import _, language
from api.services import services
from api.thing_form import Sheet
from api.thing_pages import Shell, address, member_of, tagged, zone_of
from api.thing_save import ThingError, Where
from forms import changes, made, options
from forms.errors import PlaceError, UnknownFormError
from forms.model import Field, Form
from forms.things import Thing
from kg.terms import iri as checked_iri
from registry import owners_word, versions
from registry.errors import RefusedEditError, StaleEditError

pages = Blueprint("things", __name__)
_MOST_OPTIONS = 50


@pages.get("/registry/<slug>/new")
@rule.operator
def new(slug: str) -> Response:
    """Ask for what a new thing needs; first for whose it is, where that is not said."""
    form, member = _form(slug), _member()
    if form.stored_in != "registry" and form.slug != "member" and member is None:
        return thing_pages.whose(form)
    where, offers = Where(form, language(), zone_of(member)), thing_pages.offers(member)
    return thing_pages.form(where, Sheet(form, thing_form.begun(form, offers, member), offers), Shell(member=member, back=_back()))


@pages.post("/registry/<slug>/new")
@rule.operator
def create(slug: str) -> BaseResponse:
    """Enter a new thing, or show the form again with what is wrong."""
    form, member, key = _form(slug), _member(), request.form.get("_key", "").strip()
    where, data, offers = thing_pages.where(form, member), thing_pages.sent(), thing_pages.offers(member)
    shell = Shell(member=member, key=key, back=_back())
    if thing_pages.is_rearranged():
        return thing_pages.form(where, thing_pages.rearranged(form, data, offers), shell)
    given = thing_save.read(where, thing_form.with_typed(data), None)
    errors: dict[str, str] = dict(given.errors)
    with thing_save.gate().held():  # else two could take the same key
        try:
            place = thing_save.place(form, member, key)
        except PlaceError as error:
            errors = {"_key": error.said(language()), **errors}
        if not errors:
            try:
                thing_save.apply(thing_save.edit(None, given, place), _why())
                return redirect(shell.back or f"{address(place.iri)}?done=created", code=303)
            except RefusedEditError as error:
                errors = thing_save.errors_of(error, given, None, place.iri)
    return thing_pages.form(where, Sheet(form, data, offers, errors), shell, 422)


@pages.get("/things/<path:key>")
@rule.operator
def view(key: str) -> Response:
    """Show a thing: what its form asks for, what refers to it, and what no form asks for."""
    iri = _iri(key)
    thing = thing_save.thing_at(iri)
    return thing_pages.gone(iri) if thing is None else thing_pages.thing(thing)


@pages.get("/things/<path:key>/edit")
@rule.operator
def edit(key: str) -> Response:
    """Ask anew for what the graph says of a thing."""
    thing = _thing(_iri(key))
    if sentence := thing_save.locked(thing):
        return thing_pages.locked(thing, sentence)
    member = member_of(thing)
    where = Where(thing.form, language(), zone_of(member))
    data = thing_form.shown(thing, where.language, where.zone)
    sheet = Sheet(thing.form, data, thing_pages.offers(member, thing.iri))
    return thing_pages.form(where, sheet, Shell(thing=thing, member=member, tag=thing.tag, base=data))


@pages.post("/things/<path:key>/edit")
@rule.operator
def save(key: str) -> BaseResponse:
    """Write what a form says; show what is wrong with it, or what somebody else has written meanwhile."""
    iri = _iri(key)
    with thing_save.gate().held():
        thing = _thing(iri)
        if sentence := thing_save.locked(thing):
            return thing_pages.locked(thing, sentence)
        data, base, tag, member = thing_pages.chosen(thing_pages.sent()), thing_pages.kept("_base"), _expected(thing.tag), member_of(thing)
        where, offers = thing_pages.where(thing.form, member), thing_pages.offers(member, iri)
        shell = Shell(thing=thing, member=member, tag=tag, base=base)
        if thing_pages.is_rearranged():
            return thing_pages.form(where, thing_pages.rearranged(thing.form, data, offers), shell)
        given = thing_save.read(where, thing_form.with_typed(data), thing)
        errors: Mapping[str, str] = given.errors
        if not errors and tag != thing.tag:
            return thing_pages.collided(where, thing, data, base, _why())
        if not errors:
            try:
                receipt = thing_save.apply(thing_save.edit(thing, given, changes.place_of(services().iris, thing)), _why())
                return redirect(f"{address(iri)}?done={'saved' if receipt.activity else 'nothing'}", code=303)
            except RefusedEditError as error:
                errors = thing_save.errors_of(error, given, thing, iri)
    return thing_pages.form(where, Sheet(thing.form, data, offers, errors), shell, 422)


@pages.get("/things/<path:key>/history")
@rule.operator
def history(key: str) -> Response:
    """Show who changed a thing, when, why, and what of it."""
    iri = _iri(key)
    thing = thing_save.thing_at(iri)
    zone = zone_of(member_of(thing) if thing is not None else None)
    past = thing_view.past(iri, language(), zone, request.args.get("until", type=int))
    if thing is None and past.since is None:
        raise NotFoundError(_("There is nothing called %(key)s here.", key=key))
    tag, locked = thing_save.tag_of(thing), thing_save.locked(thing) if thing is not None else thing_agreed.fixed(iri, past.last)
    page = render_template("thing_history.html", iri=iri, thing=thing, past=past, zone=zone, tag=tag, locked=locked, to=address)
    return tagged(make_response(page), tag)


@pages.post("/things/<path:key>/undo")
@rule.operator
def undo(key: str) -> BaseResponse:
    """Make a thing what an earlier version was: its own statements and those of its parts, in all graphs."""
    known, iri = services(), _iri(key)
    number = request.form.get("version", type=int)
    if number is None:
        raise ThingError(400, _("It is not said which version to go back to; choose one in the history."))
    with thing_save.gate().held():
        thing = thing_save.thing_at(iri)
        _refuse_stale(thing)
        if thing is not None and (sentence := thing_save.locked(thing)):
            return thing_pages.locked(thing, sentence)
        back = versions.back_to(known.store, known.iris, iri, number)
        if sentence := thing_agreed.fixed(iri, versions.content(known.store, known.iris, iri, number)):
            raise ThingError(409, sentence)
        vanishes = thing is not None and not versions.content(known.store, known.iris, iri, number)
        if thing is not None and vanishes and thing_view.referring(thing, language())[0]:
            return thing_pages.removal(thing, 409)
        delta = owners_word.settled(known.store, known.iris, back)
        receipt = thing_save.apply(delta, _why() or f"Back to version {number}")
    return redirect(f"{address(iri)}?done={'undone' if receipt.activity else 'nothing'}", code=303)


@pages.get("/things/<path:key>/remove")
@rule.operator
def ask_to_remove(key: str) -> Response:
    """Say what refers to a thing, and ask whether to take it away."""
    return thing_pages.removal(_thing(_iri(key)))


@pages.post("/things/<path:key>/remove")
@rule.operator
def remove(key: str) -> BaseResponse:
    """Take a thing away, unless something refers to it."""
    with thing_save.gate().held():
        thing = _thing(_iri(key))
        _refuse_stale(thing)
        if thing_save.locked(thing) or thing_view.referring(thing, language())[0]:
            return thing_pages.removal(thing, 409)
        thing_save.apply(changes.removal(thing), _why())
    return redirect(f"{address(thing.iri)}?done=removed", code=303)


@pages.get("/registry/options")
@rule.operator
def options_of() -> Response:
    """What a field may refer to, by a part of its name: `?form=site&field=ownedBy&q=h0`; JSON for scripts, a list for people."""
    text, asked = request.args.get("q", ""), _field(request.args.get("form", ""), request.args.get("field", ""))
    found = options.search(services().store, services().iris, asked, text, scope(), language(), _MOST_OPTIONS + 1)
    listed, more = found[:_MOST_OPTIONS], len(found) > _MOST_OPTIONS
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return make_response(render_template("thing_options.html", field=asked, text=text, options=listed, more=more, to=address))
    return jsonify({"options": [{"iri": each.iri, "label": each.label, "note": each.note} for each in listed], "more": more})


@pages.errorhandler(ThingError)
def _refused(error: ThingError) -> Response:
    return problem(error.status, str(error))


@pages.errorhandler(StaleEditError)
def _stale(error: StaleEditError) -> Response:
    return problem(412, str(error))


@pages.errorhandler(RefusedEditError)
def _wrong(error: RefusedEditError) -> Response:
    return problem(422, _("The registry would be wrong, so nothing was written."), sentences=list(error.sentences))


# --- what the request says


def _why() -> str:
    return request.form.get("_why", "").strip()[:500]


def _expected(now: str) -> str:
    """What whoever sends this has seen: by If-Match, or by the form."""
    if request.if_match:
        tags = {each.partition(":")[0] for each in request.if_match.as_set()}
        return now if request.if_match.star_tag or now in tags else next(iter(tags), "")
    tag = request.form.get("_etag", "")
    if not tag:
        raise ThingError(428, _("It is not said what you saw; send If-Match with the ETag of this address, or open the form anew."))
    return tag


def _refuse_stale(thing: Thing | None) -> None:
    if _expected(thing_save.tag_of(thing)) != thing_save.tag_of(thing):
        raise StaleEditError(_("It has changed since this page was opened. Look at its history, and decide again."))


def _back() -> str:
    """Where whoever enters a thing came from, if they said so."""
    given = request.args.get("back")
    return local_path(given) if given else ""


def _member() -> str | None:
    """Whose the new thing will be."""
    key = request.args.get("member")
    if not key:
        return None
    if thing_save.thing_at(services().iris.id("member", key)) is None:
        raise NotFoundError(_("There is no member %(key)s; the members are listed at /members.", key=key))
    return key


def _form(slug: str) -> Form:
    try:
        form = made.form(slug)
    except UnknownFormError as error:
        raise NotFoundError(_("There is no form called %(slug)s; the registry lists them.", slug=slug)) from error
    if not form.stored_in:
        raise NotFoundError(_("Such things are not entered by hand; the registry lists those that are."))
    return form


def _field(slug: str, path: str) -> Field:
    """A field by the slug of its form and its key; of a field inside a part, the keys on the way, with points between."""
    try:
        form: Form | None = made.form(slug)
        found: Field | None = None
        for key in path.split("."):
            if key.isdigit():
                continue
            if form is None:
                raise KeyError(key)
            found = form.field(key)
            form = found.part
    except (KeyError, UnknownFormError) as error:
        raise NotFoundError(_("There is no such field.")) from error
    if found is None:
        raise NotFoundError(_("There is no such field."))
    return found


def _iri(key: str) -> str:
    try:
        return checked_iri(services().iris.id(*key.split("/"))).value
    except (ValueError, TypeError) as error:
        raise NotFoundError(_("There is nothing called %(key)s here.", key=key)) from error


def _thing(iri: str) -> Thing:
    found = thing_save.thing_at(iri)
    if found is None:
        raise NotFoundError(_("There is nothing called %(key)s here.", key=services().iris.local(iri)))
    return found
