"""Fills shared memory, as data loaders do, beyond what the attempt may have."""

import mmap
import time

from faulting import Scene, failed

expected = failed("host_oom", saying="memory")
resources = {"memory": "448MiB"}


def strike(scene: Scene) -> None:
    del scene
    shared = mmap.mmap(-1, 480 * 2**20)
    for _ in range(480):
        shared.write(b"x" * 2**20)
    time.sleep(30)
