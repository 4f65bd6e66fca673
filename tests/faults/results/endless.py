"""The result is a symbolic link to /dev/zero, which never ends."""

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    scene.result.unlink()
    scene.result.symlink_to("/dev/zero")
