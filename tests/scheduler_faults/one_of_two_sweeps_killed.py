"""Two sweeps share their runs; the scheduler of one is killed, and the other takes care of what it had begun."""

from __future__ import annotations

from stories import StoryDesk
from sweeping import finish, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"] * 8, seconds=0.5)
    (desk.folder / "other.yaml").write_text((desk.folder / "sweep.yaml").read_text().replace('"story"', '"other"'))
    first = desk.start("sweep", "sweep.yaml")
    wait_for(lambda: desk.wait_for_mark("start"))
    second = desk.start("sweep", "other.yaml")
    wait_for(lambda: desk.wait_for_mark("end"))
    first.kill()
    first.wait()
    assert finish(second).code == 0
    assert desk.sweep().code == 0
    assert desk.wrongs() == []
    assert {row["state"] for row in desk.status()} == {"succeeded"}
