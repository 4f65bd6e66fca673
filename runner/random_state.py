"""The states of all random generators a run may draw from, as plain data."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RandomState:
    """The generators' states. Bytes as hexadecimal digits; `cuda` has one entry for each device seen."""

    python_version: int
    python_state: tuple[int, ...]
    python_gauss: float | None
    numpy_keys: tuple[int, ...]
    numpy_position: int
    numpy_has_gauss: int
    numpy_gauss: float
    torch: str
    cuda: tuple[str, ...]


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - a plugin may draw from it
    torch.manual_seed(seed)


def read_random_state() -> RandomState:
    version, state, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002 - whichever a plugin uses
    return RandomState(
        python_version=version,
        python_state=state,
        python_gauss=gauss,
        numpy_keys=tuple(int(key) for key in keys),
        numpy_position=int(position),
        numpy_has_gauss=int(has_gauss),
        numpy_gauss=float(cached),
        torch=_digits(torch.get_rng_state()),
        cuda=tuple(_digits(state) for state in torch.cuda.get_rng_state_all()) if torch.cuda.is_available() else (),
    )


def restore_random_state(state: RandomState) -> None:
    random.setstate((state.python_version, state.python_state, state.python_gauss))
    keys = np.array(state.numpy_keys, dtype=np.uint32)
    np.random.set_state(  # noqa: NPY002 - the same
        ("MT19937", keys, state.numpy_position, state.numpy_has_gauss, state.numpy_gauss)
    )
    torch.set_rng_state(_from_digits(state.torch))
    if torch.cuda.is_available():
        for device, digits in enumerate(state.cuda[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(_from_digits(digits), device)


def _digits(state: Tensor) -> str:
    return state.cpu().numpy().tobytes().hex()


def _from_digits(digits: str) -> Tensor:
    return torch.frombuffer(bytearray.fromhex(digits), dtype=torch.uint8)
