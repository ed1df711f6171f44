"""What can be wrong with what somebody wants to be told.

Exception
└── NoticeError (ValueError)
    └── WishError               an address, a language or a kind of notice that can't be
"""


class NoticeError(ValueError):
    """Base of what `notices` raises."""


class WishError(NoticeError):
    """Something that somebody wants can't be done; nothing was changed.

    Attributes
    ----------
    sentence : what is wrong and what to do, with `%(value)s` in the place of what was given, so that it can be said in other languages
    value : what was given
    """

    def __init__(self, sentence: str, value: str) -> None:
        super().__init__(sentence % {"value": value})
        self.sentence, self.value = sentence, value
