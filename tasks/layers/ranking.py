"""How well a score ranks one class above another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def auroc(score: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> float:
    """Area under the receiver operating characteristic, from ranks.

    AUROC = (R - P (P + 1) / 2) / (P N), where R is the sum of the ranks of the P positives among all P + N scores and
    tied scores share the mean of their ranks (Mann and Whitney 1947; Fawcett 2006, An introduction to ROC analysis). It
    is the chance that a positive scores above a negative, a tie counting one half.

    Raises:
        ValueError: only one class is there, or a score is NaN.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise ValueError(f"{positives} positives and {negatives} negatives: ranking needs both")
    if np.isnan(score).any():
        raise ValueError("a score is NaN")
    ranks = _mean_ranks(score)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _mean_ranks(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: npt.NDArray[np.float64] = (last - (counts - 1) / 2)[group.reshape(-1)]
    return mean
