"""The complete result says that it was written an hour ago, as of a file system whose clock is behind."""

import os
import time

from faulting import SUCCEEDED, Scene

at = "end"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    then = time.time() - 3600
    os.utime(scene.result, (then, then))
