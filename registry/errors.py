"""Why an edit is not made.

Exception
├── RegistryError (ValueError)
│   ├── RefusedEditError       the graph would be wrong, or is not to be edited
│   ├── StaleEditError         somebody else was there first
│   └── UpdateError            an Update can't be evaluated
└── UnknownVersionError (LookupError)
"""

from collections.abc import Sequence

from shapes import Finding

MOST_SENTENCES = 20


class RegistryError(ValueError):
    """Base of what `registry` raises."""


class RefusedEditError(RegistryError):
    """The graph would break its shapes, or is the platform's own; nothing was written.

    Attributes
    ----------
    sentences : what is wrong, one sentence each; of very many the first, and how many more there are
    findings : where the shapes refused it, all that they found, in the order of the sentences
    """

    def __init__(self, sentences: Sequence[str], findings: Sequence[Finding] = ()) -> None:
        more = [f"… and {len(sentences) - MOST_SENTENCES} more."] if len(sentences) > MOST_SENTENCES else []
        self.sentences = (*sentences[:MOST_SENTENCES], *more)
        self.findings = tuple(findings)
        super().__init__(" ".join(self.sentences))


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


class UnknownVersionError(LookupError):
    """A thing never had such a version, as far as is recorded."""

    def __str__(self) -> str:
        """Show the sentence without the quotes that a KeyError adds."""
        return str(self.args[0]) if self.args else ""
