"""What a complete attempt leaves, ready to be spoiled, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutating
from fuzz_sweeps import Wrong

from db.declared import Declared, DeclaredFile
from db.ledger import Ledger, RunRow
from db.records import BatchSplit, Claim, Exit, FileSeen, MemoryWatch, Plan, Result, Score, Usage
from db.strict import to_data
from db.verdicts import Succeeded
from runner.attempt_dir import AttemptDir
from runner.collecting import collect
from runner.judge import judge, measure
from runner.metrics_feed import MetricsFeed
from runner.watched import stamp_of

Texts = dict[str, bytes]
NONCE, RUN = "a" * 32, "probe-000000000000"
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
WORDS = (
    *("attempt_id", "run_id", "version", "metrics", "scores", "error", "kind", "cuda_oom", "crashed", "exit_code"),
    *(
        "signal",
        "memory",
        "oom_kills",
        "ended_by",
        "time_limit",
        "revoked",
        "pid",
        "files",
        "before",
        "after",
        NONCE,
        RUN,
    ),
    *(
        "steps_done",
        "start_step",
        "parameters_changed",
        "declared",
        "last_line",
        "report",
        "rows",
        "acc",
        "epoch",
        "loss",
    ),
)


@dataclass
class Attempt:
    """What a complete attempt leaves: records as plain data, and other files as they are."""

    folder: Path
    records: dict[str, Any]
    texts: Texts

    @property
    def is_command(self) -> bool:
        return self.records["plan.json"].get("declared") is not None


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
    return _attempt(folder, _plan(100, None), result)


def command(folder: Path) -> Attempt:
    files = [
        DeclaredFile(path=f"{folder}/out/r.{kind}", metrics=("acc",), at_least={"epoch": 3}, rows=2 * ("csv" in kind))
        for kind in FORMATS
    ]
    declared = Declared(files=tuple(files), last_line="^training finished$", report=True, metrics=("acc",))
    result = Result(attempt_id=NONCE, run_id=RUN, start_step=0, steps_done=0, metrics={"acc": 0.75}, pid=99)
    return _attempt(folder, _plan(None, declared), result)


def _plan(steps: int | None, declared: Declared | None) -> Plan:
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
        last_line="training finished" if plan.declared else None,
    )
    records = {"plan.json": plan, "claim.json": claim, "exit.json": exit_, "result.json": result}
    texts = {"stdout.log": b"begun\ntraining finished\n", "stderr.log": b"", "metrics.jsonl": METRICS}
    if plan.declared:
        texts |= {f"out/r.{kind}": data for kind, data in FILES.items()}
    return Attempt(folder, {name: to_data(record) for name, record in records.items()}, texts)


def written(attempt: Attempt, over: Mapping[str, bytes] | None = None) -> Texts:
    """Write all of it, as if its command had just ended: `exit.json` tells of the files as they are."""
    over = dict(over or {})
    for name, data in {**attempt.texts, **encoded(attempt), **over}.items():
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


def encoded(attempt: Attempt) -> Texts:
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
        run_id=f"probe-{number:012x}",
        label=str(number),
        backbone="b",
        settings="{}",
        effective_batch=16,
        planned_steps=9,
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
