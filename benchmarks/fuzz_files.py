"""Records, declared files, metrics and logs, spoiled, and what reads each of them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import growing
import mutating
from fuzz_attempts import FILES, FORMATS, NONCE, WORDS, Attempt, opened
from fuzz_sweeps import LONGEST, Wrong

from db.declared import DeclaredFile
from db.ledger import Ledger
from db.records import Claim, EndRequest, Evaluating, Exit, Plan, Result
from db.strict import Invalid, to_data
from runner.attempt_dir import BadRecord, parse_record
from runner.contents import Fault
from runner.log_signs import read_signs
from runner.metrics_feed import MetricsFeed
from runner.proofs import examine
from sweeps.config_file import canonical, read_config, write_config

DONE = {
    "plan.json": Plan,
    "claim.json": Claim,
    "exit.json": Exit,
    "result.json": Result,
    "end.json": EndRequest,
    "evaluating.json": Evaluating,
}
LOG = (
    b"epoch 1 loss=0.5\rTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nKeyError: 'e_layers'\n"
    b"[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB free\n"
    b"\x1b[31mNo space left on device\x1b[0m\nloss: nan\nLoss is nan, stopping training\nMemoryError\nKilled\n"
    b"During handling of the above exception, another exception occurred:\ntraining finished\n"
)


def read_record(chance: random.Random, complete: Attempt) -> tuple[str, bytes]:
    """A record of any kind, spoiled: its name and bytes."""
    name = chance.choice(tuple(DONE))
    asked = EndRequest(attempt_id=NONCE, why="cancelled", asked_at=1.0)
    evaluating = Evaluating(attempt_id=NONCE, micro=8)
    data = {**complete.records, "end.json": to_data(asked), "evaluating.json": to_data(evaluating)}[name]
    if chance.random() < 0.6:
        return name, mutating.as_json(mutating.tree(chance, data, WORDS))
    n = chance.choice((10, 1000, 50_000))
    many = (
        b'{"version": 1, ' + b", ".join(b'"k%d": 1' % i for i in range(n)) + b"}",
        b'{"version": 1, ' + b", ".join([b'"version": 1'] * n) + b"}",
        b'{"version": 1, ' + b", ".join(b'"k%d": 1' % (i // 2) for i in range(n)) + b"}",
        b'{"version": ' + b"9" * n + b"}",
        b'{"version": 1, "' + b"k" * n + b'": 1}',
        b'{"version": "' + b"k" * n + b'"}',
        b'{"version": 1, "metrics": {' + b", ".join(b'"k%d": "x"' % i for i in range(n)) + b"}}",
        b"[" * n,
        b'{"version":' * n,
    )
    return name, chance.choice(many) if chance.random() < 0.2 else mutating.octets(chance, mutating.as_json(data))


def parsed(name: str, data: bytes) -> str:
    try:
        parse_record(data, DONE[name], name)
    except BadRecord as bad:
        _require_said(str(bad), name)
        return "refused"
    return "accepted"


def config_file(chance: random.Random, folder: Path) -> Path:
    """The config file of a script, spoiled."""
    source = chance.choice(sorted(folder.glob("examples/*/config*/*")) + sorted(folder.glob("examples/*/config.*")))
    path = folder / f"fuzzed{source.suffix}"
    hostile = chance.random() < 0.1
    path.write_bytes(growing.hostile(chance) if hostile else mutating.octets(chance, source.read_bytes()))
    return path


def copied(path: Path) -> str:
    """Read a config file and write it again."""
    try:
        data = read_config(str(path))
    except Invalid as invalid:
        _require_said(str(invalid), str(path))
        return "refused"
    json.dumps(canonical(data))
    write_config(data, path.suffix).encode()
    return "accepted"


def declared_file(chance: random.Random) -> tuple[DeclaredFile, bytes]:
    kind = chance.choice(FORMATS)
    n = chance.choice((10, 1000, 30_000))
    hostile = (
        b"[" * n,
        b'{"a":' * n,
        b"a" * n,
        b",".join(b"c%d" % i for i in range(n)) + b"\n",
        b"acc\n" + b"1\n" * n,
        b"{" + b", ".join(b'"k%d": 1' % i for i in range(n)) + b"}\n",
        b"{" + b", ".join([b'"acc": 1'] * n) + b"}\n",
        b"a0: &a0 {k: 1}\n"
        + b"".join(b"a%d: &a%d {<<: [%s]}\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 9)),
        b"a0: &a0 [1,1]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 9)),
        b"acc: &a [*a]\nepoch: *a\n",
        b"acc: 0x" + b"f" * n + b"\nepoch: 3\n",
        b'{"acc": ' + b"9" * n + b', "epoch": 3}',
        b"acc: !!int ''\n",
        b"acc: !!timestamp x\n",
        b"acc: !!bool x\n",
        b"? [a]\n: 1\n",
        b"? {a: 1}\n: 1\n",
    )
    data = chance.choice(hostile) if chance.random() < 0.15 else mutating.octets(chance, FILES[kind])
    odd = ("log.0.a", "nested.b.-1", "0", "a.b.c", *mutating.NAMES)
    path = "acc" if chance.random() < 0.7 else chance.choice(odd)
    rows = chance.choice((0, 0, 2, 10)) if kind in ("csv", "jsonl") else 0
    least: Mapping[str, float] = chance.choice(({}, {}, {"epoch": 3}, {"loss": -1e300}))
    return DeclaredFile(path=f"/x/r.{kind}", metrics={"m": path}, at_least=least, rows=rows), data


def examined(file: DeclaredFile, data: bytes) -> str:
    try:
        metrics, said = examine(file, data)
    except Fault as fault:
        _require_said(f"{file.path} {fault}", file.path)
        return "refused"
    if not said or not all(math.isfinite(number) for number in metrics.values()) or set(metrics) != {"m"}:
        raise Wrong(f"accepted with {metrics}, {said!r:.200}")
    return "accepted"


def fed(path: Path, data: bytes, ledger: Ledger | None) -> str:
    path.write_bytes(data)
    feed = MetricsFeed(path)
    points = feed.read_new()
    if feed.read_new():
        raise Wrong("a point was read twice")
    if ledger:
        ledger.record_metrics(opened(ledger), points)
    return "accepted" if points else "refused"


def heard(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    signs = read_signs((path,))
    long = [line for line in asdict(signs).values() if isinstance(line, str) and len(line) > LONGEST]
    if long:
        raise Wrong(f"a sign of {len(long[0])} characters")
    return "accepted" if signs.shown else "refused"


def log(chance: random.Random) -> bytes:
    n = chance.choice((10, 1000, 30_000))
    word = chance.choice(
        (b"error ", b"loss ", b"nan", b"[rank0]: ", b"a.", b"what(): ", b"Error: ", b"\x1b[", b"memory: ")
    )
    if chance.random() < 0.2:
        return word * n + chance.choice((b"CUDA out of memory", b"nan", b"\n", b"\xff"))
    return mutating.octets(chance, LOG * chance.choice((1, 3)))


def _require_said(said: str, name: str) -> None:
    if not said.startswith(name) or len(said) < len(name) + 8:
        raise Wrong(f"it names no file or no reason: {said[:300]!r}")
    if len(said) > 2 * LONGEST:
        raise Wrong(f"the reason has {len(said)} characters: {said[:200]!r}")
