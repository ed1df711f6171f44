"""Sheets of one class: a row is a thing, a column an input of its form, named as the form names it.

`key` says which thing (what follows `{BASE}/id/`, or only its last part; empty: a new one), `member` whose it is. A name carries its
language: `label@en`. Numbers are written with a point and never with three digits behind it, so that no reader takes it for thousands.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set

from forms.bulk import SENTENCES, Row, Sentence, Wish
from forms.by_language import key_of
from forms.changes import Place, place
from forms.errors import PlaceError
from forms.filled import raws
from forms.model import Form, Kind
from forms.sheets import Sheet, SheetError
from forms.things import of_quads
from forms.told import say
from forms.world import World
from shapes.words import LANGUAGES

KEY, MEMBER = "key", "member"
_ENDINGS = ("days", "hours", "minutes", "fold", "id")
_THREE = re.compile(r"[+-]?\d{1,3}\.\d{3}")


def language_of(sheet: Sheet, reader: str) -> str:
    """The language that the names of a sheet are in: what its columns say, else the reader's."""
    said = {head.rpartition("@")[2] for head in sheet.head if "@" in head}
    return next((each for each in LANGUAGES if each in said), reader)


def columns(form: Form, language: str) -> list[str]:
    """The columns of an empty sheet; of what may be there several times the first."""
    found = [KEY] + ([MEMBER] if form.stored_in != "registry" else [])
    return [*found, *_inputs(form, language)]


def _inputs(form: Form, language: str, within: str = "") -> Iterable[str]:
    for each in form.fields:
        if each.fixed or each.computed:
            continue
        name = f"{within}{each.key}"
        if each.kind is Kind.PART and each.part is not None:
            yield from _inputs(each.part, language, f"{name}.0.")
        elif each.kind is Kind.DURATION:
            yield from (f"{name}.{unit}" for unit in ("days", "hours", "minutes"))
        elif each.repeated:
            yield f"{name}.0"
        else:
            yield f"{name}@{language}" if each.kind is Kind.NAME else name


def exported(world: World, form: Form, things: Sequence[tuple[str, str]], language: str, zone: str = "UTC") -> list[list[str]]:
    """All that forms ask of some things as a sheet: what is imported again unchanged changes nothing.

    Parameters
    ----------
    things
        Key of the owner, and IRI.
    """
    cells: list[dict[str, str]] = []
    names: dict[str, int] = {}
    written = set(_inputs(form, language))
    tagged = {name.rpartition("@")[0]: name for name in written if "@" in name}
    for owner, iri in things:
        found = raws(of_quads(form, iri, world.quads(owner, iri)), language, zone)
        row = {tagged.get(name, name): _plain(text) for name, text in found.items()}
        cells.append({KEY: world.iris.local(iri), MEMBER: owner, **row})
        for name in row:
            names.setdefault(name, len(names))
    order = [each.key for each in form.fields]
    first = [KEY] + ([MEMBER] if form.stored_in != "registry" else [])
    every = sorted({*written, *names}, key=lambda name: _position(order, name))
    shown = [name for name in every if name in names or not re.search(r"\.\d+(\.|$)", name)]
    return [[*first, *shown], *([row.get(name, "") for name in (*first, *shown)] for row in cells)]


def _position(order: Sequence[str], name: str) -> tuple[int, list[tuple[int, str]]]:
    key, _, rest = name.partition("@")[0].partition(".")
    return (order.index(key) if key in order else len(order)), [
        (int(each), "") if each.isdigit() else (-1, each) for each in rest.split(".")
    ]


def _plain(text: str) -> str:
    text = text.replace(",", ".") if re.fullmatch(r"[+-]?\d+,\d+", text) else text
    return f"{text}0" if _THREE.fullmatch(text) else text


def rows(world: World, form: Form, sheet: Sheet, reader: str) -> list[Row]:
    """Read a sheet of one class.

    Raises
    ------
    SheetError
        If a column is no input of the form, or none says which things are meant.
    """
    names = _known(form, sheet.head)
    needed = (KEY,) if form.stored_in == "registry" or form.slug == MEMBER else (KEY, MEMBER)
    if not set(needed) & set(names.values()):
        raise SheetError("no-key-column", name=needed[-1])
    only = frozenset(map(key_of, names.values())) - {KEY, MEMBER}
    columns_ = {name: head for head, name in names.items()}
    made: set[str] = set()
    found = []
    for number, cells in sheet.rows:
        given = {name: cell for head, cell in zip(sheet.head, cells, strict=True) if (name := names.get(head)) is not None}
        member, where = _place(world, form, given, columns_, reader, made)
        if isinstance(where, Place):
            made.add(where.iri)
            found.append(Row(number, member, (Wish(form, where, {name: [text] for name, text in given.items()}, columns_, only),)))
        else:
            found.append(Row(number, member, errors=(where,)))
    return found


