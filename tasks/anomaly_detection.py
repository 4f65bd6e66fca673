"""Whether a bearing is faulty: any label above 0 against normal, 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from db.errors import DataError
from db.records import Score
from db.strict import require_positive
from tasks.interface import Array, LabelTable, System, Task, Windows, binary_cross_entropy, to_numpy
from tasks.layers.ranking import auroc
from tasks.layers.window_head import HIDDEN, WindowHead


class AnomalyDetection(Task):
    """One logit a window: the same body for all systems, a linear output for each."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        weight: float = 1.0

        def __post_init__(self) -> None:
            require_positive(self, "weight")

    metric: ClassVar[str] = "auroc"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, config: Config, width: int, systems: Sequence[System]) -> None:
        super().__init__()
        self.weight = config.weight
        self.body = WindowHead(width)
        self.outputs = nn.ModuleDict({str(system.id): nn.Linear(HIDDEN, 1) for system in systems})

    def labelled(self, labels: LabelTable) -> npt.NDArray[np.bool_]:
        return (labels.label >= 0) & labels.for_detection

    def require_labels(self, labels: LabelTable, split: str) -> None:
        super().require_labels(labels, split)
        mask = self.labelled(labels)
        if not _comparable(labels.system[mask], labels.label[mask] > 0):
            raise DataError(f"{self.name}: no system of the {split} split has both normal and faulty windows")

    def forward(self, h_BCND: Tensor, windows: Windows) -> Tensor:
        """Return `logit_B`."""
        logit_B1: Tensor = self.outputs[str(windows.system.id)](self.body(h_BCND))
        return logit_B1.squeeze(1)

    def target(self, windows: Windows) -> Tensor:
        return (windows.label_B > 0).float()

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return binary_cross_entropy(prediction, target)

    def rows(self, prediction: Tensor, target: Tensor, windows: Windows) -> Mapping[str, Array]:
        return {
            "logit": to_numpy(prediction),
            "faulty": to_numpy(target) > 0,
            "rms": to_numpy(windows.x_BLC.square().mean((1, 2)).sqrt()),
            "system": np.full(len(windows), windows.system.id),
        }

    def score(self, rows: Mapping[str, Array], training: LabelTable) -> Score:
        """AUROC within each system, averaged over the systems that have both classes.

        Pooled over systems it would also reward knowing which machine is faulty more often. Beside it: the amplitude
        of a window alone (RMS over samples and channels) in the same measure, or chance where that is better.
        """
        del training
        systems = _comparable(rows["system"], rows["faulty"])
        if not systems:
            raise DataError(f"{self.name}: no system of the split to be scored has both normal and faulty windows")
        amplitude = _mean_auroc(rows, "rms", systems)
        return Score(
            task=self.name,
            metric=self.metric,
            value=_mean_auroc(rows, "logit", systems),
            baseline=max(0.5, amplitude),
            baseline_name="RMS of the window alone" if amplitude > 0.5 else "chance",
            higher_is_better=True,
            windows=int(np.isin(rows["system"], systems).sum()),
        )


def _mean_auroc(rows: Mapping[str, Array], key: str, systems: Sequence[int]) -> float:
    masks = [rows["system"] == system for system in systems]
    return float(np.mean([auroc(rows[key][mask], rows["faulty"][mask]) for mask in masks]))


def _comparable(system: Array, faulty: Array) -> list[int]:
    """The systems that have both normal and faulty windows."""
    return [int(one) for one in np.unique(system) if len(np.unique(faulty[system == one])) == 2]
