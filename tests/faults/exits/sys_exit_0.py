"""Ends with `sys.exit(0)` in the middle of the training, as if all were done."""

import sys

from faulting import Scene, failed

expected = failed("no_result")
as_worker = failed("crashed", saying="SystemExit: 0")
why = "our own worker is never told to end like this, and says who did"


def strike(scene: Scene) -> None:
    del scene
    sys.exit(0)
