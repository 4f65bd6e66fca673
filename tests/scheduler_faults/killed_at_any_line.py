"""Scheduler after scheduler is killed at a line of our code, each some new lines further than the one before."""

from __future__ import annotations

import signal

from stories import StoryDesk
from sweeping import finish

FATES = ("well", "dies", "fails") * 4
FIRST, STEP = 500, 97
"""Lines. The first 500 read what was typed; 97 is a prime, so that no pattern of the code is kept to."""


def play(desk: StoryDesk) -> None:
    desk.write(fates=FATES, seconds=0.05)
    lines = FIRST
    while (done := finish(desk.start_deadly(f"line:{lines}", "sweep", "sweep.yaml"))).code == -signal.SIGKILL:
        lines += STEP
    assert done.code == 1, done
    assert desk.wrongs() == []
    assert [row["state"] == "failed" for row in desk.status()] == [fate == "fails" for fate in FATES]
