"""A scheduler may open no more files: it says so and leaves, and the ledger tells of no departure that was none."""

from __future__ import annotations

import json
import resource

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"] * 3, seconds=1, resources={"slots": 1})
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    _, most = resource.prlimit(scheduler.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(scheduler.pid, resource.RLIMIT_NOFILE, (3, most))
    done = finish(scheduler)
    assert done.code == 2
    assert "cannot be opened: Too many open files" in done.err
    assert json.loads(desk.type("sql", "SELECT * FROM departure", "--json").out) == []
    assert desk.sweep().code == 0
    assert desk.wrongs() == []
    assert {row["attempts"] for row in desk.status()} == {1}
