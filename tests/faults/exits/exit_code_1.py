"""Ends with `sys.exit(1)` in the middle of the training."""

import sys

from faulting import Scene, failed

expected = failed("crashed", saying="SystemExit: 1")
as_command = failed("crashed", saying="exit code 1")
why = "a command tells no more than its exit code"


def strike(scene: Scene) -> None:
    del scene
    sys.exit(1)
