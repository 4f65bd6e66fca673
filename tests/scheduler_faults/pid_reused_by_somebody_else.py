"""A supervisor was killed, and its pid now names a process of somebody else that started at another time."""

from __future__ import annotations

import json
import subprocess

from stories import StoryDesk
from sweeping import kill, wait_for


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"], seconds=1)
    scheduler = desk.start("sweep", "sweep.yaml")
    mark = wait_for(lambda: desk.wait_for_mark("start"))
    scheduler.kill()
    scheduler.wait()
    path = desk.root / mark.run / "1" / "claim.json"
    claim = json.loads(path.read_text())
    kill(claim["pid"])
    innocent = subprocess.Popen(("sleep", "60"))
    try:
        path.write_text(json.dumps({**claim, "pid": innocent.pid}))
        assert desk.sweep().code == 0
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()
    assert [row["failure_kind"] for row in desk.attempts()] == ["lost", None]
    assert not [mark for mark in desk.marks() if mark.what == "beside"]
