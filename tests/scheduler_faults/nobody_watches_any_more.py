"""Scheduler and supervisors are killed: soon no view says that anything is running."""

from __future__ import annotations

import json

from stories import StoryDesk
from sweeping import kill, supervisor_of, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well", "well"], seconds=60)
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: len([mark for mark in desk.marks() if mark.what == "start"]) == 2)
    scheduler.kill()
    scheduler.wait()
    for claim in desk.root.glob("*/1/claim.json"):
        kill(supervisor_of(claim.parent))
    wait_for(lambda: {row["state"] for row in desk.status()} == {"unobserved"})
    assert all("no scheduler watches it; last seen" in row["because"] for row in desk.status())
    assert desk.type("status").out.count("running") == 0
    views = json.loads(desk.type("sql", "SELECT name FROM sqlite_master WHERE type = 'view'", "--json").out)
    assert len(views) > 5
    for view in views:
        rows = desk.type("sql", f"SELECT * FROM {view['name']}", "--json")  # noqa: S608 - a name out of the ledger itself
        assert rows.code == 0
        assert "running" not in rows.out
