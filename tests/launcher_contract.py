"""What every launcher keeps to. A test module makes a class of `Contract` for each, with a fixture `bench` of its own.

A new launcher is added to `MAKERS`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from supervised import QUICK, ROOT, output, planned, python, shell, until

from db.records import Limits
from runner.attempt_dir import AttemptDir
from runner.launchers.interface import Launcher, Launching, LaunchRefused
from runner.launchers.local import LocalLauncher
from runner.launchers.looks import Going, Gone, Queued
from runner.launchers.slurm import SlurmLauncher
from runner.liveness import fence, is_alive
from runner.slots import Slot, open_slots, threads
from sweeps.settings import Resources
from sweeps.slurm import Slurm

PATIENCE = 60.0


def _local_slot() -> Slot:
    slot = open_slots((), 1, 4).take()
    assert slot is not None
    return slot


def _cluster_slot() -> Slot:
    return Slot(device="cpu", name="slurm", env=threads(1), descriptor=None)


MAKERS: Mapping[str, tuple[Callable[[Path], Launcher], Callable[[], Slot]]] = {
    "local": (lambda _: LocalLauncher(), _local_slot),
    "slurm": (lambda root: SlurmLauncher(root, Slurm(), Resources()), _cluster_slot),
}
"""By name: the launcher for attempts below a root, and a slot for each attempt."""


@dataclass(frozen=True)
class Bench:
    """Attempts lie below `root`, and are launched by the launcher of this name."""

    name: str
    root: Path

    def launcher(self) -> Launcher:
        """As a scheduler that has just started has it."""
        return MAKERS[self.name][0](self.root)

    def slot(self) -> Slot:
        return MAKERS[self.name][1]()


def launching(bench: Bench, attempt: AttemptDir) -> Launching:
    return Launching(attempt=attempt, plan=attempt.read_plan(), slot=bench.slot())


def submit(bench: Bench, launcher: Launcher, *attempts: AttemptDir) -> list[str]:
    given = [launching(bench, attempt) for attempt in attempts]
    try:
        answers = launcher.submit(given)
    finally:
        for one in given:
            one.slot.close()
    assert all(isinstance(answer, str) for answer in answers), answers
    return [str(answer) for answer in answers]


def gone(launcher: Launcher, reference: str) -> Gone:
    """Waits for its end."""
    until(lambda: isinstance(launcher.look(reference), Gone), PATIENCE)
    look = launcher.look(reference)
    assert isinstance(look, Gone)
    return look


class Contract:
    def test_it_carries_its_name(self, bench: Bench) -> None:
        assert bench.launcher().name == bench.name

    def test_nothing_speaks_against_submitting(self, bench: Bench) -> None:
        assert bench.launcher().why_not_now() is None
        assert list(bench.launcher().submit([])) == []

    @pytest.mark.parametrize("code", [0, 3])
    def test_what_is_submitted_runs_and_ends(self, bench: Bench, code: int) -> None:
        launcher = bench.launcher()
        attempt = planned(bench.root / "1", shell(f"echo ran; exit {code}"), limits=QUICK)
        (reference,) = submit(bench, launcher, attempt)
        end = gone(launcher, reference)
        assert attempt.read_exit().exit_code == code
        assert output(attempt) == "ran\n"
        assert not is_alive(attempt)
        assert (end.account is not None) is launcher.is_witness
        assert end.account is None or end.account.agrees is (code == 0)
        assert launcher.look(reference) == end, "and stays so"

    @pytest.mark.parametrize("name", ["per%jcent", "per%%cent", "a b", "ü'\"$(x)#"])
    def test_any_folder_will_do(self, bench: Bench, name: str) -> None:
        odd = replace(bench, root=bench.root / name)
        attempt = planned(odd.root / "1", shell("echo ran"), limits=QUICK)
        launcher = odd.launcher()
        (reference,) = submit(odd, launcher, attempt)
        end = gone(launcher, reference)
        assert end.account is None or end.account.agrees
        assert output(attempt) == "ran\n"

    def test_what_is_submitted_together_is_told_apart(self, bench: Bench) -> None:
        launcher = bench.launcher()
        attempts = [
            planned(bench.root / str(number), shell(f"echo {number}; exit {number}"), limits=QUICK)
            for number in range(3)
        ]
        references = submit(bench, launcher, *attempts)
        assert len(set(references)) == 3
        for number, (attempt, reference) in enumerate(zip(attempts, references, strict=True)):
            end = gone(launcher, reference)
            assert attempt.read_exit().exit_code == number
            assert end.account is None or end.account.agrees is (number == 0)

    def test_it_goes_until_it_ends(self, bench: Bench) -> None:
        launcher = bench.launcher()
        code = "import os, time; print(sorted(map(int, os.listdir('/proc/self/fd'))), flush=True); time.sleep(600)"
        attempt = planned(bench.root / "1", python(code), limits=QUICK)
        (reference,) = submit(bench, launcher, attempt)
        until(lambda: output(attempt), PATIENCE)
        assert isinstance(launcher.look(reference), Going | Queued)
        assert output(attempt) == "[0, 1, 2, 3]\n"  # 3 lists them: the worker holds nothing of its supervisor's
        launcher.cancel([reference])
        gone(launcher, reference)
        assert attempt.read_exit().ended_by == "signal"

    def test_what_is_cancelled_early_never_lives(self, bench: Bench) -> None:
        launcher = bench.launcher()
        attempt = planned(bench.root / "1", shell("sleep 600"), limits=QUICK)
        (reference,) = submit(bench, launcher, attempt)
        launcher.cancel([reference])
        gone(launcher, reference)
        assert not is_alive(attempt)
        launcher.cancel([reference])

    def test_a_fenced_attempt_ends_without_having_run(self, bench: Bench) -> None:
        launcher = bench.launcher()
        attempt = planned(bench.root / "1", shell("echo ran"), limits=QUICK)
        assert fence(attempt)
        (reference,) = submit(bench, launcher, attempt)
        end = gone(launcher, reference)
        assert not attempt.stdout.exists()
        assert end.account is None or not end.account.agrees

    def test_a_claim_that_another_has_is_left_alone(self, bench: Bench) -> None:
        launcher = bench.launcher()
        attempt = planned(bench.root / "1", shell("echo ran >> ran; sleep 0.3"), limits=QUICK, cwd=str(bench.root))
        first, second = submit(bench, launcher, attempt), submit(bench, launcher, attempt)
        for reference in (*first, *second):
            gone(launcher, reference)
        assert (bench.root / "ran").read_text() == "ran\n"

    def test_a_folder_that_is_missing_is_refused_or_ends_unclaimed(self, bench: Bench) -> None:
        launcher = bench.launcher()
        attempt = planned(bench.root / "1", shell("echo ran"))
        missing = AttemptDir(bench.root / "missing")
        given = Launching(attempt=missing, plan=attempt.read_plan(), slot=bench.slot())
        (answer,) = launcher.submit([given])
        given.slot.close()
        if isinstance(answer, LaunchRefused):
            assert "missing" in str(answer)
        else:
            end = gone(launcher, answer)
            assert end.account is not None
            assert not end.account.agrees
            assert not missing.claim.exists()

    def test_an_attempt_outlives_its_scheduler(self, bench: Bench) -> None:
        go_on = bench.root / "go_on"
        attempt = planned(
            bench.root / "1", shell(f"echo 1; until [ -e {go_on} ]; do sleep 0.05; done"), limits=Limits()
        )
        reference = submit_and_die(bench, attempt)
        until(lambda: output(attempt), PATIENCE)
        later = bench.launcher()
        until(lambda: isinstance(later.look(reference), Going), PATIENCE)
        assert is_alive(attempt)
        go_on.touch()
        gone(later, reference)
        assert attempt.read_exit().exit_code == 0

    def test_what_nobody_recorded_is_found_or_ends_by_itself(self, bench: Bench) -> None:
        attempt = planned(bench.root / "1", shell("sleep 600"), limits=QUICK)
        (reference,) = submit(bench, bench.launcher(), attempt)
        later = bench.launcher()
        found = later.find(attempt.read_plan().attempt_id)
        assert found in (None, reference)
        assert found or not later.is_witness
        assert later.find("no such attempt") is None
        later.cancel([reference])
        gone(later, reference)


def submit_and_die(bench: Bench, attempt: AttemptDir) -> str:
    """By a scheduler in a session of its own, which is killed once it has submitted: its reference."""
    scheduler = subprocess.Popen(
        [sys.executable, __file__, bench.name, str(bench.root), str(attempt.path)],
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert scheduler.stdout is not None
    reference = scheduler.stdout.readline().decode().strip()
    os.killpg(scheduler.pid, signal.SIGKILL)
    scheduler.communicate()
    return reference


def main(name: str, root: str, attempt: str) -> None:
    bench = Bench(name, Path(root))
    (reference,) = submit(bench, bench.launcher(), AttemptDir(Path(attempt)))
    sys.stdout.write(f"{reference}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
