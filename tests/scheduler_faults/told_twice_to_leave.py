"""A scheduler is told twice to leave: it goes at once, its jobs run on, and the next one finds what they came to."""

from __future__ import annotations

import signal

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"] * 3, seconds=2, policy={"grace": 30})
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    scheduler.send_signal(signal.SIGSTOP)  # so that both are there before it looks
    scheduler.send_signal(signal.SIGTERM)
    scheduler.send_signal(signal.SIGINT)
    scheduler.send_signal(signal.SIGCONT)
    assert finish(scheduler).code == 130
    assert desk.sweep().code == 0
    assert desk.wrongs() == []
    assert {row["attempts"] for row in desk.status()} == {1}
