from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import FOUR_TASKS, Memory, parameters, tiny_settings, tiny_training

from db.errors import ConfigError, NonFiniteError
from db.records import ResumeFrom
from runner import checkpoint
from runner.random_state import read_random_state, restore_random_state, seed_everything
from runner.training import Training, train

DROPOUT = 0.3
Finished = tuple[Training, Path]


class Saving(Memory):
    def __init__(self, training: Training, folder: Path) -> None:
        super().__init__()
        self.training, self.folder = training, folder

    def save(self, step: int) -> None:
        super().save(step)
        checkpoint.save(self.folder, "tiny-1", step, self.training.model, self.training.optimizer)


def fresh(**settings: Any) -> Training:
    return tiny_training(tiny_settings(FOUR_TASKS, dropout=DROPOUT, steps=9, checkpoint_every=3, **settings), 4)


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    training = fresh()
    train(training, 0, Saving(training, tmp_path))
    return training, tmp_path


def source(folder: Path, step: int) -> ResumeFrom:
    return ResumeFrom(attempt=1, step=step, sha256=checkpoint.file_hash(folder / str(step) / "state.safetensors"))


def test_two_checkpoints_are_kept(finished: Finished) -> None:
    _, folder = finished
    assert checkpoint.saved_steps(folder) == [6, 9]
    assert sorted(entry.name for entry in folder.iterdir()) == ["6", "9"]


@pytest.mark.parametrize("micro", [4, 16])
def test_resuming_gives_the_same_parameters_as_never_stopping(finished: Finished, micro: int) -> None:
    whole, folder = finished
    resumed = tiny_training(tiny_settings(FOUR_TASKS, dropout=DROPOUT, steps=9), micro)
    seed_everything(12345)
    checkpoint.restore(folder / "6", "tiny-1", source(folder, 6), resumed.model, resumed.optimizer)
    train(resumed, 6, Memory())
    same = torch.equal(parameters(resumed.model), parameters(whole.model))
    # With dropout, another micro batch draws other masks.
    assert same == (micro == 4)


def test_the_random_generators_go_on_where_they_were(finished: Finished) -> None:
    whole, folder = finished
    drawn = torch.rand(3), np.random.rand(3).tolist(), random.random()  # noqa: NPY002, S311 - the global states
    resumed = fresh()
    checkpoint.restore(folder / "9", "tiny-1", source(folder, 9), resumed.model, resumed.optimizer)
    again = torch.rand(3), np.random.rand(3).tolist(), random.random()  # noqa: NPY002, S311 - the same
    assert torch.equal(parameters(resumed.model), parameters(whole.model))
    assert torch.equal(drawn[0], again[0])
    assert drawn[1:] == again[1:]


def test_random_states_are_plain_data() -> None:
    seed_everything(3)
    state = read_random_state()
    first = torch.rand(2), np.random.rand(2), random.gauss(0, 1)  # noqa: NPY002 - the global state is meant
    restore_random_state(state)
    second = torch.rand(2), np.random.rand(2), random.gauss(0, 1)  # noqa: NPY002 - the same
    assert torch.equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert first[2] == second[2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "6" / "state.safetensors").write_bytes(b"{}"), "has SHA-256"),
        (lambda folder: (folder / "6" / "state.safetensors").unlink(), "No such file"),
        (lambda folder: (folder / "6" / "checkpoint.json").write_text('{"version": 1'), "not whole JSON"),
        (lambda folder: (folder / "6" / "checkpoint.json").unlink(), "No such file"),
        (lambda folder: (folder / "9" / "checkpoint.json").rename(folder / "6" / "checkpoint.json"), "SHA-256"),
    ],
)
def test_what_is_not_that_checkpoint_is_refused(
    finished: Finished, change: Callable[[Path], object], words: str
) -> None:
    _, folder = finished
    asked = source(folder, 6)
    change(folder)
    training = fresh()
    before = parameters(training.model)
    with pytest.raises(ConfigError, match=words):
        checkpoint.restore(folder / "6", "tiny-1", asked, training.model, training.optimizer)
    assert torch.equal(parameters(training.model), before)


@pytest.mark.parametrize(("step", "run_id"), [(5, "tiny-1"), (6, "tiny-2")])
def test_another_run_or_step_is_refused(finished: Finished, step: int, run_id: str) -> None:
    _, folder = finished
    asked = ResumeFrom(attempt=1, step=step, sha256=source(folder, 6).sha256)
    training = fresh()
    with pytest.raises(ConfigError, match="it is step 6 of tiny-1"):
        checkpoint.restore(folder / "6", run_id, asked, training.model, training.optimizer)


def test_a_state_that_is_not_finite_is_never_saved(tmp_path: Path) -> None:
    training = fresh()

    class Breaking(Saving):
        def took(self, step: int, values: Mapping[str, float]) -> None:
            super().took(step, values)
            if step == 6:
                next(training.model.parameters()).data[0] = torch.inf

    with pytest.raises(NonFiniteError, match="after step 6"):
        train(training, 0, Breaking(training, tmp_path))
    assert checkpoint.saved_steps(tmp_path) == [3]


def test_a_torn_checkpoint_has_no_name(finished: Finished) -> None:
    training, folder = finished
    (folder / ".12").mkdir()
    (folder / ".12" / "state.safetensors").write_bytes(b"half")
    assert checkpoint.saved_steps(folder) == [6, 9]
    checkpoint.save(folder, "tiny-1", 12, training.model, training.optimizer)
    assert checkpoint.saved_steps(folder) == [9, 12]
