"""Sessions: how they begin, are recognised and end; and the tokens and keys that are kept beside them."""

import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from access.database import Database
from access.errors import AccessError, CredentialError
from access.principal import Role
from access.sessions import form_token, is_form_token
from access.tokens import machine_token

HOME = "http://127.0.0.1:8080/id/member/h01"


@pytest.fixture
def account(access):
    return access.accounts.add("h01", Role.MEMBER, HOME)


def test_session_ends_when_nothing_is_heard_for_two_hours(access, account, wall) -> None:
    cookie = access.sessions.start(account)
    for _ in range(3):
        wall[0] += timedelta(minutes=119)
        assert access.sessions.find(cookie) is not None

    wall[0] += timedelta(hours=2)
    assert access.sessions.find(cookie) is None


def test_session_ends_after_twelve_hours_however_busy(access, account, wall) -> None:
    cookie = access.sessions.start(account)
    for _ in range(12):
        assert access.sessions.find(cookie) is not None
        wall[0] += timedelta(hours=1)

    assert access.sessions.find(cookie) is None


def test_signing_in_gives_a_new_name_and_ends_the_old_session(access, account) -> None:
    old = access.sessions.start(account)
    new = access.sessions.start(account, instead=old)

    assert new != old
    assert access.sessions.find(old) is None
    assert access.sessions.find(new) is not None


def test_only_hashes_are_kept(access, account, tmp_path: Path) -> None:
    cookie, (token, _) = access.sessions.start(account), access.tokens.create("script", account)
    secret = access.clients.add("p1", "http://127.0.0.1:8080/id/partner/p1")
    files = b"".join(file.read_bytes() for file in (tmp_path / "access").glob("access.sqlite*"))

    for each in (cookie, token, secret):
        assert each.encode() not in files
    assert {oct(file.stat().st_mode & 0o777) for file in (tmp_path / "access").glob("*")} == {"0o600"}


def test_one_ends_only_ones_own_sessions(access, account) -> None:
    other = access.accounts.add("h02", Role.MEMBER, HOME)
    hashed = access.sessions.find(access.sessions.start(account)).hash

    assert not access.sessions.end(hashed, other)
    assert access.sessions.end(hashed, account)


def test_form_token_belongs_to_one_session() -> None:
    assert is_form_token("one", form_token("one"))
    assert not is_form_token("one", form_token("two"))
    assert not is_form_token("one", "")
    assert not is_form_token("one", "\ud800")


def test_token_says_what_its_owner_is_now(access, account) -> None:
    secret, made = access.tokens.create("script", account)
    who = access.tokens.recognise(secret)

    assert secret.startswith("flexcoop_")
    assert len(secret) == len("flexcoop_") + 43  # 256 bits in base64
    assert (who.role, who.key, who.subject, who.via, who.expires) == (Role.MEMBER, "h01", HOME, "token", made.expires)
    assert access.tokens.list(account)[0].used is not None


def test_token_of_a_box_acts_for_the_box(access) -> None:
    secret, _ = access.tokens.create_for("osb-h01", Role.OSB, "http://127.0.0.1:8080/id/osb/h01")

    assert access.recognise(f"Bearer {secret}").role is Role.OSB
    with pytest.raises(AccessError, match="belongs to an account"):
        access.tokens.create_for("x", Role.OPERATOR, HOME)


def test_expired_revoked_and_unknown_tokens_are_refused(access, account, wall) -> None:
    secret, made = access.tokens.create("script", account, timedelta(days=1))
    other = access.accounts.add("h02", Role.MEMBER, HOME)

    with pytest.raises(AccessError, match="no token 1 of yours"):
        access.tokens.revoke(made.id, other)
    wall[0] += timedelta(days=1)
    with pytest.raises(CredentialError, match="has expired"):
        access.recognise(f"Bearer {secret}")
    access.tokens.revoke(made.id, account)
    with pytest.raises(CredentialError, match="was revoked"):
        access.recognise(f"Bearer {secret}")
    with pytest.raises(CredentialError, match="Nobody was given"):
        access.recognise("Bearer flexcoop_" + "A" * 43)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=367)])
def test_life_of_a_token_has_bounds(access, account, life: timedelta) -> None:
    with pytest.raises(AccessError, match="1 to 366 days"):
        access.tokens.create("script", account, life)


def test_machine_token_is_the_operators_and_stays_over_restarts(access, tmp_path: Path) -> None:
    file = tmp_path / "access" / "operator.token"

    assert file.stat().st_mode & 0o777 == 0o600
    assert machine_token(file) == access.machine == file.read_text().strip()
    assert (access.recognise(f"Bearer {access.machine}").role, access.recognise(f"Bearer {access.machine}").via) == (Role.OPERATOR, "local")


def test_machine_token_that_others_could_read_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "operator.token"
    first = machine_token(file)
    file.chmod(0o644)

    assert machine_token(file) != first
    assert file.stat().st_mode & 0o777 == 0o600


def test_machine_token_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    (tmp_path / "operator.token").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(AccessError, match="can't be read"):
        machine_token(tmp_path / "operator.token")


def test_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    Database(tmp_path / "a.sqlite").close()
    with sqlite3.connect(tmp_path / "a.sqlite") as raw:
        raw.execute("PRAGMA user_version=99")
    raw.close()

    with pytest.raises(ValueError, match="is of version 99"):
        Database(tmp_path / "a.sqlite")


def test_database_is_opened_beside_the_running_platform(access, account, tmp_path: Path) -> None:
    cookie = access.sessions.start(account)
    beside = Database(tmp_path / "access" / "access.sqlite")
    beside.change("update account set disabled = 1")
    beside.close()

    assert access.sessions.find(cookie) is None
    assert os.getuid() == (tmp_path / "access" / "access.sqlite").stat().st_uid
