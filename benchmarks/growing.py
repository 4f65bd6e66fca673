"""Sweep files by a grammar, and constructions that take down a parser which trusts its input."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import mutating

from runner.failures import BY_WORD

SETTINGS = (
    *("seeds=2", "name=probe", "resources.cpus=2", "resources.memory=2GiB", "policy.wait=1min", "lr=[0.5,0.25]"),
    *("train.lr=1e-4", "train.lr=[1e-4,1e-5]", "backbone=dlinear", "backbone=[dlinear,fno]", "data.window=1024"),
    *("epochs=4", "batch=32", "seed=[4,5]", "policy.retries.host_oom=2", "resources.gpus=none"),
)


def sweep(chance: random.Random) -> dict[str, Any]:
    """One that is read, most of the time."""
    data = _training(chance) if chance.random() < 0.5 else _command(chance)
    return data | _axes(chance, [key for key in data["grid"] if key != "backbone"])


def _training(chance: random.Random) -> dict[str, Any]:
    data: dict[str, Any] = {
        "tasks": chance.sample(["classification", "anomaly_detection", "signal_prediction"], chance.randrange(1, 4)),
        "grid": {"backbone": chance.sample(["dlinear", "fno", "timesnet", "patchtst"], chance.randrange(1, 4))},
        "train": {"batch": chance.choice((4, 8, 64)), "steps": 40, "warmup_steps": 3},
        "resources": {"memory": chance.choice(("1GiB", "500MB", None)), "time": chance.choice(("1h", 90, None))},
        "policy": {"wait": 1, "retries": {chance.choice(tuple(BY_WORD)): chance.randrange(4)}},
    }
    data["grid"] |= {key: [1e-3, 1e-2] for key in ("train.lr", "train.weight_decay") if chance.random() < 0.6}
    return data


def _command(chance: random.Random) -> dict[str, Any]:
    file = f"{{out}}/m.{chance.choice(('json', 'csv', 'yaml', 'jsonl'))}"
    return {
        "command": {"argv": ["{python}", "train.py", "--lr", "{lr}", "{flags}"], "env": {"A": "{epochs}"}},
        "success": {
            "files": [{"path": file, "metrics": ["acc"], "at_least": {"epoch": "{epochs}"}}],
            "last_line": "^end",
        },
        "settings": {"epochs": chance.randrange(1, 5), "flags": chance.choice(([], ["-x"], "y"))},
        "grid": {"lr": chance.sample([0.1, 0.2, 1, "a", "-b", "c d"], 2), "epochs": [1, 2]},
    }


def _axes(chance: random.Random, keys: Sequence[str]) -> dict[str, Any]:
    """Some of what turns a grid into another set of runs."""
    key = chance.choice([*keys, "seed"])
    parts: list[dict[str, Any]] = [
        {"seeds": chance.choice((1, 3, [5, 6]))},
        {"exclude": [{key: 2}]},
        {"when": [{"if": {key: 1}, "set": {"seed": 4}}]},
        {"sample": {"runs": chance.randrange(1, 5), "seed": chance.randrange(3)}},
        {"sample": {"runs": 3, "draw": {key: {chance.choice(("uniform", "log_uniform", "choice")): [1, 9]}}}},
        {"profiles": {"p": {"resources": {"cpus": 2}}}, "profile": chance.choice(("p", {"cpu": "p"}, "q"))},
        {"name": chance.choice(("n", "a.b", "-n"))},
    ]
    return {name: part for one in chance.sample(parts, chance.randrange(3)) for name, part in one.items()}


def hostile(chance: random.Random) -> bytes:
    """Constructions that take down a parser which trusts its input."""
    n = chance.choice((3, 10, 33, 100, 1000, 5000, 40_000))
    name = chance.choice(mutating.NAMES).encode(errors="replace")
    bomb = b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 1 + n % 12))
    merged = b"".join(
        b"a%d: &a%d {<<: [%s]}\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 1 + n % 12)
    )
    return chance.choice(
        (
            b"a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + bomb,
            b"a0: &a0 {k: 1}\n" + merged,
            b"a: &a [*a]",
            b"a: &a {<<: *a}",
            b"&a {*a : 1}",
            b"a0: &a0 [1]\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (i, i, i - 1) for i in range(1, n)),
            b"[" * n,
            b"{a: " * n,
            b"- " * n,
            b"? " * n,
            b'"' + b"k" * min(10**6, n * 25) + b'": 1',
            b"? " + b"k" * min(10**6, n * 25) + b"\n: 1",
            b"name: " + b"k" * min(10**6, n * 25),
            b"tasks: [" + b"a," * n + b"]",
            b"\n".join(b"key_%d: 1" % i for i in range(n)),
            b"grid: {backbone: [dlinear], " + b", ".join(b"train.key_%d: [1, 2]" % i for i in range(n)) + b"}",
            b"command: [true]\ngrid: {" + b", ".join(b"k%d: [1, 2]" % i for i in range(n)) + b"}",
            b"command: [true]\nsettings: {" + b", ".join(b"k%d: 1" % i for i in range(n)) + b"}",
            b"command: [" + b"'{a}', " * n + b"]\nsettings: {a: 1}",
            b"command: ['" + b"{a}" * n + b"']\nsettings: {a: 1}",
            b"command: ['" + b"{" * n + b"']\n",
            b"tasks: [classification]\ngrid: {backbone: [fno]}\nseeds: " + str(min(n, 20_000)).encode(),
            b"tasks: [classification]\ngrid: {backbone: [fno], train.lr: [" + b"0.1," * n + b"]}",
            b"profiles: {" + b"".join(b"p%d: {train: {lr: x}}, " % i for i in range(n)) + b"}\nprofile: p",
            b"tasks: [classification]\nruns: [" + b"{backbone: fno, train: {lr: 1}}," * n + b"]",
            b"name: " + name + b"\ncommand: [true]\n",
            b"command: [true, " + name + b"]\n",
            b"command: ['true', \"" + name + b'"]\nsuccess: {files: [{path: "{out}/' + name + b'"}]}\n',
            b"tasks: [classification]\ngrid: {backbone: [fno]}\nexclude: [" + b"{backbone: fno}," * n + b"]",
            b"%YAML " + b"9" * n + b".1\n---\na: 1",
            b'a: "\\U' + name[:8].ljust(8, b"F") + b'"',
            b"a: !!int ''\nb: !!timestamp x",
            b"a" * n + b": *" + b"b" * n,
            b"\xff\xfe" + b"a\0:\0 \0001\0" * n,
            b"\n" * n + b"\t" * n,
            b"#" * min(n * 25, 10**6) + b"\na: 1",
        )
    )
