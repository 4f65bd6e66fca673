"""The metric that all is about is NaN in the end."""

from faulting import Scene, failed

at = "result"
expected = failed("non_finite", saying="nan")


def strike(scene: Scene) -> None:
    scene.metric = float("nan")
