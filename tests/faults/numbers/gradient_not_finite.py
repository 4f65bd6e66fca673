"""The loss is a good number and its gradient is not: the square root at zero."""

from faulting import Scene, failed

expected = failed("non_finite", saying="gradient norm of step 3")
as_command = None
as_reporter = None
why = "only our own worker has a model; what a command's numbers were made of nobody outside can tell"


def strike(scene: Scene) -> None:
    scene.loss = (scene.loss - scene.loss.detach()).sqrt()
