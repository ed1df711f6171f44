"""What is kept of calendars and of links in letters: digests of secrets, the key that signs, and what each event has shown so far."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kg.terms import instant
from notices.database import Database


@dataclass(frozen=True)
class Face:
    """What is to be shown of an event: a digest of everything that people see, and since when the graph knows it (UTC)."""

    facts: str
    known: datetime


@dataclass(frozen=True)
class Revision:
    """How often what is shown of an event has changed, and when it did last (UTC)."""

    sequence: int
    changed: datetime


class Feeds:
    """Calendars and signed links; every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digest(self, member: str) -> str | None:
        """The digest of the secret of a member's calendar."""
        with self._database.lock:
            row = self._database.db.execute("select digest from feed where member = ?", (member,)).fetchone()
        return None if row is None else str(row[0])

    def keep_digest(self, member: str, digest: str | None, now: datetime) -> None:
        """Keep the digest of a new secret, with which the one before ends; `None`: end it."""
        with self._database.transaction() as db:
            db.execute("delete from feed where member = ?", (member,))
            if digest is not None:
                db.execute("insert into feed (member, digest, renewed) values (?, ?, ?)", (member, digest, instant(now)))

    def signing_key(self, mint: Callable[[], str]) -> str:
        """The key that signs links in letters; `mint` makes it, once."""
        with self._database.transaction() as db:
            row = db.execute("select value from secret where name = 'links'").fetchone()
            if row is None:
                row = (mint(),)
                db.execute("insert into secret (name, value) values ('links', ?)", row)
        return str(row[0])

    def revisions(self, member: str, faces: Mapping[str, Face], now: datetime) -> dict[str, Revision]:
        """Note what is shown of events now, and say which revision of it that is; who saw two different faces saw two numbers.

        Parameters
        ----------
        member
            IRI.
        faces
            By the event's IRI.
        """
        found: dict[str, Revision] = {}
        with self._database.transaction() as db:
            rows = db.execute("select event, facts, sequence, changed from shown where member = ?", (member,)).fetchall()
            kept = {event: (facts, Revision(sequence, _at(changed))) for event, facts, sequence, changed in rows}
            for event, face in faces.items():
                facts, last = kept.get(event, ("", None))
                if last is not None and facts == face.facts:
                    found[event] = last
                    continue
                new = Revision(0, face.known) if last is None else Revision(last.sequence + 1, max(now, last.changed))
                db.execute(
                    "insert or replace into shown (event, member, facts, sequence, changed) values (?, ?, ?, ?, ?)",
                    (event, member, face.facts, new.sequence, instant(new.changed)),
                )
                found[event] = new
        return found


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
