"""Spoiled sweep files, settings and whole command lines, and what they may come to."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import growing
import mutating
import yaml

from db.errors import Refused
from db.records import BatchSplit
from runner.attempt_dir import AttemptDir
from runner.cli import main
from runner.command_work import CommandWork
from runner.dry_run import describe_runs
from runner.failures import BY_WORD
from runner.prepare import prepare
from runner.work import Assignment
from sweeps.expand import Candidate
from sweeps.expand_commands import CommandCandidate
from sweeps.spec import SweepSpec, read_sweep

REPOSITORY = Path(__file__).resolve().parent.parent
LONGEST = 2000
"""Characters of a line that a person is to read."""
_PLACE = r"(?:{file}(?::\d+:\d+)?|command line|--profile): \S"


class Wrong(AssertionError):  # noqa: N818 - it is what an outcome is, and reads so where it is raised
    """An outcome that must not be; the message says why."""


@dataclass(frozen=True)
class Source:
    """A sweep file as it is known to be read, and the folder where it lies with all that it names."""

    folder: Path
    text: bytes
    data: dict[str, Any]


class Sweeps:
    """The real sweep files of this project, copied to where their spoiled copies may lie too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("sweeps", "examples", "tests/seed_story"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "runs"))
        files = (*(folder / "sweeps").glob("*.yaml"), *folder.glob("examples/*/*.yaml"))
        texts = [(file.parent, file.read_bytes()) for file in sorted(files) if b"\ngrid:" in file.read_bytes()]
        page = (REPOSITORY / "docs/sweep_files.md").read_text()
        fenced = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
        texts += [(folder / "examples/plain_torch", example.encode()) for example in fenced]
        self.sources = [Source(place, text, yaml.safe_load(text)) for place, text in texts]
        self.words = sorted({word for source in self.sources for word in _words(source.data)} | set(_KEYS))

    def by_bytes(self, chance: random.Random) -> tuple[Path, bytes]:
        source = chance.choice(self.sources)
        spoil = chance.choice((mutating.octets, mutating.lines))
        return source.folder, mutating.encoded(chance, spoil(chance, source.text))

    def by_tree(self, chance: random.Random) -> tuple[Path, bytes]:
        source = chance.choice(self.sources)
        return source.folder, self._written(chance, mutating.tree(chance, source.data, self.words))

    def grown(self, chance: random.Random) -> tuple[Path, bytes]:
        """By a grammar: most of these are sweeps; every other one is then spoiled."""
        data = growing.sweep(chance)
        if chance.random() < 0.5:
            data = mutating.tree(chance, data, self.words)
        return self.folder / "examples/plain_torch", self._written(chance, data)

    def as_is(self, chance: random.Random) -> tuple[Path, bytes]:
        source = chance.choice(self.sources)
        return source.folder, source.text

    def overrides(self, chance: random.Random) -> list[str]:
        return [self._override(chance) for _ in range(chance.randrange(1, 4))]

    def _override(self, chance: random.Random) -> str:
        if chance.random() < 0.4:
            return chance.choice(growing.SETTINGS)
        keys = chance.choice((_KEYS, _KEYS, self.words, self.words, mutating.NAMES))
        key = chance.choice(keys)
        given = mutating.value(chance, self.words)
        text = f"{key}={given}" if chance.random() < 0.5 else f"{key}={mutating.as_json(given).decode()}"
        if chance.random() < 0.3:
            text = mutating.octets(chance, text.encode(errors="replace")).decode(errors="replace")
        return text.encode(errors="replace").decode()

    def _written(self, chance: random.Random, data: Any) -> bytes:
        if chance.random() < 0.5:
            return mutating.as_json(data, finite_words=True)
        try:
            return yaml.safe_dump(data, allow_unicode=True, sort_keys=False).encode(errors="surrogatepass")
        except RecursionError:
            return mutating.as_json(data)


def read(file: Path, overrides: Sequence[str], chance: random.Random, root: Path) -> str:
    """Read a sweep file, and prepare what it asks for as far as no process is needed for that."""
    profile = chance.choice((None, None, None, "debug", chance.choice(mutating.NAMES[:60]).replace("\ud800", "x")))
    try:
        spec = read_sweep(
            file, overrides, profile=profile, gpus=chance.choice((0, 1, 4, None)), known_kinds=tuple(BY_WORD)
        )
        _carry_on(spec, root)
    except Refused as refused:
        require_told(str(refused), re.escape(str(file)))
        return "refused"
    return "accepted"


