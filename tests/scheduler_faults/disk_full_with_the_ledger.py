"""A job fills the disk that the ledger lies on too: that is told of it, and once there is room it is tried again."""

from __future__ import annotations

import json
import subprocess

import pytest
from stories import StoryDesk
from sweeping import ROOT, finish

PRIVATE = ("unshare", "--map-root-user", "--mount")
SMALL = """
mkdir runs && mount -t tmpfs -o size=4m tmpfs runs || exit 99
"$@"; echo "first: $?" >&2
sleep 2; rm runs/*/1/out/filler*
"$@"; echo "second: $?" >&2
"$1" retry --failed >&2
"$@"; echo "third: $?" >&2
"$1" sql --json "SELECT verdict, failure_kind, because FROM attempts"
"""


def play(desk: StoryDesk) -> None:
    if subprocess.run((*PRIVATE, "true"), check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    argv = ["bash", str(ROOT / "tests" / "commands" / "fills.sh"), "{out}"]
    desk.write(command={"argv": argv, "name": "job"}, settings={}, zip={}, grid={}, fates=[])
    done = finish(desk.start("sweep", "sweep.yaml", around=(*PRIVATE, "sh", "-c", SMALL, "-")))
    assert "Traceback" not in done.err, done.err
    first, second = json.loads(done.out[done.out.index("[") :])
    assert first["failure_kind"] == "disk_full"
    assert first["because"].endswith("No space left on device")
    assert second["verdict"] == "succeeded"
    assert "third: 0" in done.err
