"""The thread that was to write the result dies of an exception, and the process ends with exit code 0."""

import os
import sys
import threading

from faulting import Scene, failed

at = "result"
expected = failed("crashed", saying="KeyError")
as_worker = failed("no_result")
why = "the exceptions of our own worker are in its result, so its log is not asked"


def strike(scene: Scene) -> None:
    thread = threading.Thread(target=lambda: {"metrics.csv": 1}[scene.result.name])
    thread.start()
    thread.join()
    sys.stderr.flush()
    os._exit(0)
