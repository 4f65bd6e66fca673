"""What a GPU's error messages tell apart: memory that others hold, a broken device, and a lack that is our own. Pure.

Sources: the out-of-memory message of PyTorch's caching allocator (c10/cuda/CUDACachingAllocator.cpp), the texts of the
CUDA runtime's errors (CUDA Runtime API, `cudaError`), the driver's Xid messages (NVIDIA, "XID Errors").
"""

from __future__ import annotations

import re

BUSY = (
    r"CUDA-capable device\(s\) is/are busy or unavailable",
    r"all CUDA-capable devices are busy or unavailable",
    r"device is in exclusive[- ]process mode",
)
FAULTY = (
    r"uncorrectable (?:NVLink|ECC) error",
    r"hardware stack error",
    r"GPU has fallen off the bus",
    r"\bNVRM: Xid\b",
    r"GPU is lost",
    r"no CUDA-capable device is detected",
    r"No CUDA GPUs are available",
    r"CUDA driver initialization failed",
    r"Driver/library version mismatch",
    r"Unable to determine the device handle",
)
MUCH_OF_OTHERS = 0.02
"""Of the device's capacity. Below it lies what the accounts of driver and allocator differ by."""

_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = r"([\d.]+) (bytes|KiB|MiB|GiB|TiB)"
_ASKED = re.compile(rf"[Tt]ried to allocate {_SIZE}")
_CAPACITY = re.compile(rf"total capacity of {_SIZE}")
_FREE = re.compile(rf"of which {_SIZE} is free")
_OURS = re.compile(rf"this process has {_SIZE} memory in use")


def memory_of_others(message: str) -> int | None:
    """Bytes that other processes held, where an out-of-memory would not have been one without them.

    Torch tells what was asked for, the device's capacity, what of it is free, and what this process holds; the rest is
    somebody else's.
    """
    asked, capacity, free, ours = (_bytes(pattern, message) for pattern in (_ASKED, _CAPACITY, _FREE, _OURS))
    if asked is None or capacity is None or free is None or ours is None:
        return None
    others = capacity - free - ours
    return others if others > MUCH_OF_OTHERS * capacity and asked <= free + others else None


def _bytes(pattern: re.Pattern[str], message: str) -> int | None:
    found = pattern.search(message)
    return int(float(found[1]) * _UNITS[found[2]]) if found else None
