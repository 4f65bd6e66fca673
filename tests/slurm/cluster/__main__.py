"""A cluster for experiments, from tests/: `python -m slurm.cluster up ROOT [--bare]`, later `down ROOT`."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from slurm.cluster import roots, usable
from slurm.cluster.cluster import Cluster, take_down
from slurm.cluster.shape import Shape


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m slurm.cluster", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("root", type=Path, help="a folder of its own, that is not there yet")
    parser.add_argument("--bare", action="store_true", help="without slurmdbd")
    parser.add_argument("--no-memory-limit", action="store_true", help="Slurm enforces none")
    parser.add_argument("--nodes", type=int, default=Shape.nodes)
    asked = parser.parse_args()
    since = time.monotonic()
    if asked.what == "down":
        take_down(asked.root.resolve())
    else:
        reason = usable.why_not()
        if reason:
            sys.exit(reason)
        with roots.one_at_a_time():
            usable.install()
        shape = Shape(
            accounting=not asked.bare, memory="none" if asked.no_memory_limit else "cgroup", nodes=asked.nodes
        )
        cluster = Cluster.prepare(shape, asked.root.resolve())
        cluster.start()
        told = {name: cluster.env[name] for name in ("SLURM_CONF", "SLURM_BITSTR_LEN")}
        print(f"export {' '.join(f'{name}={shlex.quote(value)}' for name, value in told.items())}")  # noqa: T201  # for eval
    print(f"{asked.what} in {time.monotonic() - since:.1f} s", file=sys.stderr)  # noqa: T201  # a command line


if __name__ == "__main__":
    main()