def _place(
    world: World, form: Form, given: Mapping[str, str], heads: Mapping[str, str], reader: str, made: Set[str]
) -> tuple[str, Place | Sentence]:
    """Whose the thing of a row is, and where it is written; or what is wrong with saying so."""
    prefixes = (f"{world.iris.base}/id/", f"{form.id_type}/")
    key = given.get(KEY, "")
    for prefix in prefixes:
        key = key.removeprefix(prefix)
    wrong = KEY if KEY in heads else MEMBER
    known = world.owner(world.iris.id(form.id_type, key)) if key else None
    if key and known is not None:
        if not world.is_a(world.iris.id(form.id_type, key), form.cls):
            other = world.iris.id(form.id_type, key)
            return known, (heads[KEY], say("row-class", reader, text=key, name=world.class_name(other, reader)))
        return known, Place(_graph(world, form, known), world.iris.id(form.id_type, key))
    member = given.get(MEMBER, "").removeprefix(prefixes[0]).removeprefix("member/") or _owner_of_key(world, form, key)
    example = {"registry": "feeder-1", "contracts": "h01/r1"}.get(form.stored_in, f"h01-{form.suffix}" if form.suffix else "h01")
    if form.stored_in == "registry" or form.slug == MEMBER:
        if not key:
            return "", (heads[wrong], say("row-key-missing", reader, example=example))
        member = key if form.slug == MEMBER else ""
        if member and (refused := world.refusal(member)) is not None:
            return "", (heads[wrong], refused.said(reader))
    elif not member:
        return "", (heads.get(MEMBER, heads[wrong]), say("row-key-missing", reader, example="h01"))
    elif not world.has_member(member):
        return "", (heads.get(MEMBER, heads[wrong]), say("row-member", reader, text=member[:80]))
    try:
        return member, place(
            form, world.iris, member=member or None, key=key or None, taken=lambda iri: iri in made or world.owner(iri) is not None
        )
    except PlaceError as error:
        return member, (heads[wrong], error.said(reader))


def _owner_of_key(world: World, form: Form, key: str) -> str:
    """The member that a key begins with: `h01-battery`, `h01/r1`."""
    if form.stored_in == "registry" or not key:
        return ""
    parts = re.split(r"([-/])", key)
    return next((start for end in range(len(parts), 0, -2) if world.has_member(start := "".join(parts[:end]))), "")


def _graph(world: World, form: Form, member: str) -> str:
    return world.iris.graph("member", member, form.stored_in) if member else world.iris.graph("registry")


def _known(form: Form, head: Sequence[str]) -> dict[str, str]:
    """Which input each column is: by its name, or by what the field is called in any language.

    Raises
    ------
    SheetError
        If a column is none, or two are the same.
    """
    called: dict[str, str] = {}
    for each in form.fields:
        if not each.fixed and not each.computed and each.part is None and not each.repeated and each.kind is not Kind.DURATION:
            called.update({name.casefold(): each.key for name in each.names.values()})
    found: dict[str, str] = {}
    strange = []
    for name in head:
        plain, at, tag = name.partition("@")
        if name in (KEY, MEMBER) or _is_input(form, plain):
            found[name] = name
        elif plain.casefold() in called:
            found[name] = called[plain.casefold()] + at + tag
        elif name and name != SENTENCES:
            strange.append(name[:80])
    if strange:
        known = [name for name in columns(form, "en") if name.count(".") < 2]
        raise SheetError("unknown-columns", names=", ".join(strange), known=", ".join(known))
    double = [name for name in found.values() if list(found.values()).count(name) > 1]
    if double:
        raise SheetError("double-column", names=", ".join(sorted(set(double))))
    return found


def _is_input(form: Form, name: str) -> bool:
    key, _, rest = name.partition(".")
    field = next((each for each in form.fields if each.key == key and not each.fixed and not each.computed), None)
    if field is None:
        return False
    if not rest:
        return True
    first, _, inside = rest.partition(".")
    if field.part is not None and first.isdecimal():
        return inside == "id" or _is_input(field.part, inside)
    return rest in _ENDINGS or (first.isdecimal() and (not inside or inside in _ENDINGS))
