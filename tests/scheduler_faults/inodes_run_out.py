"""A job leaves no inode to others for a while: the next one gets no folder, and is tried again once there are some."""

from __future__ import annotations

import json
import subprocess

import pytest
from stories import StoryDesk
from sweeping import finish

PRIVATE = ("unshare", "--map-root-user", "--mount")
FEW = """
mkdir runs && mount -t tmpfs -o nr_inodes=80 tmpfs runs || exit 99
"$@"; echo "ended with $?" >&2
"$1" sql --json "SELECT verdict, failure_kind, because FROM attempts ORDER BY opened_at"
"""
JOB = """
echo 1 >"$2/x"
[ "$1" = 0 ] || exec sleep 3
sleep 1
mkdir "$2/many"; i=0
while touch "$2/many/$i"; do i=$((i + 1)); done
sleep 6
rm -r "$2/many"
"""


def play(desk: StoryDesk) -> None:
    if subprocess.run((*PRIVATE, "true"), check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    (desk.folder / "job.sh").write_text(JOB)
    command = {"argv": ["sh", "job.sh", "{number}", "{out}"], "name": "job"}
    files = {"files": [{"path": "{out}/x"}]}
    desk.write(command=command, success=files, settings={}, zip={}, grid={"number": [0, 1, 2]})
    done = finish(desk.start("sweep", "sweep.yaml", around=(*PRIVATE, "sh", "-c", FEW, "-")))
    assert "ended with 0" in done.err, done
    attempts = json.loads(done.out[done.out.index("[\n") :])
    assert [each["verdict"] for each in attempts] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert attempts[2]["failure_kind"] == "launch_refused"
    assert attempts[2]["because"].endswith("cannot be written: No space left on device")
