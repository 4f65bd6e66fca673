"""A training as a stranger wrote it: it knows nothing of any runner, and runs out of memory above a batch of 16."""

import argparse
import json
from pathlib import Path


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


OutOfMemoryError.__module__ = "torch"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--accum", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    if asked.batch > 16:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 12.00 GiB.")
    weight = 1.0
    for _ in range(10):
        weight -= asked.lr * 2 * weight
    found = {"mse": weight**2, "batch": asked.batch, "accum": asked.accum}
    (asked.out / "metrics.json").write_text(json.dumps(found))
    print("training finished")


if __name__ == "__main__":
    main()
