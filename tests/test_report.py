"""What scripts say of their attempts, in real processes, read back as the runner reads it."""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from db.declared import Declared
from db.records import BatchSplit, Plan
from runner.attempt_dir import AttemptDir, write_record
from runner.failures import BY_WORD
from runner.metrics_feed import MetricsFeed
from runner.report import KINDS

ROOT = Path(__file__).resolve().parent.parent
RUNNER = (sys.executable, "-c", "import sys; from runner.cli import main; sys.exit(main())")
OUTSIDE = {key: value for key, value in os.environ.items() if not key.startswith("RUNNER_ATTEMPT")}
OUTSIDE |= {"PYTHONPATH": str(ROOT)}


def planned(folder: Path, **changes: Any) -> AttemptDir:
    usual: dict[str, Any] = {
        "attempt_id": "nonce",
        "run_id": "train-0123456789ab",
        "number": 1,
        "argv": ("true",),
        "cwd": "/",
        "batch": BatchSplit(micro=16, accum=4),
        "planned_steps": None,
        "required_metrics": (),
        "settings": {"names_batch": True},
        "declared": Declared(report=True),
    }
    attempt = AttemptDir(folder / "1")
    attempt.path.mkdir(parents=True)
    write_record(attempt.plan, Plan(**{**usual, **changes}))
    return attempt


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptDir:
    return planned(tmp_path)


def inside(attempt: AttemptDir) -> Mapping[str, str]:
    return {**OUTSIDE, "RUNNER_ATTEMPT": "nonce", "RUNNER_ATTEMPT_DIR": str(attempt.path)}


