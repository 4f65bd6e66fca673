"""Somebody locks the ledger for writing while jobs run and end, for longer than SQLite itself waits."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from stories import StoryDesk
from sweeping import finish, wait_for

HELD = 8.0


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well", "dies", "fails"], seconds=0.5)
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    with closing(sqlite3.connect(desk.root / "ledger.db", isolation_level=None, timeout=60)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        time.sleep(HELD)
        assert scheduler.poll() is None, "it waits"
        writer.execute("ROLLBACK")
    done = finish(scheduler)
    assert done.code == 1, done
    assert desk.wrongs() == []
    assert [row["state"] for row in desk.status()] == ["succeeded", "succeeded", "failed"]
