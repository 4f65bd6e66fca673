"""Reserves far more addresses than it may have memory, as CUDA does, and touches none."""

import mmap

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED
resources = {"memory": "448MiB"}


def strike(scene: Scene) -> None:
    scene.attempt.stat()
    mmap.mmap(-1, 2**34, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
