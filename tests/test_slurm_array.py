"""What an array is described by, and how its tasks and a later scheduler read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from supervised import planned, shell

from runner.launchers.interface import Launching
from runner.slots import Slot
from runner.slurm.array import ARRAY, attempts_of, described, folder_of
from runner.slurm.reference import Reference, references
from runner.slurm.task import attempt_at

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


def test_a_reference_is_its_text_and_tells_its_parts() -> None:
    first, second = (Reference(text) for text in references("12", "runner-a", 2))
    assert (first.job, first.array, first.name) == ("12_0", "12", "runner-a")
    assert second == Reference.of("12_1", "runner-a") == "12_1:runner-a"
