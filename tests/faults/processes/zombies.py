"""Children end and are never waited for."""

import os

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    for _ in range(30):
        if os.fork() == 0:
            os._exit(1)
