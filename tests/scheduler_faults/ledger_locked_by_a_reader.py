"""A reader holds the ledger before the sweep begins, so that for seconds nothing can be committed."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from stories import StoryDesk
from sweeping import finish

HELD = 8.0
"""Seconds; SQLite itself gives up after 5."""


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"])
    assert desk.sweep().code == 0
    desk.write(fates=["well", "dies", "fails"], seconds=0.3)
    with closing(sqlite3.connect(desk.root / "ledger.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM run").fetchone()
        scheduler = desk.start("sweep", "sweep.yaml")
        time.sleep(HELD)
        assert scheduler.poll() is None, "it waits"
    done = finish(scheduler)
    assert done.code == 1, done
    assert desk.wrongs() == []
    assert [row["state"] for row in desk.status()] == ["succeeded", "succeeded", "failed"]
