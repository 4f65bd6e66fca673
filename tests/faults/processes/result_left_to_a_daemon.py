"""The process ends well at once; what it left behind writes the complete result a moment later."""

import os
import signal
import time

from faulting import Scene, failed

at = "result"
expected = failed("no_result", saying="left no result")
as_command = failed("no_result", saying="written afterwards")
as_reporter = failed("bad_result", saying="after the command had ended")
why = "the daemon of our worker needs longer than it is given; for a command the time of its writing is what tells"


def strike(scene: Scene) -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(30 if scene.body == "worker" else 0.7)
