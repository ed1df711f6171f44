"""The table of settings, and the page that documents it."""

from pathlib import Path

import pytest

import settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"


def test_defaults_are_a_whole_platform_on_loopback() -> None:
    chosen = settings.load({})

    assert (chosen.web.host, chosen.web.port, chosen.store.kind, chosen.broker.host) == ("127.0.0.1", 8080, "embedded", "")


def test_environment_wins_over_file(tmp_path: Path) -> None:
    file = tmp_path / "flex.toml"
    file.write_text("FLEX_HTTP_PORT = 8081\nFLEX_DEMO_HOMES = 3\n")

    chosen = settings.load({"FLEX_HTTP_PORT": "8082"}, file)

    assert (chosen.web.port, chosen.demo.homes) == (8082, 3)


def test_remote_store_gets_the_three_addresses_of_its_dataset() -> None:
    store = settings.load({"FLEX_STORE": "http://127.0.0.1:3030/flex/"}).store

    assert (store.query_url, store.update_url, store.gsp_url) == (
        "http://127.0.0.1:3030/flex/query",
        "http://127.0.0.1:3030/flex/update",
        "http://127.0.0.1:3030/flex/data",
    )


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    broker = settings.load({"FLEX_BROKER": "[2001:db8::7]:8883"}).broker

    assert (broker.host, broker.port) == ("2001:db8::7", 8883)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"FLEX_HTTP_PROT": "1"}, "FLEX_HTTP_PROT in the environment is not a setting of FLEXCoop; did you mean FLEX_HTTP_PORT?"),
        ({"FLEX_HTTP_PORT": "http"}, "FLEX_HTTP_PORT='http' is not a number; port of the web pages and the endpoint"),
        ({"FLEX_DEMO_HOMES": "-1"}, "FLEX_DEMO_HOMES='-1' is negative"),
        ({"FLEX_HTTP_HOST": "0.0.0.0"}, "would carry passwords and members' data in the clear"),
        ({"FLEX_OIDC_ISSUER": "https://id.example"}, "but not FLEX_OIDC_CLIENT_ID"),
        ({"FLEX_K_ANONYMITY": "1"}, "would publish what single homes do"),
        ({"FLEX_BASE": "http://coop.example/"}, "without a slash at its end"),
        ({"FLEX_STORE": "var/store"}, "is neither `embedded` nor the http(s) address"),
        ({"FLEX_BROKER": "mosquitto"}, "is neither `embedded` nor host:port"),
        ({"FLEX_UPDATE": "yes"}, "FLEX_UPDATE='yes' is neither on nor off"),
        ({"FLEX_BROKER_KIND": "rabbit"}, "use auto, mosquitto or amqtt"),
        ({"FLEX_BROKER_SECURITY": "ssl"}, "FLEX_BROKER_SECURITY='ssl' is unknown; use loopback or tls"),
        ({"FLEX_BROKER_HOST": "0.0.0.0"}, "would open the broker to the network without certificates"),
        ({"FLEX_BROKER_SECURITY": "tls", "FLEX_BROKER_KIND": "amqtt"}, "use auto or mosquitto"),
        ({"FLEX_BROKER_SECURITY": "tls", "FLEX_BROKER_HOST": "::"}, "set FLEX_BROKER_NAMES"),
        ({"FLEX_BROKER_CERTIFICATE_DAYS": "0"}, "is not from 1 to 825"),
        ({"FLEX_SMTP_SECURITY": "ssl"}, "FLEX_SMTP_SECURITY='ssl' is unknown; use starttls, tls or none"),
        ({"FLEX_SMTP_HOST": "mail.example"}, "names no mailbox that letters could come from"),
        ({"FLEX_SMTP_HOST": "mail.example", "FLEX_SMTP_FROM": "Coop <a@b.example>\r\nBcc: x@y.example"}, "names no mailbox"),
        ({"FLEX_SMTP_HOST": "mail.example", "FLEX_SMTP_FROM": "a@b.example", "FLEX_SMTP_SECURITY": "none"}, "in the clear"),
        ({"FLEX_SMTP_PORT": "70000"}, "is no port; 587 is usual for starttls"),
        ({"FLEX_SMTP_USER": "flex"}, "only one is set, and neither works alone"),
    ],
)
def test_wrong_setting_is_refused_with_what_to_do(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(settings.SettingsError) as refused:
        settings.load(given)

    assert sentence in str(refused.value)


def test_the_network_is_reached_behind_a_proxy_with_tls_only() -> None:
    assert settings.load({"FLEX_HTTP_HOST": "0.0.0.0", "FLEX_BASE": "https://coop.example"}).web.host == "0.0.0.0"


def test_without_a_mail_server_nothing_is_sent_and_with_one_the_sender_is_known() -> None:
    mail = settings.load({"FLEX_SMTP_HOST": "mail.example", "FLEX_SMTP_FROM": "Energy cooperative <events@coop.example>"}).mail

    assert settings.load({}).mail.host == ""
    assert (mail.port, mail.security, mail.address) == (587, "starttls", "events@coop.example")


def test_secrets_are_never_shown() -> None:
    shown = settings.load({"FLEX_STORE_PASSWORD": "geheim"}).shown()

    assert dict((name, value) for name, value, _, _ in shown)["FLEX_STORE_PASSWORD"] == "(hidden)"
    assert "geheim" not in str(shown)


@pytest.mark.parametrize("row", settings.TABLE, ids=lambda row: row.name)
def test_every_setting_is_documented_as_it_is(row: settings.Setting) -> None:
    assert f"| `{row.name}` | `{row.default}` | {row.help} |".replace("| `` |", "| |") in PAGE.read_text(encoding="utf-8")


def test_documented_settings_exist() -> None:
    named = {line.split("`")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `FLEX_")}

    assert named == {row.name for row in settings.TABLE}
