"""The inputs of a form as a page shows them: one question a field, one line a value, with what was typed, what is wrong, what to choose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from forms import by_language, filled, made, options
from forms.by_language import key_of
from forms.errors import UnknownFormError
from forms.filled import SUFFIXES, input_of
from forms.model import Field, Form, Group, Kind
from forms.options import Option
from forms.things import Thing
from kg.iris import Iris
from kg.store import Store
from shapes.words import said
from sparql.scope import Scope

MOST_IN_LIST = 12  # more are searched for
MOST_MATCHES = 20
TYPED = "_q."  # what is typed to search for a thing, before the input that the choice fills
Data = dict[str, list[str]]


@dataclass(frozen=True)
class Line:
    """One value of a question.

    Attributes
    ----------
    name : of its input
    texts : what its inputs hold, by what follows the name
    error : what is wrong with it; empty where nothing is
    offers : things to choose among in a list; `None`: they are searched for
    chosen : of a reference
    typed, matches : what was searched for, and what was found
    questions : of a part
    is_new : whether it was asked for just now
    tag, called : the language that it is asked in and its name, where a field is asked for by language; empty for none
    """

    name: str
    texts: Mapping[str, str]
    error: str = ""
    offers: tuple[Option, ...] | None = None
    chosen: Option | None = None
    typed: str = ""
    matches: tuple[Option, ...] = ()
    questions: "tuple[Question, ...]" = ()
    is_new: bool = False
    tag: str | None = None
    called: str = ""

    @property
    def text(self) -> str:
        """What its one input holds."""
        return self.texts.get("", "")


@dataclass(frozen=True)
class Question:
    """One field of a form, with its values.

    Attributes
    ----------
    boxes : of several references that are chosen among few: all of them
    ticked : which of those are chosen
    maker : where a thing can be entered that is to be referred to, where there is none yet; `slug` of its form
    addable : of a field that is asked for by language: inputs that can be had beside those that are there, with their languages
    """

    field: Field
    name: str
    lines: tuple[Line, ...]
    boxes: tuple[Option, ...] = ()
    ticked: frozenset[str] = frozenset()
    maker: Form | None = None
    addable: tuple[tuple[str, str], ...] = ()

    @property
    def error(self) -> str:
        """What is wrong with the first line, for a question that is asked as one."""
        return self.lines[0].error if self.lines else ""


@dataclass(frozen=True)
class Offers:
    """What fields may refer to, for whoever fills the form in.

    Attributes
    ----------
    near : the graphs of the member whose thing it is, and of nobody in particular; what is found there is offered alone
    seen : all graphs that may be seen
    about : IRI of the thing itself, which is never offered
    """

    store: Store
    iris: Iris
    language: str
    near: Scope | None
    seen: Scope
    about: str = ""
    _few: dict[str, tuple[Option, ...] | None] = field(default_factory=dict, compare=False)

    def few(self, asked: Field) -> tuple[Option, ...] | None:
        """All that a field may refer to, where a list can show them; else nothing."""
        key = asked.refers_to or ""
        if key not in self._few:
            self._few[key] = self._listed(asked)
        return self._few[key]

    def search(self, asked: Field, text: str) -> tuple[Option, ...]:
        """Things by a part of their names."""
        return tuple(options.search(self.store, self.iris, asked, text, self.seen, self.language, MOST_MATCHES))

    def called(self, asked: Field, iri: str) -> Option:
        """A thing that was chosen."""
        known = {each.iri: each for each in self.few(asked) or ()}
        if iri in known:
            return known[iri]
        return options.called(self.store, self.iris, iri, self.seen, self.language)

    def exact(self, asked: Field, text: str) -> Sequence[str]:
        """What is called exactly so."""
        return options.exact(self.store, self.iris, asked, text, self.seen)

    def _listed(self, asked: Field) -> tuple[Option, ...] | None:
        for scope in (self.near, self.seen):
            if scope is None:
                continue
            found = options.search(self.store, self.iris, asked, "", scope, self.language, MOST_IN_LIST + 2)
            listed = tuple(each for each in found if each.iri != self.about)
            if len(listed) > MOST_IN_LIST:
                return None
            if listed:
                return listed
        return ()


@dataclass
class Sheet:
    """A form with what was typed into it.

    Attributes
    ----------
    data : texts by input name
    errors : sentences by input name
    add : the question that a value is to be added to
    search : the input whose text is to be searched for
    spoken : the language that the form is filled in; that of the page where not given
    """

    form: Form
    data: Data
    offers: Offers
    errors: Mapping[str, str] = field(default_factory=dict)
    add: str = ""
    search: str = ""
    spoken: str = ""
    labels: dict[str, str] = field(default_factory=dict)

    def groups(self) -> list[tuple[Group | None, list[Question]]]:
        """The questions under their headings."""
        questions = self._questions(self.form, "")
        found: list[tuple[Group | None, list[Question]]] = []
        for group in (None, *self.form.groups):
            own = [each for each in questions if each.field.group == (group.iri if group else "")]
            if own:
                found.append((group, own))
        return found

    def summary(self) -> list[tuple[str, str]]:
        """What is wrong, for the top of the page: input, sentence; the input is empty where there is none. Call it after `groups`."""
        return [(name if name in self.labels else "", self._with_label(name, told)) for name, told in self.errors.items()]

    def _with_label(self, name: str, told: str) -> str:
        label = self.labels.get(name, "")
        return told if not label or label.casefold() in told.casefold() else f"{label}: {told}"

    def _questions(self, form: Form, within: str) -> tuple[Question, ...]:
        asked = [each for each in form.fields if not each.fixed and not each.computed]
        return tuple(self._question(each, f"{within}.{each.key}" if within else each.key) for each in asked)

    def _question(self, asked: Field, name: str) -> Question:
        label = said(asked.names, self.offers.language)
        if asked.kind == Kind.REFERENCE and asked.repeated and (few := self.offers.few(asked)):
            ticked = frozenset(text for each, texts in self.data.items() if each == name or each.startswith(f"{name}.") for text in texts)
            missing = tuple(self.offers.called(asked, each) for each in sorted(ticked - {each.iri for each in few}) if each)
            error = next((told for each, told in self.errors.items() if each == name or each.startswith(f"{name}.")), "")
            self.labels.update({each: label for each in (name, f"{name}.0")})
            return Question(asked, name, (Line(name, {}, error),), (*few, *missing), ticked)
        if asked.kind == Kind.NAME:
            return self._by_language(asked, name, label)
        lines = tuple(self._line(asked, each, label, is_new=new) for each, new in self._line_names(asked, name))
        return Question(asked, name, lines, maker=self._maker(asked, lines))

    def _by_language(self, asked: Field, name: str, label: str) -> Question:
        """A text in each language that there is, and in that of the form."""
        there = by_language.shown(asked, name, {**self.data, **({self.add: []} if self.add else {})}, self._spoken)
        lines = []
        for each in there:
            tag = by_language.language_of(each, name, self._spoken) or ""
            called = by_language.called(tag, self.offers.language) if tag else ""
            self.labels[each] = f"{label} ({called})" if called and len(there) > 1 else label
            error = self.errors.get(each, "")
            lines.append(Line(each, {"": self._text(each)}, error, is_new=each == self.add, tag=tag, called=called))
        more = by_language.addable(asked, name, there, self._spoken)
        return Question(
            asked, name, tuple(lines), addable=tuple((each, by_language.called(tag, self.offers.language)) for each, tag in more)
        )

    @property
    def _spoken(self) -> str:
        return self.spoken or self.offers.language

    def _line_names(self, asked: Field, name: str) -> list[tuple[str, bool]]:
        if not asked.repeated:
            return [(f"{name}.0" if asked.kind == Kind.PART else name, False)]
        rows = sorted(
            {int(row) for each in self.data if each.startswith(f"{name}.") and (row := each[len(name) + 1 :].split(".")[0]).isdigit()}
        )
        found = [(f"{name}.{row}", False) for row in rows]
        if not found and (asked.kind != Kind.PART or asked.required):
            found = [(f"{name}.0", False)]
        if self.add == name:
            found.append((f"{name}.{rows[-1] + 1 if rows else len(found)}", True))
        return found

    def _line(self, asked: Field, name: str, label: str, *, is_new: bool) -> Line:
        self.labels[name] = label
        error = self.errors.get(name, "")
        if asked.kind == Kind.PART and asked.part is not None:
            return Line(name, {".id": self._text(f"{name}.id")}, error, questions=self._questions(asked.part, name), is_new=is_new)
        texts = {suffix: self._text(name + suffix) for suffix in SUFFIXES}
        if asked.kind != Kind.REFERENCE:
            return Line(name, texts, error, is_new=is_new)
        return self._reference(asked, name, texts, error, is_new=is_new)

    def _reference(self, asked: Field, name: str, texts: dict[str, str], error: str, *, is_new: bool) -> Line:
        typed, iri = self._text(TYPED + name), texts[""]
        chosen = self.offers.called(asked, iri) if iri.startswith(("http://", "https://")) else None
        typed = typed or (iri if chosen is None else "")
        few = self.offers.few(asked)
        if few is not None and few:
            return Line(name, texts, error, few if chosen is None or chosen in few else (*few, chosen), chosen, is_new=is_new)
        searched = self.search == name or (error and typed)
        return Line(name, texts, error, None, chosen, typed, self.offers.search(asked, typed) if searched else (), is_new=is_new)

    def _maker(self, asked: Field, lines: Sequence[Line]) -> Form | None:
        """Where a thing is entered that nobody has entered yet."""
        if asked.kind != Kind.REFERENCE or self.offers.few(asked) != () or any(line.chosen for line in lines):
            return None
        try:
            form = made.form(asked.refers_to or "")
        except UnknownFormError:
            return None
        return form if form.stored_in else None

    def _text(self, name: str) -> str:
        return next(iter(self.data.get(name, [])), "")


def with_typed(data: Data) -> Data:
    """Take what was typed to search for a thing as its name, where nothing was chosen."""
    found = dict(data)
    for name, texts in data.items():
        if name.startswith(TYPED) and texts and texts[0].strip() and not any(each.strip() for each in data.get(name[len(TYPED) :], [])):
            found[name[len(TYPED) :]] = texts
    return {name: texts for name, texts in found.items() if not name.startswith("_")}


def without(data: Data, removed: str) -> Data:
    """Take a value away: its input and all that is inside it."""
    gone = tuple(f"{start}{removed}{end}" for start in ("", TYPED) for end in (".", "@"))
    return {name: texts for name, texts in data.items() if name not in (removed, f"{TYPED}{removed}") and not name.startswith(gone)}


def begun(form: Form, offers: Offers, member: str | None) -> Data:
    """What a new form holds: the things that there is no choice about."""
    data: Data = {}
    for asked in form.fields:
        if asked.kind != Kind.REFERENCE or not asked.required or asked.fixed or asked.computed:
            continue
        few = offers.few(asked)
        if few and len(few) == 1 and (member is None or not asked.repeated):
            data[input_of(asked, 0) if asked.repeated else asked.key] = [few[0].iri]
    return data


def shown(thing: Thing, language: str, zone: str) -> Data:
    """What a thing looks like in the inputs of its form."""
    return {name: [text] for name, text in filled.raws(thing, language, zone).items()}


def states(form: Form, data: Data) -> dict[str, tuple[tuple[str, str], ...]]:
    """What the inputs of each field hold, whatever their rows are numbered: to tell whether somebody changed it."""
    return {each.key: _state(each, data) for each in form.fields if not each.fixed and not each.computed}


def _state(asked: Field, data: Data) -> tuple[tuple[str, str], ...]:
    names = sorted((name for name in data if key_of(name) == asked.key), key=_natural)
    numbers: Callable[[], int] = count().__next__
    rows: dict[str, int] = {}
    found: list[tuple[str, str]] = []
    for name in names:
        row, _, rest = name[len(asked.key) + 1 :].partition(".")
        for text in (each.strip() for each in data[name]):
            if not text or rest in ("id", "remove") or row == "id":
                continue
            if not asked.repeated:
                found.append((name, text))
            elif name == asked.key:
                found.append((str(numbers()), text))
            else:
                if row not in rows:
                    rows[row] = numbers()
                found.append((f"{rows[row]}.{rest}".rstrip("."), text))
    return tuple(sorted(found)) if asked.kind == Kind.PART or not asked.repeated else tuple(sorted(("", text) for _, text in found))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def replaced(data: Data, key: str, other: Data) -> Data:
    """Put what other inputs hold of a field in its place."""
    own = {name: texts for name, texts in without(data, key).items()}
    return own | {name: texts for name, texts in other.items() if key_of(name) == key}
