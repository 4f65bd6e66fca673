"""A MemoryError is caught, printed and forgotten: exit code 0, no result."""

import os
import traceback

from faulting import Scene, failed

expected = failed("host_oom", saying="MemoryError")


def strike(scene: Scene) -> None:
    try:
        scene.metric = bytearray(2**62)
    except MemoryError:
        traceback.print_exc()
        os._exit(0)
