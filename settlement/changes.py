"""Have readings changed since they were settled? Every result says which day, revision and digest it used."""

from dataclasses import dataclass
from datetime import date

from kg import queries
from kg.iris import Iris
from kg.store import Store
from telemetry import days
from telemetry.channels import Channels
from telemetry.errors import UnknownChannelError
from telemetry.used import UsedDay, standing


@dataclass(frozen=True)
class ChangedDay:
    """A day of readings that is no longer what a settlement used.

    Parameters
    ----------
    campaign
        IRI of the campaign that was settled.
    user
        The settlement result or the baseline that rests on the day.
    before
        The day as it was used.
    now
        As it is; `None` where it was dropped.
    """

    campaign: str
    user: str
    before: UsedDay
    now: UsedDay | None

    @property
    def sentence(self) -> str:
        """The change for people."""
        used_as = f"{self.user} rests on revision {self.before.revision} of {self.before.iri}"
        if self.now is None:
            return f"{used_as}, which is not kept any more; the settlement stands, but can't be computed again"
        return (
            f"{used_as}, which has been changed since and is now at revision {self.now.revision}; "
            "the settlement stands as it was written: compute it again and settle the difference by hand, or accept it"
        )


def changed_since(store: Store, iris: Iris, channels: Channels, campaign: str | None = None) -> list[ChangedDay]:
    """Compare the readings that settlements used with what is stored now, by digest.

    Parameters
    ----------
    campaign
        Only this campaign's settlement; all where absent.

    Returns
    -------
    The days that differ, by campaign and user; closing a day changes nothing, nor do readings after those that were used of an open one.
    """
    rows = queries.rows(store, queries.load("settlement", "readings_used"), campaign=campaign)
    wanted = {row["day"]: (row["channel"], row["date"]) for row in rows if "date" in row}
    now = {day.iri: day for day in standing(store, iris, _nodes(iris, channels, wanted))}
    found = []
    for row in rows:
        end = row.get("end")
        before, day = UsedDay(row["day"], int(row["revision"]), row["digest"], None if end is None else int(end)), now.get(row["day"])
        if day is None or not before.still_holds(day):
            found.append(ChangedDay(row["campaign"], row["user"], before, None if day is None else UsedDay.of(day)))
    return found


def _nodes(iris: Iris, channels: Channels, wanted: dict[str, tuple[str, date]]) -> list[days.Day]:
    nodes = []
    for channel, day in wanted.values():
        try:
            nodes.append(days.empty(iris, channels.known(channel), day))
        except UnknownChannelError:
            continue
    return nodes
