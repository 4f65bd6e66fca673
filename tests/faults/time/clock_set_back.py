"""The host's clock is set back by an hour while it runs."""

import os
from pathlib import Path

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED
resources = {"time": 3700}  # the ledger's times are an hour apart
needs = ("gcc", "--version")
START = (
    'gcc -shared -fPIC -o "$PWD/back.so" "$0" && '
    'exec env CLOCK_AHEAD=3600 CLOCK_UNTIL="$PWD/back.set" LD_PRELOAD="$PWD/back.so" "$@"'
)
CLOCK = str(Path(__file__).resolve().parents[2] / "struck" / "clock.c")
around = ("sh", "-c", START, CLOCK)


def strike(scene: Scene) -> None:
    del scene
    Path(os.environ["CLOCK_UNTIL"]).touch()
