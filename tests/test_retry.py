"""The next step: halving to the end, budgets for each kind, waiting, stopping, and never two at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.records import BatchSplit
from db.verdicts import History, PastAttempt
from runner.failures import BY_WORD, FAILURE_KINDS, Remedy
from runner.placement import Growth, Placement, placement
from runner.retry import Done, Launch, Means, NextStep, Stop, Wait, most_evaluated, next_step
from sweeps.settings import Policy

FULL = BatchSplit(micro=16, accum=1)


def past(number: int, kind: str | None = None, batch: BatchSplit = FULL, **changes: Any) -> PastAttempt:
    made = PastAttempt(number=number, batch=batch, code_fingerprint="c", verdict="failed", judged_at=100.0)
    return replace(made, failure_kind=kind, because="it broke", **changes)


def step_after(*attempts: PastAttempt, waited: float = 1e6, policy: Policy | None = None, **history: Any) -> NextStep:
    told = History(attempts=attempts, **history)
    return next_step(told, first=FULL, policy=policy or Policy(), waited=waited)


def test_out_of_memory_in_evaluation_leaves_the_batch_as_it_is() -> None:
    last = History(attempts=(past(1, "host_oom"),))
    step = next_step(last, first=FULL, policy=Policy(), waited=0.0, means=Means(evaluating=8))
    assert step == Launch(batch=FULL, because="half of the windows evaluated at a time after host_oom")
    step = next_step(last, first=FULL, policy=Policy(), waited=0.0, means=Means(evaluating=1))
    assert isinstance(step, Stop)
    assert step.because == "host_oom even evaluating a single window: it broke"


@pytest.mark.parametrize(
    ("kinds", "evaluated", "most"),
    [
        (["host_oom"], {}, None),
        (["host_oom"], {1: 16}, 8),
        (["cuda_oom", "host_oom"], {1: 16, 2: 8}, 4),
        (["host_oom", "killed"], {1: 16, 2: 8}, 8),
        (["killed"], {1: 2}, 2),
        (["host_oom"], {1: 1}, 1),
        (["host_oom", "host_oom"], {2: 7}, 3),
    ],
)
def test_the_next_attempt_evaluates_at_most_half_of_what_was_too_much(
    kinds: list[str], evaluated: dict[int, int], most: int | None
) -> None:
    attempts = tuple(past(number, kind) for number, kind in enumerate(kinds, 1))
    assert most_evaluated(History(attempts=attempts), evaluated) == most


def test_a_first_attempt_may_be_cut_and_says_why() -> None:
    cut, why = BatchSplit(micro=4, accum=4), "micro batch 8 did not fit"
    step = next_step(History(attempts=()), first=cut, why_first=why, policy=Policy(), waited=0.0)
    assert step == Launch(batch=cut, because="first attempt; micro batch 8 did not fit")


def test_the_first_attempt_takes_the_whole_batch() -> None:
    assert step_after() == Launch(batch=FULL, because="first attempt")


def test_a_success_is_done_and_an_open_attempt_is_waited_for() -> None:
    assert step_after(past(1, verdict="succeeded")) == Done(green=True, because="it broke")
    assert isinstance(step_after(past(1, verdict=None)), Wait)


@pytest.mark.parametrize("kind", ["cuda_oom", "host_oom"])
def test_out_of_memory_halves_down_to_one_then_stops(kind: str) -> None:
    attempts: list[PastAttempt] = [past(1, kind)]
    micros = []
    while isinstance(step := step_after(*attempts), Launch):
        assert step.batch.effective == 16
        micros.append(step.batch.micro)
        attempts.append(past(len(attempts) + 1, kind, step.batch))
    assert micros == [8, 4, 2, 1]
    assert isinstance(step, Stop)
    assert "micro batch of 1" in step.because


@given(st.integers(1, 5000))
def test_halving_keeps_the_effective_batch_and_always_ends(effective: int) -> None:
    batch: BatchSplit | None = BatchSplit(micro=effective, accum=1)
    while batch is not None:
        halved = batch.halved()
        assert batch.effective == effective
        assert halved is None or halved.micro <= batch.micro / 2
        assert (halved is None) == (batch.micro == 1)
        batch = halved


@pytest.mark.parametrize("kind", [kind.word for kind in FAILURE_KINDS if kind.remedy is Remedy.STOP])
def test_what_fails_the_same_way_every_time_is_not_tried_again(kind: str) -> None:
    step = step_after(past(1, kind))
    assert isinstance(step, Stop)
    assert step.kind == ("cancelled" if kind == "cancelled" else "failed")


@pytest.mark.parametrize("kind", [kind.word for kind in FAILURE_KINDS if kind.remedy is Remedy.AGAIN])
def test_each_kind_has_a_budget_of_its_own(kind: str) -> None:
    budget = BY_WORD[kind].budget
    others = [past(number, "interrupted") for number in range(1, 9)]
    used = [past(number, kind) for number in range(9, 9 + budget)]
    assert isinstance(step_after(*others, *used), Launch)
    assert isinstance(step_after(*others, *used, past(99, kind)), Stop)


RESUMED = [kind.word for kind in FAILURE_KINDS if kind.remedy is Remedy.RESUME]


@pytest.mark.parametrize("kind", RESUMED)
def test_what_gets_further_goes_on_and_what_does_not_stops(kind: str) -> None:
    told = History(attempts=(past(1, kind),))
    further = next_step(told, first=FULL, policy=Policy(), waited=1e6, means=Means(got_further=True))
    assert further == Launch(batch=FULL, because=f"the same again after {kind}")
    stuck = next_step(told, first=FULL, policy=Policy(), waited=1e6)
    assert isinstance(stuck, Stop)
    assert stuck.because == "it broke; the next would get no further, for it left no later checkpoint"


@pytest.mark.parametrize("kind", RESUMED)
def test_what_goes_on_by_itself_has_the_budget_that_the_policy_gives_it(kind: str) -> None:
    policy = Policy(retries={kind: 2})
    assert isinstance(step_after(past(1, kind), past(2, kind), policy=policy), Launch)
    assert isinstance(step_after(past(1, kind), past(2, kind), past(3, kind), policy=policy), Stop)


@pytest.mark.parametrize("kind", RESUMED)
def test_getting_further_ends_with_the_budget(kind: str) -> None:
    attempts = tuple(past(number, kind) for number in range(1, BY_WORD[kind].budget + 2))
    for count, expected in ((len(attempts) - 1, Launch), (len(attempts), Stop)):
        told = History(attempts=attempts[:count])
        step = next_step(told, first=FULL, policy=Policy(), waited=1e6, means=Means(got_further=True))
        assert isinstance(step, expected)


def test_a_policy_sets_the_budget() -> None:
    assert isinstance(step_after(past(1, "crashed"), policy=Policy(retries={"crashed": 1})), Launch)
    assert isinstance(step_after(past(1, "lost"), policy=Policy(retries={"lost": 0})), Stop)
    assert isinstance(step_after(past(1, "cuda_oom"), policy=Policy(retries={"cuda_oom": 0})), Stop)


def test_waiting_grows_and_ends() -> None:
    first = step_after(past(1, "lost"), waited=0.5)
    assert isinstance(first, Wait)
    assert first.seconds is not None
    assert 1.5 <= first.seconds <= 2.5
    second = step_after(past(1, "lost"), past(2, "lost"), waited=0.5)
    assert isinstance(second, Wait)
    assert second.seconds is not None
    assert 3.5 <= second.seconds <= 5.5
    assert isinstance(step_after(past(1, "lost"), waited=0.5 + first.seconds), Launch)


def test_runs_that_failed_together_do_not_come_back_together_and_wait_the_same_every_time() -> None:
    told = History(attempts=(past(1, "lost"),))
    waits = [
        next_step(told, first=FULL, policy=Policy(), waited=0.0, salt=f"run {number}")
        for number in (*range(20), *range(20))
    ]
    assert waits[:20] == waits[20:]
    assert len({wait.seconds for wait in waits if isinstance(wait, Wait)}) == 20


def test_interrupted_goes_on_at_once_and_as_often_as_it_takes() -> None:
    step = step_after(
        *[past(number, "interrupted", BatchSplit(micro=4, accum=4)) for number in range(1, 50)], waited=0.0
    )
    assert isinstance(step, Launch)
    assert step.batch == BatchSplit(micro=4, accum=4)


def test_a_stop_holds_until_retry_which_keeps_the_batch_that_was_reached() -> None:
    halved = BatchSplit(micro=4, accum=4)
    assert step_after(past(1, "crashed"), stopped="failed") == Done(green=False, because="stopped: failed")
    assert step_after(stopped="cancelled") == Done(green=False, because="stopped: cancelled")
    again = step_after(past(1, "crashed", halved), forgiven=1)
    assert again == Launch(batch=halved, because="retry was asked for")
    assert isinstance(
        step_after(past(1, "lost"), past(2, "lost"), past(3, "lost"), past(4, "lost"), forgiven=3), Launch
    )


def test_a_success_stays_one_though_a_cancel_came_too_late() -> None:
    assert step_after(past(1, verdict="succeeded"), stopped="cancelled") == Done(green=True, because="it broke")


def test_rerun_of_changed_code() -> None:
    told = History(attempts=(past(1, verdict="succeeded", batch=BatchSplit(micro=4, accum=4)),))
    step = next_step(told, first=FULL, policy=Policy(), waited=0.0, rerun_because="the code changed")
    assert step == Launch(batch=BatchSplit(micro=4, accum=4), because="the code changed")


def test_unverified_is_never_green() -> None:
    step = step_after(past(1, verdict="unverified"))
    assert isinstance(step, Stop)
    assert step.kind == "unverified"


GROWTH = Growth(first=1000, most=3000)


@pytest.mark.parametrize(("failures", "given"), [(0, 1000), (1, 2000), (2, 3000), (9, 3000)])
def test_memory_doubles_up_to_what_may_be_asked_for(failures: int, given: int) -> None:
    told = History(attempts=tuple(past(number, "host_oom") for number in range(1, failures + 1)))
    assert placement(told, GROWTH) == Placement(memory=given)
    assert placement(told, None) == Placement()


def test_more_memory_comes_before_half_the_batch() -> None:
    attempts: list[PastAttempt] = []
    taken = []
    for number in range(1, 6):
        told, means = History(attempts=tuple(attempts)), Means(growth=GROWTH)
        step = next_step(told, first=FULL, policy=Policy(), waited=0, means=means)
        assert isinstance(step, Launch)
        taken.append((step.batch.micro, placement(told, GROWTH).memory))
        attempts.append(past(number, "host_oom", step.batch))
    assert taken == [(16, 1000), (16, 2000), (16, 3000), (8, 3000), (4, 3000)]


def test_what_cannot_be_halved_gets_more_memory_and_a_gpu_does_not() -> None:
    means = Means(why_indivisible="nobody can halve it", growth=GROWTH)
    of_host, of_gpu = (History(attempts=(past(1, kind),)) for kind in ("host_oom", "cuda_oom"))
    grown = next_step(of_host, first=FULL, policy=Policy(), waited=0, means=means)
    assert grown == Launch(batch=FULL, because="with 2 KiB of memory after host_oom")
    assert isinstance(next_step(of_gpu, first=FULL, policy=Policy(), waited=0, means=means), Stop)


def test_no_budget_is_no_more_memory() -> None:
    policy = Policy(retries={"host_oom": 0})
    told = History(attempts=(past(1, "host_oom"),))
    assert isinstance(next_step(told, first=FULL, policy=policy, waited=0, means=Means(growth=GROWTH)), Stop)


@pytest.mark.parametrize("kind", ["node_lost", "device_fault", "launch_refused"])
def test_what_may_be_the_fault_of_a_node_goes_elsewhere(kind: str) -> None:
    told = [past(number, kind, node=f"n{number}") for number in range(1, 6)]
    assert placement(History(attempts=tuple(told)), None).avoid == ("n3", "n4", "n5")
    assert placement(History(attempts=(past(1, "crashed", node="n1"),)), None).avoid == ()
