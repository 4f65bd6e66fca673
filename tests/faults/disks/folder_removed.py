"""The attempt's folder is deleted under it."""

import shutil
import time

from faulting import Scene, failed

expected = failed("lost", saying="emptied or removed")


def strike(scene: Scene) -> None:
    shutil.rmtree(scene.attempt)
    time.sleep(30)
