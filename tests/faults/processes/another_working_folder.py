"""It goes into another folder and stays there."""

import os

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    os.chdir("/proc")
