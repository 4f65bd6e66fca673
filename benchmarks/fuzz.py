"""Bad input by the hundred thousand: does anything but an acceptance or a refusal with its place come of it?

    python benchmarks/fuzz.py [--cases 100000] [--seed 0] [--only KIND] [--first 0] [--keep FOLDER]

Spoils sweep files, settings of the command line, config files, records, declared files, metrics, logs and what Slurm
prints, and gives each to what reads it in earnest. A case is wrong where anything but the documented refusal is raised,
where that names no file, place or reason, where it takes more than a second of CPU (more is allowed where PyYAML shows
the machine to be slow, for a sweep of thousands of runs, and for a declared file of hundreds of kilobytes), or where an
attempt that lacks a necessary witness is called a success. What is wrong is kept, its inputs beside the traceback.
Prints how often each came of each kind; exits 1 where anything is wrong. A case is made from the seed, its kind and its
number alone, so it can be repeated by itself: `--only KIND --first NUMBER --cases 1`.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import fuzz_attempts as left
import fuzz_files as files
import fuzz_slurm as slurm
import fuzz_sweeps as asked
import fuzz_verdicts as verdicts
import growing
import mutating
import yaml
from fuzz_sweeps import Wrong

from db.ledger import Ledger
from sweeps.yaml_loader import MAX_WRITTEN

MOST_SECONDS = 1.0
"""Of CPU, for one case. Those of other processes do not count."""
TIMES_PYYAML = 2
"""Where a case takes longer, PyYAML is timed beside it, for machines are not equally fast, nor one machine at all
times: a case may take so many times as long as PyYAML does for as many values as it holds, and its runs. What
anybody types or writes for us may hold `MAX_WRITTEN` at most; what a job left as YAML is read whole, up to 1 MiB.
"""
MOST_RUNS = 50_000
VALUES_OF_A_RUN = 10
"""`seeds: 4096` is short, and asks for as much as 4,096 runs that are written out."""
GIVEN_UP = 20.0
RECORDED = 0.1
"""Of the verdicts, also by a ledger: its transactions wait for the disk."""


class Hangs(BaseException):
    """A case is given up; no handler of ours may take this for an error of its own."""


class Room:
    """Where cases lie while they are tried. `inputs` are those of the latest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sweeps = asked.Sweeps(folder / "project")
        self.ledger = Ledger(folder / "ledger.db")
        self.attempt = folder / "attempt"
        self.inputs: dict[str, bytes] = {}

    def sweep(self, chance: random.Random, made: tuple[Path, bytes], overrides: list[str]) -> str:
        place, data = made
        file = place / "fuzzed.yaml"
        file.write_bytes(data)
        self.inputs = {"sweep.yaml": data, "overrides": "\n".join(map(repr, overrides)).encode()}
        return asked.read(file, overrides, chance, self.folder / "runs")

    def fresh(self) -> Path:
        shutil.rmtree(self.attempt, ignore_errors=True)
        self.attempt.mkdir()
        return self.attempt

    def book(self, chance: random.Random) -> Ledger | None:
        return self.ledger if chance.random() < RECORDED else None


def _sabotaged(room: Room, chance: random.Random) -> str:
    attempt = chance.choice((left.training, left.command))(room.fresh())
    deed, over = verdicts.sabotaged(chance, attempt)
    room.inputs = left.written(attempt, over)
    if left.judged(attempt, room.book(chance)):
        raise Wrong(f"a success although {deed}")
    return "refused"


def _spoiled(room: Room, chance: random.Random) -> str:
    attempt = chance.choice((left.training, left.command))(room.fresh())
    room.inputs = left.written(attempt, verdicts.spoiled(chance, attempt))
    why_not = verdicts.may_succeed(attempt, room.inputs)
    success = left.judged(attempt, room.book(chance))
    if success and why_not:
        raise Wrong(f"a success although {why_not}")
    return "accepted" if success else "refused"


