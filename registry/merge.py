"""Two edits of one thing at once, brought together field by field."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Side(StrEnum):
    """Who changed a field, of two that began with the same."""

    NOBODY = "nobody"
    MINE = "mine"
    THEIRS = "theirs"
    SAME = "same"  # both, to the same
    CONFLICT = "conflict"  # both, to something else each


@dataclass(frozen=True)
class Choice(Generic[T]):
    """One field of three.

    Attributes
    ----------
    base, mine, theirs : its value before, as I want it, as it is now; `None` where it has none
    side : who changed it
    """

    base: T | None
    mine: T | None
    theirs: T | None
    side: Side

    @property
    def merged(self) -> T | None:
        """What is right if nobody is asked: the one change there is; of two, mine."""
        return self.theirs if self.side is Side.THEIRS else self.mine


def three_way(base: Mapping[str, T], mine: Mapping[str, T], theirs: Mapping[str, T]) -> dict[str, Choice[T]]:
    """Compare what somebody wants with what became of it meanwhile.

    Parameters
    ----------
    base
        What they saw, by field.
    mine, theirs
        What they want; what is there now.

    Returns
    -------
    Every field of any of the three, in the order in which they come first.
    """
    keys = dict.fromkeys((*base, *mine, *theirs))
    return {key: _choice(base.get(key), mine.get(key), theirs.get(key)) for key in keys}


def _choice(base: T | None, mine: T | None, theirs: T | None) -> Choice[T]:
    if mine == theirs:
        side = Side.NOBODY if mine == base else Side.SAME
    elif mine == base:
        side = Side.THEIRS
    else:
        side = Side.MINE if theirs == base else Side.CONFLICT
    return Choice(base, mine, theirs, side)
