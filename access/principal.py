"""Who asks: what sign-in, tokens and certificates come down to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the cooperative."""

    OPERATOR = "operator"
    MEMBER = "member"
    OSB = "osb"
    PARTNER = "partner"
    GRID_OPERATOR = "grid-operator"
    AUDITOR = "auditor"
    PUBLIC = "public"


@dataclass(frozen=True)
class Principal:
    """Somebody who asks.

    Attributes
    ----------
    role : what they are to the cooperative
    key : who, for the log: an account, a client id, an OSB's identifier; `anonymous` for the public
    subject : IRI of the member, OSB or organisation (partner, grid operator, auditor) they act as; `None` for operators and the public
    via : how they were recognised: `session`, `token`, `jwt`, `local` (the machine's own token) or `none`
    expires : when the recognition ends, aware; `None` if it does not
    """

    role: Role
    key: str
    subject: str | None = None
    via: str = "none"
    expires: datetime | None = None


PUBLIC = Principal(Role.PUBLIC, "anonymous")
