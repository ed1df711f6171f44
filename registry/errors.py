"""Why an edit is not made.

Exception
└── RegistryError (ValueError)
    ├── RefusedEditError       the graph would be wrong, or is not to be edited
    ├── StaleEditError         somebody else was there first
    └── UpdateError            an Update can't be evaluated
"""

from collections.abc import Sequence


class RegistryError(ValueError):
    """Base of what `registry` raises."""


class RefusedEditError(RegistryError):
    """The graph would break its shapes, or is the platform's own; nothing was written.

    Attributes
    ----------
    sentences : what is wrong, one sentence each
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = tuple(sentences)


class StaleEditError(RegistryError):
    """What was edited has changed since it was read; nothing was written."""


class UpdateError(RegistryError):
    """An Update is malformed, refused, too large, or took too long; nothing was written.

    Attributes
    ----------
    status : as HTTP has it: 400, 413, 501 or 503
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
