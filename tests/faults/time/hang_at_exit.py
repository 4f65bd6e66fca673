"""A thread keeps the process from ending after a complete result."""

import threading
import time

from faulting import Scene, failed

at = "end"
expected = failed("time_limit")
resources = {"time": 15}


def strike(scene: Scene) -> None:
    thread = threading.Thread(target=time.sleep, args=(600,))
    thread.start()
    if scene.body == "worker":  # struck when Python no longer waits for threads by itself
        thread.join()
