"""Which lack of memory in a log was the end of an attempt, and which one was got over before it failed otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence import command, ended, unproven

from db.verdicts import Failed
from runner.judge import judge
from runner.log_signs import read_signs

OOM = "CUDA out of memory. Tried to allocate 2.00 GiB. Of it 1 GiB is free; try setting PYTORCH_CUDA_ALLOC_CONF=x"
RAISED = f"Traceback (most recent call last):\n  File x\ntorch.OutOfMemoryError: {OOM}\n"
BACK = "batch finder: falling back to 8\n"
EMPTY = "validation set is empty; aborting\n"
HYDRA = "\nSet the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.\n"
CHILD = "srun: error: node7: task 0: Exited with exit code 1\n"

CASES = {
    "raised": ("", RAISED, 1, "cuda_oom"),
    "raised, in the words of Hydra": ("", f"Error executing job with overrides: []\n{RAISED}{HYDRA}", 1, "cuda_oom"),
    "raised, and what its launcher says": ("Epoch 3\n", RAISED + CHILD, 1, "cuda_oom"),
    "raised beside a rank that went on": (
        "",
        f"{RAISED}Epoch 4\nEpoch 5\nwandb: ERROR connection failed\n",
        1,
        "cuda_oom",
    ),
    "raised, and advice": ("", f"{RAISED}Try reducing the batch size.\n", 1, "cuda_oom"),
    "swallowed for one task, and the others go on": ("Epoch 1\nEpoch 2\n1 of 3 tasks failed\n", RAISED, 1, "cuda_oom"),
    "got over, another end": (BACK, RAISED + EMPTY, 2, "crashed"),
    "got over in the same log, another end": ("", RAISED + BACK + EMPTY, 2, "crashed"),
    "got over, and then again the end": ("", f"{RAISED}{BACK}Epoch 1\n{RAISED}{CHILD}", 1, "cuda_oom"),
    "got over, and then the end, in two logs": (BACK, RAISED, 1, "cuda_oom"),
    "a warning": (f"WARNING: task rul failed: {OOM}\n", "", 1, "cuda_oom"),
    "a warning, and no file": (f"WARNING: task rul failed: {OOM}\n", "", 0, "cuda_oom"),
    "a warning, and training goes on": (f"WARNING: task rul failed: {OOM}\nEpoch 1: loss 0.3\n", "", 0, "no_result"),
    "a warning of what is done about it": (
        f"WARNING: {OOM.partition('.')[0]}; reducing the batch to 8\n",
        "",
        1,
        "crashed",
    ),
    "a warning, another end": (f"WARNING: task rul failed: {OOM}\n", EMPTY, 1, "crashed"),
    "a warning, another exception": (
        f"WARNING: {OOM}\n",
        RAISED.partition("torch")[0] + "KeyError: 'x'\n",
        1,
        "crashed",
    ),
    "a hint": (f"hint: in case of {OOM}\n", "", 1, "crashed"),
    "printed, and no file": (f"task rul failed: {OOM}\n", "", 0, "cuda_oom"),
    "printed, and training goes on": (f"task rul failed: {OOM}\n", "100%|####| 5/5\n", 0, "no_result"),
    "printed, another error": (f"task rul failed: {OOM}\n", "no such folder: out\n", 0, "no_result"),
}


@pytest.mark.parametrize(("stdout", "stderr", "code", "kind"), CASES.values(), ids=CASES.keys())
def test_what_a_lack_of_memory_came_to(tmp_path: Path, stdout: str, stderr: str, code: int, kind: str) -> None:
    (tmp_path / "stdout.log").write_text(stdout)
    (tmp_path / "stderr.log").write_text(stderr)
    signs = read_signs([tmp_path / "stderr.log", tmp_path / "stdout.log"])
    last = (stderr or stdout).strip().rpartition("\n")[2]
    verdict = judge(command(proofs=(unproven("no_result"),), exit=ended(exit_code=code), signs=signs, last_words=last))
    assert isinstance(verdict, Failed)
    assert verdict.kind == kind
    if code == 2:
        assert verdict.because == "it ended with exit code 2; last words: validation set is empty; aborting"


def test_only_a_missing_file_is_put_down_to_what_was_printed(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_text(f"task rul failed: {OOM}\n")
    signs = read_signs([tmp_path / "stdout.log"])
    for kind in ("incomplete", "bad_result", "non_finite"):
        verdict = judge(command(proofs=(unproven("no_result"), unproven(kind)), signs=signs))
        assert isinstance(verdict, Failed)
        assert verdict.kind != "cuda_oom"
