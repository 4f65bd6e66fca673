"""Puts named pipes in the place of its supervisor's lease and of what might ask it to end, and ends well."""

import os
import time

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    for name in ("lease", "end.json"):
        (scene.attempt / name).unlink(missing_ok=True)
        os.mkfifo(scene.attempt / name)
    time.sleep(1)  # long enough for everybody to look
