"""Prints escapes that clear the screen, and crashes with more of them in the message."""

from faulting import Scene, failed

expected = failed("crashed", saying="completed successfully")


def strike(scene: Scene) -> None:
    del scene
    print("\x1b[2J\x1b[H\x1b]0;completed successfully\x07")
    raise ValueError("\x1b[2J\x1b[32mcompleted successfully\x1b[0m")
