"""A scheduler is killed before it has taken a request to cancel: who asked for it carries it out."""

from __future__ import annotations

import signal

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"], seconds=60)
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    scheduler.send_signal(signal.SIGSTOP)
    asking = desk.start("cancel", "--all")
    wait_for(lambda: list((desk.root / "requests").glob("*.json")))
    scheduler.kill()
    scheduler.wait()
    assert finish(asking).code == 0
    (row,) = desk.status()
    assert (row["state"], row["failure_kind"], row["attempts"]) == ("cancelled", "cancelled", 1)
    assert not list((desk.root / "requests").iterdir())
    assert desk.wrongs() == []
