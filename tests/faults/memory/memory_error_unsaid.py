"""A MemoryError is caught without a word: exit code 0, no result. Of memory nobody has heard."""

import os

from faulting import Scene, failed

expected = failed("no_result", saying="exit code 0")
as_command = failed("no_result", saying="does not exist")
as_reporter = failed("no_result", saying="never said that it was done")
why = "only the words differ"


def strike(scene: Scene) -> None:
    try:
        scene.metric = bytearray(2**62)
    except MemoryError:
        os._exit(0)
