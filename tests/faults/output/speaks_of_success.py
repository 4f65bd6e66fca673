"""Prints that it completed successfully, and crashes."""

from faulting import Scene, failed

expected = failed("crashed", saying="all is lost")


def strike(scene: Scene) -> None:
    del scene
    print("training completed successfully, exit code 0", flush=True)
    raise ValueError("all is lost")
