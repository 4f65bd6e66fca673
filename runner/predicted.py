"""How much memory a training step needs, as a function of its micro batch. Pure, standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from db.records import BatchSplit

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the tensors of a step lie: `context` bytes beside them, and `slack` bytes taken for each byte of them."""

    device: Literal["cpu", "gpu"]
    context: int
    slack: float


TIDY_HOST = Place(device="cpu", context=256 * MIB, slack=1.0)
"""Anonymous memory of a worker whose allocator gives back what is freed, for glibc's `MALLOC_MMAP_THRESHOLD_` is set.
The context is Python, torch and the tables of the data: 157 MiB were measured before a first step."""
HOST = Place(device="cpu", context=256 * MIB, slack=1.5)
"""With glibc as it is. Its slack was measured with four backbones at batch 128: context and slack cover it."""
GPU = Place(device="gpu", context=700 * MIB, slack=1.1)
"""The CUDA context with torch's kernels, cuBLAS's and cuDNN's workspaces; what torch's allocator leaves unused of its
blocks. Not measured: what is usual."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Bytes at one moment of a step: `fixed`, and `each` for every window of the micro batch."""

    fixed: float
    each: float

    def at(self, micro: int) -> float:
        return self.fixed + self.each * micro


@dataclass(frozen=True, kw_only=True)
class StepMemory:
    """Bytes of tensors in a training step.

    `state` is held between steps: parameters and the optimizer's state. `gradients` are held besides, from the first
    micro batch of a step to its end. `moments` are lines of which the highest is the peak of a step in one piece;
    `recomputed` are those of a step that computes activations anew, empty where that saves nothing.
    """

    state: int
    gradients: int
    moments: tuple[Line, ...]
    recomputed: tuple[Line, ...] = ()

    def peak(self, batch: BatchSplit, *, recompute: bool = False) -> int:
        """At most: where a batch is accumulated, its gradients are counted in full at every moment."""
        gradients = self.gradients if batch.accum > 1 else 0
        lines = self.recomputed if recompute and self.recomputed else self.moments
        return round(max(line.at(batch.micro) for line in lines)) + gradients


def moments(seen: Mapping[int, Sequence[int]]) -> tuple[Line, ...]:
    """The lines through what was seen at one or two micro batches, moment by moment; those that never are highest
    are left out.

    A step that took other operators at the other batch is known by its peaks alone. The peak over moments is convex, so
    the line between two of its points is never below it.
    """
    (small, first), (large, last) = min(seen.items()), max(seen.items())
    if small == large:
        return (Line(fixed=max(first), each=0.0),)
    if len(first) != len(last):
        first, last = [max(first)], [max(last)]
    lines = {_through(small, low, large, high) for low, high in zip(first, last, strict=True)}
    return _highest(lines)


def _through(small: int, low: int, large: int, high: int) -> Line:
    each = (high - low) / (large - small)
    return Line(fixed=low - each * small, each=each)


def _highest(lines: set[Line]) -> tuple[Line, ...]:
    """Those that are the highest at some micro batch from 1 on, by their slope: the upper hull."""
    hull: list[Line] = []
    for line in sorted(lines, key=lambda one: (one.each, one.fixed)):
        if hull and hull[-1].each == line.each:
            hull.pop()
        while hull and (line.at(1) >= hull[-1].at(1) or (len(hull) > 1 and _hidden(hull[-2], hull[-1], line))):
            hull.pop()
        hull.append(line)
    return tuple(hull)


def _hidden(before: Line, line: Line, after: Line) -> bool:
    """Whether `after` has overtaken `before` by the time that `line` does."""
    return (before.fixed - after.fixed) * (line.each - before.each) <= (before.fixed - line.fixed) * (
        after.each - before.each
    )


def needed(memory: StepMemory, batch: BatchSplit, place: Place, *, recompute: bool = False) -> int:
    """Peak bytes: of a GPU with its context, or of a worker's anonymous memory."""
    return place.context + round(place.slack * memory.peak(batch, recompute=recompute))


def expected_peak(memory: StepMemory, batch: BatchSplit, place: Place, *, recompute: bool = False) -> int:
    """What a worker should measure at its peak: on a GPU of tensors alone, as torch counts them there."""
    if place.device == "gpu":
        return memory.peak(batch, recompute=recompute)
    return needed(memory, batch, place, recompute=recompute)


def largest_fitting(
    memory: StepMemory, effective: int, limit: int, place: Place, *, recompute: bool = False
) -> BatchSplit | None:
    """The first of its halvings that fits, the effective batch unchanged; nothing where a single window does not."""
    split: BatchSplit | None = BatchSplit(micro=effective, accum=1)
    while split is not None and needed(memory, split, place, recompute=recompute) > limit:
        split = split.halved()
    return split
