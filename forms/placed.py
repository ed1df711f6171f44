"""What the gate found wrong, put beside the inputs that it is about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from forms.by_language import language_of, tag_of
from forms.given import Filled, Given, fragment, part_iris
from forms.model import Field, Form, Kind
from forms.things import Thing
from shapes import Finding, sentences


def place_findings(
    form: Form, thing_iri: str, findings: Iterable[Finding], language: str, filled: Filled | None = None, thing: Thing | None = None
) -> tuple[dict[str, str], list[str]]:
    """Put findings of the shapes beside inputs.

    Parameters
    ----------
    thing_iri
        The thing that was filled in; its parts have fragment IRIs.
    filled, thing
        What was filled in and what was there before; with them the rows of several parts are told apart.

    Returns
    -------
    by_input : sentences by the name of an input, or of the group of inputs of a part (`key.0`)
    general : sentences about the thing as a whole, or about another one
    """
    values = [] if filled is None else list(_all(filled.values))
    known = {iri: (inside, name) for iri, inside, name in _layout(form, thing_iri, filled, thing)}
    by_input: dict[str, str] = {}
    general: list[str] = []
    for finding in findings:
        name = _input(form, thing_iri, finding, known, values)
        if name is None:
            sentence = sentences.for_people(finding, language) if finding.focus != thing_iri else sentences.field(finding, language)
            general += [sentence] if sentence not in general else []
        else:
            sentence = sentences.field(finding, language)
            told = by_input.get(name, "")
            by_input[name] = told if sentence in told else f"{told} {sentence}".strip()
    return by_input, general


def _input(
    form: Form, thing_iri: str, finding: Finding, known: Mapping[str, tuple[Field | None, str]], values: Sequence[Given]
) -> str | None:
    asked, name = known.get(finding.focus, (None, ""))
    if finding.focus == thing_iri:
        return _of_field(_field(form.fields, finding), "", finding, values)
    if not name:
        asked = next((each for each in form.fields if _is_part_of(each, thing_iri, finding.focus)), None)
        if asked is None:
            return None
        name = asked.key if asked.kind == Kind.VALUE and not asked.repeated else f"{asked.key}.0"
    if asked is None or asked.part is None:
        return name
    inside = _field(asked.part.fields, finding)
    return _of_field(inside, f"{name}.", finding, values) or name


def _field(fields: Sequence[Field], finding: Finding) -> Field | None:
    """The field that a finding is about: by its shape, else by its path where only one field has that."""
    asked = [each for each in fields if not each.fixed and not each.computed]
    by_shape = [each for each in asked if each.shape == finding.shape]
    by_path = [each for each in asked if each.path == finding.path]
    return next(iter(by_shape or (by_path if len(by_path) == 1 else [])), None)


def _of_field(asked: Field | None, within: str, finding: Finding, values: Sequence[Given]) -> str | None:
    if asked is None:
        return None
    if asked.kind == Kind.NAME:
        return _of_text(f"{within}{asked.key}", finding, values)
    return f"{within}{asked.key}" + (".0" if asked.repeated or asked.kind == Kind.PART else "")


def _of_text(name: str, finding: Finding, values: Sequence[Given]) -> str:
    """Of several languages the input with the text that was refused, or with the second of one language."""
    own = [each for each in values if language_of(each.name, name, "") is not None]
    refused = [each for each in own if each.term is not None and each.term.value == finding.value]
    second = [each for place, each in enumerate(own) if tag_of(each.term) in {tag_of(other.term) for other in own[:place]}]
    return next((each.name for each in (*refused, *second, *own)), name)


def _all(values: Mapping[str, Sequence[Given]]) -> Iterator[Given]:
    """What was filled in, with what is inside of parts."""
    for given in values.values():
        for each in given:
            yield each
            yield from _all(each.part or {})


def _is_part_of(asked: Field, thing_iri: str, focus: str) -> bool:
    if asked.kind not in (Kind.PART, Kind.VALUE):
        return False
    name = focus.removeprefix(f"{thing_iri}#")
    return name != focus and name.rstrip("0123456789").removesuffix("-") == fragment(asked)


def _layout(form: Form, thing_iri: str, filled: Filled | None, thing: Thing | None) -> Iterator[tuple[str, Field | None, str]]:
    """Which part has which name in the form."""
    statements = thing.by_subject if thing is not None else {}
    for asked in form.fields:
        if asked.kind not in (Kind.PART, Kind.VALUE):
            continue
        if filled is not None and asked.key in filled.values:
            given = filled.values[asked.key]
            old = thing.values.get(asked.key, ()) if thing is not None else ()
            iris = part_iris(asked, thing_iri, given, {*statements, *(entry.term.value for entry in old)})
            yield from ((iri, asked, each.name) for iri, each in zip(iris, given, strict=True))
        elif thing is not None:
            for row, entry in enumerate(thing.values.get(asked.key, ())):
                yield entry.term.value, asked, asked.key if asked.kind == Kind.VALUE and not asked.repeated else f"{asked.key}.{row}"
