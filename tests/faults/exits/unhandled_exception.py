"""Raises an exception that nobody handles."""

from faulting import Scene, failed

expected = failed("crashed", saying="ValueError: e_layers must be above 0")


def strike(scene: Scene) -> None:
    del scene
    raise ValueError("e_layers must be above 0")
