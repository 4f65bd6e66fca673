"""A whole training step where no values exist: shapes, losses, gradients and the optimizer, on fake tensors.

What it finds is found before anything is launched; what it counts predicts the memory of a real step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)

from db.strict import Path
from runner.checked import Problem
from runner.foreign import foreign, told
from runner.live_bytes import LiveBytes
from runner.model import Model
from runner.optimizer import AdamW
from runner.parts import Parts, built
from runner.predicted import Line, StepMemory, moments
from runner.step import Losses, ask, backward, broadcasts_refused, clip, encode, share
from sweeps.settings import TrainSettings
from tasks.interface import System, Windows

SMALL = 2
"""Windows of the smaller of the two steps; a single one would hide what is broadcast."""
LARGEST_REAL = 2**26
"""Parameters of a model that a real step is taken with, at most: 1 GiB with gradients and the optimizer's state."""


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What came of it. `unchecked` says why it could not be carried through without values."""

    memory: StepMemory | None = None
    unchecked: str | None = None


class Untraceable(Exception):  # noqa: N818 - an adjective of the step
    """Something asked for a value; the message names the operator and the line."""


def rehearse(parts: Parts, train: TrainSettings, problems: list[Problem], *, recompute: bool = True) -> Rehearsed:
    """Take steps with a fresh model, also such that compute activations anew. Each fault is added to the problems."""
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), broadcasts_refused():
            return Rehearsed(memory=_memory(parts, train, problems, recompute=recompute))
    except Untraceable as untraceable:
        operator = str(untraceable)
    done = _really(parts, replace(train, batch=1), problems)
    return Rehearsed(unchecked=f"not checked: {operator}; {done}")


def _really(parts: Parts, train: TrainSettings, problems: list[Problem]) -> str:
    """A real step of one window on the CPU, in place of what cannot be traced. Says what was done."""
    with torch.device("meta"):
        shapes = built(parts, [])
    if shapes is None or sum(it.numel() for it in shapes.parameters()) > LARGEST_REAL:
        return "the model is too large for a real step in its place"
    with broadcasts_refused():
        stage = _opened(parts, train, problems)
        if stage is not None:
            stage.step(stage.systems[-1], 1)
    return "one real step of one window was taken in its place"


@dataclass(frozen=True)
class _staged(foreign):  # noqa: N801 - written as a word after `with`
    """Where a value was asked for there is no problem, but nothing is known either."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        for one in _with_causes(error):
            if _asks_for_values(one):
                raise Untraceable(f"{getattr(one, 'func', None) or one}, at {_line(one)}") from error
        return super().__exit__(kind, error, trace)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _asks_for_values(error: BaseException) -> bool:
    kinds = (
        DataDependentOutputException,
        DynamicOutputShapeException,
        UnsupportedFakeTensorException,
        UnsupportedOperatorException,
    )
    return isinstance(error, kinds) or (isinstance(error, RuntimeError) and str(error).startswith(".numpy() "))


def _line(error: BaseException) -> str:
    return told(error).rpartition("(")[2].rstrip(")")


