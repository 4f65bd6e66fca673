"""Alive or not: by the lock on this host and boot, by the lease from anywhere else."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from supervised import planned, shell, start, until

from db.records import Claim
from runner import liveness, processes
from runner.attempt_dir import AttemptDir
from runner.liveness import (
    LEASE_EXPIRES,
    LEASE_LOST,
    Lease,
    Surviving,
    end_survivors,
    fence,
    is_alive,
    lives_elsewhere,
    own_claim,
)


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptDir:
    return planned(tmp_path / "attempt", shell("sleep 60"))


def claimed(attempt: AttemptDir, **others: object) -> None:
    """A claim whose lock nobody holds, and a lease that is old unless `age` says otherwise."""
    lock = attempt.take_claim(dataclasses.replace(own_claim(attempt.read_plan().attempt_id), **others))  # type: ignore[arg-type]  # fields of a claim
    assert lock is not None
    os.close(lock)
    attempt.lease.touch()


def aged(attempt: AttemptDir, seconds: float) -> None:
    then = time.time() - seconds
    for path in (attempt.lease, attempt.claim):
        os.utime(path, (then, then))


def test_unclaimed_is_not_alive(attempt: AttemptDir) -> None:
    assert not is_alive(attempt)
    assert not is_alive(AttemptDir(attempt.path / "missing"))


def test_alive_for_as_long_as_the_lock_is_held(attempt: AttemptDir) -> None:
    lock = attempt.take_claim(own_claim("x"))
    assert lock is not None
    attempt.lease.touch()
    aged(attempt, 10 * LEASE_EXPIRES)
    assert is_alive(attempt)
    os.close(lock)
    assert not is_alive(attempt)


def test_a_fresh_lease_does_not_speak_for_a_dead_supervisor_of_this_host(attempt: AttemptDir) -> None:
    claimed(attempt)
    assert not is_alive(attempt)


@pytest.mark.parametrize("claim", [{"host": "elsewhere"}, {"boot_id": "another"}])
def test_elsewhere_the_lease_decides(attempt: AttemptDir, claim: dict[str, str]) -> None:
    claimed(attempt, **claim)
    assert is_alive(attempt)
    aged(attempt, LEASE_EXPIRES - 5)
    assert is_alive(attempt)
    aged(attempt, LEASE_EXPIRES + 5)
    assert not is_alive(attempt)


def test_a_claim_counts_until_the_first_lease(attempt: AttemptDir) -> None:
    claimed(attempt, host="elsewhere")
    attempt.lease.unlink()
    assert is_alive(attempt)


def test_a_claim_that_cannot_be_read_is_judged_by_the_lease(attempt: AttemptDir) -> None:
    claimed(attempt)
    attempt.claim.write_text("{")
    assert is_alive(attempt)
    assert not fence(attempt)
    aged(attempt, LEASE_EXPIRES + 5)
    assert not is_alive(attempt)


def test_fencing_makes_a_missing_folder(tmp_path: Path) -> None:
    attempt = AttemptDir(tmp_path / "run" / "1")
    assert fence(attempt)
    assert attempt.read_claim().fenced
    assert not is_alive(attempt)


def test_what_is_claimed_cannot_be_fenced(attempt: AttemptDir) -> None:
    claimed(attempt)
    assert not fence(attempt)


def test_our_claim_is_ours() -> None:
    claim = own_claim("x")
    assert liveness.is_of_this_boot(claim)
    assert (claim.pid, claim.fenced) == (os.getpid(), False)
    assert claim.pid_started == processes.start_time(os.getpid())
    assert own_claim("x", fenced=True).fenced


def test_a_lease_is_renewed_and_seen(attempt: AttemptDir) -> None:
    lease = Lease(attempt, 0.0)
    os.utime(attempt.lease, (1, 1))
    assert lease.keep(9.9)
    assert attempt.lease.stat().st_mtime == 1
    assert lease.keep(10.1)
    assert attempt.lease.stat().st_mtime > time.time() - 5


def test_a_lease_that_cannot_be_renewed_is_lost_in_time(attempt: AttemptDir) -> None:
    lease = Lease(attempt, 0.0)
    attempt.lease.unlink()
    attempt.lease.symlink_to(attempt.lease)  # opening it fails for everybody, root included
    assert lease.keep(LEASE_LOST - 1)
    assert not lease.keep(LEASE_LOST + 1)
    attempt.lease.unlink()
    assert lease.keep(LEASE_LOST + 3)


def test_a_blocked_file_system_kills_the_supervisor() -> None:
    code = "import time\nfrom runner.liveness import bounded_by_death\nwith bounded_by_death(0.2): time.sleep(20)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=10).returncode == -signal.SIGALRM


def test_a_bound_that_was_kept_does_nothing() -> None:
    code = (
        "import time\nfrom runner.liveness import bounded_by_death\nwith bounded_by_death(0.2): pass\ntime.sleep(0.4)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=10).returncode == 0


def test_a_copy_of_a_living_attempt_is_told_from_it(attempt: AttemptDir, tmp_path: Path) -> None:
    """What lives belongs to the original, and must not be ended for the copy's sake."""
    supervisor = start(attempt)
    try:
        until(lambda: attempt.claim_is_locked() and attempt.stdout.exists())
        copy = AttemptDir(Path(shutil.copytree(attempt.path, tmp_path / "copy")))
        assert lives_elsewhere(copy)
        assert not lives_elsewhere(attempt)
    finally:
        supervisor.kill()
        supervisor.wait()
    assert not lives_elsewhere(copy), "nobody lives any more"
    end_survivors(attempt.read_plan().attempt_id)


def test_survivors_are_ended_and_others_are_not() -> None:
    ours = [_sleeper("mine"), _sleeper("mine")]
    other = _sleeper("mine-too")
    try:
        assert end_survivors("mine") == 2
        assert [process.wait(5) for process in ours] == [-signal.SIGKILL] * 2
        assert end_survivors("mine") == 0
        assert other.poll() is None
    finally:
        for process in (*ours, other):
            process.kill()
            process.wait()


def test_survivors_that_keep_coming_are_reported() -> None:
    """One that is replaced whenever it is killed stands for one that cannot be killed."""
    code = "import subprocess\nfor _ in range(1000): subprocess.run(['sleep', '60'], env={'RUNNER_ATTEMPT': 'undead'})"
    source = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(lambda: processes.carriers("undead"))
        with pytest.raises(Surviving, match="undead"):
            end_survivors("undead", within=0.3)
    finally:
        source.kill()
        source.wait()
        end_survivors("undead")


def test_a_supervisor_claims_with_its_own_name(attempt: AttemptDir) -> None:
    supervisor = start(attempt, env={"SLURM_JOB_ID": "77"})
    until(attempt.lease.exists)
    claim = attempt.read_claim()
    assert isinstance(claim, Claim)
    assert (claim.pid, claim.slurm_job, claim.attempt_id) == (supervisor.pid, "77", attempt.read_plan().attempt_id)
    supervisor.terminate()
    supervisor.wait()
    assert not is_alive(attempt)


def _sleeper(attempt_id: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], env={**os.environ, processes.MARK: attempt_id}, start_new_session=True)
