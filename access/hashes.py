"""Random secrets, and what is kept of them.

They have 256 bits of their own, so that a plain hash is enough: nobody guesses one, with or without a slow hash.
"""

import hashlib
import secrets


def make(prefix: str = "") -> str:
    """Make a secret of 256 random bits behind a readable prefix."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret; looking up by it takes no time that depends on the secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
