"""Ends with exit code 256 in the middle, of which the kernel keeps a 0."""

import os

from faulting import Scene, failed

expected = failed("no_result")


def strike(scene: Scene) -> None:
    del scene
    os._exit(256)
