"""The complete result is a symbolic link to the file that holds it."""

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    moved = scene.result.rename(scene.out / "moved.json")
    scene.result.symlink_to(moved)
