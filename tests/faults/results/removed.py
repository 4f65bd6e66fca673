"""The complete result is removed again."""

from faulting import Scene, failed

at = "end"
expected = failed("no_result")


def strike(scene: Scene) -> None:
    scene.result.unlink()
