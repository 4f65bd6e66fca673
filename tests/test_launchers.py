"""Launchers that need no cluster, as every launcher is; and slots, which are of this host alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from launcher_contract import Bench, Contract, gone, launching, submit, submit_and_die
from scripted_slurm import NODE, Scripted
from supervised import QUICK, output, planned, python, shell, until

from runner import processes
from runner.host_locks import FOLDER
from runner.launchers.local import LocalLauncher
from runner.launchers.looks import Gone
from runner.placement import Placement
from runner.slots import Slots, open_slots
from runner.slurm import book
from runner.slurm.refusals import is_full


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
    def cluster(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
        cluster = Scripted(tmp_path / "cluster")
        monkeypatch.setenv("PATH", cluster.env["PATH"])
        monkeypatch.setattr(book, "UNKNOWN_PATIENCE", 5.0)
        yield cluster
        cluster.clean_up()

    @pytest.fixture
    def bench(self, tmp_path: Path, cluster: Scripted) -> Bench:
        del cluster
        return Bench("slurm", tmp_path)

    def test_where_no_other_node_is_left_it_goes_to_one_that_was_to_be_avoided(self, bench: Bench) -> None:
        attempt = planned(bench.root / "1", shell("echo ran"), limits=QUICK)
        launcher = bench.launcher()
        (answer,) = launcher.submit([replace(launching(bench, attempt), placement=Placement(avoid=(NODE,)))])
        assert isinstance(answer, str)
        gone(launcher, answer)
        assert output(attempt) == "ran\n"

    @pytest.mark.parametrize("limit", [0, 1, 3])
    def test_as_many_are_submitted_as_are_taken(self, bench: Bench, cluster: Scripted, limit: int) -> None:
        cluster.tell(limit=limit, hold=True)
        launcher = bench.launcher()
        assert launcher.most() is None
        attempts = [planned(bench.root / str(number), shell("true"), limits=QUICK) for number in range(5)]
        answers = launcher.submit([launching(bench, attempt) for attempt in attempts])
        assert [isinstance(answer, str) for answer in answers] == [number < limit for number in range(5)]
        assert all(is_full(str(answer)) for answer in answers[limit:])
        assert launcher.most() == limit


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
