"""Needs long before its first step."""

import time

from faulting import SUCCEEDED, Scene

at = "start"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    time.sleep(3)
