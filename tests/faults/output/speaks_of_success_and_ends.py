"""Prints that it completed successfully, and ends with exit code 0 without a result."""

import os

from faulting import Scene, failed

expected = failed("no_result")


def strike(scene: Scene) -> None:
    del scene
    os.write(1, b"training completed successfully\n")
    os._exit(0)
