"""The metric that all is about is infinite in the end."""

from faulting import Scene, failed

at = "result"
expected = failed("non_finite", saying="inf")


def strike(scene: Scene) -> None:
    scene.metric = float("inf")
