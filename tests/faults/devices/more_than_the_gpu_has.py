"""More is asked for than the GPU has, so that it would not fit without the others either."""

import sys

from faulting import Scene, failed

expected = failed("cuda_oom", saying="CUDA out of memory")

SAID = (
    "CUDA out of memory. Tried to allocate 200.00 GiB. GPU 0 has a total capacity of 79.15 GiB of which 1.12 GiB is "
    "free. Process 4242 has 70.00 GiB memory in use. Including non-PyTorch memory, this process has 8.03 GiB memory in "
    "use. Of the allocated memory 7.50 GiB is allocated by PyTorch, and 11.50 MiB is reserved but unallocated."
)


def strike(scene: Scene) -> None:
    if scene.body == "worker":
        raise sys.modules["torch"].OutOfMemoryError(SAID)
    raise RuntimeError(SAID)
