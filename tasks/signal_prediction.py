"""How the signal goes on: the `horizon` samples that follow the window, in every channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from db.errors import DataError
from db.records import Score
from db.strict import require_positive
from tasks.interface import Array, LabelTable, System, Task, Windows, squared_error, to_numpy

LAST_TOKENS = 4
_NAIVE = {"last": "last value of the context", "mean": "mean of the context", "zero": "zero"}


class SignalPrediction(Task):
    """A linear map of each channel's last few tokens, on top of the context's mean and last value.

    The map has LAST_TOKENS x D x H weights, whatever the window's length. The context's mean, and its last value fading
    over the horizon as learned, are added, so the tokens only have to say by how much the signal deviates.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """`horizon` is the number of samples to forecast."""

        weight: float = 1.0
        horizon: int = 32

        def __post_init__(self) -> None:
            require_positive(self, "weight", "horizon")

    metric: ClassVar[str] = "mse"
    higher_is_better: ClassVar[bool] = False

    def __init__(self, config: Config, width: int, systems: Sequence[System]) -> None:
        super().__init__()
        del systems
        self.weight = config.weight
        self.horizon = config.horizon
        self.deviation = nn.Linear(LAST_TOKENS * width, config.horizon)
        self.fade_H = nn.Parameter(torch.zeros(config.horizon))

    @property
    def future(self) -> int:
        return self.horizon

    def labelled(self, labels: LabelTable) -> npt.NDArray[np.bool_]:
        return np.ones(len(labels), dtype=np.bool_)

    def forward(self, h_BCND: Tensor, windows: Windows) -> Tensor:
        """Return `forecast_BHC`."""
        missing = LAST_TOKENS - h_BCND.shape[2]
        last_BCTD = functional.pad(h_BCND, (0, 0, max(0, missing), 0))[:, :, -LAST_TOKENS:]
        deviation_BCH = self.deviation(last_BCTD.flatten(2))
        mean_BC = windows.x_BLC.mean(1)
        off_mean_BC = windows.x_BLC[:, -1] - mean_BC
        forecast_BCH: Tensor = deviation_BCH + mean_BC[..., None] + off_mean_BC[..., None] * self.fade_H
        return forecast_BCH.transpose(1, 2)

    def target(self, windows: Windows) -> Tensor:
        """The first `horizon` samples of the future; another task may have asked for more."""
        return windows.future_BHC[:, : self.horizon]

    def loss(self, prediction: Tensor, target: Tensor) -> Tensor:
        return squared_error(prediction, target)

    def rows(self, prediction: Tensor, target: Tensor, windows: Windows) -> Mapping[str, Array]:
        x_BLC = windows.x_BLC
        naive = {"last": x_BLC[:, -1:], "mean": x_BLC.mean(1, keepdim=True), "zero": torch.zeros_like(x_BLC[:, :1])}
        errors = {name: squared_error(guess.expand_as(target), target) for name, guess in naive.items()}
        return {name: to_numpy(error) for name, error in {"error": squared_error(prediction, target), **errors}.items()}

    def score(self, rows: Mapping[str, Array], training: LabelTable) -> Score:
        """Mean squared error in scaled units, beside the best of three naive forecasts."""
        del training
        if not len(rows["error"]):
            raise DataError(f"{self.name}: the split to be scored has no window")
        naive = {name: float(rows[name].mean(dtype=np.float64)) for name in _NAIVE}
        best = min(naive, key=lambda name: naive[name])
        return Score(
            task=self.name,
            metric=self.metric,
            value=float(rows["error"].mean(dtype=np.float64)),
            baseline=naive[best],
            baseline_name=_NAIVE[best],
            higher_is_better=False,
            windows=len(rows["error"]),
        )
