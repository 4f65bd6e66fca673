"""The loss is the mean over the batch in place of one for each window."""

from faulting import Scene, failed

expected = failed("shape", saying="struck")
as_command = None
as_reporter = None
why = "only our own worker has a model; what a command's numbers were made of nobody outside can tell"


def strike(scene: Scene) -> None:
    scene.loss = scene.loss.mean()