def _whole(room: Room, chance: random.Random) -> str:
    """Without it, all of the above could be failures for a reason of their own."""
    attempt = chance.choice((left.training, left.command))(room.fresh())
    room.inputs = left.written(attempt)
    if not left.judged(attempt, room.book(chance)) or verdicts.may_succeed(attempt, room.inputs):
        raise Wrong("a complete attempt is no success")
    return "accepted"


def _record(room: Room, chance: random.Random) -> str:
    complete = chance.choice((left.training, left.command))(room.attempt)
    name, data = files.read_record(chance, complete)
    room.inputs = {name: data}
    return files.parsed(name, data)


def _declared(room: Room, chance: random.Random) -> str:
    file, data = files.declared_file(chance)
    room.inputs = {Path(file.path).name: data, "declared": repr(file).encode(errors="replace")}
    return files.examined(file, data)


def _config(room: Room, chance: random.Random) -> str:
    path = files.config_file(chance, room.sweeps.folder)
    room.inputs = {path.name: path.read_bytes()}
    return files.copied(path)


def _metrics(room: Room, chance: random.Random) -> str:
    data = mutating.octets(chance, left.METRICS)
    room.inputs = {"metrics.jsonl": data}
    return files.fed(room.fresh() / "metrics.jsonl", data, room.book(chance))


def _log(room: Room, chance: random.Random) -> str:
    data = files.log(chance)
    room.inputs = {"stderr.log": data}
    return files.heard(room.fresh() / "stderr.log", data)


def _slurm(room: Room, chance: random.Random) -> str:
    queue, records = slurm.spoiled(chance)
    room.inputs = {"squeue.txt": queue, "sacct.txt": records}
    return slurm.concluded(queue, records)


def _words(room: Room, chance: random.Random) -> str:
    place = room.sweeps.folder / "examples/plain_torch"
    first = chance.choice((["sweep", "sweep.yaml", "--dry-run"], ["status"], ["why"], ["logs"], ["sql"], ["attach"]))
    words = [*first, *chance.sample([*mutating.NAMES, *room.sweeps.overrides(chance)], chance.randrange(3))]
    if first[0] != "sweep" and chance.random() < 0.7:
        words += ["--root", str(chance.choice((room.folder, *mutating.NAMES)))]
    room.inputs = {"words": "\n".join(map(repr, words)).encode()}
    return asked.type_words([word for word in words if "\0" not in word], place)  # no process can be given NUL


KINDS: Mapping[str, tuple[int, Callable[[Room, random.Random], str]]] = {
    "sweep, bytes": (18, lambda room, chance: room.sweep(chance, room.sweeps.by_bytes(chance), [])),
    "sweep, tree": (20, lambda room, chance: room.sweep(chance, room.sweeps.by_tree(chance), [])),
    "sweep, grown": (15, lambda room, chance: room.sweep(chance, room.sweeps.grown(chance), [])),
    "sweep, hostile": (
        3,
        lambda room, chance: room.sweep(chance, (room.sweeps.folder / "sweeps", growing.hostile(chance)), []),
    ),
    "sweep, settings": (
        10,
        lambda room, chance: room.sweep(chance, room.sweeps.as_is(chance), room.sweeps.overrides(chance)),
    ),
    "command line": (2, _words),
    "record": (10, _record),
    "attempt, sabotaged": (6, _sabotaged),
    "attempt, spoiled": (6, _spoiled),
    "attempt, whole": (1, _whole),
    "declared file": (6, _declared),
    "metrics": (2, _metrics),
    "config file": (2, _config),
    "log": (1, _log),
    "slurm": (2, _slurm),
}


