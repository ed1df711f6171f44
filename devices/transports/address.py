"""Where a device is, as the configuration says it: read strictly, so that a slip of the pen is an error and no default."""

from collections.abc import Mapping
from difflib import get_close_matches

from devices.errors import ConfigError

TIMEOUT_S = 5.0


class Address:
    """The keys of one device's address; `done` refuses those that nobody has asked for."""

    def __init__(self, device: str, given: Mapping[str, object]) -> None:
        self._device, self._given = device, given
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def text(self, key: str, default: str | None = None) -> str:
        """A text that isn't empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, value, "is no text")
        return value

    def choice(self, key: str, names: tuple[str, ...]) -> str:
        """One of several texts; the first if the key is missing."""
        value = self.text(key, names[0])
        if value not in names:
            raise self._wrong(key, value, f"is none of {', '.join(names)}")
        return value

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(key, value, f"is no whole number from {least} to {most}")
        return value

    def seconds(self, key: str, default: float, most: float) -> float:
        """A span of time above zero [s]."""
        value = self._get(key, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= most:
            raise self._wrong(key, value, f"is no number of seconds above 0 and at most {most:g}")
        return float(value)

    def timeout(self) -> float:
        """How long a read or a write may take [s]."""
        return self.seconds("timeout", TIMEOUT_S, 60)

    def done(self) -> None:
        """Refuse keys that weren't asked for.

        Raises
        ------
        ConfigError
            If there is one.
        """
        for key in self._given:
            if key not in self._asked:
                near = get_close_matches(key, self._asked, 1)
                raise ConfigError(
                    f"the address of {self._device} has a key {key!r} that its transport doesn't know; "
                    + (f"is {near[0]!r} meant?" if near else f"it knows {', '.join(sorted(self._asked))}")
                )

    def _get(self, key: str, default: object) -> object:
        self._asked.append(key)
        value = self._given.get(key, default)
        if value is None:
            raise ConfigError(f"the address of {self._device} says no {key}; add it")
        return value

    def _wrong(self, key: str, value: object, why: str) -> ConfigError:
        return ConfigError(f"the address of {self._device} says {key} = {value!r}, which {why}; correct it")
