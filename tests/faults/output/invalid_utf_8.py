"""Prints bytes that are no UTF-8, and ends well."""

import os

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    os.write(1, b"caf\xe9 \xff\xfe \xf0\x28\x8c\x28\n" * 100)
    os.write(2, bytes(range(256)) * 100)
