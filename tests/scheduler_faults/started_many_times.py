"""Six schedulers are started on one sweep at once: one works, and the others say so and leave."""

from __future__ import annotations

from stories import StoryDesk
from sweeping import finish


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"] * 6, seconds=1.5)
    done = [finish(each) for each in [desk.start("sweep", "sweep.yaml") for _ in range(6)]]
    assert sorted(each.code for each in done) == [0, 4, 4, 4, 4, 4], done
    assert all("is being worked on by the scheduler, process" in each.err for each in done if each.code)
    assert desk.wrongs() == []
    assert [row["attempts"] for row in desk.status()] == [1] * 6
