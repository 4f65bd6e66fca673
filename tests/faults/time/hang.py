"""Hangs in the middle of the training."""

import time

from faulting import Scene, failed

expected = failed("time_limit")
resources = {"time": 15}


def strike(scene: Scene) -> None:
    del scene
    time.sleep(600)
