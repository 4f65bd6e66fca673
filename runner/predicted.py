"""How much memory a training step needs, as a function of its micro batch. Pure, standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from db.records import BatchSplit

Device = Literal["cpu", "gpu"]
MIB = 2**20

CPU_CONTEXT = 256 * MIB
"""Anonymous memory of a worker before its first step: Python, torch, the tables of the data. Measured, rounded up."""
CUDA_CONTEXT = 700 * MIB
"""The CUDA context with torch's kernels, cuBLAS's and cuDNN's workspaces. Not measured: what is usual."""
CUDA_SLACK = 1.10
"""Reserved over allocated: what torch's allocator holds in blocks that are not full. Not measured."""


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
    micro batch of a step to its end. `moments` are lines of which the highest is the peak of a step in one piece.
    """

    state: int
    gradients: int
    moments: tuple[Line, ...]

    def peak(self, batch: BatchSplit) -> int:
        """At most: where a batch is accumulated, its gradients are counted in full at every moment."""
        gradients = self.gradients if batch.accum > 1 else 0
        return round(max(line.at(batch.micro) for line in self.moments)) + gradients


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


def needed(memory: StepMemory, batch: BatchSplit, device: Device) -> int:
    """Peak bytes: of a GPU with its context, or of a worker's anonymous memory."""
    if device == "gpu":
        return CUDA_CONTEXT + round(CUDA_SLACK * memory.peak(batch))
    return CPU_CONTEXT + memory.peak(batch)


def largest_fitting(memory: StepMemory, effective: int, limit: int, device: Device) -> BatchSplit | None:
    """The first of its halvings that fits, the effective batch unchanged; nothing where a single window does not."""
    split: BatchSplit | None = BatchSplit(micro=effective, accum=1)
    while split is not None and needed(memory, split, device) > limit:
        split = split.halved()
    return split
