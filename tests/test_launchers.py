"""What every launcher keeps to. A launcher is added to `LAUNCHERS`, and all of this applies to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from supervised import QUICK, ROOT, output, planned, python, shell, until

from db.records import Limits
from runner import processes
from runner.attempt_dir import AttemptDir
from runner.host_locks import FOLDER
from runner.launchers.interface import Launcher, Launching, LaunchRefused
from runner.launchers.local import LocalLauncher
from runner.launchers.looks import Gone
from runner.liveness import fence, is_alive
from runner.slots import Slots, open_slots

LAUNCHERS: dict[str, Callable[[], Launcher]] = {"local": LocalLauncher}


@pytest.fixture(params=LAUNCHERS)
def launcher(request: pytest.FixtureRequest) -> Launcher:
    return LAUNCHERS[request.param]()


@pytest.fixture
def slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slots:
    monkeypatch.setenv(FOLDER, str(tmp_path / "slots"))
    return open_slots((), 1, 1)


def submit(launcher: Launcher, attempt: AttemptDir, slots: Slots) -> str:
    slot = slots.take()
    assert slot is not None
    try:
        (reference,) = launcher.submit([Launching(attempt=attempt, plan=attempt.read_plan(), slot=slot)])
        assert isinstance(reference, str)
        return reference
    finally:
        slot.close()


def has_ended(launcher: Launcher, reference: str) -> bool:
    return isinstance(launcher.look(reference), Gone)


def is_free(slots: Slots) -> bool:
    slot = slots.take()
    if slot:
        slot.close()
    return slot is not None


def test_it_carries_its_name(launcher: Launcher) -> None:
    assert launcher.name in LAUNCHERS


def test_what_is_submitted_runs_and_ends(launcher: Launcher, slots: Slots, tmp_path: Path) -> None:
    attempt = planned(tmp_path / "1", shell("echo $OMP_NUM_THREADS,$CUDA_VISIBLE_DEVICES; exit 3"), limits=QUICK)
    reference = submit(launcher, attempt, slots)
    until(lambda: has_ended(launcher, reference))
    assert attempt.read_exit().exit_code == 3
    assert output(attempt) == "1,\n"
    assert not is_alive(attempt)
    assert has_ended(launcher, reference)


def test_a_slot_is_taken_until_the_attempt_has_ended(launcher: Launcher, slots: Slots, tmp_path: Path) -> None:
    code = "import os, time; print(sorted(map(int, os.listdir('/proc/self/fd'))), flush=True); time.sleep(60)"
    attempt = planned(tmp_path / "1", python(code), limits=QUICK)
    reference = submit(launcher, attempt, slots)
    until(lambda: output(attempt))
    assert not is_free(slots)
    assert not has_ended(launcher, reference)
    assert output(attempt) == "[0, 1, 2, 3]\n"  # 3 lists them: the worker does not hold the slot
    launcher.cancel([reference])
    until(lambda: has_ended(launcher, reference))
    assert attempt.read_exit().ended_by == "signal"
    assert is_free(slots)


def test_what_is_cancelled_early_never_lives(launcher: Launcher, slots: Slots, tmp_path: Path) -> None:
    attempt = planned(tmp_path / "1", shell("sleep 60"), limits=QUICK)
    reference = submit(launcher, attempt, slots)
    launcher.cancel([reference])
    until(lambda: has_ended(launcher, reference))
    assert not is_alive(attempt)
    launcher.cancel([reference])


def test_a_fenced_attempt_ends_without_having_run(launcher: Launcher, slots: Slots, tmp_path: Path) -> None:
    attempt = planned(tmp_path / "1", shell("echo ran"), limits=QUICK)
    assert fence(attempt)
    reference = submit(launcher, attempt, slots)
    until(lambda: has_ended(launcher, reference))
    assert not attempt.stdout.exists()


def test_what_cannot_be_submitted_is_refused(launcher: Launcher, slots: Slots, tmp_path: Path) -> None:
    attempt = planned(tmp_path / "1", shell("echo ran"))
    plan = attempt.read_plan()
    slot = slots.take()
    assert slot is not None
    (refusal,) = launcher.submit([Launching(attempt=AttemptDir(tmp_path / "missing"), plan=plan, slot=slot)])
    slot.close()
    assert isinstance(refusal, LaunchRefused)
    assert "missing" in str(refusal)
    assert is_free(slots)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_an_attempt_outlives_its_scheduler(name: str, slots: Slots, tmp_path: Path) -> None:
    attempt = planned(tmp_path / "1", python("import time; print(1, flush=True); time.sleep(0.6)"), limits=Limits())
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tests")!r})
from test_launchers import LAUNCHERS, AttemptDir, open_slots, submit
print(submit(LAUNCHERS[{name!r}](), AttemptDir(Path({str(attempt.path)!r})), open_slots((), 1, 1)), flush=True)
time.sleep(60)
"""
    scheduler = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True, cwd=ROOT)
    assert scheduler.stdout is not None
    reference = scheduler.stdout.readline().decode().strip()
    until(lambda: output(attempt))
    os.killpg(scheduler.pid, signal.SIGKILL)
    scheduler.communicate()
    later = LAUNCHERS[name]()
    assert not has_ended(later, reference)
    assert is_alive(attempt)
    assert not is_free(slots)
    until(lambda: has_ended(later, reference))
    assert attempt.read_exit().exit_code == 0
    assert is_free(slots)


def test_a_pid_that_now_names_another_process_has_ended() -> None:
    started = processes.start_time(os.getpid())
    assert started is not None
    assert has_ended(LocalLauncher(), f"{os.getpid()}:{started - 1}")
    assert not has_ended(LocalLauncher(), f"{os.getpid()}:{started}")
    LocalLauncher().cancel([f"{os.getpid()}:{started - 1}"])
