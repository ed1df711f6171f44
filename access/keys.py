"""The keys that sign what partners are given; the public halves are at `/.well-known/jwks.json`."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey

from access.database import Database, seconds
from access.errors import AccessError

ALGORITHM = "ES256"
LONGEST_LIFE = timedelta(hours=1)  # of a token; a retired key is needed for as long


class Keys:
    """The signing keys: one current, and those before it until the last token that they signed has expired.

    Parameters
    ----------
    now
        The wall clock (aware).
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._db, self._now = database, now
        with database.transaction():
            if database.row("select kid from signing_key where retired is null") is None:
                self._make()

    def current(self) -> ECKey:
        """Return the key to sign with; its name is `.kid`."""
        row = self._db.row("select jwk from signing_key where retired is null")
        assert row is not None  # noqa: S101  (made at the start, replaced in one transaction)
        return ECKey.import_key(json.loads(row["jwk"]))

    def find(self, kid: str) -> ECKey | None:
        """Return the key of this name, unless it is so old that nothing it signed can be valid."""
        row = self._db.row("select jwk from signing_key where kid = ? and (retired is null or retired > ?)", kid, self._oldest())
        return None if row is None else ECKey.import_key(json.loads(row["jwk"]))

    def public(self) -> dict[str, list[dict[str, Any]]]:
        """Return the JWKS: the public halves of the current and of the previous keys."""
        rows = self._db.rows("select jwk from signing_key where retired is null or retired > ? order by created desc, kid", self._oldest())
        return {"keys": [dict(ECKey.import_key(json.loads(row["jwk"])).as_dict(private=False)) for row in rows]}

    def rotate(self) -> str:
        """Make a new key and sign with it from now on; what the old one signed stays valid until it expires. Returns the new key's name."""
        with self._db.transaction():
            self._db.change("delete from signing_key where retired is not null and retired <= ?", self._oldest())
            self._db.change("update signing_key set retired = ? where retired is null", seconds(self._now()))
            return self._make()

    def remove(self, kid: str) -> None:
        """Remove a key at once, for instance one that was stolen: what it signed is refused from the next request on.

        Raises
        ------
        AccessError
            If there is no such key.
        """
        with self._db.transaction():
            if not self._db.change("delete from signing_key where kid = ?", kid):
                raise AccessError(f"There is no signing key {kid!r}; /.well-known/jwks.json names those there are")
            if self._db.row("select kid from signing_key where retired is null") is None:
                self._make()

    def _oldest(self) -> int:
        return seconds(self._now() - LONGEST_LIFE) - 60  # with the leeway that verification grants

    def _make(self) -> str:
        key = ECKey.generate_key("P-256", auto_kid=True, parameters={"use": "sig", "alg": ALGORITHM})
        kid = str(key.kid)
        self._db.change(
            "insert into signing_key (kid, jwk, created) values (?, ?, ?)", kid, json.dumps(key.as_dict(private=True)), seconds(self._now())
        )
        return kid
