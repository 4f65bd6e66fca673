"""Which fault a bearing has: the class of each window, numbered within its system."""

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
from tasks.interface import Array, LabelTable, System, Task, Windows, cross_entropy, to_numpy
from tasks.layers.window_head import HIDDEN, WindowHead


class Classification(Task):
    """Logits of each system's own classes, over a body that all systems share."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        weight: float = 1.0

        def __post_init__(self) -> None:
            require_positive(self, "weight")

    metric: ClassVar[str] = "accuracy"
    higher_is_better: ClassVar[bool] = True

    def __init__(self, config: Config, width: int, systems: Sequence[System]) -> None:
        super().__init__()
        self.weight = config.weight
        self.body = WindowHead(width)
        self.classes = nn.ModuleDict({str(system.id): nn.Linear(HIDDEN, system.classes) for system in systems})

    def labelled(self, labels: LabelTable) -> npt.NDArray[np.bool_]:
        return (labels.label >= 0) & labels.for_diagnosis

    def require_labels(self, labels: LabelTable, split: str) -> None:
        super().require_labels(labels, split)
        mask = self.labelled(labels)
        if split == "train" and not _systems_with_a_choice(labels, mask):
            raise DataError(
                f"{self.name}: in the training split every system has one class only; there is nothing to tell apart"
            )

    def forward(self, h_BCND: Tensor, windows: Windows) -> Tensor:
        """Return `logit_BK`, K classes of the windows' system."""
        logit_BK: Tensor = self.classes[str(windows.system.id)](self.body(h_BCND))
        return logit_BK

    def target(self, windows: Windows) -> Tensor:
        return windows.label_B.clamp(min=0)

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(prediction, target)

    def rows(self, prediction: Tensor, target: Tensor, windows: Windows) -> Mapping[str, Array]:
        return {
            "predicted": to_numpy(prediction.argmax(1)),
            "label": to_numpy(target),
            "system": np.full(len(windows), windows.system.id),
        }

    def score(self, rows: Mapping[str, Array], training: LabelTable) -> Score:
        """Accuracy, beside always naming the most frequent class of the system's training windows."""
        if not len(rows["label"]):
            raise DataError(f"{self.name}: the split to be scored has no labelled window")
        usual = _usual_class(training, self.labelled(training))
        named = np.array([usual.get(int(system), -1) for system in rows["system"]])
        return Score(
            task=self.name,
            metric=self.metric,
            value=float((rows["predicted"] == rows["label"]).mean()),
            baseline=float((named == rows["label"]).mean()),
            baseline_name="majority class of the system's training windows",
            higher_is_better=True,
            windows=len(rows["label"]),
        )


def _usual_class(labels: LabelTable, mask: npt.NDArray[np.bool_]) -> dict[int, int]:
    return {
        int(system): int(np.bincount(labels.label[mask & (labels.system == system)]).argmax())
        for system in np.unique(labels.system[mask])
    }


def _systems_with_a_choice(labels: LabelTable, mask: npt.NDArray[np.bool_]) -> list[int]:
    systems = np.unique(labels.system[mask])
    return [int(system) for system in systems if len(np.unique(labels.label[mask & (labels.system == system)])) > 1]
