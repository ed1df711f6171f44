"""The way out of a kind of letter that stands in the letter itself: an address that needs no sign-in, signed for one member and one kind.

References
----------
RFC 8058 (List-Unsubscribe-Post): the POST comes from the mail program without cookies, so the address alone must say who may do it.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256

from notices.due import Kind


def token(key: str, member: str, kind: Kind) -> str:
    """What nobody can guess without the platform's key: the same for every letter of a kind to a member.

    Parameters
    ----------
    key
        See `notices.feeds.Feeds.signing_key`.
    member
        IRI.
    """
    said = "\n".join(("unsubscribe", member, kind)).encode()
    return urlsafe_b64encode(hmac.digest(key.encode(), said, sha256)).decode("ascii").rstrip("=")


def opens(given: str, key: str, member: str, kind: Kind) -> bool:
    """Whether a token is that of this member and kind; takes the same time whichever it is."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token(key, member, kind).encode())
