"""A scheduler is killed before it has taken a request to cancel: who asked for it carries it out."""

from __future__ import annotations

import signal

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"], seconds=60)
    scheduler = desk.start_deadly("unlink:requests", "sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    assert desk.type("cancel", "--all").code == 0
    assert finish(scheduler).code == -signal.SIGKILL
    (row,) = desk.status()
    assert (row["state"], row["failure_kind"], row["attempts"]) == ("cancelled", "cancelled", 1)
    assert not list((desk.root / "requests").iterdir())
    assert desk.wrongs() == []
