"""Reads address 0, and the kernel ends it with SIGSEGV."""

import ctypes

from faulting import Scene, failed

expected = failed("crashed", saying="SIGSEGV")


def strike(scene: Scene) -> None:
    del scene
    ctypes.string_at(0)
