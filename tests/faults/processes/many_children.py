"""A tree of 64 children that wait to be killed lingers after a complete result."""

import os
import signal

from faulting import SUCCEEDED, Scene

at = "end"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    if os.fork() == 0:
        for _ in range(6):
            os.fork()
        while True:
            signal.pause()
