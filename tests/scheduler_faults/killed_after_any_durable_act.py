"""Scheduler after scheduler is killed, each two durable acts later in its life than the one before."""

from __future__ import annotations

import signal

from stories import StoryDesk
from sweeping import finish

FATES = ("well", "dies", "well", "fails") * 5
ENOUGH = 40
"""Acts of one scheduler: it takes the sweep over, opens attempts, and records what became of some."""


def play(desk: StoryDesk) -> None:
    desk.write(fates=FATES, seconds=0.05)
    acts = 1
    while (done := finish(desk.start_deadly(f"act:{acts}", "sweep", "sweep.yaml"))).code == -signal.SIGKILL:
        acts += 2
    assert done.code == 1, done
    assert acts >= ENOUGH
    assert desk.wrongs() == []
    assert [row["state"] == "failed" for row in desk.status()] == [fate == "fails" for fate in FATES]
