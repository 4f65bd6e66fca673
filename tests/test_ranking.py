"""AUROC by ranks against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.layers.ranking import auroc

scored = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40)


@given(scored.filter(lambda pairs: len({positive for _, positive in pairs}) == 2))
def test_it_is_the_chance_that_a_positive_ranks_above_a_negative(pairs: list[tuple[int, bool]]) -> None:
    positives = [score for score, positive in pairs if positive]
    negatives = [score for score, positive in pairs if not positive]
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    score, positive = (np.array(column) for column in zip(*pairs, strict=True))
    assert auroc(score.astype(float), positive) == pytest.approx(wins / (len(positives) * len(negatives)))


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_one_class_has_no_ranking(positive: list[bool]) -> None:
    with pytest.raises(ValueError, match="needs both"):
        auroc(np.array([0.0, 1.0]), np.array(positive))


def test_nan_has_no_rank() -> None:
    with pytest.raises(ValueError, match="NaN"):
        auroc(np.array([0.0, np.nan]), np.array([True, False]))
