"""No single witness can be talked round: whatever one of them denies, the attempt is no success, and has a name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence import (
    CLAIM,
    EXIT,
    FILE,
    GOOD,
    GOOD_COMMAND,
    PROOF,
    TOLD,
    command,
    ended,
    failed_with,
    killed,
    reported,
    spoiled,
    unproven,
)
from hypothesis import given
from hypothesis import strategies as st

from db.declared import Declared
from db.records import EndRequest, ErrorRecord, MemoryWatch
from db.verdicts import Failed, Succeeded, Unverified
from runner.evidence import Evidence, Unreadable
from runner.failures import BY_WORD, FAILURE_KINDS
from runner.judge import hear, judge, measure
from runner.launchers.looks import Account, Fault
from runner.log_signs import Signs

OOM_KILLED = MemoryWatch(how="cgroup_v1", limit=100, peak=100, oom_kills=1)
FENCED = replace(CLAIM, fenced=True)
CANCELLED = EndRequest(attempt_id=GOOD.plan.attempt_id, why="cancelled", asked_at=1.0)  # type: ignore[union-attr] # the good one has its plan

LOADER = "DataLoader worker (pid 7) is killed by signal: Killed. "
FULL = "No space left on device"
OOM = Signs(cuda_oom="torch.OutOfMemoryError: CUDA out of memory.", traceback="ChildFailedError:")
E_LAYERS = Signs(traceback="AttributeError: 'ConfigWrapper' object has no attribute 'e_layers'")
NAN = Signs(nan="epoch 3 loss: nan")
NOTHING = Declared()
REPORT = Declared(report=True, metrics=("mse",))

NO_GPU = Signs(device_fault="RuntimeError: No CUDA GPUs are available")


def told(fault: Fault | None, said: str = "job 7_0: FAILED 1:0", *, agrees: bool = False) -> Account:
    """As a launcher that watches tells it."""
    return Account(who="slurm", said=said, agrees=agrees, fault=fault)


def cuda_error(message: str) -> Evidence:
    result = failed_with("crashed", f"CUDA error: {message}")
    return spoiled(exit=ended(exit_code=1), result=result)


def out_of_memory(*, ours: str, asked: str = "968.00 MiB") -> Evidence:
    """As torch tells it, on a card of 23.68 GiB."""
    message = (
        f"CUDA out of memory. Tried to allocate {asked}. GPU 0 has a total capacity of 23.68 GiB of which 630.81 MiB "
        f"is free. Including non-PyTorch memory, this process has {ours} memory in use."
    )
    result = failed_with("cuda_oom", message)
    return spoiled(exit=ended(exit_code=1), result=result)


FAILURES = {
    "no exit": (spoiled(exit=None), "lost"),
    "unreadable exit": (spoiled(exit=Unreadable(why="torn")), "lost"),
    "exit of another attempt": (spoiled(exit=ended(attempt_id="b" * 32)), "lost"),
    "revoked": (spoiled(exit=killed(9, ended_by="revoked")), "lost"),
    "revoked but complete": (spoiled(exit=ended(ended_by="revoked")), "lost"),
    "exit code 1": (spoiled(exit=ended(exit_code=1), result=None), "crashed"),
    "hangs": (spoiled(exit=killed(15, ended_by="stalled"), result=None), "stalled"),
    "host restarted": (spoiled(exit=None, result=None, restarted=True), "node_lost"),
    "node failed": (spoiled(exit=None, result=None, account=told("node_lost")), "node_lost"),
    "preempted": (spoiled(exit=killed(15, ended_by="signal"), account=told("preempted")), "preempted"),
    "preempted before it began": (
        spoiled(claim=FENCED, exit=None, result=None, account=told("preempted")),
        "preempted",
    ),
    "its cluster ran out of memory": (spoiled(exit=None, result=None, account=told("host_oom")), "host_oom"),
    "its cluster saw an OOM, all else fine": (spoiled(account=told("host_oom")), "host_oom"),
    "cancelled by hand in its cluster": (
        spoiled(exit=killed(15, ended_by="signal"), account=told("cancelled")),
        "cancelled",
    ),
    "cancelled there because we asked": (
        spoiled(
            claim=FENCED,
            exit=None,
            result=None,
            end_request=replace(CANCELLED, why="interrupted"),
            account=told("cancelled"),
        ),
        "interrupted",
    ),
    "its cluster's time is over": (spoiled(exit=None, result=None, account=told("wall_time")), "wall_time"),
    "ended before its cluster would": (spoiled(exit=killed(15, ended_by="wall_time"), result=None), "wall_time"),
    "cancelled in its cluster, and had ended well": (spoiled(account=told("cancelled")), "contradiction"),
    "out of its cluster's time, and had ended well": (spoiled(account=told("wall_time")), "contradiction"),
    "its node was lost, and it had ended well": (spoiled(account=told("node_lost")), "node_lost"),
    "its cluster takes no more": (
        spoiled(claim=FENCED, exit=None, result=None, refused="sbatch would not take it: QOSMaxSubmitJobPerUserLimit"),
        "queue_full",
    ),
    "this host takes no more": (
        spoiled(claim=FENCED, exit=None, result=None, refused="Resource temporarily unavailable"),
        "launch_refused",
    ),
    "its cluster says FAILED, all else fine": (spoiled(account=told(None)), "contradiction"),
    "a loading worker killed, and the kernel counted none": (
        spoiled(exit=ended(exit_code=1), result=failed_with("host_oom", LOADER)),
        "killed",
    ),
    "a loading worker killed, and the kernel counted one": (
        spoiled(exit=ended(exit_code=1, memory=OOM_KILLED), result=failed_with("host_oom", LOADER)),
        "host_oom",
    ),
    "memory held by others": (out_of_memory(ours="2.00 GiB"), "device_busy"),
    "memory held by ourselves": (out_of_memory(ours="23.05 GiB"), "cuda_oom"),
    "too much even without others": (out_of_memory(ours="2.00 GiB", asked="24.00 GiB"), "cuda_oom"),
    "device taken": (cuda_error("CUDA-capable device(s) is/are busy or unavailable"), "device_busy"),
    "broken memory": (cuda_error("uncorrectable ECC error encountered"), "device_fault"),
    "no device": (spoiled(exit=ended(exit_code=1), result=None, signs=NO_GPU), "device_fault"),
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
    "a file in its way": (
        spoiled(exit=ended(exit_code=None, ended_by="file_in_the_way", detail="r.csv is there already"), result=None),
        "config",
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
    "a full disk, all swallowed": (spoiled(exit=ended(no_space=FULL), result=None, result_sha256=None), "disk_full"),
    "a full disk, half a result": (spoiled(exit=ended(no_space=FULL), result=Unreadable(why="torn")), "disk_full"),
    "a full disk, a fatal fault": (
        spoiled(exit=ended(exit_code=None, signal=11, no_space=FULL), result=None),
        "crashed",
    ),
    "a full disk, a fatal fault in a shell": (
        spoiled(exit=ended(exit_code=139, no_space=FULL), result=None),
        "crashed",
    ),
    "a full disk, aborted": (spoiled(exit=ended(exit_code=None, signal=6, no_space=FULL), result=None), "disk_full"),
    "a full disk, no block for a page": (
        spoiled(exit=ended(exit_code=None, signal=7, no_space=FULL), result=None),
        "disk_full",
    ),
    "a full disk, killed": (spoiled(exit=ended(exit_code=None, signal=9, no_space=FULL), result=None), "killed"),
    "a full disk, another error": (
        spoiled(exit=ended(exit_code=1, no_space=FULL), result=failed_with("shape")),
        "shape",
    ),
    "cuda text in a crash": (
        spoiled(exit=ended(exit_code=1), result=None, signs=OOM),
        "cuda_oom",
    ),
    "type before text": (
        spoiled(exit=ended(exit_code=1), result=failed_with("config"), signs=OOM),
        "config",
    ),
    "a number that was not finite": (spoiled(non_finite="loss was nan at step 12", reported=True), "non_finite"),
    **{
        f"error of kind {kind}": (spoiled(exit=ended(exit_code=1), result=failed_with(kind)), kind)
        for kind in ("cuda_oom", "host_oom", "config", "changed", "shape", "data", "non_finite", "disk_full", "crashed")
    },
}

COMMANDS = {
    "no file": (command(proofs=(unproven("no_result"),)), "no_result"),
    "a torn file": (command(proofs=(unproven("bad_result"),)), "bad_result"),
    "NaN in a file": (command(proofs=(unproven("non_finite"),)), "non_finite"),
    "too few rows": (command(proofs=(unproven("incomplete"),)), "incomplete"),
    "the first that does not hold": (command(proofs=(unproven("bad_result"), unproven("incomplete"))), "bad_result"),
    "but NaN first of all": (command(proofs=(unproven("bad_result"), unproven("non_finite"))), "non_finite"),
    "nobody looked": (command(exit=None, proofs=()), "lost"),
    "all files there, exit code 1": (command(exit=ended(exit_code=1)), "crashed"),
    "no file and exit code 1": (command(exit=ended(exit_code=1), proofs=(unproven("no_result"),)), "crashed"),
    "no file, a traceback, exit code 0": (command(proofs=(unproven("no_result"),), signs=E_LAYERS), "crashed"),
    "a short file, a traceback, exit code 0": (command(proofs=(unproven("incomplete"),), signs=E_LAYERS), "crashed"),
    "no file, out of memory, exit code 0": (command(proofs=(unproven("no_result"),), signs=OOM), "cuda_oom"),
    "no file, host out of memory": (
        command(proofs=(unproven("no_result"),), signs=Signs(host_oom="MemoryError", traceback="MemoryError")),
        "host_oom",
    ),
    "no file, a lack of memory that did not end it": (
        command(proofs=(unproven("no_result"),), signs=Signs(cuda_oom="CUDA out of memory.", went_on=True)),
        "no_result",
    ),
    "stopped for a loss that was nan": (
        command(NOTHING, exit=ended(exit_code=1), signs=Signs(nan="Loss is nan, stopping training")),
        "non_finite",
    ),
    "nan somewhere, exit code 1": (command(NOTHING, exit=ended(exit_code=1), signs=NAN), "crashed"),
    "no file, disk full": (
        command(proofs=(unproven("no_result"),), signs=Signs(disk_full="No space left on device")),
        "disk_full",
    ),
    "no file, loss was nan": (command(proofs=(unproven("no_result"),), signs=NAN), "non_finite"),
    "no file, nan before a crash": (
        command(proofs=(unproven("no_result"),), signs=replace(NAN, traceback="KeyError: 'x'")),
        "crashed",
    ),
    "files there, but NaN reported": (command(reported=True, non_finite="loss was nan at step 3"), "non_finite"),
    "files there, but it says that it failed": (command(result=failed_with("data")), "data"),
    "of a kind that nobody knows": (command(result=failed_with("eh")), "crashed"),
    "a child killed by the kernel": (command(exit=ended(memory=OOM_KILLED)), "host_oom"),
    "never done": (command(REPORT), "no_result"),
    "metrics, but never done": (command(NOTHING, reported=True), "no_result"),
    "unreadable result": (command(REPORT, result=Unreadable(why="torn")), "bad_result"),
    "result of another attempt": (command(REPORT, result=replace(TOLD, attempt_id="b" * 32)), "bad_result"),
    "done without a metric": (command(REPORT, result=replace(TOLD, metrics={})), "incomplete"),
    "done too early": (
        command(plan=replace(GOOD_COMMAND.plan, planned_steps=200), result=TOLD, result_sha256="2" * 64),  # type: ignore[type-var] # the good one has its plan
        "incomplete",
    ),
    "done, yet exit code 1": (command(REPORT, result=TOLD, exit=ended(exit_code=1)), "contradiction"),
    "done, then a traceback and exit code 1": (
        command(REPORT, result=TOLD, exit=ended(exit_code=1), signs=E_LAYERS),
        "crashed",
    ),
    "done, but it did not say how many steps": (
        command(plan=replace(GOOD_COMMAND.plan, planned_steps=100), result=replace(TOLD, steps_done=0)),  # type: ignore[type-var] # the good one has its plan
        "incomplete",
    ),
    "asked to end, and nothing tells that it was complete": (command(exit=ended(ended_by="time_limit")), "time_limit"),
    "interrupted, and nothing tells that it was complete": (command(exit=ended(ended_by="interrupted")), "interrupted"),
    "cancelled, and nothing declared": (command(NOTHING, exit=ended(ended_by="cancelled")), "cancelled"),
    "reported otherwise than its file says": (command(result=replace(TOLD, metrics={"acc": 0.7})), "bad_result"),
    "two files that differ": (
        command(proofs=(PROOF, replace(PROOF, name="b.csv", metrics={"acc": 0.1}))),
        "bad_result",
    ),
    "nothing but done, a traceback": (command(NOTHING, result=replace(TOLD, metrics={}), signs=E_LAYERS), "crashed"),
    "nothing declared, a traceback": (command(NOTHING, signs=E_LAYERS), "crashed"),
    "nothing declared, out of memory": (command(NOTHING, signs=OOM), "cuda_oom"),
    "nothing declared, nan": (command(NOTHING, signs=NAN), "non_finite"),
    "nothing declared, exit code 3": (command(NOTHING, exit=ended(exit_code=3)), "crashed"),
}


def test_all_witnesses_agree() -> None:
    verdict = judge(GOOD)
    assert isinstance(verdict, Succeeded)
    assert all(line.agrees for line in verdict.evidence)


@pytest.mark.parametrize(
    ("evidence", "kind"), [*FAILURES.values(), *COMMANDS.values()], ids=[*FAILURES.keys(), *COMMANDS.keys()]
)
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


def test_a_command_that_left_what_it_was_asked_for() -> None:
    verdict = judge(GOOD_COMMAND)
    assert isinstance(verdict, Succeeded)
    assert [line.witness for line in verdict.evidence] == ["claim", "exit", "supervisor", "kernel", "file", "numbers"]
    assert GOOD_COMMAND.final_metrics == {"acc": 0.9}


@pytest.mark.parametrize("declared", [REPORT, NOTHING])
def test_a_command_that_says_it_is_done(declared: Declared) -> None:
    evidence = command(declared, result=TOLD, result_sha256="2" * 64, reported=True)
    verdict = judge(evidence)
    assert isinstance(verdict, Succeeded)
    assert "log" not in {line.witness for line in verdict.evidence}
    assert evidence.final_metrics == {"mse": 0.3}


def test_nothing_declared_and_nothing_reported_is_unverified() -> None:
    verdict = judge(command(NOTHING))
    assert isinstance(verdict, Unverified)
    assert verdict.because.startswith("exit code 0, but its sweep file declares no evidence of success")
    assert verdict.evidence[-2].said == "shows no traceback, no lack of memory or disk, and no NaN"


def test_all_that_proves_a_success_is_in_its_digest() -> None:
    proven = [
        judge(GOOD_COMMAND),
        judge(command(proofs=(replace(GOOD_COMMAND.proofs[0], sha256="3" * 64),))),
        judge(command(result=TOLD, result_sha256="2" * 64)),
    ]
    assert len({verdict.result_sha256 for verdict in proven if isinstance(verdict, Succeeded)}) == 3


def test_a_reason_is_a_sentence_that_names_what_was_found() -> None:
    assert judge(command(proofs=(unproven("no_result"),), signs=E_LAYERS)).because == (
        "AttributeError: 'ConfigWrapper' object has no attribute 'e_layers' (and yet it ended with exit code 0); "
        "out/result.csv does not hold"
    )
    assert judge(command(proofs=(unproven("incomplete", "out/a.csv has 2 rows"),))).because == "out/a.csv has 2 rows"
    assert judge(command(exit=ended(exit_code=2), last_words="usage: x")).because == (
        "it ended with exit code 2; last words: usage: x"
    )
    early = judge(command(REPORT, result=replace(TOLD, metrics={}))).because
    assert early == "its result is not complete: required metrics: missing or not finite: mse"


def test_the_host_is_known_from_the_claim_where_nothing_else_tells_it() -> None:
    assert measure(GOOD_COMMAND, 0.0).host == CLAIM.host
    assert measure(command(claim=FENCED), 0.0).host is None


ALL_SIGNS = Signs(cuda_oom="x", host_oom="x", disk_full="x", traceback="x", nan="x")


@pytest.mark.parametrize("good", [GOOD, GOOD_COMMAND], ids=["worker", "command"])
def test_no_text_turns_a_success_into_a_failure(good: Evidence) -> None:
    assert isinstance(judge(replace(good, signs=ALL_SIGNS, last_words="CUDA out of memory")), Succeeded)


@pytest.mark.parametrize("text", ["completed successfully", "100%", ""])
@pytest.mark.parametrize("good", [GOOD, GOOD_COMMAND, command(NOTHING)], ids=["worker", "command", "undeclared"])
def test_no_text_turns_a_failure_into_a_success(good: Evidence, text: str) -> None:
    assert isinstance(judge(replace(good, last_words=text, exit=ended(exit_code=1))), Failed)


@pytest.mark.parametrize("ended_by", ["cancelled", "interrupted", "signal", "time_limit", "stalled"])
def test_work_finished_while_being_ended_counts(ended_by: str) -> None:
    assert isinstance(judge(spoiled(exit=replace(EXIT, ended_by=ended_by))), Succeeded)  # type: ignore[arg-type] # from text


@pytest.mark.parametrize(
    "declared",
    [
        Declared(files=(replace(FILE, at_least={"epoch": 100}),)),
        Declared(files=(FILE,), last_line="finished"),
    ],
)
def test_a_command_that_was_complete_while_being_ended_counts(declared: Declared) -> None:
    evidence = command(declared, exit=ended(ended_by="time_limit"), proofs=(PROOF,))
    assert isinstance(judge(evidence), Succeeded)


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ("FloatingPointError: underflow encountered in exp", "non_finite"),
        ("ValueError: The loss returned in `training_step` is nan.", "non_finite"),
        ("AssertionError: loss is NaN", "non_finite"),
        ("RuntimeError: NaN or Inf found in the loss at step 3", "non_finite"),
        ("RuntimeError: The total norm of order 2.0 for gradients from `parameters` is non-finite, so", "non_finite"),
        ("RuntimeError: Function 'MulBackward0' returned nan values in its 0th output.", "non_finite"),
        ("ValueError: loss `nanmse` is unknown", "crashed"),
        ("ValueError: Input X contains NaN.", "crashed"),
        ("KeyError: 'loss'", "crashed"),
    ],
)
def test_an_exception_that_speaks_of_a_loss_that_is_not_finite(last: str, kind: str) -> None:
    name, _, message = last.partition(": ")
    raised = replace(
        failed_with("crashed"), error=ErrorRecord(kind="crashed", type=name, message=message, traceback="")
    )
    for evidence in (
        command(exit=ended(exit_code=1), signs=Signs(traceback=last)),
        command(proofs=(unproven("no_result"),), signs=Signs(traceback=last)),
        command(result=raised, exit=ended(exit_code=1)),
    ):
        verdict = judge(evidence)
        assert isinstance(verdict, Failed)
        assert (verdict.kind, last in verdict.because) == (kind, True)
    handled = judge(command(exit=ended(exit_code=None, signal=9), signs=Signs(traceback=last)))
    assert isinstance(handled, Failed)
    assert handled.kind == "killed"


def test_rows_are_no_proof_that_nothing_was_left_to_do() -> None:
    evidence = command(Declared(files=(replace(FILE, rows=1),)), exit=ended(ended_by="time_limit"), proofs=(PROOF,))
    verdict = judge(evidence)
    assert isinstance(verdict, Failed)
    assert verdict.kind == "time_limit"
    assert isinstance(judge(replace(evidence, exit=EXIT)), Succeeded)  # nobody ended it


def test_all_steps_of_a_command_tell_that_it_was_complete() -> None:
    plan = replace(command(REPORT).plan, planned_steps=100)  # type: ignore[type-var] # it has its plan
    done = command(plan=plan, proofs=(), result=TOLD, result_sha256="2" * 64, exit=ended(ended_by="interrupted"))
    assert isinstance(judge(done), Succeeded)


@pytest.mark.parametrize("done", [100, 101, 1000])
def test_a_command_may_do_more_steps_than_were_planned(done: int) -> None:
    plan = replace(command(REPORT).plan, planned_steps=100)  # type: ignore[type-var] # it has its plan
    told = replace(TOLD, start_step=0, steps_done=done)
    assert isinstance(judge(command(plan=plan, proofs=(), result=told, result_sha256="2" * 64)), Succeeded)


def test_two_sources_of_one_metric_may_differ_by_single_precision() -> None:
    told = replace(TOLD, metrics={"acc": 0.8999999761581421})
    assert isinstance(judge(command(result=told, result_sha256="2" * 64)), Succeeded)
    because = judge(command(result=replace(TOLD, metrics={"acc": 0.7}))).because
    assert because.startswith("metric `acc` is 0.9 in out/result.csv and 0.7 in what it reported")


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
        signs=st.sampled_from([Signs(), ALL_SIGNS]),
        refused=st.sampled_from([None, "no"]),
        survivors=st.integers(0, 2),
    )
)
def test_whatever_is_found_gets_a_verdict_and_only_the_good_is_green(evidence: Evidence) -> None:
    verdict = judge(evidence)
    good = replace(evidence, signs=Signs(), refused=None, survivors=0) == GOOD
    assert isinstance(verdict, Succeeded) == good
    if isinstance(verdict, Failed):
        assert verdict.kind in BY_WORD


def test_survivors_of_a_lost_attempt_are_told() -> None:
    verdict = judge(spoiled(exit=None, survivors=2))
    assert verdict.because.endswith("left no exit.json; 2 of its processes were still alive and were ended")


def test_each_kind_can_be_told() -> None:
    told = {kind for _, kind in (*FAILURES.values(), *COMMANDS.values())}
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
        "numbers",
    ]
