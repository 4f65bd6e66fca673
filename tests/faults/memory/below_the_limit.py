"""Holds much memory, but not more than it may."""

import time

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED
resources = {"memory": "448MiB"}


def strike(scene: Scene) -> None:
    held = b"x" * (100 * 2**20)
    time.sleep(0.3)
    scene.step += len(held) * 0
