"""What is printed last, after the complete result, finds no space: Python ends with exit code 120."""

import os

from faulting import SUCCEEDED, Scene, failed

at = "end"
expected = failed("disk_full", saying="No space left on device")
as_worker = SUCCEEDED
why = "Python ignores the errors of what runs at its exit, which is where our worker is struck: exit code 0"


def strike(scene: Scene) -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    print(f"all {scene.step} steps done")
