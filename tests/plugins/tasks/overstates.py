"""A task that claims more windows than it was given, in numbers that are not Python's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from db.records import Score
from tasks.interface import Array, LabelTable
from tasks.signal_prediction import SignalPrediction


class Overstates(SignalPrediction):
    def score(self, rows: Mapping[str, Array], training: LabelTable) -> Score:
        honest = super().score(rows, training)
        return replace(honest, value=np.float32(0.5), windows=np.int64(10**6))
