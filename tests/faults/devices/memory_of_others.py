"""The GPU's memory is held by another process."""

import sys

from faulting import Scene, failed

expected = failed("device_busy", saying="other processes held")

SAID = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.15 GiB of which 1.12 GiB is "
    "free. Process 4242 has 70.00 GiB memory in use. Including non-PyTorch memory, this process has 8.03 GiB memory in "
    "use. Of the allocated memory 7.50 GiB is allocated by PyTorch, and 11.50 MiB is reserved but unallocated."
)


def strike(scene: Scene) -> None:
    if scene.body == "worker":
        raise sys.modules["torch"].OutOfMemoryError(SAID)
    raise RuntimeError(SAID)
