"""Two tensors are multiplied whose shapes do not fit."""

from faulting import Scene, failed

expected = failed("shape", saying="mat1 and mat2")
as_command = None
as_reporter = None
why = "only our own worker has tensors"


def strike(scene: Scene) -> None:
    scene.loss = scene.loss + scene.prediction[0] @ scene.prediction[0]
