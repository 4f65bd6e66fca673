"""The loss is a good number and depends on the parameters, but every gradient is zero."""

from faulting import Scene, failed

at = "every step"
expected = failed("incomplete", saying="nothing was learned")
as_command = None
as_reporter = None
why = "only our own worker has a model; what a command's numbers were made of nobody outside can tell"


def strike(scene: Scene) -> None:
    scene.loss = scene.loss.detach() + 0 * scene.loss