@dataclass(frozen=True)
class _Stage:
    """A fresh model that steps are taken with. Nothing follows a problem."""

    model: Model
    optimizer: AdamW
    parts: Parts
    train: TrainSettings
    problems: list[Problem]

    @property
    def backbone(self) -> Path:
        return ("backbones", self.parts.name)

    @property
    def systems(self) -> list[System]:
        """One of each number of channels, the most last."""
        by_channels = {system.channels: system for system in self.parts.systems}
        return [by_channels[channels] for channels in sorted(by_channels)]

    def step(self, system: System, batch: int) -> None:
        self.optimizer.zero_grad()
        self.gradients(system, batch)
        if not self.problems:
            with _staged(self.backbone, "the optimizer cannot take a step", self.problems):
                clip(self.model, self.train)
                self.optimizer.step()

    def gradients(self, system: System, batch: int) -> None:
        """Forward, all losses, backward."""
        if self.problems:
            return
        with _staged(self.backbone, "a training step cannot be taken", self.problems):
            windows = _stand_in(system, batch, self.parts.window, self._future())
            losses = self._losses(windows)
        if not self.problems:
            with _staged(self.backbone, "its gradients cannot be computed", self.problems):
                backward(self.model, losses)
        if not self.problems:
            self._require_gradients()

    def fill_state(self) -> None:
        """Give every parameter its state in the optimizer, as all steps but the first find it."""
        for parameter in self.model.trained().values():
            parameter.grad = torch.zeros_like(parameter)
        with _staged(self.backbone, "the optimizer cannot take a step", self.problems):
            self.optimizer.step()
        self.optimizer.zero_grad()

    def _future(self) -> int:
        return max(task.future for task in self.model.tasks.values())

    def _losses(self, windows: Windows) -> Losses:
        h_BCND = encode(self.model, windows, self.train.precision)
        mask_B = torch.ones(len(windows), dtype=torch.bool)
        losses: Losses = {}
        for name, task in self.model.tasks.items():
            with _staged(("tasks", name), "its loss cannot be computed", self.problems):
                prediction = ask(task, h_BCND, windows, self.train.precision)
                losses[name] = share(task, name, prediction, windows, mask_B, len(windows))
        return losses

    def _require_gradients(self) -> None:
        parts: dict[Path, nn.Module] = {self.backbone: self.model.backbone}
        parts |= {("tasks", name): task for name, task in self.model.tasks.items()}
        for place, part in parts.items():
            trained = [it for it in part.parameters() if it.requires_grad]
            if trained and all(it.grad is None for it in trained):
                message = "no parameter of it gets a gradient, so nothing is learned; forward may go on after an error"
                self.problems.append(Problem(path=place, message=message))


def _opened(parts: Parts, train: TrainSettings, problems: list[Problem]) -> _Stage | None:
    model = built(parts, problems)
    if model is None:
        return None
    model.train()
    with foreign(("backbones", parts.name), "it cannot be trained", problems):
        return _Stage(model, AdamW(model, train), parts, train, problems)
    return None


def _memory(parts: Parts, train: TrainSettings, problems: list[Problem], *, recompute: bool) -> StepMemory | None:
    """Take a step at two batches; systems with fewer channels are seen as far as the backward pass."""
    small = min(SMALL, train.batch)
    with LiveBytes() as counted:
        stage = _opened(parts, train, problems)
        if stage is None:
            return None
        *others, largest = stage.systems
        for system in others:
            stage.gradients(system, small)
        stage.fill_state()
        state = counted.live
        seen = _seen(stage, largest, sorted({small, train.batch}), counted)
        if problems:
            return None
        gradients = max(0, counted.live - state)
        memory = StepMemory(state=state, gradients=gradients, moments=moments(seen))
        return replace(memory, recomputed=_recomputed(stage, seen, counted)) if recompute else memory


def _seen(stage: _Stage, system: System, batches: Sequence[int], counted: LiveBytes) -> dict[int, Sequence[int]]:
    """Bytes at every operator of a step, for each batch."""
    seen: dict[int, Sequence[int]] = {}
    for batch in batches:
        counted.seen.clear()
        stage.step(system, batch)
        seen[batch] = tuple(counted.seen)
    return seen


def _recomputed(stage: _Stage, kept: Mapping[int, Sequence[int]], counted: LiveBytes) -> tuple[Line, ...]:
    """The moments of a step that computes activations anew; nothing where that saves nothing."""
    stage.model.backbone.recompute = True
    small, largest = min(kept), max(kept)
    system = stage.systems[-1]
    if _seen(stage, system, [small], counted)[small] == kept[small]:
        return ()  # nothing of it is a segment
    seen = _seen(stage, system, sorted(kept), counted)
    return moments(seen) if not stage.problems and max(seen[largest]) < max(kept[largest]) else ()


def _stand_in(system: System, batch: int, window: int, future: int) -> Windows:
    """Windows that no recording gave."""
    return Windows(
        system=system,
        x_BLC=torch.randn(batch, window, system.channels),
        future_BHC=torch.randn(batch, future, system.channels),
        label_B=torch.zeros(batch, dtype=torch.int64),
        rul_B=torch.full((batch,), 0.5),
    )
