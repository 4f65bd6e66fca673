"""Asks a question on the terminal that it does not have."""

from faulting import Scene, failed

expected = failed("crashed", saying="EOFError")


def strike(scene: Scene) -> None:
    del scene
    input("overwrite the results? [y/n] ")
