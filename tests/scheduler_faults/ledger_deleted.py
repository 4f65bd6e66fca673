"""The ledger is deleted while jobs run: the scheduler says so, and no run is started beside a body that still lives."""

from __future__ import annotations

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["lingers"] * 2, seconds=0.1, resources={"slots": 4})
    first = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    for path in desk.root.glob("ledger.db*"):
        path.unlink()
    done = finish(first)
    assert done.code != 0, done
    assert "removed or replaced" in done.err
    assert "Traceback" not in done.err
    assert desk.sweep().code == 0
    assert not [mark for mark in desk.marks() if mark.what == "beside"], "two bodies of a run at once"
    assert {row["state"] for row in desk.status()} == {"succeeded"}
