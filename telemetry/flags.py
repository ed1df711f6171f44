"""The flags of one day as they are about to stand: what is stored, with what is new and without what is gone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from telemetry.days import Day, Flag


@dataclass(slots=True)
class FlagEdit:
    """A change of one day's flags.

    `new` and `gone` are what the store is told; a flag that changes is in both. Flags are found by their slots without looking at each:
    a device that is wrong all day has one for every slot.
    """

    day: Day
    new: dict[str, Flag] = field(default_factory=dict)
    gone: dict[str, Flag] = field(default_factory=dict)
    _slots: dict[int, dict[str, None]] | None = None
    _runs: dict[str, None] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.new or self.gone)

    @property
    def empty(self) -> bool:
        """Whether the day has no flags, and gets none."""
        return not self.new and not self.day.flags

    def get(self, name: str) -> Flag | None:
        """The flag of this IRI, if it is about to stand."""
        flag = self.new.get(name)
        return self.day.flags.get(name) if flag is None and name not in self.gone else flag

    def standing(self) -> Iterator[Flag]:
        """All that are about to stand."""
        yield from [flag for name, flag in self.day.flags.items() if name not in self.gone]
        yield from list(self.new.values())

    def covering(self, offset: int) -> list[Flag]:
        """Those about one slot."""
        return [flag for flag in self._near((offset,)) if flag.covers(offset)]

    def touching(self, first: int, end: int, step_s: int) -> list[Flag]:
        """Those about a slot in `[first, end)`, or next to it."""
        near = self._near(range(first - step_s, end + step_s, step_s))
        return [flag for flag in near if flag.offset <= end and first <= (flag.offset + step_s if flag.end is None else flag.end)]

    def runs(self) -> list[Flag]:
        """Those that state an end."""
        return [flag for flag in self._near(()) if flag.end is not None]

    def put(self, flag: Flag) -> None:
        """Let a flag stand, in the place of one of the same IRI."""
        stored = self.day.flags.get(flag.iri)
        self._forget(self.get(flag.iri))
        if stored == flag:
            self.gone.pop(flag.iri, None)
            self.new.pop(flag.iri, None)
        else:
            if stored is not None:
                self.gone[flag.iri] = stored
            self.new[flag.iri] = flag
        self._learn(flag)

    def drop(self, name: str) -> None:
        """Let a flag stand no longer."""
        self._forget(self.get(name))
        self.new.pop(name, None)
        stored = self.day.flags.get(name)
        if stored is not None:
            self.gone[name] = stored

    def settle(self) -> None:
        """Carry the change into the day."""
        for name in self.gone:
            self.day.flags.pop(name, None)
        self.day.flags |= self.new

    def _near(self, offsets: Iterable[int]) -> Iterator[Flag]:
        """Flags of single slots among these, and all runs."""
        if self._slots is None:
            self._slots = {}
            for flag in self.standing():
                self._learn(flag)
        names = [name for offset in offsets for name in self._slots.get(offset, ())]
        found = (self.get(name) for name in (*names, *self._runs))
        return (flag for flag in found if flag is not None)

    def _learn(self, flag: Flag) -> None:
        if self._slots is None:
            return  # looked up when it is asked for first
        if flag.end is not None:
            self._runs[flag.iri] = None
        else:
            self._slots.setdefault(flag.offset, {})[flag.iri] = None

    def _forget(self, flag: Flag | None) -> None:
        if flag is not None and self._slots is not None:
            self._runs.pop(flag.iri, None)
            self._slots.get(flag.offset, {}).pop(flag.iri, None)
