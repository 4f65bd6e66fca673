"""The most memory an attempt has used, in bytes: the device's where there is one, else its own anonymous memory."""

from __future__ import annotations

from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")


class MemoryPeak:
    """Keeps the highest value there was: torch's own on a GPU, the kernel's on a CPU, so nothing passes unseen."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._peak = 0

    def sample(self) -> int:
        """Look now; return the peak so far."""
        seen = torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else peak_anonymous_memory()
        self._peak = max(self._peak, seen)
        return self._peak


def reserved_memory(device: torch.device) -> int | None:
    """The most that torch's allocator held of a GPU's memory, tensors and what lay between them; nothing on a CPU."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None


def anonymous_memory() -> int:
    """Resident memory of this process that no file stands behind."""
    return _status().get("RssAnon", 0)


def peak_anonymous_memory() -> int:
    """The most that there was of it: the highest mark of all resident memory, less what files stand behind now.

    Programs and libraries stay, once they are read; where some of them were dropped since, it is a little too much.
    """
    now = _status()
    mark = now.get("VmHWM", 0) - now.get("RssFile", 0) - now.get("RssShmem", 0)
    return max(mark, now.get("RssAnon", 0))


def _status() -> dict[str, int]:
    """The sizes that the kernel tells of this process, in bytes."""
    lines = (line.partition(":") for line in _STATUS.read_text(encoding="ascii").splitlines())
    return {key: int(rest.split()[0]) * 1024 for key, _, rest in lines if rest.endswith(" kB")}
