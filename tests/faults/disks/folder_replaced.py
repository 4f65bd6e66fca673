"""The attempt's folder is moved away, and an empty one is put in its place."""

import time

from faulting import Scene, failed

expected = failed("lost", saying="emptied or removed")


def strike(scene: Scene) -> None:
    scene.attempt.rename(scene.attempt.with_name(f"{scene.attempt.name}.old"))
    scene.attempt.mkdir()
    time.sleep(30)
