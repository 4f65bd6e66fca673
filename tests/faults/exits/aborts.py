"""Calls abort(3), as C libraries do that give up."""

import os

from faulting import Scene, failed

expected = failed("crashed", saying="SIGABRT")


def strike(scene: Scene) -> None:
    del scene
    os.abort()
