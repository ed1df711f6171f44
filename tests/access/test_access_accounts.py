"""Local accounts: passwords, links, and what guessing costs."""

from datetime import timedelta
from statistics import median
from time import perf_counter

import pytest
from argon2 import PasswordHasher, extract_parameters

from access.accounts import Accounts
from access.errors import AccessError, ThrottledError
from access.opened import demo_accounts
from access.principal import Role

GOOD, HOME = "a few plain words", "http://127.0.0.1:8080/id/member/h01"


def test_password_is_kept_as_argon2id_and_nowhere_else(access) -> None:
    access.accounts.add("h01", Role.MEMBER, HOME, GOOD)

    kept = access.database.row("select password from account where name = 'h01'")["password"]
    assert kept.startswith("$argon2id$")
    assert GOOD not in kept
    assert access.accounts.verify("h01", GOOD).subject == HOME
    assert access.accounts.verify("h01", GOOD + " ") is None


def test_parameters_are_those_of_the_rfc(access) -> None:
    found = extract_parameters(Accounts(access.database, lambda: None)._nobody)

    assert (found.memory_cost, found.time_cost, found.parallelism) == (65536, 3, 4)


def test_a_stronger_hash_replaces_a_weaker_one_at_sign_in(access) -> None:
    access.accounts.add("h01", Role.MEMBER, HOME, GOOD)
    stronger = Accounts(access.database, lambda: None, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))

    assert stronger.verify("h01", GOOD)
    assert "m=16,t=2" in access.database.row("select password from account")["password"]
    assert stronger.verify("h01", GOOD)


@pytest.mark.parametrize("password", ["", "eleven char", "a" * 20, "x" * 1025, "operator-2026", "\ud800" + GOOD], ids=range(6))
def test_weak_password_is_refused_with_why(access, password: str) -> None:
    with pytest.raises(AccessError, match="password"):
        access.accounts.add("operator", Role.OPERATOR, None, password)
    assert access.accounts.find("operator") is None


@pytest.mark.parametrize("name", ["", "H01", "-h", "a b", "x" * 65, "é", "a/b"])
def test_name_that_is_none_is_refused(access, name: str) -> None:
    with pytest.raises(AccessError, match="is no name of an account"):
        access.accounts.add(name, Role.OPERATOR)


@pytest.mark.parametrize(
    ("role", "subject"), [(Role.MEMBER, None), (Role.OPERATOR, HOME), (Role.OSB, HOME), (Role.PARTNER, HOME), (Role.PUBLIC, None)]
)
def test_role_and_whom_it_acts_for_must_fit(access, role: Role, subject: str | None) -> None:
    with pytest.raises(AccessError, match="account"):
        access.accounts.add("somebody", role, subject)


def test_unknown_names_cost_as_much_time_as_known_ones(access) -> None:
    slow = Accounts(access.database, access.accounts._now, PasswordHasher(time_cost=8, memory_cost=4096, parallelism=1))
    slow.add("h01", Role.MEMBER, HOME, GOOD)

    def time(name: str) -> float:
        begun = perf_counter()
        assert slow.verify(name, "not this one") is None
        return perf_counter() - begun

    pairs = [(time("h01"), time("nobody")) for _ in range(9)]
    assert 0.4 < median(known / unknown for known, unknown in pairs) < 2.5  # without the work for nobody it is above 100


def test_account_is_locked_for_a_growing_while(access, wall) -> None:
    access.accounts.add("h01", Role.MEMBER, HOME, GOOD)
    waits = []
    for number in range(12):
        try:
            assert access.account("h01", "wrong", f"10.0.0.{number}") is None
        except ThrottledError as error:
            waits.append(error.retry_after)
            wall[0] += timedelta(seconds=error.retry_after)
            assert access.account("h01", "wrong", f"10.0.1.{number}") is None

    assert waits == [60, 120, 240, 480, 960, 1920, 3600]


