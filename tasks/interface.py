"""What a task is: a head, a loss for each window, and a metric on the whole test split beside a trivial baseline."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from db.errors import DataError, ShapeError
from db.records import Score

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class System:
    """One dataset of the collection (`Dataset_id`): one machine, so one channel count, sample rate and label set."""

    id: int
    name: str
    channels: int
    sample_rate: float
    classes: int


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Some windows of one system, scaled by statistics of its training split.

    `label_B` is int64, -1 where unknown; `rul_B` is the fraction of life left in [0, 1], NaN where unknown.
    """

    system: System
    x_BLC: Tensor
    future_BHC: Tensor
    label_B: Tensor
    rul_B: Tensor

    def __len__(self) -> int:
        return len(self.label_B)


@dataclass(frozen=True, kw_only=True)
class LabelTable:
    """The labels of many windows, without their signals, as known from the metadata. One row a window.

    `system` is the `Dataset_id`; `label` is -1 and `rul` NaN where unknown or not meant for any use. `diagnosis` and
    `detection` say of each window whether its label is meant for classification and for anomaly detection; nothing
    means that all are. `unit` numbers the bearing that a window is of: windows of one bearing resemble each other, so
    what they say counts once; nothing means that nobody knows.
    """

    system: Array
    label: Array
    rul: Array
    diagnosis: Array | None = None
    detection: Array | None = None
    unit: Array | None = None

    @property
    def for_diagnosis(self) -> npt.NDArray[np.bool_]:
        return np.ones(len(self), dtype=np.bool_) if self.diagnosis is None else self.diagnosis

    @property
    def for_detection(self) -> npt.NDArray[np.bool_]:
        return np.ones(len(self), dtype=np.bool_) if self.detection is None else self.detection

    def __len__(self) -> int:
        return len(self.label)


class Task(nn.Module, ABC):
    """A file `tasks/<name>.py` holds one subclass of this, and in it a frozen, keyword-only dataclass `Config`.

    The subclass is built as `Task(config, width=D, systems=(...))`. What it may rely on: all windows of a call come
    from one system. What it must keep: the size of its head does not grow with width^2 x length. A loss that is
    meant to depend on the other windows of its micro batch (a contrastive one, say) sets `couples_samples`.
    """

    Config: ClassVar[type[Any]]
    metric: ClassVar[str]
    higher_is_better: ClassVar[bool]
    couples_samples: ClassVar[bool] = False
    weight: float

    @property
    def name(self) -> str:
        """The task's name: that of its file."""
        return Path(inspect.getfile(type(self))).stem

    @property
    def future(self) -> int:
        """H, the number of samples after the window that this task needs to see as its target."""
        return 0

    @abstractmethod
    def labelled(self, labels: LabelTable) -> npt.NDArray[np.bool_]:
        """Return one bool a window: whether it has a label for this task."""

    def require_labels(self, labels: LabelTable, split: str) -> None:
        """Insist that a split can be used for this task; call it for every split before training.

        Raises:
            DataError: it has no labelled window, or one class only where two are needed.
        """
        if not self.labelled(labels).any():
            raise DataError(f"{self.name}: none of the {len(labels)} windows of the {split} split has a label for it")

    @abstractmethod
    def forward(self, h_BCND: Tensor, windows: Windows) -> Tensor:
        """Return the prediction, first dimension B. Labels and future are hidden here: -1, NaN and zeros."""

    @abstractmethod
    def target(self, windows: Windows) -> Tensor:
        """Return the target, first dimension B, finite also where there is no label."""

    @abstractmethod
    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return `loss_B`. Use the functions below: they refuse shapes that would broadcast."""

    @abstractmethod
    def rows(self, prediction: Tensor, target: Tensor, windows: Windows) -> Mapping[str, Array]:
        """Return what `score` needs to know of each window: arrays whose first dimension is B."""

    @abstractmethod
    def score(self, rows: Mapping[str, Array], training: LabelTable) -> Score:
        """Score the whole test split at once. `rows` holds labelled windows only.

        Raises:
            DataError: the split cannot be scored (only one class in it, say); the message says why.
        """


def to_numpy(values: Tensor) -> Array:
    """A tensor of any device and precision as an array; reduced precision becomes float32."""
    values = values.detach().cpu()
    return np.asarray((values.float() if values.is_floating_point() else values).numpy())


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each window, `loss_B`.

    Raises:
        ShapeError: the two shapes differ; they are never broadcast.
    """
    require_same_shape(prediction, target)
    return (prediction - target).square().flatten(1).mean(1) if prediction.dim() > 1 else (prediction - target).square()


def binary_cross_entropy(logit_B: Tensor, target_B: Tensor) -> Tensor:
    """Cross entropy of each window against a target of 0 or 1, `loss_B`.

    Raises:
        ShapeError: the two shapes differ.
    """
    require_same_shape(logit_B, target_B)
    return functional.binary_cross_entropy_with_logits(logit_B, target_B.to(logit_B.dtype), reduction="none")


def cross_entropy(logit_BK: Tensor, target_B: Tensor) -> Tensor:
    """Cross entropy of each window against its class, `loss_B`.

    Raises:
        ShapeError: the target is not one class a window.
    """
    if logit_BK.dim() != 2 or target_B.shape != logit_BK.shape[:1]:
        raise ShapeError(f"logits of shape {list(logit_BK.shape)} need one class each, not {list(target_B.shape)}")
    return functional.cross_entropy(logit_BK, target_B, reduction="none")


def require_same_shape(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise ShapeError(
            f"the target has shape {list(target.shape)} and the prediction {list(prediction.shape)}: "
            "they would be broadcast; give every window its own target"
        )


def per_window(loss_B: Tensor, windows: Windows, name: str) -> Tensor:
    """Insist that a task gave one loss for each window.

    Raises:
        ShapeError: it gave anything else, a mean over the batch for instance.
    """
    if loss_B.shape != torch.Size([len(windows)]):
        shape = list(loss_B.shape)
        raise ShapeError(f"{name}: the loss has shape {shape}, not one value for each of {len(windows)} windows")
    return loss_B
