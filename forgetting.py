"""A member's rights on the whole platform: everything about them in one file, and being forgotten everywhere."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from api.dumps import forget as forget_dumps
from kg import queries
from privacy import export
from privacy.erasure import LEDGER, Erased, Ledger, Place, Tell, erase, resume, untold
from privacy.errors import PrivacyError
from privacy.export import Holdings, Stop, editors, keys_of
from privacy.pseudonyms import PREFIX, Keys
from service import Platform
from telemetry.errors import BrokerError

MOST_LOOKS = 100_000
JOB = "erase.json"


@dataclass(frozen=True)
class _Beside:
    """Everything beside the graph that remembers members: accounts, records, refused messages, certificates, files made for others."""

    platform: Platform

    def forget(self, keys: Keys, at: datetime) -> None:
        """Make it forget; doing it again changes nothing."""
        del at
        platform = self.platform
        platform.access.forget(_acting(keys))
        platform.audit.forget(keys.member, keys.accounts)
        platform.dead_letters.forget(keys.boxes)
        platform.notices.forget(keys.iri)
        for box in keys.boxes:
            try:
                platform.boxes.revoke(box)
            except (BrokerError, LookupError, ValueError):
                continue  # a broker without certificates, or a box that never had one
        forget_dumps(platform.settings.data_dir / "dumps")


def _acting(keys: Keys) -> list[str]:
    """What accounts and tokens may act for: the member, and boxes."""
    return [keys.iri, *sorted(each for each in keys.things if "/id/osb/" in each)]


def _keys(platform: Platform, member: str) -> Keys:
    """Find a member, and the accounts that act for them, or did when they were erased: a restored backup still knows their names."""
    keys = keys_of(platform.store, platform.iris, member)
    names = {str(each["account"]) for each in platform.access.held(_acting(keys)) if "account" in each}
    names |= set(_ledger(platform).accounts(member, editors(platform.store, platform.iris, member)))
    return replace(keys, accounts=tuple(sorted(names)))


def export_member(platform: Platform, member: str, target: BinaryIO, *, tell: Tell = untold, stop: Stop = lambda: False) -> dict[str, int]:
    """Write everything that is held about a member as a ZIP; see `privacy.export.write`."""
    keys = _keys(platform, member)
    held = Holdings(
        accounts=platform.access.held(_acting(keys)),
        looked=[asdict(look) for look in platform.audit.about(member, MOST_LOOKS)],
        refused=[
            {"at": each.at, "source": each.source, "sentence": each.sentence, "payload": each.payload.decode("utf-8", "replace")}
            for each in platform.dead_letters.of_boxes(keys.boxes)
        ],
        notices=platform.notices.post.held(keys.iri),
    )
    homes = queries.rows(platform.store, queries.load("api", "member_home"), member=keys.iri)
    return export.write(
        target,
        platform.store,
        platform.channels,
        platform.readings,
        keys,
        at=platform.now(),
        zone=ZoneInfo(str(homes[0]["zone"]) if homes else "UTC"),
        holdings=held,
        tell=tell,
        stop=stop,
    )


def erase_member(platform: Platform, member: str, *, confirmed: str, tell: Tell = untold) -> dict[str, Any]:
    """Forget a member, then write the store anew, so that its files hold nothing of them either.

    Raises
    ------
    privacy.errors.PrivacyError
        If the key was not typed again, or a campaign with the member is not settled.
    """
    if confirmed != member:
        raise PrivacyError(f"this can't be undone: to forget {member}, give that key once more as confirmation (was {confirmed!r})")
    return _erased(platform, member, tell=tell)


def _erased(platform: Platform, member: str, *, tell: Tell = untold, while_open: bool = False) -> dict[str, Any]:
    keys = _keys(platform, member)
    return _finished(platform, lambda place: erase(place, keys, tell=tell, while_open=while_open))


def resume_erasure(platform: Platform) -> dict[str, Any] | None:
    """Finish what a kill has interrupted."""
    if not _job(platform).is_file():
        return None
    return _finished(platform, lambda place: resume(place, platform.iris))


def forget_again(platform: Platform) -> int:
    """After an older backup was restored: forget everybody in it who was forgotten since; returns how many."""
    ledger = _ledger(platform)
    family = platform.iris.graph("member") + "/"
    members = {graph[len(family) :].split("/")[0] for graph in platform.store.graphs() if graph.startswith(family)}
    again = [member for member in sorted(members) if not member.startswith(PREFIX) and ledger.holds(member)]
    for member in again:
        _erased(platform, member, while_open=True)
    return len(again)


def _finished(platform: Platform, carry_out: Callable[[Place], Erased | None]) -> dict[str, Any]:
    data = platform.settings.data_dir
    place = Place(
        platform.store,
        platform.now(),
        _job(platform),
        _ledger(platform),
        elsewhere=[_Beside(platform)],
        backups=data / "backups",
        alone=platform.alone,
        rebuild=lambda: _anew(platform),
    )
    done = carry_out(place)
    told = {} if done is None else asdict(done)
    told.pop("pseudonym", None)  # whoever reads it here beside the key could lead it back
    return told


def _anew(platform: Platform) -> None:
    """Write the store's files anew, and let go of the copies that were made of them."""
    platform.rebuild()
    platform.endpoint.forget()
    shutil.rmtree(platform.settings.data_dir / "updates", ignore_errors=True)


@dataclass(frozen=True)
class Rights:
    """What the pages call: `api.services.Rights`."""

    platform: Platform

    def export(self, member: str, target: BinaryIO) -> dict[str, int]:
        """See `export_member`."""
        return export_member(self.platform, member, target)

    def erase(self, member: str, confirmed: str) -> dict[str, Any]:
        """See `erase_member`."""
        return erase_member(self.platform, member, confirmed=confirmed)

    def was_erased(self, member: str) -> bool:
        """Tell whether a member with this key was erased once: a restored backup would forget whoever has it again."""
        return _ledger(self.platform).holds(member)


def _ledger(platform: Platform) -> Ledger:
    return Ledger(platform.settings.data_dir / LEDGER)


def _job(platform: Platform) -> Path:
    return platform.settings.data_dir / "jobs" / JOB
