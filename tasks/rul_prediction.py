"""How much of a bearing's life is left, as a fraction between 1 (new) and 0 (end of the test)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from db.errors import DataError
from db.records import Score
from db.strict import require_positive
from tasks.interface import Array, LabelTable, System, Task, Windows, squared_error, to_numpy
from tasks.layers.window_head import HIDDEN, WindowHead


class RulPrediction(Task):
    """One number a window, unbounded: a linear output for each system, which starts at half a life."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        weight: float = 1.0

        def __post_init__(self) -> None:
            require_positive(self, "weight")

    metric: ClassVar[str] = "rmse"
    higher_is_better: ClassVar[bool] = False

    def __init__(self, config: Config, width: int, systems: Sequence[System]) -> None:
        super().__init__()
        self.weight = config.weight
        self.body = WindowHead(width)
        self.outputs = nn.ModuleDict({str(system.id): nn.Linear(HIDDEN, 1) for system in systems})

    def labelled(self, labels: LabelTable) -> npt.NDArray[np.bool_]:
        mask: npt.NDArray[np.bool_] = np.isfinite(labels.rul)
        return mask

    def forward(self, h_BCND: Tensor, windows: Windows) -> Tensor:
        """Return `rul_B`."""
        rul_B1: Tensor = self.outputs[str(windows.system.id)](self.body(h_BCND))
        return rul_B1.squeeze(1) + 0.5

    def target(self, windows: Windows) -> Tensor:
        return torch.nan_to_num(windows.rul_B, nan=0.0)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return squared_error(prediction, target)

    def rows(self, prediction: Tensor, target: Tensor, windows: Windows) -> Mapping[str, Array]:
        return {
            "predicted": to_numpy(prediction),
            "rul": to_numpy(target),
            "system": np.full(len(windows), windows.system.id),
        }

    def score(self, rows: Mapping[str, Array], training: LabelTable) -> Score:
        """Root mean squared error, beside always saying the mean of the system's training windows."""
        if not len(rows["rul"]):
            raise DataError(f"{self.name}: the split to be scored has no labelled window")
        usual = _mean_life(training, self.labelled(training))
        said = np.array([usual.get(int(system), 0.5) for system in rows["system"]])
        return Score(
            task=self.name,
            metric=self.metric,
            value=_rmse(rows["predicted"], rows["rul"]),
            baseline=_rmse(said, rows["rul"]),
            baseline_name="mean of the system's training windows",
            higher_is_better=False,
            windows=len(rows["rul"]),
        )


def _mean_life(labels: LabelTable, mask: npt.NDArray[np.bool_]) -> dict[int, float]:
    systems = np.unique(labels.system[mask])
    return {int(system): float(labels.rul[mask & (labels.system == system)].mean()) for system in systems}


def _rmse(predicted: Array, true: Array) -> float:
    return float(np.sqrt(np.square(predicted.astype(np.float64) - true).mean()))
