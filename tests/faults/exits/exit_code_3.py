"""Ends with exit code 3 in the middle of the training."""

import os

from faulting import Scene, failed

expected = failed("crashed", saying="exit code 3")


def strike(scene: Scene) -> None:
    del scene
    os._exit(3)
