"""The loss of the last of five steps is NaN; the best loss is a good number all the same."""

import math

from faulting import Scene, failed

steps = (5,)
expected = failed("non_finite", saying="nan")


def strike(scene: Scene) -> None:
    scene.loss = scene.loss * math.nan
