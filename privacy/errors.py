"""What can't be done with a member's data, and why."""


class PrivacyError(ValueError):
    """A member's data can't be exported, erased or published as asked."""


class UnknownMemberError(PrivacyError, LookupError):
    """There is no such member."""
