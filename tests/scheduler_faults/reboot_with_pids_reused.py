"""The host was started anew while an attempt was open, and its pids have been given to somebody else's processes."""

from __future__ import annotations

import json
import os
import subprocess
import time

from stories import StoryDesk
from sweeping import kill, wait_for

from runner.processes import start_time


def play(desk: StoryDesk) -> None:
    desk.write(fates=["well"], seconds=1)
    scheduler = desk.start("sweep", "sweep.yaml")
    mark = wait_for(lambda: desk.wait_for_mark("start"))
    scheduler.kill()
    scheduler.wait()
    attempt = desk.root / mark.run / "1"
    claim = json.loads((attempt / "claim.json").read_text())
    kill(claim["pid"])
    innocent = subprocess.Popen(("sleep", "60"))
    try:
        wait_for(lambda: start_time(innocent.pid))
        reused = {"boot_id": "of-before", "pid": innocent.pid, "pid_started": start_time(innocent.pid)}
        (attempt / "claim.json").write_text(json.dumps({**claim, **reused}))
        then = time.time() - 88  # it is believed dead after 90 s
        for name in ("lease", "claim.json"):
            os.utime(attempt / name, (then, then))
        assert desk.sweep().code == 0
        assert innocent.poll() is None, "a process that only has its pid is left alone"
    finally:
        innocent.kill()
        innocent.wait()
    assert [row["failure_kind"] for row in desk.attempts()] == ["node_lost", None]
    assert not [mark for mark in desk.marks() if mark.what == "beside"]
