"""Things made up from a form: any value that its fields allow, for properties that hold of all of them."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode

from forms.given import Filled, Given
from forms.model import Field, Form, Kind
from forms.typed import clean
from kg.store import Term
from kg.terms import literal

LANGUAGES = ("en", "es", "nl")
TAGS = (*LANGUAGES, "ca", "pt-br", "")  # of texts; the empty one is of none
KEYS = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
IRIS = KEYS.map(lambda key: NamedNode(f"http://127.0.0.1:8080/id/thing/{key}"))


def _readable(text: str) -> bool:
    try:
        return clean(text, "en") == text == text.strip() != ""
    except ValueError:
        return False


LETTERS = st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp", "Cf"])
TEXTS = st.text(LETTERS, min_size=1, max_size=30).map(lambda text: unicodedata.normalize("NFC", text).strip()).filter(_readable)


def decimals(field: Field) -> st.SearchStrategy[Decimal]:
    """Numbers within the limits of a field."""
    least = field.above if field.above is not None else field.least
    most = field.below if field.below is not None else field.most
    numbers = st.decimals(
        min_value=Decimal(-1000) if least is None else least,
        max_value=Decimal(100_000) if most is None else most,
        places=2 if field.pattern else 4,
    )
    return numbers.filter(lambda number: number not in (field.above, field.below))


def terms(field: Field) -> st.SearchStrategy[Term]:
    """Terms that a field allows."""
    match field.kind:
        case Kind.DECIMAL | Kind.VALUE:
            return decimals(field).map(literal)
        case Kind.INTEGER:
            return st.integers(int(field.least or 0), int(field.most if field.most is not None else 10_000)).map(literal)
        case Kind.BOOLEAN:
            return st.booleans().map(literal)
        case Kind.DATE:
            return st.dates(date(1950, 1, 1), date(2100, 1, 1)).map(literal)
        case Kind.TIME:
            return st.builds(time, st.integers(0, 23), st.integers(0, 59), st.sampled_from([0, 0, 30])).map(literal)
        case Kind.INSTANT:
            return st.integers(600_000_000, 2_200_000_000).map(lambda second: literal(datetime.fromtimestamp(second, UTC)))
        case Kind.DURATION:
            return st.integers(1, 10_000).map(lambda minutes: literal(timedelta(minutes=minutes)))
        case Kind.CHOICE:
            datatype = None if field.datatype is None else NamedNode(field.datatype)
            return st.sampled_from(
                [Literal(each.value, datatype=datatype) if datatype else NamedNode(each.value) for each in field.choices]
            )
        case Kind.IRI if field.pattern:
            return KEYS.map(lambda key: NamedNode(f"mailto:{key}@example.org"))
        case Kind.REFERENCE | Kind.IRI:
            return IRIS
    texts = st.from_regex(field.pattern, fullmatch=True, alphabet=st.characters(codec="ascii")) if field.pattern else TEXTS
    return texts.filter(_readable).map(lambda text: Literal(text, datatype=NamedNode(field.datatype or "")))


@st.composite
def givens(draw: st.DrawFn, field: Field) -> tuple[Given, ...]:
    """As many values as a field allows, at most three."""
    if field.kind == Kind.NAME:
        tags = draw(st.lists(st.sampled_from(TAGS), min_size=field.minimum_count, max_size=field.maximum_count or 4, unique=True))
        return tuple(Given(field.key, Literal(draw(TEXTS), language=tag) if tag else Literal(draw(TEXTS))) for tag in sorted(tags))
    most = 3 if field.maximum_count is None else min(3, field.maximum_count)
    count = draw(st.integers(field.minimum_count, max(most, field.minimum_count)))
    if field.kind == Kind.PART:
        return tuple(Given(field.key, None, draw(values(field.part))) for _ in range(count))  # type: ignore[arg-type]
    found = draw(st.lists(terms(field), min_size=count, max_size=count, unique_by=str))
    return tuple(Given(field.key, term) for term in found)


@st.composite
def values(draw: st.DrawFn, form: Form) -> Mapping[str, tuple[Given, ...]]:
    """Values for every field that is asked."""
    return {field.key: draw(givens(field)) for field in form.fields if not field.fixed and not field.computed}


@st.composite
def filled(draw: st.DrawFn, form: Form) -> Filled:
    """A form filled in without a mistake."""
    return Filled(form, draw(values(form)), {}, {})
