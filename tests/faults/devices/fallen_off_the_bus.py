"""The driver says in the log that the GPU is gone; the process only ends with exit code 1."""

import os
import sys

from faulting import Scene, failed

expected = failed("device_fault", saying="fallen off the bus")


def strike(scene: Scene) -> None:
    sys.stderr.write("NVRM: Xid (PCI:0000:17:00): 79, pid=4242, GPU has fallen off the bus.\n")
    sys.stderr.flush()
    os._exit(1 + 0 * scene.step)
