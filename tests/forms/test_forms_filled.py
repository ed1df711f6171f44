"""What somebody filled in: every mistake is a sentence beside its input, in their language."""

from collections.abc import Sequence

import pytest
from stated_home import turtle

from forms import filled, made
from forms.filled import Filled, read
from forms.model import Field
from kg.iris import Iris

BATTERY = {
    "label": "Battery",
    "locatedAt": "http://127.0.0.1:8080/id/site/h01",
    "managedBy": "http://127.0.0.1:8080/id/osb/h01",
    "connectedVia": "http://127.0.0.1:8080/id/connection/h01",
    "DER-controlType": "https://w3id.org/flexcoop/vocab/FRBC",
    "BatterySystem-ratedPower": "5",
    "BatterySystem-storageCapacity": "0.5",
    "BatterySystem-roundTripEfficiency": "0.95",
    "BatterySystem-minimumStateOfCharge": "10",
    "ownedBy": "http://127.0.0.1:8080/id/member/h01",
    "OfferedDER-available": "true",
}
BAND = {
    "ComfortProfile-band.0.ComfortBand-weekday": ["https://w3id.org/flexcoop/vocab/Monday", "https://w3id.org/flexcoop/vocab/Tuesday"],
    "ComfortProfile-band.0.ComfortBand-start": ["06:00"],
    "ComfortProfile-band.0.ComfortBand-end": ["08:00"],
    "ComfortProfile-band.0.ComfortBand-minimum": ["20"],
    "ComfortProfile-band.0.ComfortBand-maximum": ["24"],
}


def battery(language: str = "en", **other: str | None) -> Filled:
    given = BATTERY | {name.replace("_", "-"): text for name, text in other.items()}
    return read(made.form("battery-system"), {name: [text] for name, text in given.items() if text is not None}, language)


def profile(data: dict[str, list[str]], language: str = "en") -> Filled:
    return read(made.form("comfort-profile"), data, language, only={"ComfortProfile-band"})


def test_form_without_a_mistake_has_no_errors():
    assert battery().errors == {}
    assert battery("nl", BatterySystem_storageCapacity="0,5", BatterySystem_roundTripEfficiency="0,95").errors == {}


def test_empty_form_names_every_required_field_in_order():
    form = made.form("battery-system")

    errors = read(form, {}, "es").errors

    assert list(errors) == [field.key for field in form.fields if field.required]
    assert errors["BatterySystem-ratedPower"] == "Falta el campo Potencia nominal."


def test_answer_that_was_not_given_is_no_no():
    assert battery(OfferedDER_available=None).errors == {"OfferedDER-available": "Availability is missing. Choose yes or no."}
    assert battery(OfferedDER_available="false").errors == {}


@pytest.mark.parametrize(
    ("field", "text", "language", "sentence"),
    [
        ("BatterySystem_ratedPower", "five", "en", "“five” is not a number. Write digits with at most one decimal point, like 0.5."),
        (
            *("BatterySystem_ratedPower", "1.500", "nl"),
            "“1.500” kan twee verschillende getallen betekenen. Schrijf het zonder duizendtalteken en met hoogstens één decimale komma.",
        ),
        (
            *("BatterySystem_roundTripEfficiency", "90", "en"),
            "“90” is not accepted. An efficiency lies above 0 and at most at 1; correct it, 90 % is 0.9.",
        ),
        (
            *("BatterySystem_ratedPower", "0", "en"),
            "“0” is not accepted. A rated power lies above 0 and at most at 10000 kW; correct it.",
        ),
        (
            *("locatedAt", "javascript:alert(1)", "es"),
            "“javascript:alert(1)” no es una dirección que se pueda guardar. Escriba una que empiece por https:// o http://.",
        ),
        ("DER_controlType", "magic", "en", "“magic” is not one of the possible answers. Choose one of the list."),
        ("OfferedDER_available", "perhaps", "nl", "“perhaps” is ja noch nee. Kies een van beide."),
        ("label", "a" * 201, "en", "The text has 201 characters. Shorten it to 200 at most."),
        ("label", "Bat\x07tery", "en", "The text has a character that cannot be seen (U+0007). Type it again instead of pasting it."),
        (
            *("deviceProfile", "../../etc", "en"),
            "“../../etc” is not accepted. A profile is named by its folder; "
            "state at most one id of up to 64 small letters, digits, dots, dashes and underscores.",
        ),
    ],
)
def test_each_mistake_is_a_sentence_beside_its_input(field, text, language, sentence):
    numbers = {} if language == "en" else {"BatterySystem_storageCapacity": "0,5", "BatterySystem_roundTripEfficiency": "0,95"}

    assert battery(language, **{**numbers, field: text}).errors == {field.replace("_", "-"): sentence}


def test_what_was_typed_is_kept_to_show_it_again():
    assert battery(BatterySystem_ratedPower="five").raw["BatterySystem-ratedPower"] == "five"


def test_markup_in_a_name_stays_text():
    given = battery(label="<script>alert(1)</script>")

    assert given.errors == {}
    assert given.values["label"][0].term.value == "<script>alert(1)</script>"


def test_name_is_in_the_language_of_the_page():
    assert battery("nl", label="Accu").values["label"][0].term.language == "nl"


# --- references


