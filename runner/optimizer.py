"""The optimizer and its learning rate: AdamW, a linear rise, then half a cosine down to zero."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from db.errors import ConfigError
from runner.model import Model
from sweeps.settings import TrainSettings

BETAS = (0.9, 0.999)
EPSILON = 1e-8

_MEAN, _SQUARE, _STEP = "exp_avg", "exp_avg_sq", "step"


class AdamW:
    """AdamW with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).

    Biases, scales and other vectors are not decayed. A parameter without a gradient, that of a task without labels in
    this step, is left as it is. The arithmetic is torch's function of that name: making a `torch.optim.Optimizer`
    imports torch's compiler, which takes as long as torch itself.

    Raises:
        ConfigError: nothing of the model can be trained.
    """

    def __init__(self, model: Model, settings: TrainSettings) -> None:
        self._parameters = model.trained()
        self._weight_decay = settings.weight_decay
        self._state: dict[str, dict[str, Tensor]] = {}
        self.rate = settings.lr
        if not self._parameters:
            raise ConfigError("no parameter of backbone or heads can be trained; every one has requires_grad=False")

    def zero_grad(self) -> None:
        for parameter in self._parameters.values():
            parameter.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        moved = {name: it for name, it in self._parameters.items() if it.grad is not None}
        self._move({name: it for name, it in moved.items() if it.dim() > 1}, self._weight_decay)
        self._move({name: it for name, it in moved.items() if it.dim() <= 1}, 0.0)

    def tensors(self) -> dict[str, Tensor]:
        """The state, as `<parameter>.<key>`."""
        return {f"{name}.{key}": tensor for name, state in self._state.items() for key, tensor in state.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        self._state = {}
        for path, tensor in tensors.items():
            name, _, key = path.rpartition(".")
            device = tensor.device if key == _STEP else self._parameters[name].device
            self._state.setdefault(name, {})[key] = tensor.to(device)

    def _move(self, parameters: Mapping[str, nn.Parameter], weight_decay: float) -> None:
        states = [self._state.setdefault(name, _fresh(it)) for name, it in parameters.items()]
        with torch.no_grad():
            adamw(
                list(parameters.values()),
                [it.grad for it in parameters.values() if it.grad is not None],
                [state[_MEAN] for state in states],
                [state[_SQUARE] for state in states],
                [],
                [state[_STEP] for state in states],
                has_complex=any(it.is_complex() for it in parameters.values()),
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=self.rate,
                weight_decay=weight_decay,
                eps=EPSILON,
                maximize=False,
            )


def learning_rate(settings: TrainSettings, step: int) -> float:
    """The rate of optimizer step `step`, the first being 0."""
    if step < settings.warmup_steps:
        return settings.lr * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / (settings.steps - settings.warmup_steps)
    return settings.lr * 0.5 * (1 + math.cos(math.pi * done))


def _fresh(parameter: nn.Parameter) -> dict[str, Tensor]:
    return {
        _STEP: torch.tensor(0.0),
        _MEAN: torch.zeros_like(parameter, memory_format=torch.preserve_format),
        _SQUARE: torch.zeros_like(parameter, memory_format=torch.preserve_format),
    }
