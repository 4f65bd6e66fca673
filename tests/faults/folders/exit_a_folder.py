"""Makes a folder where its supervisor is to write how it ended."""

from faulting import Scene, failed

at = "end"
expected = failed("lost", saying="exit.json cannot be opened: it is not a regular file")
resources = {"time": 90}  # its supervisor tries for a minute


def strike(scene: Scene) -> None:
    (scene.attempt / "exit.json").mkdir()