def finder(found: dict[str, Sequence[str]]):
    def lookup(field: Field, text: str) -> Sequence[str]:
        return found.get(text, ())

    return lookup


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (["urn:x:site"], None),
        ([], "Nothing called “Home h01” was found. Search for a part of its name and choose it from the list."),
        (["urn:x:1", "urn:x:2"], "Several things are called “Home h01”. Search for it and choose one from the list."),
    ],
)
def test_thing_is_found_by_its_exact_name(found, error):
    given = read(made.form("site"), {"ownedBy": ["Home h01"]}, "en", only={"ownedBy"}, lookup=finder({"Home h01": found}))

    assert given.errors.get("ownedBy") == error
    assert [each.term.value for each in given.values["ownedBy"]] == ([] if error else found)


def test_reference_that_was_not_changed_is_not_looked_up_again(thing, iris: Iris):
    site = thing("site/h01")
    data = {name: [text] for name, text in filled.raws(site, "en").items()}

    assert read(site.form, data, "en", "UTC", site, lookup=finder({})).errors == {}
    assert list(read(site.form, data | {"ownedBy": [iris.id("member", "h02")]}, "en", "UTC", site, lookup=finder({})).errors) == ["ownedBy"]


# --- several values, parts


def test_one_name_several_times_is_several_values():
    data = {"FlexibilityContract-covers": ["http://x/a", "http://x/b", "http://x/a", ""], "FlexibilityContract-covers.0": ["http://x/c"]}

    given = read(made.form("flexibility-contract"), data, "en", only={"FlexibilityContract-covers"})

    assert [each.term.value for each in given.values["FlexibilityContract-covers"]] == ["http://x/c", "http://x/a", "http://x/b"]
    assert given.errors == {}


def test_none_of_several_is_missing_beside_the_first():
    given = read(made.form("flexibility-contract"), {}, "en", only={"FlexibilityContract-covers", "FlexibilityContract-window"})

    assert given.errors == {
        "FlexibilityContract-covers.0": "Device is missing.",
        "FlexibilityContract-window.0.WindowTerm-start": "First hour is missing.",
        "FlexibilityContract-window.0.WindowTerm-end": "Last hour is missing.",
    }


def test_part_has_its_errors_beside_its_own_inputs():
    data = BAND | {"ComfortProfile-band.0.ComfortBand-minimum": ["200"], "ComfortProfile-band.3.ComfortBand-start": ["6 o'clock"]}

    errors = profile(data).errors

    assert "ComfortProfile-band.0.ComfortBand-minimum" in errors
    assert errors["ComfortProfile-band.3.ComfortBand-start"] == "“6 o'clock” is not a time of day. Write hours and minutes, like 07:30."
    assert errors["ComfortProfile-band.3.ComfortBand-end"] == "Until is missing."
    assert "ComfortProfile-band.0.ComfortBand-weekday" not in errors


def test_empty_row_of_optional_parts_is_none():
    data = BAND | {f"ComfortProfile-band.1.ComfortBand-{name}": [""] for name in ("start", "end", "minimum")}

    assert profile(data).errors == {}
    assert len(profile(data).values["ComfortProfile-band"]) == 1


def test_too_many_values_are_refused():
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    assert profile(BAND | {"ComfortProfile-band.0.ComfortBand-weekday": [*days, "monday"]}).errors == {}  # one of them twice
    devices = {f"GridNode-fedBy.{row}": [f"http://x/{row}"] for row in range(2)}

    assert read(made.form("grid-node"), devices, "en", only={"GridNode-fedBy"}).values["GridNode-fedBy"] == ()


def test_endless_rows_are_cut_off():
    data = {f"FlexibilityContract-covers.{row}": [f"http://x/{row}"] for row in range(3000)}

    given = read(made.form("flexibility-contract"), data, "en", only={"FlexibilityContract-covers"})

    assert len(given.values["FlexibilityContract-covers"]) == filled.MOST_ROWS


@pytest.mark.parametrize("language", ["en", "es", "nl"])
def test_duration_has_three_inputs(language):
    data = {"FlexibilityContract-notice.0.NoticeTerm-notice.hours": ["1"], "FlexibilityContract-notice.0.NoticeTerm-notice.minutes": ["30"]}

    given = read(made.form("flexibility-contract"), data, language, only={"FlexibilityContract-notice"})

    notice = given.values["FlexibilityContract-notice"][0].part
    assert notice is not None
    assert notice["NoticeTerm-notice"][0].term.value == "PT1H30M"


def test_contract_without_length_is_refused_by_its_shape():
    data = {"FlexibilityContract-duration.0.DurationTerm-minimum.minutes": ["0"]}

    errors = read(made.form("flexibility-contract"), data, "en", only={"FlexibilityContract-duration"}).errors

    assert "above zero" in errors["FlexibilityContract-duration.0.DurationTerm-minimum"]


def test_value_of_the_wrong_datatype_is_written_anew(iris: Iris, home, thing):
    facts = iris.graph("member", "h01", "facts")
    home.apply(
        delete=turtle('<site/h01> fc:timeZone "Europe/Madrid" .', facts),
        insert=turtle('<site/h01> fc:timeZone "Europe/Madrid"@en .', facts),
    )
    site = thing("site/h01")

    given = read(site.form, {name: [text] for name, text in filled.raws(site, "en").items()}, "en", "UTC", site)

    assert str(given.values["Site-timeZone"][0].term) == '"Europe/Madrid"'
