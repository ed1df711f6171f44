"""Who may call which address: every view says so, and one that doesn't is closed to all.

A view is decorated with one rule, below its route:

    @pages.get("/members/<key>")
    @rule.member("key")
    def member(key: str) -> Response: ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import g

from access.principal import PUBLIC, Principal, Role
from sparql.scope import NOTHING, Scope

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Rule:
    """Who may call a view.

    Attributes
    ----------
    roles : the roles that may; empty: anybody, also without sign-in
    own : name of the view's argument that holds a member's key; a member passes only with their own
    """

    roles: frozenset[Role] = frozenset()
    own: str | None = None

    def __call__(self, view: View) -> View:
        """Mark a view with this rule."""
        view.access_rule = self  # type: ignore[attr-defined]
        return view


class rule:  # noqa: N801  (reads as a word: @rule.operator)
    """The rules."""

    anybody = Rule()  # what the view shows is public, or it filters by `scope()`
    signed_in = Rule(frozenset(Role) - {Role.PUBLIC})
    operator = Rule(frozenset({Role.OPERATOR}))

    @staticmethod
    def member(argument: str) -> Rule:
        """The member whose key the argument holds, and operators."""
        return Rule(frozenset({Role.OPERATOR, Role.MEMBER}), own=argument)


def principal() -> Principal:
    """Who makes this request."""
    found: Principal = g.get("principal", PUBLIC)
    return found


def scope() -> Scope:
    """What whoever makes this request may see, read when it began."""
    found: Scope = g.get("scope", NOTHING)
    return found
