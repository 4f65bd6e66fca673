"""Hangs, and ignores SIGTERM, SIGINT and SIGHUP."""

import signal
import time

from faulting import Scene, failed

expected = failed("time_limit")
resources = {"time": 15}


def strike(scene: Scene) -> None:
    del scene
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)
