"""How often somebody may guess: per account, and per address.

Each attempt is counted before the password is looked at, so that many at once count as many. An account is locked for a growing while, which
sessions that are open already do not notice. Names nobody has are counted like others: the answers don't tell who has an account.
"""

from collections.abc import Callable
from datetime import datetime

from access.database import Database, seconds
from access.errors import ThrottledError
from access.hashes import digest

FREE_GUESSES = 5
FIRST_LOCK_S, LONGEST_LOCK_S = 60, 3600
PER_ADDRESS, WINDOW_S = 20, 60
_FORGOTTEN_S = 86400


class Throttle:
    """Counts attempts in the database, so that a restart forgives nothing.

    Parameters
    ----------
    now
        The wall clock (aware).
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._db, self._now = database, now

    def address(self, address: str) -> None:
        """Count an attempt from an address.

        Raises
        ------
        ThrottledError
            If there were more than 20 within a minute.
        """
        at = seconds(self._now())
        with self._db.transaction():
            row = self._db.row("select count, since from attempt where kind = 'address' and key = ?", address)
            count, since = (row["count"], row["since"]) if row and 0 <= at - row["since"] < WINDOW_S else (0, at)
            allowed = count < PER_ADDRESS
            if allowed:
                self._keep("address", address, count + 1, since, 0)
        if not allowed:
            wait = since + WINDOW_S - at
            raise ThrottledError(f"More than {PER_ADDRESS} attempts within a minute came from your address; try again in {wait} s", wait)

    def account(self, name: str) -> None:
        """Count an attempt at an account; `succeeded` takes all of them back.

        Raises
        ------
        ThrottledError
            If the account is locked: after five failures for a minute, after each further one twice as long, at most an hour.
        """
        at, key = seconds(self._now()), digest(name)
        with self._db.transaction():
            row = self._db.row("select count, since, until from attempt where kind = 'account' and key = ?", key)
            if row and at - row["since"] > _FORGOTTEN_S:
                row = None
            wait = row["until"] - at if row else 0
            if wait <= 0:
                count = (row["count"] if row else 0) + 1
                lock = min(LONGEST_LOCK_S, FIRST_LOCK_S << min(count - FREE_GUESSES, 10)) if count >= FREE_GUESSES else 0
                self._keep("account", key, count, at, at + lock)
        if wait > 0:
            raise ThrottledError(f"Too many wrong passwords: signing in to this account is locked; try again in {wait} s", wait)

    def succeeded(self, name: str) -> None:
        """Forget the failures of an account."""
        self._db.change("delete from attempt where kind = 'account' and key = ?", digest(name))

    def _keep(self, kind: str, key: str, count: int, since: int, until: int) -> None:
        self._db.change("delete from attempt where since < ?", seconds(self._now()) - _FORGOTTEN_S)
        self._db.change("replace into attempt (kind, key, count, since, until) values (?, ?, ?, ?, ?)", kind, key, count, since, until)
