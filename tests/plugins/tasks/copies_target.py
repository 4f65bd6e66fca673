"""A task whose head hands on what it is to predict."""

from __future__ import annotations

from torch import Tensor

from tasks.interface import Windows
from tasks.rul_prediction import RulPrediction


class CopiesTarget(RulPrediction):
    def forward(self, h_BCND: Tensor, windows: Windows) -> Tensor:
        return super().forward(h_BCND, windows) * 0 + windows.rul_B
