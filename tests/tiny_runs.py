"""Small data in memory and small runs over it, for the tests of training and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from runner import splits
from runner.memory import MemoryPeak
from runner.model import Model, build
from runner.optimizer import AdamW
from runner.random_state import seed_everything
from runner.training import Training
from sweeps.settings import DataSettings, RunSettings, TrainSettings
from tasks.interface import Array, LabelTable, System, Windows

PLUGINS = Path(__file__).parent / "plugins"
CPU = torch.device("cpu")
WINDOW, FUTURE = 64, 32
FOUR_TASKS: dict[str, dict[str, Any]] = {
    "anomaly_detection": {},
    "classification": {},
    "rul_prediction": {},
    "signal_prediction": {"horizon": FUTURE},
}


class TinyData:
    """Noise whose amplitude is the class, from two systems; some labels are missing."""

    def __init__(self, windows: int = 40) -> None:
        generator = np.random.default_rng(0)
        self.systems = (
            System(id=1, name="one", channels=1, sample_rate=1000.0, classes=2),
            System(id=2, name="two", channels=3, sample_rate=1000.0, classes=3),
        )
        system = np.repeat([1, 2], windows // 2)
        label = np.where(np.arange(windows) % 5 == 4, -1, np.arange(windows) % 2)
        rul = np.where(system == 2, np.linspace(1, 0, windows), np.nan).astype(np.float32)
        self._table = LabelTable(system=system, label=label, rul=rul)
        noise = generator.standard_normal((windows, WINDOW + FUTURE, 3)).astype(np.float32)
        self._signals = noise * (2.0 + label)[:, None, None].astype(np.float32)

    def labels(self, split: splits.SplitName) -> LabelTable:
        del split
        return self._table

    def load(self, split: splits.SplitName, indices: Array) -> Windows:
        del split
        (number,) = np.unique(self._table.system[indices])
        system = next(one for one in self.systems if one.id == number)
        signal_BLC = torch.from_numpy(self._signals[indices][:, :, : system.channels])
        return Windows(
            system=system,
            x_BLC=signal_BLC[:, :WINDOW],
            future_BHC=signal_BLC[:, WINDOW:],
            label_B=torch.from_numpy(self._table.label[indices]),
            rul_B=torch.from_numpy(self._table.rul[indices]),
        )


@dataclass(frozen=True)
class InTurn:
    """Batches of one system at a time, in turn."""

    labels: LabelTable
    batch: int

    def step(self, step: int) -> Array:
        systems = np.unique(self.labels.system)
        members = np.flatnonzero(self.labels.system == systems[step % len(systems)])
        return np.roll(members, -step)[: self.batch]


@dataclass
class Memory:
    """An observer that remembers."""

    logged: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.logged.append((step, dict(values)))

    def save(self, step: int) -> None:
        self.saved.append(step)

    def took(self, step: int, values: Mapping[str, float]) -> None:
        assert values["train.grad_norm"] >= 0
        self.taken.append(step)


def tiny_settings(tasks: Mapping[str, Mapping[str, Any]], *, dropout: float = 0.0, **train: Any) -> RunSettings:
    return RunSettings(
        backbone="tiny",
        backbone_config={"dropout": dropout},
        tasks=tasks,
        data=DataSettings(window=WINDOW),
        train=TrainSettings(**{"batch": 16, "steps": 6, "warmup_steps": 2, "log_every": 2, **train}),
        plugins=(str(PLUGINS),),
    )


def tiny_training(settings: RunSettings, micro: int, *, shuffle_seed: int | None = None) -> Training:
    """Everything a training needs, freshly seeded."""
    data = TinyData()
    owner = None if shuffle_seed is None else splits.shuffled_owner(data.labels("train"), shuffle_seed)
    split = splits.Split(data, "train", CPU, owner)
    seed_everything(settings.seed)
    model = build(settings, data.systems)
    return Training(
        model=model,
        optimizer=AdamW(model, settings.train),
        split=split,
        labelled=splits.labelled_masks(model.tasks, split),
        sampler=InTurn(split.labels, settings.train.batch),
        settings=settings.train,
        micro=micro,
        memory=MemoryPeak(CPU),
    )


def parameters(model: Model) -> torch.Tensor:
    """All parameters in one row."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
