"""The disk that holds the log is full: printing fails."""

import os

from faulting import Scene, failed

expected = failed("disk_full", saying="No space left on device")


def strike(scene: Scene) -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    print(f"step {scene.step}", flush=True)
