"""Optimizer steps over several tasks: each step's gradient is the same however its batch is cut."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from db.errors import DataError, NonFiniteError
from runner.asked_to_end import AskedToEnd
from runner.lessons import Lessons
from runner.memory import MemoryPeak
from runner.model import Model
from runner.optimizer import AdamW, learning_rate
from runner.splits import Split, chunks
from runner.step import Losses, backward, broadcasts_refused, clip, predict, share
from sweeps.settings import TrainSettings
from tasks.interface import Array


class Observer(Protocol):
    """Who is told about the steps of a run; step numbers are numbers of completed steps."""

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def save(self, step: int) -> None: ...

    def took(self, step: int, values: Mapping[str, float]) -> None: ...


class Sampler(Protocol):
    """What is asked of `tasks.data.sampler.Sampler`: the whole effective batch of a step, all of one system."""

    def step(self, step: int) -> Array: ...


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that the optimizer steps of a run need. `labelled` says for each task which training windows it can use."""

    model: Model
    optimizer: AdamW
    split: Split
    labelled: Mapping[str, Array]
    sampler: Sampler
    settings: TrainSettings
    micro: int
    memory: MemoryPeak


def train(training: Training, start: int, observer: Observer, asked_to_end: AskedToEnd | None = None) -> bool:
    """Take the steps from `start` to the last one. The observer is told of metrics and due checkpoints.

    False where it ended earlier because it was asked to; the observer was told of a checkpoint then.

    Raises:
        DataError: before the first step, where a task would see no labelled window in all of them.
        NothingLearnedError: after the last one, where backbone or a head never saw a gradient.
        NonFiniteError: before the update that would have spread it.
        ShapeError: a task gave a loss or target that is not one for each window.
    """
    settings = training.settings
    require_every_task_drawn(training)
    training.model.train()
    lessons = Lessons(training.model, training.optimizer)
    with broadcasts_refused():
        for done in range(start + 1, settings.steps + 1):
            values = _step(training, done, observer)
            lessons.look()
            observer.took(done, values)
            if done in (start + 1, settings.steps) or done % settings.log_every == 0:
                observer.log(done, values)
            last = done == settings.steps
            if last or asked_to_end or done % settings.checkpoint_every == 0:
                training.model.require_finite(done)
                observer.save(done)
            if asked_to_end and not last:
                return False
    lessons.require_all()
    return True


def require_every_task_drawn(training: Training) -> None:
    """Insist that the run's steps, the first to the last, hold a labelled window for every task.

    Raises:
        DataError: they do not; such a task would be scored without ever having been trained.
    """
    waiting = set(training.labelled)
    for step in range(training.settings.steps):
        if not waiting:
            return
        indices = training.sampler.step(step)
        waiting = {name for name in waiting if not training.labelled[name][indices].any()}
    if waiting:
        raise DataError(
            f"{', '.join(sorted(waiting))}: none of the {training.settings.steps} training steps draws a window with "
            "a label for it; raise train.steps, or leave the task out"
        )


def _step(training: Training, number: int, observer: Observer) -> dict[str, float]:
    training.optimizer.rate = learning_rate(training.settings, number - 1)
    training.optimizer.zero_grad()
    pieces = list(chunks(training.sampler.step(number - 1), training.micro))
    losses = {name: loss.item() for name, loss in accumulate(training, pieces).items()}
    values = _loss_values(training.model, losses)
    with _logged_on_failure(observer, number, values):
        _require_finite_losses(losses, number)
        values["train.grad_norm"] = _finite_norm(training, number)
    training.optimizer.step()
    return {**values, "train.lr": training.optimizer.rate, "memory": float(training.memory.sample())}


def _loss_values(model: Model, losses: Mapping[str, float]) -> dict[str, float]:
    if not losses:
        return {}
    tasks = model.tasks
    total = sum(tasks[name].weight * loss for name, loss in losses.items())
    return {"train.loss": total, **{f"train.{name}.loss": loss for name, loss in losses.items()}}


def accumulate(training: Training, pieces: Sequence[Array]) -> Losses:
    """Add up the gradients of one effective batch; return each task's mean loss over its labelled windows.

    A task is weighed by its labelled windows in the whole batch, so it does not matter how that is cut into pieces.
    Tasks without any are left out.
    """
    counts = {name: sum(int(mask[piece].sum()) for piece in pieces) for name, mask in training.labelled.items()}
    losses: Losses = {}
    for piece in pieces:
        parts = _micro_losses(training, piece, {name: count for name, count in counts.items() if count})
        for name, part in parts.items():
            losses[name] = losses.get(name, torch.zeros_like(part)).detach() + part.detach()
        training.memory.sample()
        backward(training.model, parts)
    return losses


def _micro_losses(training: Training, indices: Array, counts: Mapping[str, int]) -> Losses:
    """The share of these windows in each task's mean loss over the effective batch."""
    masks = {name: training.labelled[name][indices] for name in counts}
    used = {name: torch.from_numpy(mask) for name, mask in masks.items() if mask.any()}
    if not used:
        return {}
    windows = training.split.load(indices)
    predictions = predict(training.model, windows, list(used), training.settings.precision)
    tasks = training.model.tasks
    return {
        name: share(tasks[name], name, prediction, windows, used[name], counts[name])
        for name, prediction in predictions.items()
    }


def _require_finite_losses(losses: Mapping[str, float], step: int) -> None:
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise NonFiniteError(f"{name}: the loss of step {step} is {loss}; the step was not taken")


def _finite_norm(training: Training, step: int) -> float:
    norm = float(clip(training.model, training.settings))
    if not math.isfinite(norm):
        trained = training.model.trained()
        broken = [name for name, it in trained.items() if it.grad is not None and not torch.isfinite(it.grad).all()]
        where = broken[0] if broken else "their sum"
        raise NonFiniteError(f"the gradient norm of step {step} is {norm}, from `{where}` on; the step was not taken")
    return norm


@contextmanager
def _logged_on_failure(observer: Observer, step: int, values: Mapping[str, float]) -> Iterator[None]:
    try:
        yield
    except NonFiniteError:
        observer.log(step, values)
        raise
