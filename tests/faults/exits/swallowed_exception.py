"""Prints the traceback of an exception and ends with exit code 0."""

import os
import sys
import traceback

from faulting import Scene, failed

expected = failed("crashed", saying="no attribute 'e_layers' (and yet it ended with exit code 0)")
as_worker = failed("no_result")
why = "the exceptions of our own worker are in its result, so its log is not asked"


def strike(scene: Scene) -> None:
    del scene
    try:
        raise AttributeError("no attribute 'e_layers'")  # noqa: TRY301 - swallowed here, as people do
    except AttributeError:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(0)
