"""By how much a score is better than its baseline at least, luck set aside. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from db.errors import DataError
from db.records import Score
from db.strict import Invalid
from tasks.interface import Array, LabelTable, Task

CONFIDENCE = 0.99
GROUPS = 40
"""So many times a score is computed again, at most."""
TRAINING_LUCK = 0.03
"""Standard deviation, as a share of the baseline, of what a training gains that had nothing to learn from."""


def gain_at_least(task: Task, rows: Mapping[str, Array], unit: Array, training: LabelTable) -> float | None:
    """The lower 99 % confidence bound of how much better the score is than its baseline, in the metric's own measure.

    `unit` numbers the bearing of each row. Nothing where nobody can tell: rows of fewer than two bearings, or a split
    that cannot be scored any more once one of them is left out.

    Two kinds of luck are set aside. The test split's: windows of one bearing resemble each other, so the bearings are
    what counts. Each is left out in turn, value and baseline are computed again, and the spread of the gain over that
    gives its standard error: the delete-one jackknife over clusters (Efron and Tibshirani 1993, An introduction to the
    bootstrap, equation 11.5; Field and Welsh 2007, Bootstrapping clustered data). The quantiles of a bootstrap over as
    few as four to thirty bearings are too optimistic, and its resamples often lack a class.

    The training's: a network taught shuffled labels is a random function of the window, and such a function may by
    chance fall as bearings wear, on every bearing of the test split alike. No test split shows that, however large.
    Over 23 such trainings on the simulated rigs the root mean squared error of the life left gained up to 3.7 % of its
    baseline, with a standard deviation of 2.2 %, and three of them would pass for skill; TRAINING_LUCK is added to the
    error for it. It does not cover AUROC, which forgives any scale and spread by 0.11: where a large test split makes
    the jackknife's error small, a gain of that size should be seen with several seeds.

    The bound is the gain less the error of both times the quantile of Student's t, with one degree of freedom less than
    there are bearings.
    """
    groups = _groups(unit)
    if groups is None:
        return None
    kept = [groups != group for group in range(groups.max() + 1)]
    try:
        gains = [gain(task.score({key: values[mask] for key, values in rows.items()}, training)) for mask in kept]
    except (DataError, Invalid):
        return None
    score = task.score(rows, training)
    error = math.hypot(jackknife_error(np.array(gains)), TRAINING_LUCK * score.baseline)
    bound = gain(score) - t_quantile(CONFIDENCE, len(gains) - 1) * error
    return bound if math.isfinite(bound) else None


def gain(score: Score) -> float:
    """How much better the value is than the baseline; negative where it is worse."""
    return (score.value - score.baseline) * (1 if score.higher_is_better else -1)


def jackknife_error(estimates: npt.NDArray[np.float64]) -> float:
    """Standard error from n estimates, each of which leaves one of n units out: sqrt((n - 1) / n sum (e - mean)^2)."""
    count = len(estimates)
    return float(np.sqrt((count - 1) / count * np.square(estimates - estimates.mean()).sum()))


def t_quantile(level: float, freedom: int) -> float:
    """Student's t quantile above the median: t = sqrt(v) tan(a), where a has the density cos(a)^(v - 1)."""
    edges = np.linspace(0, np.pi / 2, 20001)
    mass = np.concatenate([[0.0], np.cumsum(np.cos((edges[1:] + edges[:-1]) / 2) ** (freedom - 1))])
    angle = np.interp(2 * level - 1, mass / mass[-1], edges)
    return float(np.sqrt(freedom) * np.tan(angle))


def _groups(unit: Array) -> npt.NDArray[np.int64] | None:
    """Number the bearings from 0; more than GROUPS of them are dealt in turn into that many groups."""
    known, place = np.unique(unit, return_inverse=True)
    return (place.reshape(-1) % GROUPS).astype(np.int64) if len(known) > 1 else None
