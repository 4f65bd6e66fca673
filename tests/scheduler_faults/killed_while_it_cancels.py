"""The scheduler is killed, then `runner cancel` after each of its durable acts in turn, until one of them is done."""

from __future__ import annotations

import signal

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=("well", "well", "well"), seconds=60)
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    scheduler.kill()
    scheduler.wait()
    acts = 1
    while (done := finish(desk.start_deadly(f"act:{acts}", "cancel", "--all"))).code == -signal.SIGKILL:
        acts += 1
    assert done.code == 0, done
    assert acts > 3
    assert {row["state"] for row in desk.status()} == {"cancelled"}
    assert {row["verdict"] for row in desk.attempts()} == {"failed"}
    assert not desk.wrongs()
    assert desk.sweep().code == 1, "cancelled stays until retry"
