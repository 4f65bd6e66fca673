"""Scheduler and supervisor are killed while the body, behind a shell, lives on: it is ended before it is repeated."""

from __future__ import annotations

from stories import StoryDesk
from sweeping import carriers, kill, supervisor_of, wait_for

BEHIND = '"$@"\nexit $?\n'


def play(desk: StoryDesk) -> None:
    shell = desk.folder / "behind.sh"
    shell.write_text(BEHIND)
    desk.write(fates=["lingers"], seconds=0.1, before=("bash", str(shell)))
    scheduler = desk.start("sweep", "sweep.yaml")
    mark = wait_for(lambda: desk.wait_for_mark("start"))
    scheduler.kill()
    scheduler.wait()
    kill(supervisor_of(desk.root / mark.run / "1"))
    assert carriers(mark.nonce), "its body outlives the shell that died with the supervisor"
    assert desk.sweep().code == 0
    lost, repeated = desk.attempts()
    assert (lost["failure_kind"], repeated["verdict"]) == ("lost", "succeeded")
    assert "were still alive and were ended" in lost["because"]
    assert [mark.what for mark in desk.marks()] == ["start", "start", "end"]
