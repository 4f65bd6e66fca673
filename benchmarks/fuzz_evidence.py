"""What an attempt leaves, spoiled: its records, declared files, metrics and logs, and the verdict on all of it.

The verdict is held against plain reading: a success where a necessary witness does not hold is wrong, whoever wrote it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mutating
from fuzz_sweeps import LONGEST, Wrong

from db.declared import Declared, DeclaredFile
from db.ledger import Ledger, RunRow
from db.records import BatchSplit, Claim, EndRequest, Exit, FileSeen, MemoryWatch, Plan, Result, Score, Usage
from db.strict import to_data
from db.verdicts import Succeeded
from runner.attempt_dir import AttemptDir, BadRecord, parse_record
from runner.collecting import collect
from runner.contents import Fault
from runner.judge import judge, measure
from runner.log_signs import read_signs
from runner.metrics_feed import MetricsFeed
from runner.proofs import examine
from runner.watched import stamp_of

Texts = dict[str, bytes]
NONCE, RUN = "a" * 32, "probe-000000000000"
DONE = {"plan.json": Plan, "claim.json": Claim, "exit.json": Exit, "result.json": Result, "end.json": EndRequest}
FORMATS = ("json", "csv", "yaml", "jsonl")
FILES: Mapping[str, bytes] = {
    "json": b'{"acc": 0.75, "epoch": 3, "log": [{"a": 1}]}',
    "csv": b"epoch,acc,loss\n1,0.5,0.9\n2,,0.5\n3,0.75,0.3\n",
    "yaml": b"acc: 0.75\nepoch: 3\nnested: {a: &x [1, 2], b: *x}\n",
    "jsonl": b'{"epoch": 1, "acc": 0.5}\n{"epoch": 3, "acc": 0.75}\n',
}
METRICS = b"".join(
    b'{"step": %d, "name": "loss", "value": %d.5, "time": 1700000000.25}\n' % (step, 9 - step) for step in range(5)
)
LOG = (
    b"epoch 1 loss=0.5\rTraceback (most recent call last):\n  File \"x.py\", line 1, in f\nKeyError: 'e_layers'\n"
    b"[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB free\n"
    b"\x1b[31mNo space left on device\x1b[0m\nloss: nan\nLoss is nan, stopping training\nMemoryError\nKilled\n"
    b"During handling of the above exception, another exception occurred:\ntraining finished\n"
)
_WORDS = (
    *("attempt_id", "run_id", "version", "metrics", "scores", "error", "kind", "cuda_oom", "crashed", "exit_code"),
    *("signal", "memory", "oom_kills", "ended_by", "time_limit", "revoked", "pid", "files", "before", "after", NONCE, RUN),
    *("steps_done", "start_step", "parameters_changed", "declared", "last_line", "report", "rows", "acc", "epoch", "loss"),
)


@dataclass
class Attempt:
    """What a complete attempt leaves: records as plain data, and other files as they are."""

    folder: Path
    records: dict[str, Any]
    texts: Texts

    @property
    def is_command(self) -> bool:
        return self.records["plan.json"]["declared"] is not None


def training(folder: Path) -> Attempt:
    score = Score(task="t", metric="acc", value=0.9, baseline=0.5, baseline_name="b", higher_is_better=True, windows=9)
    result = Result(
        attempt_id=NONCE,
        run_id=RUN,
        start_step=0,
        steps_done=100,
        metrics={"acc": 0.9},
        scores=(score,),
        parameters=7,
        parameters_changed=True,
        code_fingerprint="c" * 64,
        pid=8,
        notes=("a note",),
    )
    return _attempt(folder, _plan(folder, 100, None), result)


def command(folder: Path) -> Attempt:
    files = [
        DeclaredFile(path=f"{folder}/out/r.{kind}", metrics=("acc",), at_least={"epoch": 3}, rows=2 * ("csv" in kind))
        for kind in FORMATS
    ]
    declared = Declared(files=tuple(files), last_line="^training finished$", report=True, metrics=("acc",))
    result = Result(attempt_id=NONCE, run_id=RUN, start_step=0, steps_done=0, metrics={"acc": 0.75}, pid=99)
    return _attempt(folder, _plan(folder, None, declared), result)


def _plan(folder: Path, steps: int | None, declared: Declared | None) -> Plan:
    return Plan(
        attempt_id=NONCE,
        run_id=RUN,
        number=1,
        argv=("true",),
        cwd="/",
        batch=BatchSplit(micro=8, accum=2),
        planned_steps=steps,
        required_metrics=("acc",) if declared is None else (),
        settings={},
        code_fingerprint="c" * 64,
        declared=declared,
        watched=tuple(file.path for file in declared.files) if declared else (),
    )


def _attempt(folder: Path, plan: Plan, result: Result) -> Attempt:
    claim = Claim(attempt_id=NONCE, host="elsewhere", boot_id="b", pid=7, pid_started=1, claimed_at=1.0)
    exit_ = Exit(
        attempt_id=NONCE,
        exit_code=0,
        signal=None,
        started_at=10.0,
        ended_at=20.0,
        wall=10.0,
        usage=Usage(user=1.0, system=1.0),
        memory=MemoryWatch(how="none", limit=None, peak=1000, oom_kills=0),
        left_behind=0,
        log_bytes_dropped=0,
        ended_by=None,
        pid=8,
    )
    records = {"plan.json": plan, "claim.json": claim, "exit.json": exit_, "result.json": result}
    texts = {"stdout.log": b"begun\ntraining finished\n", "stderr.log": b"", "metrics.jsonl": METRICS}
    if plan.declared:
        texts |= {f"out/r.{kind}": data for kind, data in FILES.items()}
    return Attempt(folder, {name: to_data(record) for name, record in records.items()}, texts)


def written(attempt: Attempt, over: Mapping[str, bytes] | None = None) -> Texts:
    """Write all of it, as if its command had just ended: `exit.json` tells of the files as they are."""
    over = dict(over or {})
    for name, data in {**attempt.texts, **_encoded(attempt), **over}.items():
        path = attempt.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    names = ["stdout.log", "result.json", *(name for name in attempt.texts if name.startswith("out/"))]
    paths = [str(attempt.folder / name) for name in names]
    exit_ = attempt.records.get("exit.json")
    if isinstance(exit_, dict) and "exit.json" not in over and exit_.get("files") == []:
        seen = [FileSeen(path=path, before=None, after=stamp_of(path)) for path in paths]
        exit_["files"] = to_data(seen)
        (attempt.folder / "exit.json").write_bytes(mutating.as_json(exit_))
    files = sorted(path for path in attempt.folder.rglob("*") if path.is_file())
    return {str(path.relative_to(attempt.folder)): path.read_bytes() for path in files}


def _encoded(attempt: Attempt) -> Texts:
    return {name: mutating.as_json(data) for name, data in attempt.records.items()}


def judged(attempt: Attempt, ledger: Ledger | None) -> bool:
    """Whether its verdict is a success; what the ledger refuses to hold raises."""
    evidence = collect(AttemptDir(attempt.folder))
    verdict = judge(evidence)
    measured = measure(evidence, 5.0)
    if not verdict.because.strip():
        raise Wrong(f"a verdict without a reason: {verdict}")
    if ledger:
        result = evidence.own_result
        scores = result.scores if result and result.error is None else ()
        attempt_id = opened(ledger)
        ledger.record_metrics(attempt_id, MetricsFeed(attempt.folder / "metrics.jsonl").read_new())
        notes = result.notes if result else ()
        ledger.record_verdict(attempt_id, verdict, measured, scores, notes, evidence.final_metrics)
    return isinstance(verdict, Succeeded)


def opened(ledger: Ledger) -> int:
    """An open attempt of a new run."""
    with ledger.path.with_suffix(".count").open("a+") as file:
        file.write(".")
        file.flush()
        number = file.tell()
    row = RunRow(
        run_id=f"probe-{number:012x}", label=str(number), backbone="b", settings="{}", effective_batch=16, planned_steps=9
    )
    sweep = ledger.record_sweep(
        name=f"s{number}", digest="d", file="f", profile=None, profile_reason="none", runs=[row]
    )
    scheduler = ledger.record_scheduler(sweep_id=sweep, host="h", boot_id="b", pid=1)
    ledger.record_code(code_id="c", fingerprint="f", git_commit=None, git_diff=None)
    return ledger.record_attempt(
        batch=BatchSplit(micro=8, accum=2),
        nonce=f"{number:032x}",
        run_id=row.run_id,
        number=1,
        scheduler_id=scheduler,
        start_step=0,
        resumed_number=None,
        launcher="local",
        device="cpu",
        code_id="c",
    )


def may_succeed(attempt: Attempt, texts: Texts) -> str | None:
    """Why this attempt can be no success, by plain reading and none of our own parsers; None where it may be one."""
    try:
        plan, claim, exit_ = (json.loads(texts[name]) for name in ("plan.json", "claim.json", "exit.json"))
        result = json.loads(texts["result.json"])
        whose = {plan["attempt_id"], claim["attempt_id"], exit_["attempt_id"], result["attempt_id"]}
        metrics = plan["required_metrics"] or plan["declared"]["metrics"]
        holds = {
            "one attempt": len(whose) == 1 and plan["run_id"] == result["run_id"],
            "not fenced": not claim.get("fenced"),
            "exit code 0": exit_["exit_code"] == 0 and exit_["signal"] is None,
            "not revoked": exit_["ended_by"] in (None, "cancelled", "interrupted", "signal", "time_limit", "stalled"),
            "no OOM kill": exit_["memory"]["oom_kills"] == 0,
            "no error": result.get("error") is None,
            "all steps": plan["planned_steps"] in (None, result["start_step"] + result["steps_done"]),
            "metrics": all(math.isfinite(result["metrics"][name]) for name in metrics),
            "parameters": attempt.is_command or result["parameters_changed"] is True,
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        return f"a record is not whole: {type(error).__name__} {error}"
    return next((f"it lacks: {name}" for name, fine in holds.items() if not fine), None) or _files_hold(plan, texts)


def _files_hold(plan: Any, texts: Texts) -> str | None:
    for file in (plan["declared"] or {"files": ()})["files"]:
        name = f"out/{Path(file['path']).name}"
        data, wanted = texts.get(name), dict(file["metrics"])
        for path in wanted.values():
            number = _last(name.rpartition(".")[2], data or b"", path)
            if number is None or not math.isfinite(number):
                return f"{name} holds {number} under {path}"
    return None


def _last(kind: str, data: bytes, name: str) -> float | None:
    """The last number under a name as the plainest of readers finds it; None where there is none."""
    with contextlib.suppress(ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError, csv.Error):
        if kind == "json":
            return float(json.loads(data)[name])
        if kind == "jsonl":
            rows = [json.loads(line) for line in data.splitlines() if line.strip()]
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
        over[name] = chance.choice((cut, b"", b"\0" * len(whole), b"null", b"[]", b"{}", twice, whole * 2, b"\xff" + whole))
    return f"{name} {'.'.join(map(str, path))} = {given!r:.60}", over


_Deed = tuple[str, Sequence[Any], Any]
_OF_RECORDS: Sequence[_Deed] = (
    *((name, (), None) for name in ("plan.json", "claim.json", "exit.json", "result.json")),
    *((name, ("attempt_id",), "b" * 32) for name in ("plan.json", "claim.json", "exit.json", "result.json")),
    *((name, ("version",), odd) for name in ("plan.json", "result.json", "exit.json") for odd in (2, None, "1", 1.5, [])),
    *((name, ("unknown",), 1) for name in ("plan.json", "claim.json", "exit.json", "result.json")),
    ("claim.json", ("fenced",), True),
    *(("exit.json", ("exit_code",), odd) for odd in (1, 255, -9, None, "0", 0.0, False, 10**30)),
    ("exit.json", ("signal",), 9),
    *(("exit.json", ("ended_by",), odd) for odd in ("revoked", "memory_limit", "lease_lost", "could_not_start", "x")),
    *(("exit.json", ("memory", "oom_kills"), odd) for odd in (1, -1, 10**30, "0", None)),
    ("result.json", ("run_id",), "other"),
    ("result.json", ("error",), {"kind": "crashed", "type": "E", "message": "m", "traceback": ""}),
    *(("result.json", ("metrics",), odd) for odd in ({}, [], None, {"acc": None}, {"acc": "0.9"}, {"acc": math.nan})),
    *(("result.json", ("metrics", "acc"), odd) for odd in (math.inf, -math.inf, True, [0.9], 10**400)),
    ("metrics.jsonl", ("loss",), METRICS + b'{"step": 9, "name": "loss", "value": "nan", "time": 1.0}\n'),
)
_OF_TRAININGS: Sequence[_Deed] = (
    *(("result.json", ("steps_done",), odd) for odd in (0, 99, 101, -100, "100", 100.0, None)),
    *(("result.json", ("start_step",), odd) for odd in (1, -1, None)),
    ("result.json", ("parameters_changed",), False),
    ("result.json", ("pid",), 9),
    *(("result.json", ("code_fingerprint",), odd) for odd in ("d" * 64, None)),
    ("plan.json", ("planned_steps",), 101),
    ("plan.json", ("required_metrics",), ["acc", "f1"]),
)
_OF_COMMANDS: Sequence[_Deed] = (
    *((f"out/r.{kind}", ("bytes",), odd) for kind in FORMATS for odd in (b"", b" \n", b"\0", b"\xff\xfe", b"{", b"[]")),
    *((f"out/r.{kind}", ("nan",), FILES[kind].replace(b"0.75", b"NaN")) for kind in ("json", "csv", "jsonl")),
    *((f"out/r.{kind}", ("name",), FILES[kind].replace(b"acc", b"ack")) for kind in FORMATS),
    *((f"out/r.{kind}", ("short",), FILES[kind].replace(b"3", b"2")) for kind in FORMATS),
    *((f"out/r.{kind}", ("differs",), FILES[kind].replace(b"0.75", b"0.85")) for kind in FORMATS),
    ("out/r.csv", ("torn",), FILES["csv"] + b"4,0.8"),
    ("out/r.jsonl", ("torn",), FILES["jsonl"] + b'{"epoch": 4, "ac'),
    ("out/r.json", ("twice",), b'{"acc": 0.1, "acc": 0.75, "epoch": 3}'),
    ("stdout.log", ("last line",), b"training finished\nbut not really\n"),
    ("stdout.log", ("last line",), b""),
)


def spoiled(chance: random.Random, attempt: Attempt) -> Texts:
    """One or two of its files by chance, as trees or as bytes."""
    over: Texts = {}
    for _ in range(chance.choice((1, 1, 2))):
        name = chance.choice((*attempt.records, *attempt.texts))
        if name in attempt.records and chance.random() < 0.7:
            attempt.records[name] = mutating.tree(chance, attempt.records[name], _WORDS)
        else:
            whole = {**attempt.texts, **_encoded(attempt)}[name]
            over[name] = mutating.octets(chance, whole)
    return over


def read_record(chance: random.Random, complete: Attempt) -> tuple[str, bytes]:
    """A record of any kind, spoiled: its name and bytes."""
    name = chance.choice(tuple(DONE))
    asked = EndRequest(attempt_id=NONCE, why="cancelled", asked_at=1.0)
    data = {**complete.records, "end.json": to_data(asked)}[name]
    if chance.random() < 0.6:
        return name, mutating.as_json(mutating.tree(chance, data, _WORDS))
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
        parse_record(data, DONE[name], name)  # type: ignore[type-abstract,arg-type] # one of five records
    except BadRecord as bad:
        _require_said(str(bad), name)
        return "refused"
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
        b"a0: &a0 {k: 1}\n" + b"".join(b"a%d: &a%d {<<: [%s]}\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 9)),
        b"a0: &a0 [1,1]\n" + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 9)),
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
    path = chance.choice(("acc", "acc", "log.0.a", "nested.b.-1", "0", "a.b.c", *mutating.NAMES))
    of_rows = {"rows": chance.choice((0, 2, 10))} if kind in ("csv", "jsonl") else {}
    least: Mapping[str, float] = chance.choice(({}, {"epoch": 3}, {"loss": -1e300}))
    return DeclaredFile(path=f"/x/r.{kind}", metrics={"m": path}, at_least=least, **of_rows), data


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
    long = [line for line in asdict(signs).values() if line and len(line) > LONGEST]
    if long:
        raise Wrong(f"a sign of {len(long[0])} characters")
    return "accepted" if signs.shown else "refused"


def log(chance: random.Random) -> bytes:
    n = chance.choice((10, 1000, 30_000))
    word = chance.choice((b"error ", b"loss ", b"nan", b"[rank0]: ", b"a.", b"what(): ", b"Error: ", b"\x1b[", b"memory: "))
    many: Callable[[], bytes] = lambda: word * n + chance.choice((b"CUDA out of memory", b"nan", b"\n", b"\xff"))
    return many() if chance.random() < 0.2 else mutating.octets(chance, LOG * chance.choice((1, 3)))


def _require_said(said: str, name: str) -> None:
    if not said.startswith(name) or len(said) < len(name) + 8:
        raise Wrong(f"it names no file or no reason: {said[:300]!r}")
    if len(said) > 2 * LONGEST:
        raise Wrong(f"the reason has {len(said)} characters: {said[:200]!r}")
