"""Is ended by SIGPIPE, as a program that writes to a reader who is gone."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGPIPE")


def strike(scene: Scene) -> None:
    del scene
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    reads, writes = os.pipe()
    os.close(reads)
    os.write(writes, b"x")
