"""A thread keeps the process from ending after a complete result."""

import threading
import time

from faulting import Scene, failed

at = "end"
expected = failed("time_limit")
resources = {"time": 15}


def strike(scene: Scene) -> None:
    del scene
    threading.Thread(target=time.sleep, args=(600,)).start()
