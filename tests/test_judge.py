"""No single witness can be talked round: whatever one of them denies, the attempt is no success, and has a name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence import CLAIM, EXIT, GOOD, ended, failed_with, killed, reported, spoiled
from hypothesis import given
from hypothesis import strategies as st

from db.records import EndRequest, MemoryWatch
from db.verdicts import Failed, Succeeded
from runner.evidence import Evidence, Unreadable
from runner.failures import BY_WORD, FAILURE_KINDS
from runner.judge import hear, judge

OOM_KILLED = MemoryWatch(how="cgroup_v1", limit=100, peak=100, oom_kills=1)
FENCED = replace(CLAIM, fenced=True)
CANCELLED = EndRequest(attempt_id=GOOD.plan.attempt_id, why="cancelled", asked_at=1.0)  # type: ignore[union-attr] # the good one has its plan

FAILURES = {
    "no exit": (spoiled(exit=None), "lost"),
    "unreadable exit": (spoiled(exit=Unreadable(why="torn")), "lost"),
    "exit of another attempt": (spoiled(exit=ended(attempt_id="b" * 32)), "lost"),
    "revoked": (spoiled(exit=killed(9, ended_by="revoked")), "lost"),
    "revoked but complete": (spoiled(exit=ended(ended_by="revoked")), "lost"),
    "exit code 1": (spoiled(exit=ended(exit_code=1), result=None), "crashed"),
    "exit code 1 after a complete result": (spoiled(exit=ended(exit_code=1)), "contradiction"),
    "segmentation fault": (spoiled(exit=killed(11), result=None), "crashed"),
    "killed": (spoiled(exit=killed(9), result=None), "killed"),
    "137 without an OOM kill": (spoiled(exit=ended(exit_code=137), result=None), "killed"),
    "killed by the kernel": (spoiled(exit=killed(9, memory=OOM_KILLED), result=None), "host_oom"),
    "a child killed by the kernel, parent fine": (spoiled(exit=ended(memory=OOM_KILLED)), "host_oom"),
    "above its memory limit": (spoiled(exit=killed(9, ended_by="memory_limit"), result=None), "host_oom"),
    "above its memory limit, yet complete": (spoiled(exit=ended(ended_by="memory_limit")), "host_oom"),
    "time limit": (spoiled(exit=killed(15, ended_by="time_limit"), result=None), "time_limit"),
    "cancelled": (spoiled(exit=killed(15, ended_by="cancelled"), result=None), "cancelled"),
    "interrupted": (spoiled(exit=killed(15, ended_by="interrupted"), result=None), "interrupted"),
    "supervisor signalled": (spoiled(exit=killed(15, ended_by="signal"), result=None), "killed"),
    "could not start": (
        spoiled(exit=ended(exit_code=None, ended_by="could_not_start", detail="no such file"), result=None),
        "launch_refused",
    ),
    "refused": (spoiled(claim=FENCED, exit=None, result=None, refused="no such partition"), "launch_refused"),
    "fenced": (spoiled(claim=FENCED, exit=None, result=None), "interrupted"),
    "cancelled before its start": (
        spoiled(claim=FENCED, exit=None, result=None, end_request=CANCELLED),
        "cancelled",
    ),
    "never claimed": (spoiled(claim=None, exit=None, result=None), "lost"),
    "no result": (spoiled(result=None, result_sha256=None), "no_result"),
    "unreadable result": (spoiled(result=Unreadable(why="not whole JSON")), "bad_result"),
    "result of another attempt": (spoiled(result=reported(attempt_id="b" * 32)), "bad_result"),
    "result of another run": (spoiled(result=reported(run_id="fno-1")), "bad_result"),
    "one step short": (spoiled(result=reported(steps_done=99)), "incomplete"),
    "one step too many": (spoiled(result=reported(steps_done=101)), "incomplete"),
    "another start": (spoiled(result=reported(start_step=50, steps_done=50)), "incomplete"),
    "metric missing": (spoiled(result=reported(metrics={})), "incomplete"),
    "metric not a number": (spoiled(result=reported(metrics={"classification.accuracy": float("nan")})), "incomplete"),
    "parameters never changed": (spoiled(result=reported(parameters_changed=False)), "incomplete"),
    "written by a process that nobody waited for": (spoiled(result=reported(pid=9)), "contradiction"),
    "other code": (spoiled(result=reported(code_fingerprint="d" * 64)), "changed"),
    "no word about the code": (spoiled(result=reported(code_fingerprint=None)), "changed"),
    "error swallowed, exit code 0": (spoiled(result=failed_with("shape")), "shape"),
    "no plan": (spoiled(plan=None), "lost"),
    "cuda text in a crash": (
        spoiled(exit=ended(exit_code=1), result=None, stderr_tail="x\ntorch.OutOfMemoryError: CUDA out of memory.\n"),
        "cuda_oom",
    ),
    "type before text": (
        spoiled(exit=ended(exit_code=1), result=failed_with("config"), stderr_tail="CUDA out of memory"),
        "config",
    ),
    **{
        f"error of kind {kind}": (spoiled(exit=ended(exit_code=1), result=failed_with(kind)), kind)
        for kind in ("cuda_oom", "host_oom", "config", "changed", "shape", "data", "non_finite", "disk_full", "crashed")
    },
}


def test_all_witnesses_agree() -> None:
    verdict = judge(GOOD)
    assert isinstance(verdict, Succeeded)
    assert all(line.agrees for line in verdict.evidence)


@pytest.mark.parametrize(("evidence", "kind"), FAILURES.values(), ids=FAILURES.keys())
def test_one_witness_is_enough(evidence: Evidence, kind: str) -> None:
    verdict = judge(evidence)
    assert isinstance(verdict, Failed)
    assert verdict.kind == kind
    assert verdict.because
    assert not all(line.agrees for line in verdict.evidence)


def test_what_an_older_plan_and_worker_do_not_name_is_not_held_against_them() -> None:
    older = replace(GOOD.plan, code_fingerprint=None)  # type: ignore[type-var] # the good one has its plan
    assert isinstance(judge(spoiled(plan=older, result=reported(code_fingerprint=None, pid=None))), Succeeded)
    assert isinstance(judge(spoiled(exit=ended(pid=None))), Succeeded)


@pytest.mark.parametrize("text", ["CUDA out of memory", "MemoryError", "Traceback (most recent call last):", "nan"])
def test_no_text_turns_a_success_into_a_failure(text: str) -> None:
    assert isinstance(judge(replace(GOOD, stderr_tail=text)), Succeeded)


@pytest.mark.parametrize("text", ["completed successfully", "100%", ""])
def test_no_text_turns_a_failure_into_a_success(text: str) -> None:
    assert isinstance(judge(replace(GOOD, stderr_tail=text, exit=ended(exit_code=1))), Failed)


@pytest.mark.parametrize("ended_by", ["cancelled", "interrupted", "signal", "time_limit"])
def test_work_finished_while_being_ended_counts(ended_by: str) -> None:
    assert isinstance(judge(spoiled(exit=replace(EXIT, ended_by=ended_by))), Succeeded)  # type: ignore[arg-type] # from text


@given(
    st.builds(
        Evidence,
        plan=st.sampled_from([GOOD.plan, None, Unreadable(why="x")]),
        claim=st.sampled_from([CLAIM, FENCED, None, Unreadable(why="x")]),
        exit=st.sampled_from(
            [EXIT, ended(exit_code=3), killed(9), None, ended(attempt_id="c" * 32), Unreadable(why="x")]
        ),
        result=st.sampled_from([GOOD.result, failed_with("data"), reported(steps_done=0), None, Unreadable(why="x")]),
        result_sha256=st.sampled_from(["0" * 64, None]),
        stderr_tail=st.sampled_from(["", "CUDA out of memory", "completed successfully"]),
        refused=st.sampled_from([None, "no"]),
        survivors=st.integers(0, 2),
    )
)
def test_whatever_is_found_gets_a_verdict_and_only_the_good_is_green(evidence: Evidence) -> None:
    verdict = judge(evidence)
    good = replace(evidence, stderr_tail="", refused=None, survivors=0) == GOOD
    assert isinstance(verdict, Succeeded) == good
    if isinstance(verdict, Failed):
        assert verdict.kind in BY_WORD


def test_survivors_of_a_lost_attempt_are_told() -> None:
    verdict = judge(spoiled(exit=None, survivors=2))
    assert verdict.because.endswith("left no exit.json; 2 of its processes were still alive and were ended")


def test_each_kind_can_be_told() -> None:
    told = {kind for _, kind in FAILURES.values()}
    assert told == set(BY_WORD)
    assert len(FAILURE_KINDS) == len(BY_WORD)


def test_witnesses_speak_in_order() -> None:
    assert [line.witness for line in hear(GOOD)] == [
        "claim",
        "exit",
        "supervisor",
        "kernel",
        "result",
        "steps",
        "metrics",
        "parameters",
        "code",
    ]
