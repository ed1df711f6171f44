"""Who looked at what: kept, complete at the end, not to be changed, and gone when its time is over."""

import hashlib
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from patience import PATIENCE_S

from access.audit import EVERYBODY, LONGEST, AuditLog, Look, retention

NOW = datetime(2016, 8, 31, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def look(**more):
    return Look(
        **(
            {"at": NOW, "principal": "p1", "role": "partner", "via": "jwt", "action": "GET /sparql", "resource": "/sparql", "status": 200}
            | more
        )
    )


@pytest.fixture
def log(tmp_path):
    opened = AuditLog(tmp_path / "audit.sqlite")
    yield opened
    opened.close()


def test_a_member_is_told_who_looked_and_who_could_have(log):
    log.note(look(principal="operator", members=("h01",)))
    log.note(look(principal="p1", reach="scope-a", within=2), ("h01", "h02"))
    log.note(look(principal="p1", reach="scope-a", within=2))
    log.note(look(principal="p2", reach="scope-b", within=1), ("h02",))
    log.note(look(principal="operator", reach=EVERYBODY))

    assert [each.principal for each in log.about("h01")] == ["operator", "p1", "p1", "operator"]
    assert [each.principal for each in log.about("h02")] == ["operator", "p2", "p1", "p1"]
    assert [each.principal for each in log.about("h03")] == ["operator"]
    assert [each.principal for each in log.about("h01", 1)] == ["operator"]
    assert log.about("h01")[-1].members == ("h01",)
    assert (log.about("h01")[1].within, log.knows("scope-a"), log.knows("scope-c")) == (2, True, False)


def test_what_somebody_looked_at_is_listed_newest_first(log):
    for number in range(3):
        log.note(look(resource=f"/doc/{number}", purpose="ResearchAndDevelopment", query="SELECT"))
    log.note(look(principal="other"))

    assert [each.resource for each in log.by("p1")] == ["/doc/2", "/doc/1", "/doc/0"]
    assert len(log.by()) == 4
    assert (log.by("p1")[0].purpose, log.by("p1")[0].query, log.by("p1")[0].at) == ("ResearchAndDevelopment", "SELECT", NOW)


def test_a_long_query_is_cut_and_named_by_its_digest(log, tmp_path):
    log.note(look(query="x" * 10_000))

    assert len(log.by()[0].query) == LONGEST
    with sqlite3.connect(tmp_path / "audit.sqlite") as file:
        (digest,) = file.execute("SELECT digest FROM look").fetchone()
    file.close()
    assert digest == hashlib.sha256(b"x" * 10_000).hexdigest()


def test_nothing_is_lost_at_the_end_and_many_may_write(tmp_path):
    log = AuditLog(tmp_path / "audit.sqlite")
    writers = [
        threading.Thread(target=lambda n=n: [log.note(look(principal=f"w{n}", members=("h01",))) for _ in range(500)]) for n in range(4)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    log.close()

    again = AuditLog(tmp_path / "audit.sqlite")
    assert len(again.about("h01", 10_000)) == 2000
    again.close()
    with pytest.raises(RuntimeError, match="nothing may be read"):
        log.note(look())


def test_what_stands_in_the_record_can_be_neither_changed_nor_removed_before_its_time(log, tmp_path):
    log.note(look(members=("h01",)))
    log.flush()
    file = sqlite3.connect(tmp_path / "audit.sqlite")

    for sql in ("UPDATE look SET principal = 'nobody'", "DELETE FROM look"):
        with pytest.raises(sqlite3.IntegrityError):
            file.execute(sql)
    file.close()

    assert log.by()[0].principal == "p1"


def test_the_retention_takes_the_old_ones_and_no_other(log):
    for days in (400, 366, 365, 1):
        log.note(look(at=NOW - timedelta(days=days), reach=f"scope-{days}", members=()), ("h01",))

    assert log.prune(retention(NOW, 365)) == 2

    assert [NOW - each.at for each in log.about("h01")] == [timedelta(days=1), timedelta(days=365)]
    assert not log.knows("scope-400")


def test_a_member_who_is_erased_is_named_no_more(log, tmp_path):
    log.note(look(members=("canary", "h02")))
    log.note(look(reach="scope", within=2), ("canary", "h02"))

    log.forget("canary")

    assert log.about("canary") == []
    assert len(log.by()) == 2
    assert b"canary" not in (tmp_path / "audit.sqlite").read_bytes()


def test_a_kill_loses_at_most_what_was_handed_over_in_the_last_second(tmp_path):
    """A process notes a look, waits a second, and is killed without any goodbye."""
    program = (
        "import os, signal, sys, time; from pathlib import Path; from datetime import datetime, UTC; from access.audit import AuditLog, Look\n"
        "log = AuditLog(Path(sys.argv[1]))\n"
        "log.note(Look(datetime(2016, 8, 31, tzinfo=UTC), 'p1', 'partner', 'jwt', 'GET', '/', 200, ('h01',)))\n"
        "time.sleep(1); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "audit.sqlite")], cwd=ROOT, timeout=PATIENCE_S)

    log = AuditLog(tmp_path / "audit.sqlite")
    assert len(log.about("h01")) == 1
    log.close()


def test_the_record_is_its_owners_alone_to_read(log, tmp_path):
    assert (tmp_path / "audit.sqlite").stat().st_mode & 0o077 == 0
