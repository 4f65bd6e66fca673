"""However a batch is cut, the experiment is the same: gradients and what is learned, in double precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import CPU, FOUR_TASKS, WINDOW, Memory, TinyData, parameters
from torch import Tensor

from backbones.registry import names
from db.records import BatchSplit
from runner import splits
from runner.memory import MemoryPeak
from runner.model import build
from runner.optimizer import AdamW
from runner.random_state import seed_everything
from runner.step import predict, task_loss
from runner.training import Training, accumulate, train
from sweeps.settings import DataSettings, RunSettings, TrainSettings
from tasks.data.sampler import Sampler
from tasks.interface import Array, Windows

BATCH, STEPS = 64, 20
MIXES = {
    **{name: {name: settings} for name, settings in FOUR_TASKS.items()},
    "two": {name: FOUR_TASKS[name] for name in ("classification", "rul_prediction")},
    "all": FOUR_TASKS,
}
SMALL: dict[str, dict[str, Any]] = {
    "dlinear": {"kernel": 5},
    "timesnet": {"patch": 4, "stride": 4, "d_model": 6, "d_ff": 5, "num_kernels": 2},
    "patchtst": {"patch": 8, "stride": 8, "d_model": 8, "d_ff": 8, "n_heads": 2},
    "fno": {"patch": 4, "stride": 4, "d_model": 6, "modes": 5},
}
CUTS = {
    "1 x 64": (64,),
    "2 x 32": (32, 32),
    "8 x 8": (8,) * 8,
    "64 x 1": (1,) * 64,
    "7 uneven": (1, 19, 3, 7, 2, 23, 9),
}


class DoubleData(TinyData):
    """In double precision, with labels missing at random, for each task others."""

    def __init__(self, windows: int) -> None:
        super().__init__(windows=windows)
        random = np.random.default_rng(1)
        label = np.where(random.random(windows) < 0.4, -1, self._table.label)
        rul = np.where(random.random(windows) < 0.6, np.nan, random.random(windows))
        self._table = replace(self._table, label=label, rul=rul)

    def load(self, split: splits.SplitName, indices: Array) -> Windows:
        windows = super().load(split, indices)
        return replace(
            windows,
            x_BLC=windows.x_BLC.double(),
            future_BHC=windows.future_BHC.double(),
            rul_B=windows.rul_B.double(),
        )


def training_of(backbone: str, mix: str, micro: int = BATCH, *, batch: int = BATCH, dropout: float = 0.0) -> Training:
    settings = RunSettings(
        backbone=backbone,
        backbone_config={**SMALL[backbone], **({} if backbone == "dlinear" else {"dropout": dropout})},
        tasks=MIXES[mix],
        data=DataSettings(window=WINDOW),
        train=TrainSettings(batch=batch, steps=STEPS, warmup_steps=2, lr=1e-2),
    )
    data = DoubleData(windows=2 * max(batch, BATCH))
    split = splits.Split(data, "train", CPU)
    seed_everything(0)
    model = build(settings, data.systems).double().train()
    return Training(
        model=model,
        optimizer=AdamW(model, settings.train),
        split=split,
        labelled=splits.labelled_masks(model.tasks, split),
        sampler=Sampler(split.labels, batch, 0),
        settings=settings.train,
        micro=micro,
        memory=MemoryPeak(CPU),
    )


def gradient(training: Training) -> Tensor:
    return torch.cat([it.grad.flatten() for it in training.model.parameters() if it.grad is not None])


def gradient_of(training: Training, sizes: Sequence[int]) -> Tensor:
    training.optimizer.zero_grad()
    accumulate(training, cut(training.sampler.step(0), sizes))
    return gradient(training)


def cut(indices: Array, sizes: Sequence[int]) -> list[Array]:
    assert sum(sizes) == len(indices)
    return np.split(indices, np.cumsum(sizes)[:-1])


def apart(one: Tensor, other: Tensor) -> float:
    """Their distance, relative to the norm of the first."""
    return float((one - other).norm() / one.norm())


def gradient_of_mean_of_means(training: Training, sizes: Sequence[int]) -> Tensor:
    """What many a loop with accumulation does: each micro batch by its own mean, and the mean of these."""
    training.optimizer.zero_grad()
    model, pieces = training.model, cut(training.sampler.step(0), sizes)
    for piece in pieces:
        windows = training.split.load(piece)
        for name, prediction in predict(model, windows, list(model.tasks), "float32").items():
            known = torch.from_numpy(training.labelled[name][piece])
            if known.any():
                loss = task_loss(model.tasks[name], name, prediction, windows)[known].mean() / len(pieces)
                (model.tasks[name].weight * loss).backward(retain_graph=True)  # type: ignore[no-untyped-call] # untyped in torch
    return gradient(training)


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("backbone", names())
def test_the_gradient_is_the_same_however_a_batch_is_cut(backbone: str, mix: str) -> None:
    training = training_of(backbone, mix)
    whole = gradient_of(training, (BATCH,))
    assert whole.dtype is torch.float64
    assert whole.norm() > 0
    found = {name: apart(whole, gradient_of(training, sizes)) for name, sizes in CUTS.items()}
    assert max(found.values()) < 1e-9, found


@pytest.mark.parametrize("backbone", names())
def test_so_are_the_parameters_after_many_steps(backbone: str) -> None:
    def learned(micro: int) -> Tensor:
        training = training_of(backbone, "all", micro)
        train(training, 0, Memory())
        return parameters(training.model)

    start = parameters(training_of(backbone, "all").model)
    whole = learned(BATCH)
    assert apart(whole, start) > 1e-3
    for micro in (32, 9):
        assert apart(whole, learned(micro)) < 1e-9


@pytest.mark.parametrize("batch", [96, 100, 7, 60])
@pytest.mark.parametrize("backbone", ["fno", "patchtst"])
def test_any_batch_halves_down_to_single_windows_and_gives_the_same_gradient(backbone: str, batch: int) -> None:
    """Of every halving that a relaunch would come to."""
    training = training_of(backbone, "all", batch=batch)
    whole, split, micros = gradient_of(training, (batch,)), BatchSplit(micro=batch, accum=1).halved(), []
    while split is not None:
        assert split.effective == batch
        assert apart(whole, gradient_of(training, (split.micro,) * split.accum)) < 1e-9, split
        micros.append(split.micro)
        split = split.halved()
    assert micros[-1] == 1


@pytest.mark.parametrize("batch", [60, 7])
def test_an_epoch_with_a_last_partial_batch_of_each_system_teaches_the_same(batch: int) -> None:
    """64 windows of each of two systems: the last batch of an epoch is of 4, or of 1; micro batches divide neither."""

    def learned(micro: int) -> Tensor:
        training = training_of("patchtst", "all", micro, batch=batch)
        sizes = {len(training.sampler.step(step)) for step in range(STEPS)}
        assert sizes == {batch, 64 % batch}
        train(training, 0, Memory())
        return parameters(training.model)

    whole = learned(batch)
    assert all(apart(whole, learned(micro)) < 1e-9 for micro in (batch // 2, 3, 1))


@pytest.mark.parametrize("mix", ["classification", "rul_prediction", "all"])
def test_a_mean_of_micro_means_would_be_noticed(mix: str) -> None:
    training = training_of("patchtst", mix)
    whole = gradient_of(training, (BATCH,))
    planted = partial(gradient_of_mean_of_means, training)
    assert apart(whole, planted(CUTS["1 x 64"])) < 1e-9, "uncut it is the same"
    assert apart(whole, planted(CUTS["8 x 8"])) > 1e-3
    assert apart(whole, planted(CUTS["7 uneven"])) > 1e-3


def test_labels_are_missing_at_random() -> None:
    training = training_of("dlinear", "all")
    indices = training.sampler.step(0)
    counts = {name: int(mask[indices].sum()) for name, mask in training.labelled.items()}
    assert len(indices) == BATCH
    assert counts["signal_prediction"] == BATCH
    assert all(0 < counts[name] < BATCH for name in ("classification", "anomaly_detection", "rul_prediction"))
