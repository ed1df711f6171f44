"""What goes wrong when somebody wants in; every message is a sentence for the person or program that asked."""


class AccessError(ValueError):
    """Something about accounts, tokens, clients or keys can't be done."""


class ThrottledError(AccessError):
    """Too many attempts.

    Attributes
    ----------
    retry_after : seconds after which another attempt makes sense
    """

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class CredentialError(AccessError):
    """What was shown does not prove who somebody is; answered with 401.

    Attributes
    ----------
    code : error code of RFC 6750 (`invalid_token`, `invalid_request`) or of RFC 6749 (`invalid_client`)
    scheme : `Bearer` or `Basic`, the scheme to ask for
    """

    def __init__(self, sentence: str, code: str = "invalid_token", scheme: str = "Bearer") -> None:
        super().__init__(sentence)
        self.code, self.scheme = code, scheme


class ProviderError(AccessError):
    """The OpenID provider can't be used, or what it answered is not to be believed."""


class UnknownPersonError(AccessError):
    """The OpenID provider knows this person, and this platform has no account for them."""
