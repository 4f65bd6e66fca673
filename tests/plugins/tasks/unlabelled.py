"""A task for which no window has a label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tasks.interface import LabelTable
from tasks.signal_prediction import SignalPrediction


class Unlabelled(SignalPrediction):
    def labelled(self, labels: LabelTable) -> npt.NDArray[np.bool_]:
        return np.zeros(len(labels), dtype=np.bool_)
