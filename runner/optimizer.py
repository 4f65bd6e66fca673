"""The optimizer and its learning rate: AdamW, a linear rise, then half a cosine down to zero."""

from __future__ import annotations

import math

import torch

from db.errors import ConfigError
from runner.model import Model
from sweeps.settings import TrainSettings


def open_optimizer(model: Model, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).

    Biases, scales and other vectors are not decayed.

    Raises:
        ConfigError: nothing of the model can be trained.
    """
    trained = list(model.trained().values())
    if not trained:
        raise ConfigError("no parameter of backbone or heads can be trained; every one has requires_grad=False")
    groups = [
        {"params": [parameter for parameter in trained if parameter.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [parameter for parameter in trained if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.lr)


def learning_rate(settings: TrainSettings, step: int) -> float:
    """The rate of optimizer step `step`, the first being 0."""
    if step < settings.warmup_steps:
        return settings.lr * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / (settings.steps - settings.warmup_steps)
    return settings.lr * 0.5 * (1 + math.cos(math.pi * done))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