def start(*argv: str, env: Mapping[str, str] = OUTSIDE, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def script(code: str, env: Mapping[str, str] = OUTSIDE, code_before: str = "") -> subprocess.CompletedProcess[str]:
    return start(sys.executable, "-c", f"{code_before}\nfrom runner import report\n{code}", env=env)


def said(attempt: AttemptDir, code: str) -> str:
    """Run the code in the attempt; what it printed to standard error, which is nothing as long as all is well."""
    done = script(code, inside(attempt))
    assert done.returncode == 0, done.stderr
    return done.stderr


def shell(attempt: AttemptDir, *words: str) -> None:
    done = start(*RUNNER, "report", *words, env=inside(attempt))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def curve(attempt: AttemptDir) -> list[tuple[int, str, float | str]]:
    points = MetricsFeed(attempt.metrics).read_new()
    lines = attempt.metrics.read_text().splitlines()
    assert len(points) == len([line for line in lines if line])  # one that is empty ends a line that seemed torn
    return [(point["step"], point["name"], point["non_finite"] or point["value"]) for point in points]


def failure(attempt: AttemptDir) -> tuple[str, str, str]:
    result = attempt.read_result()
    assert result.error is not None
    assert (result.attempt_id, result.run_id, result.metrics) == ("nonce", "train-0123456789ab", {})
    return result.error.kind, result.error.type, result.error.message


# What it costs and needs


def test_it_imports_nothing_of_ours_and_little_else() -> None:
    code = "import sys; print([name for name in sys.modules if name not in before and '.' not in name])"
    loaded = set(ast.literal_eval(script(code, code_before="import sys; before = set(sys.modules)").stdout))
    assert not loaded & {"db", "sweeps", "tasks", "backbones", "torch", "numpy", "sqlalchemy", "yaml"}
    assert not loaded & {"json", "dataclasses", "inspect", "pathlib", "traceback", "argparse"}
    assert loaded <= {*sys.stdlib_module_names, "runner"}


def test_the_file_alone_suffices_beside_folders_named_like_ours(tmp_path: Path, attempt: AttemptDir) -> None:
    for name in ("db", "tasks", "sweeps", "backbones"):
        (tmp_path / "theirs" / name).mkdir(parents=True)
        (tmp_path / "theirs" / name / "__init__.py").write_text("raise ImportError('theirs')\n")
    code = "report.metrics(1, a=1)\nreport.done(a=2)\nreport.batch()\n"
    installed = tmp_path / "theirs" / "train.py"
    installed.write_text(f"from runner import report\n{code}")
    assert start(sys.executable, str(installed), env=inside(attempt)).stderr == ""
    assert attempt.read_result().metrics == {"a": 2.0}

    second = planned(tmp_path / "second")
    (tmp_path / "theirs" / "copied.py").write_bytes((ROOT / "runner" / "report.py").read_bytes())
    alone = "import sys; sys.path.insert(0, '.'); import copied as report\n" + code
    env = {**inside(second), "PYTHONPATH": ""}
    assert start(sys.executable, "-I", "-S", "-c", alone, env=env, cwd=tmp_path / "theirs").stderr == ""
    assert second.read_result().metrics == {"a": 2.0}


def test_the_shells_command_imports_no_more_than_it_needs(attempt: AttemptDir) -> None:
    code = "import sys; from runner.cli import main; main(); print(*sys.modules, file=sys.stderr)"
    done = start(sys.executable, "-c", code, "report", "--metric", "a=1", "--done", env=inside(attempt))
    assert not {"sqlalchemy", "rich", "yaml", "torch", "numpy", "sqlite3"} & set(done.stderr.split())
    code = "import sys, runner.cli, runner.arguments as a; a.build_parser(); assert 'runner.report' not in sys.modules"
    assert start(sys.executable, "-c", code).returncode == 0


def test_a_script_may_report_every_kind_that_it_can_know() -> None:
    of_others = {"launch_refused", "cancelled", "interrupted", "time_limit", "changed", "lost"}
    of_judges = {"contradiction", "killed", "no_result", "bad_result"}
    assert set(BY_WORD) >= {*KINDS}
    assert not {*KINDS} & (of_others | of_judges)


# Outside an attempt


EVERYTHING = """
assert report.batch(64) == (64, 1) and report.batch().effective == 1
report.metrics(1, loss=0.5); report.metrics({"acc": 1}); report.done(acc=1, steps=3); report.failed("why")
with report.errors():
    pass
"""


def test_outside_an_attempt_nothing_is_written(tmp_path: Path) -> None:
    for env in (OUTSIDE, {**OUTSIDE, "RUNNER_ATTEMPT": "", "RUNNER_ATTEMPT_DIR": ""}):
        done = script(f"import os; os.chdir({str(tmp_path)!r})\n{EVERYTHING}", env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for words in (["--metric", "a=1"], ["--done"], ["--failed", "why"]):
        done = start(*RUNNER, "report", *words, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


MISTAKES = {
    "report.metrics(1, loss='0.5')": "TypeError: metric `loss` must be a number, is str '0.5'",
    "report.metrics(1, loss=True)": "TypeError: metric `loss` must be a number, is bool True",
    "report.metrics(1, loss=None)": "TypeError: metric `loss` must be a number, is NoneType None",
    "report.metrics(1, loss=10**400)": "TypeError: metric `loss` must be a number, is int 1000",
    "report.metrics(1, loss=[0.5])": "TypeError: metric `loss` must be a number, is list [0.5]",
    "report.metrics(0.5, loss=1)": "TypeError: step must be a whole number, is 0.5",
    "report.metrics(True, loss=1)": "TypeError: step must be a whole number, is True",
    "report.metrics(-1, loss=1)": "ValueError: step must be at least 0 and at most 2**62, is -1",
    "report.metrics({'': 1})": "ValueError: '' cannot name a metric; 1 to 200 characters of text can",
    "report.metrics({3: 1})": "ValueError: 3 cannot name a metric",
    "report.metrics({chr(0xdc80): 1})": "cannot name a metric",
    "report.metrics({'n' * 201: 1})": "cannot name a metric",
    "report.done(acc='high')": "TypeError: metric `acc` must be a number",
    "report.done(steps=1.5)": "TypeError: steps must be a whole number, is 1.5",
    "report.batch(0)": "ValueError: the effective batch must be at least 1",
    "report.failed('why', 'oom')": "ValueError: `oom` is no kind of failure that a script can report; known are crash",
}


@pytest.mark.parametrize("code", MISTAKES)
def test_mistakes_show_outside_an_attempt_too_and_write_nothing(code: str, attempt: AttemptDir) -> None:
    guarded = (
        f"try:\n    {code}\nexcept (TypeError, ValueError) as error:\n    print(type(error).__name__, error, sep=': ')"
    )
    outside, within = script(guarded), script(guarded, inside(attempt))
    assert MISTAKES[code] in outside.stdout
    assert outside.stdout == within.stdout
    assert [path.name for path in attempt.path.iterdir()] == ["plan.json"]


# Points and results


def test_points_are_as_the_feed_reads_them(attempt: AttemptDir) -> None:
    said(attempt, "report.metrics(0, loss=0.5, acc=1); report.metrics(step=7, values={'val/loss': 1e-9}, other=3)")
    expected = [(0, "loss", 0.5), (0, "acc", 1.0), (7, "val/loss", 1e-9), (7, "other", 3.0)]
    assert curve(attempt) == expected


def test_numbers_of_numpy_and_torch(attempt: AttemptDir) -> None:
    code = """
import numpy as np, torch
from fractions import Fraction
report.metrics(np.int64(3), a=np.float32(0.5), b=np.array(2), c=np.array([1.5]), d=Fraction(1, 4))
report.metrics(torch.tensor(4), a=torch.tensor(0.5, requires_grad=True), b=torch.tensor([2], dtype=torch.bfloat16))
for value in (np.ones(3), torch.ones(2, 2), np.bool_(True), torch.tensor(True), np.str_("1"), 1 + 2j):
    try:
        report.metrics(5, wrong=value)
    except TypeError as error:
        assert "`wrong` must be" in str(error), error
    else:
        raise AssertionError(value)
"""
    said(attempt, code)
    first = [(3, "a", 0.5), (3, "b", 2.0), (3, "c", 1.5), (3, "d", 0.25)]
    assert curve(attempt) == [*first, (4, "a", 0.5), (4, "b", 2.0)]


def test_what_is_not_finite_is_reported_as_it_is(attempt: AttemptDir) -> None:
    said(attempt, "import torch; report.metrics(1, a=float('nan'), b=torch.tensor(float('-inf')), c=float('inf'))")
    assert curve(attempt) == [(1, "a", "nan"), (1, "b", "-inf"), (1, "c", "inf")]


def test_results_follow_the_last_point_of_their_name_in_whatever_process(attempt: AttemptDir) -> None:
    said(attempt, "report.metrics(a=1); report.metrics(a=2, b=1); report.metrics(9, a=3)")
    shell(attempt, "--metric", "a=4", "--metric", "b=2")
    shell(attempt, "--metric", "a=5", "--step", "3")
    said(attempt, "report.metrics(a=6)")
    assert [point for point in curve(attempt) if point[1] == "a"] == [
        (1, "a", 1.0),
        (2, "a", 2.0),
        (9, "a", 3.0),
        (10, "a", 4.0),
        (3, "a", 5.0),
        (11, "a", 6.0),
    ]
    assert [point[0] for point in curve(attempt) if point[1] == "b"] == [1, 2]


def test_processes_that_write_at_once_tear_no_line_and_share_no_step(attempt: AttemptDir) -> None:
    code = """
import os, threading
def write(process):
    for step in range(250):
        report.metrics(step, {f"point.{process}": step, "x" * 200: step})
        report.metrics(result=step)
children = []
for process in range(4):
    children.append(os.fork())
    if children[-1] == 0:
        threads = [threading.Thread(target=write, args=(f"{process}.{thread}",)) for thread in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        os._exit(0)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
"""
    said(attempt, code)
    points = curve(attempt)
    assert len(points) == 4 * 2 * 250 * 3
    for process in range(4):
        assert [step for step, name, _ in points if name == f"point.{process}.1"] == list(range(250))
    assert sorted(step for step, name, _ in points if name == "result") == list(range(1, 2001))


def test_a_forked_child_goes_on_where_its_parent_was(attempt: AttemptDir) -> None:
    code = """
import os
report.metrics(a=1)
if (child := os.fork()) == 0:
    report.metrics(a=2)
    os._exit(0)
os.waitpid(child, 0)
report.metrics(a=3)
"""
    said(attempt, code)
    assert curve(attempt) == [(1, "a", 1.0), (2, "a", 2.0), (3, "a", 3.0)]


def test_a_line_torn_before_takes_no_other_along(attempt: AttemptDir) -> None:
    attempt.metrics.write_text('{"step": 1, "na')
    said(attempt, "report.metrics(1, a=1); report.metrics(a=2); report.done()")
    assert MetricsFeed(attempt.metrics).read_new()[0]["value"] == 1.0
    assert attempt.read_result().metrics == {"a": 2.0}


def test_a_full_disk_is_told(attempt: AttemptDir) -> None:
    attempt.metrics.symlink_to("/dev/full")
    full = script("report.metrics(1, a=1)", inside(attempt))
    assert full.returncode == 1
    assert "No space left on device" in full.stderr


# The result


def test_done_holds_what_it_is_given_and_every_last_result(attempt: AttemptDir) -> None:
    code = """
report.metrics(100, loss=0.1, mse=0.9)
report.metrics(mse=0.5); report.metrics(mse=0.4, mae=0.3); report.metrics(acc=0.7)
report.done({"test/f1": 0.8}, acc=0.9, steps=100)
"""
    assert said(attempt, code) == ""
    result = attempt.read_result()
    assert result.metrics == {"mse": 0.4, "mae": 0.3, "acc": 0.9, "test/f1": 0.8}
    assert (result.attempt_id, result.run_id, result.error) == ("nonce", "train-0123456789ab", None)
    assert (result.steps_done, result.start_step) == (100, 0)
    assert sorted(path.name for path in attempt.path.iterdir()) == ["metrics.jsonl", "plan.json", "result.json"]


def test_spaces_around_a_metric_are_none_of_it(attempt: AttemptDir) -> None:
    shell(attempt, "--metric", "mse = 0.31", "--done")
    assert attempt.read_result().metrics == {"mse": 0.31}


def test_the_shell_says_the_same(attempt: AttemptDir) -> None:
    shell(attempt, "--metric", "loss=0.5", "--step", "3")
    shell(attempt, "--metric", "mse=0.31", "--metric", "mae=1e-3")
    shell(attempt, "--done", "--steps", "7", "--metric", "mse=-0.25")
    assert curve(attempt) == [(3, "loss", 0.5), (1, "mse", 0.31), (1, "mae", 1e-3)]
    assert attempt.read_result().metrics == {"mse": -0.25, "mae": 1e-3}
    assert attempt.read_result().steps_done == 7


def test_steps_of_an_attempt_that_started_later(tmp_path: Path) -> None:
    later = planned(tmp_path, start_step=40, planned_steps=100)
    said(later, "report.done(steps=100)")
    assert (later.read_result().start_step, later.read_result().steps_done) == (40, 60)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_result_that_is_not_finite_is_a_failure(attempt: AttemptDir, value: str) -> None:
    said(attempt, f"report.done(acc=1, mse=float('{value}'))")
    assert failure(attempt) == ("non_finite", "NonFiniteMetric", f"metric `mse` is {value}")


def test_a_result_reported_before_counts_where_it_is_not_finite(attempt: AttemptDir) -> None:
    shell(attempt, "--metric", "mse=nan")
    shell(attempt, "--done", "--metric", "acc=1")
    assert failure(attempt) == ("non_finite", "NonFiniteMetric", "metric `mse` is nan")


def test_the_first_done_stays_and_another_one_is_told(attempt: AttemptDir) -> None:
    assert said(attempt, "report.done(a=1); report.done(a=1)") == ""  # as all ranks do
    told = said(attempt, "report.done(a=2)")
    assert told.startswith("runner report: process ")
    assert "has said already that it is done, which stays" in told
    assert attempt.read_result().metrics == {"a": 1.0}


def test_a_failure_takes_the_place_of_a_success_and_never_the_reverse(attempt: AttemptDir) -> None:
    said(attempt, "report.done(a=1); report.failed('labels are missing', kind='data')")
    assert failure(attempt) == ("data", "Reported", "labels are missing")
    assert "which stays: Reported: labels are missing" in said(attempt, "report.done(a=1)")
    assert "which stays: Reported: labels are missing" in said(attempt, "report.failed('later')")
    assert failure(attempt) == ("data", "Reported", "labels are missing")


def test_a_failure_takes_the_place_of_what_cannot_be_read(attempt: AttemptDir) -> None:
    attempt.result.write_text("{")
    said(attempt, "report.failed('why')")
    assert failure(attempt) == ("crashed", "Reported", "why")


def test_a_failure_among_ranks_stays_whoever_is_first(tmp_path: Path) -> None:
    code = """
import os
children = []
for rank in range(4):
    children.append(os.fork())
    if children[-1] == 0:
        report.failed("rank 2") if rank == 2 else report.done(rank=rank)
        os._exit(0)
for child in children:
    os.waitpid(child, 0)
"""
    for number in range(5):
        attempt = planned(tmp_path / str(number))
        said(attempt, code)
        assert failure(attempt) == ("crashed", "Reported", "rank 2")


# Exceptions


EXCEPTIONS = {
    "import torch; raise torch.OutOfMemoryError('CUDA out of memory. Tried')": ("cuda_oom", "torch.OutOfMemoryError"),
    "class Own(__import__('torch').OutOfMemoryError): pass\n    raise Own('big')": ("cuda_oom", "__main__.Own"),
    "class OutOfMemoryError(Exception): pass\n    raise OutOfMemoryError": ("crashed", "__main__.OutOfMemoryError"),
    "import torch; torch.empty(10**15)": ("host_oom", "RuntimeError"),
    "import numpy; numpy.empty(10**15)": ("host_oom", "_ArrayMemoryError"),
    "raise MemoryError": ("host_oom", "MemoryError"),
    "raise RuntimeError('CUDA error: out of memory')": ("cuda_oom", "RuntimeError"),
    "raise RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED')": ("cuda_oom", "RuntimeError"),
    "raise RuntimeError('RESOURCE_EXHAUSTED: Failed to allocate')": ("cuda_oom", "RuntimeError"),
    "raise RuntimeError('std::bad_alloc')": ("host_oom", "RuntimeError"),
    "raise ValueError('CUDA error: out of memory')": ("crashed", "ValueError"),
    "raise FloatingPointError('loss')": ("non_finite", "FloatingPointError"),
    "open('/dev/full', 'w').write('x' * 10**6)": ("disk_full", "OSError"),
    "raise Exception('I/O error: No space left on device (os error 28)')": ("disk_full", "Exception"),
    "open('/nowhere')": ("crashed", "FileNotFoundError"),
    "import sys; sys.exit(3)": ("crashed", "SystemExit"),
    "import sys; sys.exit('why')": ("crashed", "SystemExit"),
    "{}['e_layers']": ("crashed", "KeyError"),
}
HIDDEN = {
    "a cause": ("raise RuntimeError('step failed') from torch.OutOfMemoryError('CUDA out')", "cuda_oom", "torch.Out"),
    "what was being handled": ("try:\n        full()\n    finally:\n        {}['loss']", "disk_full", "OSError"),
    "an exit after it": ("try:\n        raise MemoryError\n    except MemoryError: sys.exit(1)", "host_oom", "Memory"),
    "a cause of a cause": (
        "try:\n        raise KeyError from MemoryError('big')\n    except KeyError as e: raise ValueError from e",
        "host_oom",
        "MemoryError",
    ),
    "a name of its own first": ("raise FloatingPointError('loss') from MemoryError()", "non_finite", "FloatingPoint"),
    "hidden on purpose": (
        "try:\n        raise MemoryError\n    except MemoryError: raise KeyError('e_layers') from None",
        "crashed",
        "KeyError",
    ),
    "a circle": (
        "a, b = ValueError('a'), ValueError('b'); a.__cause__ = b; b.__cause__ = a\n    raise a",
        "crashed",
        "Value",
    ),
    "torch.multiprocessing": ("mp.spawn(hungry, nprocs=2)", "host_oom", "MemoryError"),
    "torch.multiprocessing, a full disk": ("mp.spawn(full, nprocs=1)", "disk_full", "OSError"),
    "torch.multiprocessing, a shape": ("mp.spawn(odd, nprocs=1)", "shape", "RuntimeError"),
    "torch.multiprocessing, a bug": ("mp.spawn(bug, nprocs=1)", "crashed", "KeyError"),
    "a worker of a DataLoader": ("list(DataLoader(Numbers(hungry), num_workers=1))", "host_oom", "MemoryError"),
    "a full disk in a DataLoader": ("list(DataLoader(Numbers(full), num_workers=1))", "disk_full", "OSError"),
    "a pool of processes": ("ProcessPoolExecutor(1).submit(hungry).result()", "host_oom", "MemoryError"),
    "a pool that wraps it": ("ProcessPoolExecutor(1).submit(wrapped).result()", "host_oom", "MemoryError"),
    "a pool of threads": ("ThreadPoolExecutor(1).submit(full).result()", "disk_full", "OSError"),
    "multiprocessing.Pool": ("multiprocessing.Pool(1).map(hungry, [1])", "host_oom", "MemoryError"),
}
SCRIPT_THAT_HIDES = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import torch, torch.multiprocessing as mp
from torch.utils.data import DataLoader, Dataset
from runner import report

def hungry(rank=0): raise MemoryError("too big")
def full(rank=0): open("/dev/full", "w").write("x" * 10**6)
def odd(rank=0): torch.ones(2, 3) @ torch.ones(4, 5)
def bug(rank=0): {}["e_layers"]
def wrapped(rank=0):
    try: hungry()
    except MemoryError as error: raise ValueError("step") from error

class Numbers(Dataset):
    def __init__(self, get): self.get = get
    def __len__(self): return 4
    def __getitem__(self, index): return self.get()

def main():
    %s

if __name__ == "__main__":
    with report.errors():
        main()
"""


@pytest.mark.parametrize("name", HIDDEN)
def test_what_hides_behind_an_exception_names_the_failure(name: str, attempt: AttemptDir, tmp_path: Path) -> None:
    code, kind, exception = HIDDEN[name]
    (tmp_path / "train.py").write_text(SCRIPT_THAT_HIDES % code)
    assert start(sys.executable, str(tmp_path / "train.py"), env=inside(attempt)).returncode == 1
    assert failure(attempt)[0] == kind
    assert failure(attempt)[1].startswith(exception)
    error = attempt.read_result().error
    assert error is not None
    assert "in <module>\n    main()\n" in error.traceback


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions before Python 3.11")
def test_a_member_of_a_group_names_the_failure(attempt: AttemptDir) -> None:
    code = "raise ExceptionGroup('tasks', [KeyError('a'), ExceptionGroup('inner', [MemoryError('big')])])"
    script(f"with report.errors():\n    {code}", inside(attempt))
    assert failure(attempt) == ("host_oom", "MemoryError", "big")


@pytest.mark.parametrize("code", EXCEPTIONS)
def test_an_exception_becomes_a_failure_and_goes_on_its_way(code: str, attempt: AttemptDir) -> None:
    done = script(f"with report.errors():\n    {code}", inside(attempt))
    assert done.returncode == (3 if "exit(3)" in code else 1)
    kind, name, _ = failure(attempt)
    assert kind == EXCEPTIONS[code][0]
    assert name.endswith(EXCEPTIONS[code][1])
    assert "runner report" not in done.stderr
    error = attempt.read_result().error
    assert error is not None
    assert error.traceback.startswith("Traceback (most recent call last)")
    assert error.message in done.stderr or "SystemExit" in error.type


def test_texts_that_cannot_be_written_are_cut_and_spelled_out(attempt: AttemptDir) -> None:
    script("with report.errors():\n    raise ValueError(chr(0xdce9) + 'x' * 30_000)", inside(attempt))
    kind, _, message = failure(attempt)
    assert kind == "crashed"
    assert message.startswith("\\udce9xxx")
    assert len(message) == 20_000
    error = attempt.read_result().error
    assert error is not None
    assert len(error.traceback) == 20_000


def test_an_error_that_cannot_tell_its_message(attempt: AttemptDir) -> None:
    code = "class Odd(Exception):\n    __str__ = None\nwith report.errors():\n    raise Odd"
    script(code, inside(attempt))
    assert failure(attempt)[:2] == ("crashed", "__main__.Odd")


@pytest.mark.parametrize("code", ["raise KeyboardInterrupt", "raise SystemExit(0)", "raise SystemExit", "pass"])
def test_what_is_no_failure_passes(code: str, attempt: AttemptDir) -> None:
    script(f"with report.errors():\n    {code}", inside(attempt))
    assert not attempt.result.exists()


def test_as_decorator_and_after_done(attempt: AttemptDir) -> None:
    code = "@report.errors()\ndef main(steps):\n    report.done(steps=steps)\n    raise LookupError('late')\nmain(3)"
    assert script(code, inside(attempt)).returncode == 1
    assert failure(attempt) == ("crashed", "LookupError", "late")


BODIES = {
    "a coroutine": "async def main():\n    await asyncio.sleep(0)\n    raise LookupError('late')\nRUN(main())",
    "a method": (
        "class A:\n    @report.errors()\n    async def main(self):\n        raise LookupError('late')\nRUN(A().main())"
    ),
    "a generator": "def main():\n    yield 1\n    raise LookupError('late')\nlist(main())",
    "an asynchronous generator": (
        "async def main():\n    yield 1\n    raise LookupError('late')\n"
        "async def all():\n    async for _ in main(): pass\nRUN(all())"
    ),
    "what is thrown into a generator": "def main():\n    yield 1\na = main()\nnext(a)\na.throw(LookupError('late'))",
    "what is thrown into an asynchronous one": (
        "async def main():\n    yield 1\n"
        "async def all():\n    a = main()\n    await a.asend(None)\n    await a.athrow(LookupError('late'))\nRUN(all())"
    ),
}


@pytest.mark.parametrize("code", BODIES.values(), ids=BODIES.keys())
def test_as_decorator_of_what_runs_later(code: str, attempt: AttemptDir) -> None:
    decorated = code if "@" in code else f"@report.errors()\n{code}"
    done = script(f"import asyncio\n{decorated}".replace("RUN(", "asyncio.run("), inside(attempt))
    assert done.returncode == 1
    assert failure(attempt) == ("crashed", "LookupError", "late")


def test_what_is_decorated_does_what_it_did(attempt: AttemptDir) -> None:
    """Values go in and out, thrown exceptions are met inside, closing is noticed, and a cancellation is no failure."""
    code = """
import asyncio, inspect

@report.errors()
def plain():
    try:
        got = yield 1
    except KeyError:
        got = "met"
    yield got
    return 5

@report.errors()
async def asynchronous():
    try:
        try:
            got = yield 1
        except KeyError:
            got = "met"
        yield got
    finally:
        closed.append(got)

@report.errors()
async def coroutine(value):
    await asyncio.sleep(value)
    return value

async def all():
    a, b = asynchronous(), asynchronous()
    assert [await a.asend(None), await a.asend("sent")] == [1, "sent"]
    assert [await b.asend(None), await b.athrow(KeyError())] == [1, "met"]
    await a.aclose()
    assert closed == ["sent"]
    assert [each async for each in asynchronous()] == [1, None]
    assert await coroutine(0) == 0
    try:
        await asyncio.wait_for(coroutine(60), 0.01)
    except asyncio.TimeoutError:
        closed.append("in time")

closed = []
a, b = plain(), plain()
assert [next(a), a.send("sent")] == [1, "sent"]
assert [next(b), b.throw(KeyError())] == [1, "met"]
assert list(plain()) == [1, None]
a.close()
asyncio.run(all())
assert "in time" in closed
assert inspect.iscoroutinefunction(coroutine) and inspect.isgeneratorfunction(plain)
"""
    assert script(code, inside(attempt)).stderr == ""
    assert not attempt.result.exists()


def test_trouble_in_reporting_does_not_hide_the_error(attempt: AttemptDir) -> None:
    code = (
        f"import shutil\nwith report.errors():\n    shutil.rmtree({str(attempt.path)!r})\n    raise LookupError('mine')"
    )
    done = script(code, inside(attempt))
    assert "runner report: LookupError could not be reported: [Errno 2]" in done.stderr
    assert done.stderr.endswith("LookupError: mine\n")


# The batch


def test_the_batch_is_as_the_attempt_cuts_it(attempt: AttemptDir) -> None:
    said(attempt, "b = report.batch(64); assert (b.micro, b.accum, b.effective) == (16, 4, 64) and b == report.batch()")


def test_script_and_sweep_must_mean_the_same_batch(attempt: AttemptDir) -> None:
    done = script("report.batch(32)", inside(attempt))
    assert "ValueError: the script asks for an effective batch of 32, the sweep for one of 64" in done.stderr


def test_where_the_sweep_names_no_batch_the_script_does(tmp_path: Path) -> None:
    silent = planned(tmp_path, settings={}, batch=BatchSplit(micro=1, accum=1))
    said(silent, "assert report.batch(32) == report.Batch(32, 1) and report.batch() == (1, 1)")


# Folders that cannot be used


CALLS = ["batch()", "metrics(1, a=1)", "metrics(a=1)", "done(a=1)", "failed('x')", "errors().__enter__()"]


@pytest.mark.parametrize("call", CALLS)
def test_a_folder_that_cannot_be_used_is_never_passed_over(call: str, tmp_path: Path) -> None:
    def told(attempt: AttemptDir, **env: str) -> str:
        done = script(f"report.{call}", {**inside(attempt), **env})
        assert done.returncode == 1
        return done.stderr.splitlines()[-1].removeprefix("runner.report.AttemptFolderError: ")

    good = planned(tmp_path)
    missing = tmp_path / "nowhere"
    assert told(AttemptDir(missing)).startswith(f"nothing can be reported to the attempt folder {missing}: plan.json")
    assert "its plan is not of attempt other" in told(good, RUNNER_ATTEMPT="other")
    assert "only one of RUNNER_ATTEMPT and RUNNER_ATTEMPT_DIR is set" in told(good, RUNNER_ATTEMPT_DIR="")
    assert "whose worker reports by itself" in told(planned(tmp_path / "ours", declared=None))
    for text in ("{", "[]", "{}", "[" * 100_000):
        good.plan.write_text(text)
        assert "plan.json cannot be read" in told(good)


# The command


REFUSED = {
    "": "nothing to report: give --metric NAME=VALUE, --done or --failed MESSAGE",
    "--metric mse": "--metric mse: expected NAME=NUMBER, mse=0.31 for instance",
    "--metric mse=high": "--metric mse=high: expected NAME=NUMBER",
    "--metric =1": "'' cannot name a metric",
    "--metric a=1 --metric a=2": "--metric a=2: `a` is given twice",
    "--metric a=1 --step -1": "step must be at least 0",
    "--metric a=1 --step x": "argument --step: invalid int value: 'x'",
    "--done --failed why": "--done and --failed contradict each other",
    "--done --step 3": "--step is of a point on a curve, what --done holds is a result",
    "--failed why --step 3": "--step needs a --metric",
    "--failed why --kind oom": "`oom` is no kind of failure that a script can report",
    "--metric a=1 --kind data": "--kind goes with --failed",
    "--metric a=1 --steps 3": "--steps goes with --done",
    "a=1": "unknown arguments: a=1",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_was_mistyped_is_told_in_a_sentence(words: str, attempt: AttemptDir) -> None:
    for env in (OUTSIDE, inside(attempt)):
        done = start(*RUNNER, "report", *words.split(), env=env)
        assert done.returncode == 2
        assert REFUSED[words] in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in attempt.path.iterdir()] == ["plan.json"]


def test_the_command_fails_where_the_folder_does(attempt: AttemptDir) -> None:
    attempt.plan.unlink()
    done = start(*RUNNER, "report", "--metric", "a=1", env=inside(attempt))
    assert done.returncode == 1
    assert done.stderr.startswith("runner: nothing can be reported to the attempt folder")


def test_a_shell_script_says_that_it_failed(attempt: AttemptDir) -> None:
    shell(attempt, "--failed", "no labels", "--kind", "data", "--metric", "seen=3")
    assert failure(attempt) == ("data", "Reported", "no labels")
    assert curve(attempt) == [(1, "seen", 3.0)]


def test_nothing_but_json_is_written(attempt: AttemptDir) -> None:
    said(attempt, "report.metrics(1, a=float('nan')); report.done(a=1, b=2**70)")
    line = json.loads(attempt.metrics.read_text(), parse_constant=pytest.fail)
    assert line["value"] == "nan"
    assert math.isclose(attempt.read_result().metrics["b"], 2**70)
