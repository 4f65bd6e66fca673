"""What an array is described by, and how its tasks and a later scheduler read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from supervised import planned, shell

from runner.launchers.interface import Launching
from runner.launchers.looks import Unsure
from runner.slots import Slot
from runner.slurm import commands
from runner.slurm.array import ARRAY, attempts_of, described, folder_of
from runner.slurm.commands import NoAnswer
from runner.slurm.reading import Queue
from runner.slurm.reference import Reference, references
from runner.slurm.task import attempt_at
from runner.slurm.unrecorded import Unrecorded

NAMES = ["plain", "a b", "line\nend", "\u2028", os.fsdecode(b"\xff")]


@pytest.fixture
def launchings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Launching]:
    """Attempts whose folders are named from where we are."""
    monkeypatch.chdir(tmp_path)
    slot = Slot(device="cpu", name="slurm", env={}, descriptor=None)
    attempts = [planned(Path("runs", name, "1"), shell("true")) for name in NAMES]
    return [Launching(attempt=attempt, plan=attempt.read_plan(), slot=slot) for attempt in attempts]


def test_each_task_reads_its_own_attempt(launchings: list[Launching], tmp_path: Path) -> None:
    text = described(launchings, "#!/bin/sh\n")
    for index, one in enumerate(launchings):
        folder, attempt_id = attempt_at(index, text)
        assert folder == tmp_path / one.attempt.path
        assert attempt_id == one.plan.attempt_id


@pytest.mark.parametrize("torn", ["", "{}\n", "{}\na b\nc", "{", '{"within": 1}\na\nb', "[]\na\nb"])
def test_a_description_that_is_none_tells_no_attempt(torn: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        attempt_at(0, torn)


def test_an_index_beyond_the_last_tells_no_attempt(launchings: list[Launching]) -> None:
    with pytest.raises(LookupError):
        attempt_at(len(launchings), described(launchings, ""))


def test_a_later_scheduler_finds_every_attempt_and_passes_over_what_is_torn(
    launchings: list[Launching], tmp_path: Path
) -> None:
    for name, text in {"whole": described(launchings, ""), "torn": '{"within', "empty": ""}.items():
        folder = folder_of(tmp_path, name)
        folder.mkdir(parents=True)
        (folder / ARRAY).write_bytes(os.fsencode(text))
    found = list(attempts_of(tmp_path))
    assert found == [("whole", index, one.plan.attempt_id) for index, one in enumerate(launchings)]


class Slurm:
    """Stands in for squeue and sacct: knows the jobs of one array by its name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, count: int) -> None:
        self.asked = 0
        self.silent = False
        self._name = name
        self._rows = [Queue(**{**ROW, "job": f"7_{index}", "name": name}) for index in range(count)]
        monkeypatch.setattr(commands, "ask_queue", self._ask_queue)
        monkeypatch.setattr(commands, "ask_records_named", lambda *_: [])

    def _ask_queue(self, names: list[str]) -> list[Queue]:
        self.asked += 1
        if self.silent:
            raise NoAnswer("`squeue`: Unable to contact slurm controller")
        return self._rows if names == [self._name] else []


ROW = {"job": "", "name": "", "submitted": "2026-01-01T10:00:00", "word": "PENDING", "nodes": "", "reason": "None"}


def described_below(root: Path, name: str, launchings: list[Launching], at: float) -> None:
    array = folder_of(root, name) / ARRAY
    array.parent.mkdir(parents=True)
    array.write_bytes(os.fsencode(described(launchings, "")))
    os.utime(array, (at, at))


def test_what_nobody_recorded_is_found_in_the_latest_array_and_asked_for_once(
    launchings: list[Launching], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described_below(tmp_path, "b-taken", launchings[:3], at=2000)
    described_below(tmp_path, "a-refused", launchings, at=1000)
    slurm = Slurm(monkeypatch, "b-taken", 3)
    unrecorded = Unrecorded(tmp_path, lambda: 0.0)
    found = [unrecorded.find(one.plan.attempt_id) for one in launchings]
    assert found == ["7_0:b-taken", "7_1:b-taken", "7_2:b-taken", None, None]
    assert slurm.asked == 2, "once for each array"
    assert unrecorded.find("f" * 32) is None


def test_while_slurm_is_silent_nobody_knows_what_was_submitted(
    launchings: list[Launching], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described_below(tmp_path, "a", launchings, at=1000)
    slurm, now = Slurm(monkeypatch, "a", 9), [0.0]
    slurm.silent = True
    unrecorded = Unrecorded(tmp_path, lambda: now[0])
    attempt = launchings[4].plan.attempt_id
    assert isinstance(unrecorded.find(attempt), Unsure)
    slurm.silent, now[0] = False, 2.0
    assert unrecorded.find(attempt) == "7_4:a"


def test_an_array_that_another_scheduler_submitted_later_is_found_too(
    launchings: list[Launching], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Slurm(monkeypatch, "a", 9)
    now = [0.0]
    unrecorded = Unrecorded(tmp_path, lambda: now[0])
    attempt = launchings[0].plan.attempt_id
    assert unrecorded.find(attempt) is None
    described_below(tmp_path, "a", launchings, at=1000)
    now[0] = 2.0
    assert unrecorded.find(attempt) == "7_0:a"


def test_a_reference_is_its_text_and_tells_its_parts() -> None:
    first, second = (Reference(text) for text in references("12", "runner-a", 2))
    assert (first.job, first.array, first.name) == ("12_0", "12", "runner-a")
    assert second == Reference.of("12_1", "runner-a") == "12_1:runner-a"
