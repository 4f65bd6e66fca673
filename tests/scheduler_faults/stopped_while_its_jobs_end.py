"""A scheduler is stopped (SIGSTOP) while its jobs end: nobody takes the sweep from it, and it goes on where it was."""

from __future__ import annotations

import signal

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"] * 4, seconds=0.5)
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    scheduler.send_signal(signal.SIGSTOP)
    wait_for(lambda: list(desk.root.glob("*/1/exit.json")))
    assert desk.sweep().code == 4
    scheduler.send_signal(signal.SIGCONT)
    assert finish(scheduler).code == 0
    assert desk.wrongs() == []
    assert [row["attempts"] for row in desk.status()] == [1] * 4
