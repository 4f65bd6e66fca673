"""The loss of the third of five steps is infinite; the best loss is a good number all the same."""

import math

from faulting import Scene, failed

expected = failed("non_finite", saying="inf")


def strike(scene: Scene) -> None:
    scene.loss = scene.loss * math.inf
