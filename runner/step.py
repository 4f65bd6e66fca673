"""What an optimizer step computes, piece by piece: the same for a training and for its rehearsal without values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from db.errors import NothingLearnedError, ShapeError
from runner.model import Model
from sweeps.settings import TrainSettings
from tasks.interface import Task, Windows, per_window

Losses = dict[str, Tensor]


def predict(model: Model, windows: Windows, names: list[str], precision: str) -> Losses:
    """Each task's prediction, as float32 also under bfloat16 autocast."""
    h_BCND = encode(model, windows, precision)
    return {name: ask(model.tasks[name], h_BCND, windows, precision) for name in names}


def encode(model: Model, windows: Windows, precision: str) -> Tensor:
    """Return the backbone's `h_BCND`."""
    with _autocast(windows, precision):
        h_BCND: Tensor = model.backbone(windows.x_BLC)
        return h_BCND


def ask(task: Task, h_BCND: Tensor, windows: Windows, precision: str) -> Tensor:
    """A task's prediction. No head gets to see what it is to predict."""
    with _autocast(windows, precision):
        return _widened(task(h_BCND, unsolved(windows)))


def _autocast(windows: Windows, precision: str) -> torch.autocast:
    device = windows.x_BLC.device.type
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def unsolved(windows: Windows) -> Windows:
    """The same windows without what is known of them: label -1, rul NaN, a future of zeros."""
    return replace(
        windows,
        future_BHC=torch.zeros_like(windows.future_BHC),
        label_B=torch.full_like(windows.label_B, -1),
        rul_B=torch.full_like(windows.rul_B, math.nan),
    )


def _widened(prediction: Tensor) -> Tensor:
    return prediction.float() if prediction.dtype is torch.bfloat16 else prediction


def share(task: Task, name: str, prediction: Tensor, windows: Windows, mask_B: Tensor, count: int) -> Tensor:
    """What these windows add to the task's mean loss over an effective batch of `count` labelled windows.

    Raises:
        ShapeError: prediction, target or loss is not one for each window.
        NothingLearnedError: the loss is cut off from every parameter: a constant, returned after a swallowed
            exception, say.
    """
    loss_B = task_loss(task, name, prediction, windows)
    # A mask chooses and never indexes: shapes do not depend on values.
    part = torch.where(mask_B.to(loss_B.device), loss_B, 0.0).sum() / count
    if not part.requires_grad:
        raise NothingLearnedError(f"{name}: its loss depends on no parameter, so nothing is learned from it")
    return part


def task_loss(task: Task, name: str, prediction: Tensor, windows: Windows) -> Tensor:
    """The task's `loss_B`.

    Raises:
        ShapeError: prediction, target or loss is not one for each window.
    """
    target = task.target(windows)
    require_first_dim(target, len(windows), f"{name}: the target")
    require_first_dim(prediction, len(windows), f"{name}: the prediction")
    try:
        return per_window(task.loss(prediction, target), windows, name)
    except UserWarning as warning:
        raise ShapeError(f"{name}: {warning}") from warning


def require_first_dim(tensor: Tensor, windows: int, what: str) -> None:
    if tensor.dim() == 0 or tensor.shape[0] != windows:
        raise ShapeError(f"{what} has shape {list(tensor.shape)}, not one entry for each of {windows} windows")


@contextmanager
def broadcasts_refused() -> Iterator[None]:
    """Make an error of the warning by which torch lets a loss compare tensors of different shapes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Using a target size", category=UserWarning)
        yield


def backward(model: Model, parts: Losses) -> None:
    """Add the gradients of one micro batch."""
    if parts:
        tasks = model.tasks
        total = torch.stack([tasks[name].weight * part for name, part in parts.items()]).sum()
        total.backward()  # type: ignore[no-untyped-call] # untyped in torch


def clip(model: Model, settings: TrainSettings) -> Tensor:
    """Scale the gradient to at most `clip_norm`; return its norm before."""
    return torch.nn.utils.clip_grad_norm_(model.trained().values(), settings.clip_norm)
