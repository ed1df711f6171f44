"""The language of a page: which is chosen, what is said about it, and how figures and times are written in it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from api import languages, present

AT = datetime(2016, 8, 30, 16, tzinfo=UTC)
FCV = "https://w3id.org/flexcoop/vocab/"
LANGUAGES = ("en", "es", "nl")


@pytest.fixture
def speaking(app):
    """Speak a language within a request, as a page does."""

    def in_language(code: str):
        return app.test_request_context(f"/?lang={code}")

    return in_language


def page(client, path="/sign-in", **headers):
    return client.get(path, headers={"Accept": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}})


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("es", "es"),
        ("nl-NL,en;q=0.5", "nl"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("de,fr;q=0.9", "en"),
        ("en;q=0.4,nl;q=0.8", "nl"),
        ("es;q=0,nl", "nl"),
        ("", "en"),
        ("*", "en"),
        ("ES", "es"),
    ],
)
def test_page_is_in_the_language_that_the_browser_prefers(anonymous, accepted, language):
    answer = page(anonymous, Accept_Language=accepted)

    assert f'<html lang="{language}">' in answer.text
    assert answer.headers["Content-Language"] == language
    assert {"Accept-Language", "Cookie"} <= {each.strip() for each in answer.headers["Vary"].split(",")}


def test_address_is_stronger_than_the_cookie_and_the_cookie_than_the_browser(anonymous):
    anonymous.set_cookie("language", "nl")

    assert '<html lang="nl">' in page(anonymous, Accept_Language="es").text
    assert '<html lang="es">' in page(anonymous, "/sign-in?lang=es", Accept_Language="en").text


def test_language_chosen_is_kept_and_leads_back(anonymous):
    answer = anonymous.get("/language/es?next=/catalogue")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/catalogue")
    assert all(part in answer.headers["Set-Cookie"] for part in ("language=es", "HttpOnly", "SameSite=Lax"))
    assert '<html lang="es">' in page(anonymous).text


@pytest.mark.parametrize("code", ["fr", "xx", "en%0d%0aSet-Cookie", "es;"])
def test_language_that_there_is_not_is_not_kept(anonymous, code):
    assert "Set-Cookie" not in anonymous.get(f"/language/{code}").headers


@pytest.mark.parametrize("onward", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"])
def test_choosing_a_language_leads_nowhere_else(anonymous, onward):
    assert "elsewhere" not in anonymous.get("/language/es", query_string={"next": onward}).headers["Location"]


@pytest.mark.parametrize("given", ["fr", "<script>", "es\r\nX: y", ""])
def test_odd_language_in_the_address_is_english(anonymous, given):
    assert '<html lang="en">' in anonymous.get("/sign-in", query_string={"lang": given}).text


def test_every_page_offers_the_other_languages_in_their_own_name(anonymous):
    shown = page(anonymous, "/catalogue?lang=nl").text

    assert 'lang="es" hreflang="es"' in shown
    assert ">Español</a>" in shown
    assert '<span aria-current="true" lang="nl">Nederlands</span>' in shown


@pytest.mark.parametrize(
    ("language", "title"), [("en", "There is no such thing here"), ("es", "Aquí no hay tal cosa"), ("nl", "Dat is hier niet te vinden")]
)
def test_problem_has_its_title_in_the_readers_language(anonymous, language, title):
    answer = anonymous.get("/nowhere", headers={"Accept": "application/problem+json", "Accept-Language": language})

    assert answer.json["title"] == title
    assert (answer.json["type"], answer.json["status"]) == ("about:blank", 404)
    assert answer.headers["Content-Language"] == language
    assert "Accept-Language" in answer.headers["Vary"]
    assert f"<h1>{title}</h1>" in page(anonymous, "/nowhere", Accept_Language=language).text


def test_program_that_names_no_language_reads_english(anonymous):
    assert anonymous.get("/nowhere", headers={"Accept": "application/json"}).json["title"] == "There is no such thing here"


@pytest.mark.parametrize(
    ("language", "written"),
    [
        (
            "en",
            (
                "Tue 30 Aug 2016, 18:00",
                "Tue 30 Aug 2016",
                "18:00",
                "1,234.50",
                "−0.5",
                "€ 5.84",
                "€ −1,234.50",
                "1 d 2 h 30 min",
                "12.3 kB",
            ),
        ),
        (
            "es",
            (
                "mar 30 ago 2016, 18:00",
                "mar 30 ago 2016",
                "18:00",
                "1.234,50",
                "−0,5",
                "5,84 €",
                "−1.234,50 €",
                "1 d 2 h 30 min",
                "12,3 kB",
            ),
        ),
        (
            "nl",
            ("di 30 aug 2016, 18:00", "di 30 aug 2016", "18:00", "1.234,50", "−0,5", "€ 5,84", "€ −1.234,50", "1 d 2 u 30 min", "12,3 kB"),
        ),
    ],
)
def test_figures_money_and_times_follow_the_language(speaking, language, written):
    with speaking(language):
        assert written == (
            present.when(AT, "Europe/Madrid"),
            present.day(date(2016, 8, 30)),
            present.clock(AT, "Europe/Madrid"),
            present.number(Decimal("1234.5")),
            present.number(-0.5, 1),
            present.euro(Decimal("5.84")),
            present.euro(Decimal("-1234.5")),
            present.span(timedelta(days=1, hours=2, minutes=30)),
            present.size(12_345),
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_and_months_are_named_without_points(speaking, language):
    with speaking(language):
        named = [present.day(date(2016, month, 1)) for month in range(1, 13)]

    assert len(set(named)) == 12
    assert not any("." in each for each in named)


@pytest.mark.parametrize("language", LANGUAGES)
def test_day_of_an_instant_is_that_of_the_site(speaking, language):
    with speaking(language):
        late = datetime(2016, 8, 30, 22, 30, tzinfo=UTC)

        assert present.day(late, "Europe/Madrid") == present.day(date(2016, 8, 31))
        assert present.day(late, "UTC") == present.day(date(2016, 8, 30))


@pytest.mark.parametrize("language", LANGUAGES)
def test_clock_change_shows_the_sites_time(speaking, language):
    with speaking(language):
        assert present.clock(datetime(2016, 10, 30, 0, 30, tzinfo=UTC), "Europe/Madrid") == "02:30"
        assert present.clock(datetime(2016, 10, 30, 1, 30, tzinfo=UTC), "Europe/Madrid") == "02:30"
        assert present.clock(datetime(2016, 3, 27, 1, 0, tzinfo=UTC), "Europe/Madrid") == "03:00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_missing_figures_are_a_dash(speaking, language):
    with speaking(language):
        assert [present.number(None), present.number(float("nan")), present.euro(None), present.figure(float("nan"))] == ["—"] * 4


@given(value=st.decimals(-(10**9), 10**9, places=2), language=st.sampled_from(["es", "nl"]))
def test_amount_reads_back_as_itself(value, language):
    with Flask("test").test_request_context(f"/?lang={language}"):
        written = present.euro(value).replace("€", "").strip()

    assert Decimal(written.replace(".", "").replace(",", ".").replace("−", "-")) == value


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Opted out", "opted out", "requested", "kW")),
        ("es", ("Excluido", "excluido", "solicitada", "kW")),
        ("nl", ("Afgemeld", "afgemeld", "aangevraagd", "kW")),
    ],
)
def test_terms_go_by_their_labels(speaking, language, words):
    with speaking(language):
        assert words == (
            present.term(FCV + "EventOptedOut"),
            present.status(FCV + "EventOptedOut", "Event"),
            present.status(FCV + "CampaignRequested", "Campaign"),
            present.term("http://qudt.org/vocab/unit/KiloW"),
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_state_for_style_sheets_is_the_same_in_every_language(speaking, language):
    with speaking(language):
        assert present.state(FCV + "EventOptedOut", "Event") == "opted out"
        assert present.term(FCV + "NeverHeardOf") == "Never heard of"


def test_outside_a_request_everything_is_english():
    assert languages.language() == "en"
    assert present.number(1234.5) == "1,234.50"
    assert present.when(AT) == "Tue 30 Aug 2016, 16:00"


def test_sentence_with_a_number_knows_one_and_many(speaking):
    with speaking("nl"):
        catalogue = languages.catalogue("nl")

        assert catalogue.ngettext("%(count)s row.", "%(count)s rows.", 1) == "%(count)s rij."
        assert catalogue.ngettext("%(count)s row.", "%(count)s rows.", 0) == "%(count)s rijen."
        assert catalogue.ngettext("one thing nobody translated", "many of it", 2) == "many of it"


def test_values_in_a_sentence_are_not_read_as_markup(anonymous):
    shown = anonymous.get(
        "/queries", query_string={"search": "<script>alert(1)</script>", "lang": "es"}, headers={"Accept": "text/html"}
    ).text

    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "encontradas para" in shown


def test_published_queries_are_found_by_words_of_the_readers_language(anonymous):
    shown = anonymous.get("/queries?search=previsión&lang=es", headers={"Accept": "text/html"}).text

    assert "/queries/" in shown.partition("encontradas")[2]
    assert "Previsiones" in shown
