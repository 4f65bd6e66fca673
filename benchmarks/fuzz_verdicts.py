"""Attempts that lack a necessary witness. None may be a success, whoever wrote what it left.

The verdict is held against plain reading by none of our own parsers.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mutating
from fuzz_attempts import FILES, FORMATS, METRICS, WORDS, Attempt, Texts, encoded


def may_succeed(attempt: Attempt, texts: Texts) -> str | None:
    """Why this attempt can be no success, by plain reading and none of our own parsers; None where it may be one."""
    try:
        plan, claim, exit_ = (json.loads(texts[name]) for name in ("plan.json", "claim.json", "exit.json"))
        result = json.loads(texts["result.json"])
        whose = {plan["attempt_id"], claim["attempt_id"], exit_["attempt_id"], result["attempt_id"]}
        declared = plan.get("declared") or {}
        metrics = plan["required_metrics"] or declared.get("metrics", ())
        planned, reached = plan["planned_steps"], result["start_step"] + result["steps_done"]
        holds = {
            "one attempt": len(whose) == 1 and plan["run_id"] == result["run_id"],
            "not fenced": not claim.get("fenced"),
            "exit code 0": exit_["exit_code"] == 0 and exit_["signal"] is None,
            "not revoked": exit_["ended_by"] in (None, "cancelled", "interrupted", "signal", "time_limit", "stalled"),
            "no OOM kill": exit_["memory"]["oom_kills"] in (0, None),
            "no error": result.get("error") is None,
            "all steps": planned in (None, reached) or (attempt.is_command and reached > planned),
            "metrics": all(math.isfinite(result["metrics"][name]) for name in metrics),
            "parameters": attempt.is_command or result["parameters_changed"] is True,
        }
        return next((f"it lacks: {name}" for name, fine in holds.items() if not fine), None) or _files_hold(plan, texts)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        return f"a record is not whole: {type(error).__name__} {error}"


def _files_hold(plan: Any, texts: Texts) -> str | None:
    for file in (plan.get("declared") or {}).get("files", ()):
        name = f"out/{Path(file['path']).name}"
        data, wanted = texts.get(name), file.get("metrics", ())
        for path in wanted.values() if isinstance(wanted, dict) else wanted:
            number = _last(name.rpartition(".")[2], data or b"", path)
            if number is None or not math.isfinite(number):
                return f"{name} holds {number} under {path}"
    return None


def _last(kind: str, data: bytes, name: str) -> float | None:
    """The last number under a name as the plainest of readers finds it; None where there is none."""
    with contextlib.suppress(
        ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, csv.Error
    ):
        if kind == "json":
            return float(json.loads(data)[name])
        if kind == "jsonl":
            rows = [json.loads(line) for line in data.split(b"\n") if line.strip()]
            return [float(row[name]) for row in rows if row.get(name) not in (None, "")][-1]
        if kind == "csv":
            cells = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
            spelled = {key.strip(): key for key in cells[0]}
            return [float(row[spelled[name]]) for row in cells if row[spelled[name]].strip()][-1]
        return 0.0 if name.encode() in data else None
    return None


def sabotaged(chance: random.Random, attempt: Attempt) -> tuple[str, Texts]:
    """One necessary witness taken away or corrupted, for certain."""
    deeds = [*_OF_RECORDS, *(_OF_COMMANDS if attempt.is_command else _OF_TRAININGS)]
    name, path, given = chance.choice(deeds)
    over: Texts = {}
    if path and isinstance(given, bytes):
        over[name] = given
    elif path:
        holder = attempt.records[name]
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = given
        if (name, path[-1], given) == ("exit.json", "signal", 9):
            holder["exit_code"] = None
    else:
        whole = mutating.as_json(attempt.records[name])
        cut = whole[: chance.randrange(len(whole) - 2)]
        twice = whole[:-2].rstrip() + b',\n"attempt_id": "b"\n}'
        over[name] = chance.choice(
            (cut, b"", b"\0" * len(whole), b"null", b"[]", b"{}", twice, whole * 2, b"\xff" + whole)
        )
    return f"{name} {'.'.join(map(str, path))} = {given!r:.60}", over


_Deed = tuple[str, Sequence[Any], Any]


def _each(name: str, path: Sequence[Any], *values: Any) -> Sequence[_Deed]:
    return [(name, path, value) for value in values]


_RECORDS = ("plan.json", "claim.json", "exit.json", "result.json")
_OF_RECORDS: Sequence[_Deed] = (
    *((name, (), None) for name in _RECORDS),
    *((name, ("attempt_id",), "b" * 32) for name in _RECORDS),
    *((name, ("unknown",), 1) for name in _RECORDS),
    *(deed for name in _RECORDS for deed in _each(name, ("version",), 2, None, "1", 1.5, [])),
    ("claim.json", ("fenced",), True),
    *_each("exit.json", ("exit_code",), 1, 255, -9, None, "0", 0.0, [0], 10**30),
    ("exit.json", ("signal",), 9),
    *_each("exit.json", ("ended_by",), "revoked", "memory_limit", "lease_lost", "could_not_start", "x"),
    *_each("exit.json", ("memory", "oom_kills"), 1, -1, 10**30, "0"),
    ("result.json", ("run_id",), "other"),
    ("result.json", ("error",), {"kind": "crashed", "type": "E", "message": "m", "traceback": ""}),
    *_each("result.json", ("metrics",), {}, [], None, {"acc": None}, {"acc": "0.9"}, {"acc": math.nan}),
    *_each("result.json", ("metrics", "acc"), math.inf, -math.inf, "0.9", [0.9], 10**400),
    ("metrics.jsonl", ("loss",), METRICS + b'{"step": 9, "name": "loss", "value": "nan", "time": 1.0}\n'),
)
_OF_TRAININGS: Sequence[_Deed] = (
    *_each("result.json", ("steps_done",), 0, 99, 101, -100, "100", 100.0, None),
    *_each("result.json", ("start_step",), 1, -1, None),
    ("result.json", ("parameters_changed",), False),
    ("result.json", ("pid",), 9),
    *_each("result.json", ("code_fingerprint",), "d" * 64, None),
    ("plan.json", ("planned_steps",), 101),
    ("plan.json", ("required_metrics",), ["acc", "f1"]),
)
_OF_FILES: Mapping[str, Callable[[bytes], Sequence[bytes]]] = {
    "bytes": lambda _: (b"", b" \n", b"\0", b"\xff\xfe", b"{", b"[]"),
    "renamed": lambda data: (data.replace(b"acc", b"ack"),),
    "short": lambda data: (data.replace(b"3", b"2"),),
    "differs": lambda data: (data.replace(b"0.75", b"0.85"),),
    "nan": lambda data: (data.replace(b"0.75", b".nan" if b"nested" in data else b"NaN"),),
}
_OF_COMMANDS: Sequence[_Deed] = (
    *(
        deed
        for kind in FORMATS
        for word, spoil in _OF_FILES.items()
        for deed in _each(f"out/r.{kind}", (word,), *spoil(FILES[kind]))
    ),
    ("out/r.csv", ("torn",), FILES["csv"] + b"4,0.8"),
    ("out/r.jsonl", ("torn",), FILES["jsonl"] + b'{"epoch": 4, "ac'),
    ("out/r.json", ("twice",), b'{"acc": 0.1, "acc": 0.75, "epoch": 3}'),
    *_each("exit.json", ("last_line",), "but not really", "", None, 1),
)


def spoiled(chance: random.Random, attempt: Attempt) -> Texts:
    """One or two of its files by chance, as trees or as bytes."""
    over: Texts = {}
    for _ in range(chance.choice((1, 1, 2))):
        name = chance.choice((*attempt.records, *attempt.texts))
        if name in attempt.records and chance.random() < 0.7:
            attempt.records[name] = mutating.tree(chance, attempt.records[name], WORDS)
        else:
            whole = {**attempt.texts, **encoded(attempt)}[name]
            over[name] = mutating.octets(chance, whole)
    return over
