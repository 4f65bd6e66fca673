"""Memory as a function of the micro batch, and what is counted where no values exist."""

from __future__ import annotations

import gc

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses import FakeTensorMode

from backbones.layers.periods import preflight_periods, strongest_periods
from db.records import BatchSplit
from runner.live_bytes import LiveBytes
from runner.predicted import TIDY_HOST, Line, StepMemory, largest_fitting, moments, needed

KIB = 1024
SEEN = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), min_size=1, max_size=30)


@given(SEEN, st.integers(3, 200), st.integers(1, 400))
def test_the_peak_is_the_highest_of_all_moments_at_every_micro_batch(
    lines: list[tuple[int, int]], large: int, micro: int
) -> None:
    seen = {batch: [fixed + each * batch for fixed, each in lines] for batch in (2, large)}
    memory = StepMemory(state=0, gradients=0, moments=moments(seen))
    expected = max(fixed + each * micro for fixed, each in lines)
    assert memory.peak(BatchSplit(micro=micro, accum=1)) == pytest.approx(expected, abs=2)
    assert len(memory.moments) <= len(set(lines))


def test_what_is_never_highest_is_left_out() -> None:
    low, flat, steep = (10, 1), (100, 0), (0, 10)
    seen = {batch: [fixed + each * batch for fixed, each in (low, flat, steep)] for batch in (2, 50)}
    assert moments(seen) == (Line(fixed=100.0, each=0.0), Line(fixed=0.0, each=10.0))


def test_a_step_of_other_operators_is_known_by_its_peaks() -> None:
    assert moments({2: [5, 30, 7], 12: [130]}) == (Line(fixed=10.0, each=10.0),)


def test_a_batch_of_one_has_one_point() -> None:
    assert moments({1: [3, 9, 4]}) == (Line(fixed=9.0, each=0.0),)


def test_a_batch_that_is_cut_keeps_its_gradients() -> None:
    memory = StepMemory(state=100, gradients=50, moments=(Line(fixed=200.0, each=10.0),))
    assert memory.peak(BatchSplit(micro=8, accum=1)) == 280
    assert memory.peak(BatchSplit(micro=4, accum=2)) == 290


@pytest.mark.parametrize(
    ("room", "micro"), [(10**6, 12), (120 + 50 + 60, 6), (120 + 50 + 59, 3), (120 + 50 + 10, 1), (120 + 50 + 9, None)]
)
def test_the_largest_micro_batch_that_fits(room: int, micro: int | None) -> None:
    memory = StepMemory(state=100, gradients=50, moments=(Line(fixed=120.0, each=10.0),))
    context = needed(memory, BatchSplit(micro=1, accum=1), TIDY_HOST) - 130
    split = largest_fitting(memory, 12, context + room, TIDY_HOST)
    assert (split and split.micro) == micro
    assert split is None or split.effective == 12


def test_living_storages_are_counted_and_views_are_not() -> None:
    with FakeTensorMode(), LiveBytes() as counted:
        one = torch.zeros(256, 256)
        assert counted.live == 256 * KIB
        view = one[3:].t()
        assert counted.live == 256 * KIB
        del one
        assert counted.live == 256 * KIB, "the view needs it"
        total = (view + 1).sum()
        assert max(counted.seen) == (256 + 253) * KIB + 512, "and the sum"
        del view, total
    gc.collect()
    assert counted.live == 0


def test_what_autograd_keeps_is_counted_until_the_backward_pass() -> None:
    with FakeTensorMode(), LiveBytes() as counted:
        x = torch.zeros(1024, 256, requires_grad=True)
        loss = x.exp().sum()
        assert counted.live == pytest.approx(2 * 1024 * KIB, rel=0.01), "x, and its exponential"
        loss.backward()  # type: ignore[no-untyped-call] # untyped in torch
        del loss
        assert counted.live == pytest.approx(2 * 1024 * KIB, rel=0.01), "x, and its gradient"


def test_a_transform_across_what_lies_together_takes_a_copy() -> None:
    with FakeTensorMode(), LiveBytes() as counted:
        h_RND = torch.zeros(256, 128, 64, dtype=torch.complex64)
        of_h = counted.live
        along = torch.fft.fft(h_RND, dim=2)
        assert counted.seen[-1] == 2 * of_h, "what goes in and what comes out"
        del along
        torch.fft.fft(h_RND, dim=1)
        assert counted.seen[-1] == 3 * of_h, "and what goes in, laid out anew"


@pytest.mark.parametrize("length", [2, 3, 16, 128, 256])
def test_without_values_the_periods_are_those_that_cost_most(length: int) -> None:
    with FakeTensorMode():
        folds = strongest_periods(torch.zeros(2, length, 3), top_k=3)
    periods = [fold.period for fold in folds]
    assert sorted(periods) == sorted(preflight_periods(length, 3))
    assert {len(fold.row_r) for fold in folds} == {2}, "in every row"
    worst = sum(length + -length % period for period in periods)
    for _ in range(20):
        real = strongest_periods(torch.randn(1, length, 3), top_k=3)
        assert sum(length + -length % fold.period for fold in real) <= worst
