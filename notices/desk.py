"""The desk: looks what is due, writes the letters, and has them sent by a thread of its own."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kg.iris import Iris
from kg.store import Store
from notices import calendar, events, letters, unsubscribe, wishes
from notices.database import Database
from notices.due import SETTLED_FOR, Kind, Notice, Told, decide
from notices.events import Part
from notices.feeds import Feeds
from notices.letters import Office
from notices.post import New, Post, Status
from notices.smtp import Server
from notices.wishes import Wish
from ontology.names import FCV

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 2.0


@dataclass(frozen=True)
class Clocks:
    """The platform's time, in which events happen, and the time on the wall, in which mail is dated; both aware."""

    now: Callable[[], datetime]
    wall: Callable[[], datetime]


class Desk:
    """Tells members.

    Parameters
    ----------
    file
        What was decided, sent and shown; see `notices.database`.
    office
        Who writes.
    server
        The mail server; `None`: nothing leaves, and notices are kept as what would be sent.
    mint
        Makes a secret that nobody can guess.
    """

    def __init__(
        self, store: Store, iris: Iris, file: Path, clocks: Clocks, office: Office, server: Server | None, mint: Callable[[], str]
    ) -> None:
        self._store, self._iris, self._clocks, self._office, self._server, self._mint = store, iris, clocks, office, server, mint
        self._file = Database(file)
        self.post, self._feeds = Post(self._file), Feeds(self._file)
        self._settled: set[str] = set()  # campaigns of which everything was said
        self._stopping, self._news = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def sends(self) -> bool:
        """Whether there is a mail server."""
        return self._server is not None

    def start(self) -> None:
        """Send what waits from now on, in a thread."""
        if self._server is not None and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="notices", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop sending; what waits is sent after the next start."""
        self._stopping.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
        self._file.close()

    def advance(self, now: datetime) -> int:
        """Decide on everything that is due, and note it; returns how many notices there were."""
        self.post.expire(now)
        begin = now - SETTLED_FOR
        watched = [one for one in events.campaigns(self._store, begin) if self._watched(one, now)]
        if not watched:
            return 0
        told = self.post.told(begin)
        parts = events.of_campaigns(self._store, self._iris, watched)
        news = events.detailed(self._store, [part for part in parts if _may_be_news(part, told.get(part.event), now)])
        due = [notice for part in news if (notice := decide(part, told.get(part.event), now)) is not None]
        if due:
            wanted = wishes.read(self._store)
            self.post.note([self._new(notice, wanted.get(notice.part.member), now) for notice in due], now)
            self._news.set()
        self._settled |= {one.iri for one in watched if one.status == str(FCV.CampaignSettled)}
        return len(due)

    def _watched(self, campaign: events.Campaign, now: datetime) -> bool:
        """Nothing changes for members after the end of a campaign but that it is settled, once."""
        if campaign.status == str(FCV.CampaignSettled):
            return campaign.iri not in self._settled
        return campaign.end > now

    def deliver(self) -> int:
        """Send what waits now; returns how many letters left."""
        if self._server is None:
            return 0
        return self.post.deliver(self._server, self._clocks.now(), self._clocks.wall(), self._stopping.is_set)

    def _new(self, notice: Notice, wish: Wish | None, now: datetime) -> New:
        if notice.needless:
            return New(notice, Status.NEEDLESS)
        if wish is not None and notice.kind not in wish.kinds:
            return New(notice, Status.UNWANTED)
        signed = unsubscribe.token(self._key(), notice.part.member, notice.kind)
        letter = letters.compose(notice, wish.language if wish else "en", self._office.base, signed)
        if wish is None or not wish.address:
            return New(notice, Status.UNADDRESSED, letter.subject)
        if notice.until <= now:
            return New(notice, Status.MISSED, letter.subject)
        if self._server is None:
            return New(notice, Status.KEPT, letter.subject)
        number = self.post.number(notice.part.event)
        written = letters.message(notice, letter, wish.address, self._office, self._clocks.wall(), number)
        return New(notice, Status.WAITING, letter.subject, wish.address, written)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.deliver()
            except Exception:  # one letter must not end the post: it is logged and tried again
                log.exception("letters could not be sent; they are tried again")
            self._news.wait(LOOKS_EVERY_S)
            self._news.clear()

    # --- calendars -------------------------------------------------------------------------------------------------------------------

    def renew_calendar(self, member: str) -> str:
        """Make a new secret for a member's calendar, with which the one before ends; it is kept nowhere, so show it now.

        Parameters
        ----------
        member
            IRI.
        """
        secret = self._mint()
        self._feeds.keep_digest(member, calendar.digest(secret), self._clocks.now())
        return secret

    def end_calendar(self, member: str) -> None:
        """Have nobody read a member's calendar any more."""
        self._feeds.keep_digest(member, None, self._clocks.now())

    def has_calendar(self, member: str) -> bool:
        """Whether a secret opens a member's calendar."""
        return self._feeds.digest(member) is not None

    def calendar(self, member: str, secret: str) -> bytes | None:
        """A member's calendar, for who has its secret; `None` for everybody else, and where there is no such member."""
        if not calendar.opens(secret, self._feeds.digest(member)):
            return None
        now = self._clocks.now()
        language = wishes.of(self._store, member).language
        parts = events.of_member(self._store, self._iris, member, now - calendar.KEPT)
        return calendar.calendar(
            parts,
            base=self._iris.base,
            member=self._iris.key(member),
            language=language,
            revised=lambda faces: self._feeds.revisions(member, faces, now),
        )

    # --- links in letters ------------------------------------------------------------------------------------------------------------

    def may_end(self, member: str, kind: Kind, token: str) -> bool:
        """Whether a token is the one that letters of this kind to this member (IRI) carry, with which they can be ended without sign-in."""
        return unsubscribe.opens(token, self._key(), member, kind)

    def _key(self) -> str:
        return self._feeds.signing_key(self._mint)

    # --- personal data ---------------------------------------------------------------------------------------------------------------

    def forget(self, member: str) -> int:
        """Forget a member here; what they wished is in the graph, and goes with their graphs."""
        return self._file.forget(member)


def _may_be_news(part: Part, told: Told | None, now: datetime) -> bool:
    """Whether it is worth while to look at a part more closely."""
    return part.campaign_status == str(FCV.CampaignSettled) or decide(part, told, now) is not None
