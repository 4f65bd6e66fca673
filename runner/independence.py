"""Whether what becomes of a window depends on the other windows of its micro batch: asked of values, before a launch.

Shapes do not tell: a mean over the batch, or a loss of every window against every other's target, has the right one.
The same window is looked at twice, with others beside it; what differs depends on them, and would change with how a
batch is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from runner.checked import Problem
from runner.code import declared_at
from runner.foreign import foreign
from runner.model import Model
from runner.parts import Parts, built
from runner.step import ask, task_loss
from tasks.interface import System, Windows

LARGEST = 2**26
"""Parameters of a model that is looked at, at most: 256 MiB."""
COUNT, KEPT = 4, 1
"""Windows, and the place of the one that stays: neither the first nor the last, nor the middle."""
SAME = 1e-3
"""Relative: more than rounding makes of another order of sums, and less than any dependence that was meant."""


def require_independence(parts: Parts, problems: list[Problem]) -> None:
    """A backbone or task that does not say `couples_samples`, and does, becomes a problem."""
    with torch.device("meta"):
        shapes = built(parts, problems)
    if shapes is None or sum(it.numel() for it in shapes.parameters()) > LARGEST:
        return
    with torch.random.fork_rng(devices=()), _without_dropout(built(parts, problems)) as model:
        if model is None:
            return
        torch.manual_seed(0)
        system = max(parts.systems, key=lambda one: one.channels)
        first, second = _twice(system, parts.window, max(task.future for task in model.tasks.values()))
        hidden = _hidden(model, parts, first, second, problems)
        if hidden is not None and not problems:
            _require_of_tasks(model, hidden, (first, second), problems)


def _hidden(
    model: Model, parts: Parts, first: Windows, second: Windows, problems: list[Problem]
) -> tuple[Tensor, Tensor] | None:
    """What the backbone makes of both, that of the kept window the same."""
    backbone, place = model.backbone, ("backbones", parts.name)
    with foreign(place, "a forward pass cannot be taken", problems), torch.no_grad():
        one, other = backbone(first.x_BLC), backbone(second.x_BLC)
        if not backbone.couples_samples and not _is_same(one[KEPT], other[KEPT]):
            problems.append(Problem(path=place, message=_told("what it makes of a window", type(backbone))))
        other[KEPT] = one[KEPT]
        return one, other
    return None


def _require_of_tasks(
    model: Model, hidden: tuple[Tensor, Tensor], windows: tuple[Windows, Windows], problems: list[Problem]
) -> None:
    for name, task in model.tasks.items():
        if task.couples_samples:
            continue
        with foreign(("tasks", name), "its loss cannot be computed", problems), torch.no_grad():
            one, other = (
                task_loss(task, name, ask(task, h_BCND, some, "float32"), some)[KEPT]
                for h_BCND, some in zip(hidden, windows, strict=True)
            )
            if not _is_same(one, other):
                told = _told("its loss of a window", type(task))
                problems.append(Problem(path=("tasks", name), message=told))


def _told(what: str, kind: type) -> str:
    return (
        f"{what} changes with the other windows of its micro batch, so it would change with how a batch is cut "
        f"(a broadcast, a mean over the batch, batch norm?); where that is meant, set `couples_samples = True` in "
        f"{kind.__name__}, declared at {declared_at(kind)}"
    )


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Also where both are not finite: that is another matter."""
    if not (torch.isfinite(one).all() and torch.isfinite(other).all()):
        return True
    scale = max(float(one.norm()), float(other.norm()), 1e-12)
    return float((one - other).norm()) <= SAME * scale


def _twice(system: System, window: int, future: int) -> tuple[Windows, Windows]:
    """One window of both is the same."""
    first = _some(system, window, future)
    second = _some(system, window, future)
    for name in ("x_BLC", "future_BHC", "label_B", "rul_B"):
        getattr(second, name)[KEPT] = getattr(first, name)[KEPT]
    return first, second


def _some(system: System, window: int, future: int) -> Windows:
    return Windows(
        system=system,
        x_BLC=torch.randn(COUNT, window, system.channels),
        future_BHC=torch.randn(COUNT, future, system.channels),
        label_B=torch.randint(max(1, system.classes), (COUNT,)),
        rul_B=torch.rand(COUNT),
    )


@contextmanager
def _without_dropout(model: Model | None) -> Iterator[Model | None]:
    """As it is trained, but for what is drawn by chance: whose draws come to whom depends on shapes."""
    if model is not None:
        model.train()
        for part in model.modules():
            if isinstance(part, nn.modules.dropout._DropoutNd):  # noqa: SLF001 - what all of torch's dropouts have in common
                part.eval()
    yield model
