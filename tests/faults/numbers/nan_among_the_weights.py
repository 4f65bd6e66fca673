"""A weight becomes NaN at the last step, behind the back of the loss."""

from faulting import Scene, failed

steps = (5,)
expected = failed("non_finite", saying="deviation.bias")
as_command = None
as_reporter = None
why = "only our own worker has a model; what a command's numbers were made of nobody outside can tell"


def strike(scene: Scene) -> None:
    scene.loss = scene.loss * 1.0
    scene.model.deviation.bias.data[0] = float("nan")
