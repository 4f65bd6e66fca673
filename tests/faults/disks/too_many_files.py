"""Files are opened and never closed until there may be no more, so that not even the error can be written down."""

import os

from faulting import Scene, failed

expected = failed("crashed", saying="Too many open files")


def strike(scene: Scene) -> None:
    del scene
    while True:
        os.open("/dev/null", os.O_RDONLY)
