"""Ends with `sys.exit("...")` in the middle of the training."""

import sys

from faulting import Scene, failed

expected = failed("crashed", saying="no such dataset: XJTU")


def strike(scene: Scene) -> None:
    del scene
    sys.exit("no such dataset: XJTU")