def test_locked_account_refuses_the_right_password_too_and_later_takes_it(access, wall) -> None:
    access.accounts.add("h01", Role.MEMBER, HOME, GOOD)
    for _ in range(5):
        access.account("h01", "wrong", "10.0.0.1")

    with pytest.raises(ThrottledError):
        access.account("h01", GOOD, "10.0.0.2")
    wall[0] += timedelta(seconds=60)
    assert access.account("h01", GOOD, "10.0.0.2") is not None
    for _ in range(5):  # success took the failures back
        assert access.account("h01", "wrong", "10.0.0.3") is None


def test_unknown_name_is_locked_like_a_known_one(access) -> None:
    access.accounts.add("h01", Role.MEMBER, HOME, GOOD)

    def answers(name: str, address: str) -> list[str]:
        said = []
        for _ in range(7):
            try:
                said.append(str(access.account(name, "wrong", address)))
            except ThrottledError as error:
                said.append(str(error))
        return said

    assert answers("h01", "10.0.0.1") == answers("nobody", "10.0.0.2")


def test_an_address_has_twenty_attempts_a_minute(access, wall) -> None:
    waits: list[int] = []

    def attempts() -> int:
        passed = 0
        for number in range(100):
            try:
                access.account(f"n{wall[0]:%M}{number}", "wrong", "10.0.0.1")
                passed += 1
            except ThrottledError as error:
                waits.append(error.retry_after)
        return passed

    assert attempts() == 20
    access.account("h01", "wrong", "10.0.0.2")
    wall[0] += timedelta(seconds=60)
    assert attempts() == 20
    assert set(waits) == {60}


def test_locked_account_keeps_its_sessions_and_tokens(access) -> None:
    account = access.accounts.add("h01", Role.MEMBER, HOME, GOOD)
    cookie, (token, _) = access.sessions.start(account), access.tokens.create("script", account)
    for _ in range(5):
        access.account("h01", "wrong", "10.0.0.1")

    assert access.sessions.find(cookie) is not None
    assert access.tokens.recognise(token).subject == HOME


def test_new_password_ends_the_other_sessions(access) -> None:
    account = access.accounts.add("h01", Role.MEMBER, HOME, GOOD)
    here, there = access.sessions.start(account), access.sessions.start(account)

    access.accounts.set_password("h01", "several other words", but=access.sessions.find(here).hash)

    assert access.sessions.find(here) is not None
    assert access.sessions.find(there) is None
    assert access.accounts.verify("h01", GOOD) is None
    assert access.accounts.verify("h01", "several other words") is not None


def test_disabled_account_has_neither_sessions_nor_a_password_nor_tokens(access) -> None:
    account = access.accounts.add("h01", Role.MEMBER, HOME, GOOD)
    cookie, (token, _) = access.sessions.start(account), access.tokens.create("script", account)

    access.accounts.disable("h01")

    assert access.sessions.find(cookie) is None
    assert access.accounts.verify("h01", GOOD) is None
    with pytest.raises(AccessError, match="is disabled"):
        access.tokens.recognise(token)
    access.accounts.disable("h01", disabled=False)
    assert access.accounts.verify("h01", GOOD) is not None
    assert access.sessions.find(cookie) is None


def test_somebody_at_a_provider_is_linked_to_one_account(access) -> None:
    access.accounts.add("h01", Role.MEMBER, HOME)
    access.accounts.add("operator", Role.OPERATOR)
    access.accounts.link("h01", "https://id.example", "7")

    assert access.accounts.linked("https://id.example", "7").name == "h01"
    assert access.accounts.linked("https://other.example", "7") is None
    with pytest.raises(AccessError, match="linked to the account 'h01' already"):
        access.accounts.link("operator", "https://id.example", "7")
    assert access.accounts.unlink("https://id.example", "7")
    assert access.accounts.linked("https://id.example", "7") is None


def test_demo_accounts_have_no_password_and_are_made_once(access) -> None:
    for _ in range(2):
        demo_accounts(access, {"h01": HOME})

    assert [(one.name, one.role, one.password) for one in access.accounts.list(demo=True)] == [
        ("h01", Role.MEMBER, False),
        ("operator", Role.OPERATOR, False),
    ]
    assert access.accounts.verify("operator", "") is None
    assert access.accounts.verify("operator", "the password of nobody") is None
