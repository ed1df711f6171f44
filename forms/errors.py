"""What can go wrong with forms.

Exception
└── FormError
    ├── UnknownFormError (KeyError)  no shape describes such things
    ├── PlaceError (ValueError)      a new thing can't be put where it was asked to
    └── UnreadableError (ValueError) what somebody typed is no value of the field; `sentence` tells them
"""

from collections.abc import Mapping

from forms.words import say
from registry.naming import Refusal


class FormError(Exception):
    """Base of everything that `forms` raises on purpose."""


class UnknownFormError(FormError, KeyError):
    """No shape describes such things."""

    def __str__(self) -> str:
        """The sentence itself, which KeyError would put in quotation marks."""
        return str(self.args[0]) if self.args else ""


class PlaceError(FormError, ValueError):
    """A new thing can't be put where it was asked to; why, as a sentence or as the rule for keys that refuses it."""

    def __init__(self, why: str | Refusal) -> None:
        self._why = why
        super().__init__(self.said("en"))

    def said(self, language: str) -> str:
        """What is wrong, in a language if it is about a key."""
        return self._why if isinstance(self._why, str) else self._why.said(language)


class UnreadableError(FormError, ValueError):
    """What somebody typed is no value of the field.

    Attributes
    ----------
    key, values : entry of `forms.words.SENTENCES`, and what is filled into it
    """

    def __init__(self, key: str, language: str = "en", **values: object) -> None:
        self.key = key
        self.values: Mapping[str, object] = values
        super().__init__(say(key, language, **values))

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, in the language it was read in."""
        return str(self)
