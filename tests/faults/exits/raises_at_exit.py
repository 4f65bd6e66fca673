"""An `atexit` function raises after all is done; Python prints it and ends with exit code 0."""

import atexit

from faulting import SUCCEEDED, Scene

at = "result"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    atexit.register(lambda: 1 / 0)