def main() -> int:
    """Try all cases and say what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, help="cases of one kind")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--keep", type=Path, default=Path("fuzz_wrong"), help="where the inputs of wrong cases go")
    given = parser.parse_args()
    signal.signal(signal.SIGPROF, _give_up)
    came: Counter[tuple[str, str]] = Counter()
    slowest: dict[str, tuple[float, int]] = {}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        room = Room(Path(folder))
        for number in range(given.first, given.first + given.cases):
            kind = given.only or _kind(given.seed, number)
            outcome, seconds = _tried(room, kind, given.seed, number, given.keep)
            came[kind, outcome] += 1
            slowest[kind] = max(slowest.get(kind, (0.0, 0)), (seconds, number))
        room.ledger.close()
    print(f"{'kind of input':20} {'accepted':>9} {'refused':>9} {'wrong':>6}  slowest")
    for kind in KINDS:
        counts = [came[kind, outcome] for outcome in ("accepted", "refused", "wrong")]
        if any(counts):
            seconds, number = slowest[kind]
            print(f"{kind:20} {counts[0]:9} {counts[1]:9} {counts[2]:6}  {seconds:.3f} s CPU, case {number}")
    wrong = sum(count for (_, outcome), count in came.items() if outcome == "wrong")
    minutes = (time.monotonic() - begun) / 60
    print(f"{given.cases} cases from {given.first}, seed {given.seed}, {minutes:.1f} minutes: {wrong} wrong")
    return int(bool(wrong))


def _kind(seed: int, number: int) -> str:
    weights = [weight for weight, _ in KINDS.values()]
    return random.Random(f"{seed}.{number}").choices(list(KINDS), weights)[0]  # noqa: S311 - no secrets


def _tried(room: Room, kind: str, seed: int, number: int, keep: Path) -> tuple[str, float]:
    chance = random.Random(f"{seed}.{kind}.{number}")  # noqa: S311 - no secrets
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, GIVEN_UP)
    problem = ""
    try:
        outcome = KINDS[kind][1](room, chance)
    except (Exception, Hangs):  # noqa: BLE001 - whatever it is, it is what is looked for
        outcome, problem = "wrong", traceback.format_exc()
    signal.setitimer(signal.ITIMER_PROF, 0)
    seconds = time.process_time() - begun
    if not problem and seconds > MOST_SECONDS and seconds > TIMES_PYYAML * _floor(_values(room.inputs)):
        outcome, problem = "wrong", f"it was {outcome} after {seconds:.1f} s of CPU"
    if problem:
        place = keep / f"{kind.replace(', ', '-').replace(' ', '-')}-{seed}-{number}"
        _keep(place, room.inputs, problem)
        print(f"WRONG {place}: {problem.strip().splitlines()[-1][:300]}", flush=True)
    return outcome, seconds


def _values(inputs: Mapping[str, bytes]) -> int:
    """How many values the inputs can hold, those of every run that a sweep file asks for among them."""
    written = sum(map(len, inputs.values())) // 2
    if "declared" not in inputs:
        written = min(written, MAX_WRITTEN)
    return written + VALUES_OF_A_RUN * _runs(inputs.get("sweep.yaml", b""))


def _runs(text: bytes) -> int:
    """Of the grid of a sweep file, with its seeds, by plain reading."""
    with contextlib.suppress(Exception):
        data = yaml.safe_load(text)
        seeds = data.get("seeds", 1)
        sizes = [len(values) for values in data.get("grid", {}).values() if isinstance(values, list)]
        return min(MOST_RUNS, math.prod(sizes) * (len(seeds) if isinstance(seeds, list) else int(seeds)))
    return 1


def _floor(values: int) -> float:
    """Seconds of CPU that PyYAML takes to load so many."""
    begun = time.process_time()
    yaml.safe_load(f"[{'1,' * values}]")
    return time.process_time() - begun


def _keep(place: Path, inputs: Mapping[str, bytes], problem: str) -> None:
    for name, data in {**inputs, "problem.txt": problem.encode(errors="replace")}.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _give_up(_: int, __: FrameType | None) -> None:
    raise Hangs(f"given up after {GIVEN_UP:g} s of CPU")


if __name__ == "__main__":
    sys.exit(main())
