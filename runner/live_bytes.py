"""Counts the bytes of living tensors while code runs where no values exist."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROUNDED_TO = 512
"""Bytes; what torch's CUDA allocator rounds to. On a CPU only the last page of a large tensor is less full."""

TRANSFORMS = tuple(getattr(torch.ops.aten, name) for name in ("_fft_r2c", "_fft_c2r", "_fft_c2c"))


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call] # untyped in torch
    """Between `with` and its end: `live` bytes now, and in `seen` the bytes during each operator, in order.

    Counted are storages, so views cost nothing; a storage counts until the last tensor that needs it is gone, also one
    that autograd keeps for the backward pass.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped in torch
        self.live = 0
        self.seen: list[int] = []
        self._held: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._hold(leaf.untyped_storage())
        self.seen.append(self.live + _copied(func, args))
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata  # noqa: SLF001 - the address is the only name a storage has
        if key not in self._held:
            self._held[key] = -(-storage.nbytes() // ROUNDED_TO) * ROUNDED_TO
            self.live += self._held[key]
            weakref.finalize(storage, self._release, key)

    def _release(self, key: int) -> None:
        self.live -= self._held.pop(key)


def _copied(func: Any, args: Sequence[Any]) -> int:
    """Bytes that an operator takes besides what it returns: a Fourier transform copies what does not lie along its
    dimension (`_exec_fft` of torch, on CPU and GPU alike).
    """
    if getattr(func, "overloadpacket", None) not in TRANSFORMS:
        return 0
    tensor, dims = args[0], args[1]
    return 0 if tensor.stride(dims[-1]) == 1 else tensor.numel() * tensor.element_size()
