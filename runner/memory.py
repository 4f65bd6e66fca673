"""The most memory an attempt has used, in bytes: the device's where there is one, else its own anonymous memory."""

from __future__ import annotations

from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")


class MemoryPeak:
    """Keeps the highest value seen. On a CPU it is sampled, so what comes and goes between two samples is missed."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._peak = 0

    def sample(self) -> int:
        """Look now; return the peak so far."""
        seen = torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else anonymous_memory()
        self._peak = max(self._peak, seen)
        return self._peak


def anonymous_memory() -> int:
    """Resident memory of this process that no file stands behind."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
