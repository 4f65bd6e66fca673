"""Nothing goes wrong."""

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
