"""Nothing of an attempt outlives it, and no two bodies of it ever run: races, orphans, storms, killed supervisors."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest
from supervised import ask_to_end, carriers, ended, output, planned, python, shell, start, supervise, until

from db.records import Limits
from runner.attempt_dir import AttemptDir
from runner.liveness import end_survivors, fence, is_alive

ORPHAN = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        time.sleep(SECONDS)
    os._exit(0)
os.wait()
CODE
"""


def orphaning(seconds: float, code: str = "") -> tuple[str, ...]:
    """Leaves a daemon in a session of its own behind, then does something else."""
    return python(ORPHAN.replace("SECONDS", str(seconds)).replace("CODE", code))


def test_a_lingering_daemon_is_ended_and_counted(tmp_path: Path) -> None:
    attempt = planned(tmp_path, orphaning(60))
    left = supervise(attempt)
    assert (left.exit_code, left.left_behind, left.ended_by) == (0, 1, None)
    assert carriers(attempt) == []


def test_who_ends_within_the_grace_was_not_left_behind(tmp_path: Path) -> None:
    left = supervise(planned(tmp_path, orphaning(0.3), limits=Limits(grace=5)))
    assert (left.exit_code, left.left_behind) == (0, 0)
    assert left.wall < 0.3


def test_a_daemon_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    attempt = planned(tmp_path, shell("trap '' TERM; setsid sleep 60 & setsid sleep 60 & exit 3"))
    left = supervise(attempt)
    assert (left.exit_code, left.left_behind) == (3, 2)
    assert carriers(attempt) == []


def test_a_request_while_others_linger_ends_them_and_not_the_outcome(tmp_path: Path) -> None:
    attempt = planned(tmp_path, orphaning(60, "print('done', flush=True)"), limits=Limits(grace=30))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    ask_to_end(attempt)
    left = ended(supervisor, attempt)
    assert (left.exit_code, left.left_behind) == (0, 1)


STORMS = {
    "tree": "import os\nprint(1, flush=True)\nwhile True:\n  try: os.fork()\n  except OSError: pass",
    "comet": "import os\nprint(1, flush=True)\nwhile True:\n  if os.fork(): os._exit(0)",
    "sessions": "import os\nprint(1, flush=True)\nwhile True:\n  if os.fork(): os._exit(0)\n  os.setsid()",
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_of_forks_is_ended(tmp_path: Path, storm: str) -> None:
    bound = "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (300, 300))\nimport os\nos.setuid(65534)\n"
    attempt = planned(tmp_path, python((bound if os.getuid() == 0 else "") + STORMS[storm]), limits=Limits(grace=0.2))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    ask_to_end(attempt)
    ended(supervisor, attempt)
    assert carriers(attempt) == []


def test_of_two_supervisors_exactly_one_runs_the_body(tmp_path: Path) -> None:
    for turn in range(20):
        attempt = planned(tmp_path / str(turn), shell("echo ran"))
        codes = [supervisor.wait(10) for supervisor in [start(attempt), start(attempt)]]
        assert sorted(codes) == [0, 75]
        assert output(attempt) == "ran\n"


def test_a_fenced_attempt_never_runs(tmp_path: Path) -> None:
    attempt = planned(tmp_path, shell("echo ran"))
    assert fence(attempt)
    assert start(attempt).wait(10) == 75
    assert not attempt.stdout.exists()
    assert not attempt.exit.exists()
    assert fence(attempt)
    assert not is_alive(attempt)


def test_a_killed_supervisor_takes_the_worker_along_and_the_rest_can_be_ended(tmp_path: Path) -> None:
    attempt = planned(tmp_path, orphaning(60, "print(os.getpid(), flush=True)\ntime.sleep(60)"))
    supervisor = start(attempt)
    until(lambda: output(attempt))
    worker = int(output(attempt))
    assert is_alive(attempt)
    assert not fence(attempt)
    supervisor.kill()
    supervisor.wait()
    assert not is_alive(attempt)
    until(lambda: worker not in carriers(attempt))
    assert len(carriers(attempt)) == 1
    assert end_survivors(attempt.read_plan().attempt_id) == 1
    assert carriers(attempt) == []
    assert end_survivors(attempt.read_plan().attempt_id) == 0


def test_a_supervisor_killed_at_any_moment_leaves_a_dead_attempt(tmp_path: Path) -> None:
    for turn in range(12):
        attempt = planned(tmp_path / str(turn), shell("setsid sleep 60 & sleep 60"))
        supervisor = start(attempt)
        time.sleep(0.01 * turn)
        supervisor.kill()
        supervisor.wait()
        until(partial(_is_dead, attempt))  # a child on its way to exec holds the lock a moment longer
        end_survivors(attempt.read_plan().attempt_id)
        assert carriers(attempt) == []


def _is_dead(attempt: AttemptDir) -> bool:
    return not is_alive(attempt)
