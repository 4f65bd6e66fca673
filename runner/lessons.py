"""Which parts of a model a training has taught anything: one that never saw a gradient is as it was at the start."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from db.errors import NothingLearnedError
from runner.model import Model
from runner.optimizer import AdamW


class Lessons:
    """The backbone and each head that have something to train, until each has seen a gradient that is not zero.

    What an earlier attempt saw is read from the optimizer's moments.
    """

    def __init__(self, model: Model, optimizer: AdamW) -> None:
        self._trained = model.trained()
        self._waiting: dict[str, list[str]] = {}
        for name in self._trained:
            self._waiting.setdefault(_part(name), []).append(name)
        self._strike(_by_parameter(optimizer.tensors()))

    def look(self) -> None:
        """Look at the gradients of one step; free once every part has seen one."""
        if self._waiting:
            self._strike({name: it.grad for name, it in self._trained.items() if it.grad is not None})

    def require_all(self) -> None:
        """Insist that every part has seen a gradient.

        Raises:
            NothingLearnedError: naming those that have not.
        """
        if self._waiting:
            raise NothingLearnedError(
                f"{', '.join(self._waiting)}: no step gave a gradient other than zero, so nothing was learned; the "
                "loss may be constant, or forward may have gone on after an error"
            )

    def _strike(self, seen: Mapping[str, Tensor]) -> None:
        found = {part: [seen[name] for name in names if name in seen] for part, names in self._waiting.items()}
        looked = {part: tensors for part, tensors in found.items() if tensors}
        if not looked:
            return
        # All answers are fetched from the device at once.
        taught = torch.stack([_any_set(tensors) for tensors in looked.values()]).tolist()
        for part, yes in zip(looked, taught, strict=True):
            if yes:
                del self._waiting[part]


def _any_set(tensors: list[Tensor]) -> Tensor:
    return torch.stack([tensor.detach().ne(0).any() for tensor in tensors]).any()


def _part(parameter: str) -> str:
    """`the backbone`, or the name of the task whose head it is."""
    first, second, *_ = parameter.split(".")
    return "the backbone" if first == "backbone" else f"the head of {second}"


def _by_parameter(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The running mean of each parameter's gradients."""
    kept = {path.rpartition("."): tensor for path, tensor in state.items()}
    return {name: tensor for (name, _, key), tensor in kept.items() if key == "exp_avg"}
