"""The result is a folder."""

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    scene.result.unlink()
    scene.result.mkdir()
