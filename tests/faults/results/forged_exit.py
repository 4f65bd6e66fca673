"""Writes an `exit.json` of its own that says exit code 0, and then ends with exit code 3."""

import json
import os
import time

from faulting import Scene, failed

expected = failed("crashed", saying="exit code 3")
as_reporter = failed("contradiction", saying="exit code 3")
as_worker = failed("contradiction", saying="exit code 3")
at = "end"
why = "the files of a command do not claim that all went well"


def strike(scene: Scene) -> None:
    record = {
        "attempt_id": os.environ["RUNNER_ATTEMPT"],
        "exit_code": 0,
        "signal": None,
        "started_at": 0.0,
        "ended_at": 1.0,
        "wall": 1.0,
        "usage": {"user": 1.0, "system": 0.0},
        "memory": {"how": "none", "limit": None, "peak": 1, "oom_kills": 0},
        "left_behind": 0,
        "log_bytes_dropped": 0,
        "ended_by": None,
        "version": 1,
    }
    (scene.attempt / "exit.json").write_text(json.dumps(record))
    time.sleep(1)  # long enough for everybody to see it
    os._exit(3)
