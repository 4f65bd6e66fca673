"""Ends with exit code 137, as a shell says of a killed child, though no memory ran out."""

import os

from faulting import Scene, failed

expected = failed("killed", saying="no out-of-memory kill was counted")


def strike(scene: Scene) -> None:
    del scene
    os._exit(137)
