"""Raises an exception that cannot be turned into text."""

from faulting import Scene, failed

expected = failed("crashed", saying="SilentError")


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def strike(scene: Scene) -> None:
    del scene
    raise SilentError
