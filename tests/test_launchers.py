"""Launchers that need no cluster, as every launcher is; and slots, which are of this host alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from launcher_contract import Bench, Contract, gone, submit, submit_and_die
from scripted_slurm import Scripted
from supervised import QUICK, output, planned, python, shell, until

from runner import processes
from runner.host_locks import FOLDER
from runner.launchers.local import LocalLauncher
from runner.launchers.looks import Gone
from runner.slots import Slots, open_slots


@pytest.fixture(autouse=True)
def slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slots:
    monkeypatch.setenv(FOLDER, str(tmp_path / "slots"))
    return open_slots((), 1, 1)


class TestLocal(Contract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        return Bench("local", tmp_path)


class TestScriptedSlurm(Contract):
    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
        cluster = Scripted(tmp_path / "cluster")
        monkeypatch.setenv("PATH", cluster.env["PATH"])
        yield Bench("slurm", tmp_path)
        cluster.clean_up()


def is_free(slots: Slots) -> bool:
    slot = slots.take()
    if slot:
        slot.close()
    return slot is not None


@pytest.fixture
def local(tmp_path: Path) -> Bench:
    return Bench("local", tmp_path)


def test_a_slot_is_taken_until_the_attempt_has_ended(local: Bench, slots: Slots) -> None:
    attempt = planned(local.root / "1", python("import time; print(1, flush=True); time.sleep(600)"), limits=QUICK)
    launcher = local.launcher()
    (reference,) = submit(local, launcher, attempt)
    until(lambda: output(attempt))
    assert not is_free(slots)
    launcher.cancel([reference])
    gone(launcher, reference)
    assert is_free(slots)


def test_a_slot_is_taken_while_its_scheduler_is_gone(local: Bench, slots: Slots) -> None:
    attempt = planned(local.root / "1", python("import time; print(1, flush=True); time.sleep(600)"), limits=QUICK)
    reference = submit_and_die(local, attempt)
    until(lambda: output(attempt))
    assert not is_free(slots)
    local.launcher().cancel([reference])
    until(lambda: is_free(slots))


def test_an_attempt_is_told_of_its_slot(local: Bench) -> None:
    attempt = planned(local.root / "1", shell("echo $OMP_NUM_THREADS,$CUDA_VISIBLE_DEVICES"), limits=QUICK)
    launcher = local.launcher()
    (reference,) = submit(local, launcher, attempt)
    gone(launcher, reference)
    assert output(attempt) == "1,\n"


def test_a_pid_that_now_names_another_process_has_ended() -> None:
    started = processes.start_time(os.getpid())
    assert started is not None
    assert isinstance(LocalLauncher().look(f"{os.getpid()}:{started - 1}"), Gone)
    assert not isinstance(LocalLauncher().look(f"{os.getpid()}:{started}"), Gone)
    LocalLauncher().cancel([f"{os.getpid()}:{started - 1}"])
