"""Whether a step keeps its activations or computes them anew in the backward pass, which takes a third more time. Pure.

Computing them anew lets more windows into the same memory and changes no gradient. With `auto` it is done before the
micro batch gets tiny: where it is kept large by it, and from `FEW` windows downwards in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

from db.records import BatchSplit
from runner.predicted import Place, StepMemory, largest_fitting
from sweeps.settings import Recompute

FEW = 8
"""Windows at a time. Below it, the fixed cost of an operator is felt more than that of computing anew."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A cut of the batch that fits. Micro batches of at most `recompute_up_to` windows are computed anew."""

    batch: BatchSplit
    recompute_up_to: int


def recompute_up_to(asked: Recompute, effective: int) -> int:
    """The largest micro batch that is computed anew, where nothing is predicted; 0: none is."""
    return {"never": 0, "always": effective, "auto": min(FEW, effective) - 1}[asked]


def fit(memory: StepMemory, effective: int, limit: int, place: Place, asked: Recompute) -> Fit | None:
    """The largest micro batch that fits; with `auto` computed anew only where fewer than `FEW` would fit otherwise."""

    def largest(*, recompute: bool) -> BatchSplit | None:
        return largest_fitting(memory, effective, limit, place, recompute=recompute)

    up_to = recompute_up_to(asked, effective)
    if asked != "auto":
        batch = largest(recompute=asked == "always")
        return Fit(batch=batch, recompute_up_to=up_to) if batch is not None else None
    kept = largest(recompute=False)
    anew = largest(recompute=True) if kept is None or kept.micro <= up_to else None
    if anew is not None and (kept is None or kept.micro < anew.micro):
        return Fit(batch=anew, recompute_up_to=max(anew.micro, up_to))
    return Fit(batch=kept, recompute_up_to=min(kept.micro - 1, up_to)) if kept is not None else None
