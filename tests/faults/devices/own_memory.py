"""The GPU's memory does not suffice for what this process wants, although nobody else holds any."""

import sys

from faulting import Scene, failed

expected = failed("cuda_oom", saying="CUDA out of memory")

SAID = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.15 GiB of which 8.90 GiB is "
    "free. Including non-PyTorch memory, this process has 70.20 GiB memory in use. "
    "Of the allocated memory 69.50 GiB is allocated by PyTorch, and 11.50 MiB is reserved but unallocated."
)


def strike(scene: Scene) -> None:
    if scene.body == "worker":
        raise sys.modules["torch"].OutOfMemoryError(SAID)
    raise RuntimeError(SAID)