def _carry_on(spec: SweepSpec, root: Path) -> None:
    runs = len(spec.candidates) + len(spec.commands)
    if not runs or runs > 300:
        return
    asked: Sequence[Candidate | CommandCandidate] = (*spec.candidates, *spec.commands)
    for candidate in asked:
        spec.place(candidate, ("train", "lr"))
    if spec.commands:
        prepared = prepare(spec, root)
        describe_runs(prepared, root)
        for run in prepared.runs[:3]:
            _order(run.work, run.run_id, root)


def _order(work: Any, run_id: str, root: Path) -> None:
    if not isinstance(work, CommandWork):
        raise Wrong(f"a command became {type(work).__name__}")
    batch = BatchSplit(micro=work.effective_batch, accum=1)
    folder = AttemptDir(root / run_id / "1")
    if not folder.path.is_relative_to(root) or ".." in folder.path.parts:
        raise Wrong(f"the attempt would lie at {folder.path}")
    order = work.order(
        Assignment(folder=folder, run_id=run_id, number=1, batch=batch, root=str(root), threads=1, device="cpu")
    )
    odd = [part for part in (*order.argv, *order.env, *order.env.values()) if "\0" in part]
    if odd:
        raise Wrong(f"no process can be started with {odd[0]!r}")


def require_told(said: str, place: str) -> None:
    """Each line of a refusal names a place and a reason, and can be shown to a person."""
    for line in said.split("\n"):
        if not re.match(_PLACE.format(file=place), line):
            raise Wrong(f"a line of the refusal tells no place or no reason: {line[:300]!r}")
        if len(line) > LONGEST:
            raise Wrong(f"a line of the refusal has {len(line)} characters: {line[:200]!r}")
        if not line.isprintable():
            raise Wrong(f"a line of the refusal steers a terminal: {line[:300]!r}")


def type_words(words: Sequence[str], folder: Path) -> str:
    """A command as a person types it; `sweep` only with `--dry-run`."""
    out, err = io.StringIO(), io.StringIO()
    home = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
    except SystemExit as left:  # argparse has said what is wrong with the words
        code = int(left.code or 0)
    finally:
        os.chdir(home)
    said = err.getvalue()
    if "Traceback" in said or "by its own fault" in said:
        raise Wrong(f"exit code {code}: {said[:500]!r}")
    if code not in (0, 1, 2):
        raise Wrong(f"exit code {code}: {said[:500]!r}")
    if code and not said.strip():
        raise Wrong(f"exit code {code} without a word")
    return "refused" if code else "accepted"


def _words(data: Any) -> set[str]:
    if isinstance(data, dict):
        return {str(key) for key in data} | {word for inner in data.values() for word in _words(inner)}
    if isinstance(data, list):
        return {word for inner in data for word in _words(inner)}
    return {data} if isinstance(data, str) else set()


_KEYS = (
    *(
        "name",
        "profile",
        "plugins",
        "tasks",
        "backbones",
        "grid",
        "runs",
        "seeds",
        "data",
        "train",
        "resources",
        "policy",
    ),
    *(
        "profiles",
        "zip",
        "when",
        "if",
        "set",
        "exclude",
        "sample",
        "draw",
        "uniform",
        "log_uniform",
        "choice",
        "on_end",
    ),
    *("settings", "success", "command", "argv", "env", "cwd", "config", "base", "files", "path", "metrics", "at_least"),
    *(
        "rows",
        "format",
        "last_line",
        "report",
        "seed",
        "backbone",
        "train.lr",
        "train.batch",
        "train.steps",
        "lr",
        "batch",
    ),
    *(
        "data.folder",
        "data.window",
        "data.systems",
        "data.simulation.seed",
        "resources.memory",
        "resources.time",
        "steps",
    ),
    *("resources.slots", "policy.wait", "policy.grace", "policy.retries.host_oom", "backbones.fno.width", "config.a"),
)
