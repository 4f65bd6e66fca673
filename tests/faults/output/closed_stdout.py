"""Closes its standard output and goes on printing."""

import sys

from faulting import SUCCEEDED, Scene, failed

expected = failed("crashed", saying="closed file")
as_worker = SUCCEEDED
why = "our own worker prints nothing"


def strike(scene: Scene) -> None:
    del scene
    sys.stdout.close()
