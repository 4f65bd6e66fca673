"""What it leaves behind after a complete result forks and exits for ever, a new process each time one looks."""

import os

from faulting import SUCCEEDED, Scene

at = "end"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    if os.fork() == 0:
        while True:
            if os.fork():
                os._exit(0)
            os.setsid()
