"""A step's windows are a pure function of seed and step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import DataError
from tasks.data.sampler import Sampler
from tasks.interface import LabelTable


def label_table(*systems: int) -> LabelTable:
    count = len(systems)
    return LabelTable(system=np.array(systems), label=np.zeros(count, dtype=int), rul=np.full(count, np.nan))


tables = st.lists(st.integers(1, 3), min_size=1, max_size=40).map(lambda systems: label_table(*systems))


@given(tables, st.integers(1, 9), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_shows_every_window_once(labels: LabelTable, batch: int, seed: int, epoch: int) -> None:
    sampler = Sampler(labels, batch, seed)
    steps = sampler.steps_per_epoch
    batches = [sampler.step(step) for step in range(epoch * steps, (epoch + 1) * steps)]
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(labels)))
    for indices in batches:
        assert 1 <= len(indices) <= batch
        assert len(set(labels.system[indices])) == 1


@given(tables, st.integers(1, 9), st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_a_step_does_not_depend_on_what_was_asked_before(labels: LabelTable, batch: int, steps: list[int]) -> None:
    used = Sampler(labels, batch, 1)
    for step in steps:
        assert used.step(step).tolist() == Sampler(labels, batch, 1).step(step).tolist()


def test_epochs_and_seeds_differ() -> None:
    labels = label_table(*[1] * 64)
    first, other = Sampler(labels, 64, 0), Sampler(labels, 64, 1)
    orders = {tuple(sampler.step(step).tolist()) for sampler in (first, other) for step in (0, 1)}
    assert len(orders) == 4


def test_systems_are_mixed_within_an_epoch() -> None:
    labels = label_table(*[1] * 200, *[2] * 200)
    sampler = Sampler(labels, 4, 0)
    order = [int(labels.system[sampler.step(step)[0]]) for step in range(100)]
    assert sum(before != after for before, after in pairwise(order)) > 20


def test_a_sampler_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="no window"):
        Sampler(label_table(), 4, 0)
