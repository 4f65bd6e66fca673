"""Somebody removes the lock file, and a second scheduler takes the sweep from the first, which still works on it."""

from __future__ import annotations

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"] * 12, seconds=0.6)
    first = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    (desk.root / "locks" / "story.lock").unlink()
    second = desk.sweep()
    assert second.code == 0, second
    done = finish(first)
    assert done.code in (0, 2), done
    assert done.code == 0 or "a later scheduler has taken this sweep over" in done.err
    assert desk.wrongs() == []
    assert {row["state"] for row in desk.status()} == {"succeeded"}
