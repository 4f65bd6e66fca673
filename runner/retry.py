"""From the history of verdicts to the next step. Pure: time and code come in as arguments."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from db.records import BatchSplit
from db.verdicts import History, PastAttempt
from runner.failures import BY_WORD, FailureKind, Remedy
from runner.placement import Growth
from sweeps.settings import Policy
from sweeps.units import size

_AT_ONCE = (Remedy.CONTINUE, Remedy.AS_SOON_AS_TAKEN)
LONGEST_WAIT = 10
"""Waiting doubles so many times."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Try the run (again), from its newest checkpoint if there is one and the code is the same."""

    batch: BatchSplit
    because: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Do nothing for so many `seconds`; None means until something else happens."""

    seconds: float | None
    because: str


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Never again, unless a person says so."""

    kind: str
    because: str


@dataclass(frozen=True, kw_only=True)
class Done:
    """The run is settled. `green` only for a proven success."""

    green: bool
    because: str


NextStep = Launch | Wait | Stop | Done


@dataclass(frozen=True, kw_only=True)
class Means:
    """What may help after the latest attempt, beside its failure's own remedy.

    `why_indivisible` says why the batch cannot be halved; nothing where it can. `evaluating` is how many windows at a
    time the latest attempt evaluated last, where its training was complete: then half the micro batch would help
    nothing. `got_further`: the next attempt would go on from a later step than the latest one did. `growth` is how much
    memory a cluster may be asked for, where that may be more than at first: it comes before halving.
    """

    why_indivisible: str | None = None
    evaluating: int | None = None
    got_further: bool = False
    growth: Growth | None = None


def next_step(
    history: History,
    *,
    first: BatchSplit,
    policy: Policy,
    waited: float,
    means: Means = Means(),
    why_first: str = "",
    rerun_because: str | None = None,
    salt: str = "",
) -> NextStep:
    """Decide what to do about one run.

    `first` is how the first attempt cuts the batch, and `why_first` why it does, where it does; `waited` are the
    seconds since the latest verdict. `rerun_because` is a reason not to be content with a success, that of older code
    for instance. `salt`, the run's id, makes runs that failed together wait for different times.
    """
    last = history.attempts[-1] if history.attempts else None
    if last is None:
        because = "; ".join(filter(None, ("first attempt", why_first)))
        return _unless_stopped(history, Launch(batch=first, because=because))
    if last.verdict is None:
        return Wait(seconds=None, because=f"attempt {last.number} is open")
    if last.verdict == "succeeded":
        again = Launch(batch=last.batch, because=rerun_because or "")
        return _unless_stopped(history, again) if rerun_because else Done(green=True, because=last.because)
    if last.number <= history.forgiven:
        return _unless_stopped(history, Launch(batch=last.batch, because="retry was asked for"))
    return _unless_stopped(history, _after_failure(history, last, policy, waited, means, salt))


def most_evaluated(history: History, evaluated: Mapping[int, int]) -> int | None:
    """How many windows at a time the next attempt may evaluate: half of what ran out of memory, nothing where none did.

    `evaluated` tells of attempts, by number, how many they evaluated last, once their training was complete.
    """
    tried = [(evaluated[past.number], past.failure_kind) for past in history.attempts if past.number in evaluated]
    return min((max(1, micro // 2) if _is_of_memory(kind) else micro for micro, kind in tried), default=None)


def _is_of_memory(kind: str | None) -> bool:
    return kind in BY_WORD and BY_WORD[kind].remedy is Remedy.HALVE


def _unless_stopped(history: History, step: NextStep) -> NextStep:
    return Done(green=False, because=f"stopped: {history.stopped}") if history.stopped else step


def _after_failure(
    history: History, last: PastAttempt, policy: Policy, waited: float, means: Means, salt: str
) -> NextStep:
    if last.verdict == "unverified":
        return Stop(kind="unverified", because=last.because)
    kind = BY_WORD[last.failure_kind or ""]
    stuck = kind.remedy is Remedy.RESUME and not means.got_further
    budget = policy.retries.get(kind.word, 0 if stuck else kind.budget)
    spent = sum(attempt.failure_kind == kind.word for attempt in _counted(history))
    if spent > budget:
        tried = f" ({spent} attempts ended so; the budget of retries is {budget})" if budget else ""
        tried = "; the next would get no further, for it left no later checkpoint" if stuck and not budget else tried
        return Stop(kind="cancelled" if kind.word == "cancelled" else "failed", because=f"{last.because}{tried}")
    if kind.remedy is Remedy.HALVE:
        return _for_want_of_memory(history, last, kind, means)
    wait = 0.0 if kind.remedy in _AT_ONCE else _backoff(policy.wait, spent, f"{salt} {last.number}")
    if waited < wait:
        return Wait(seconds=wait - waited, because=f"{kind.word}: {last.because}")
    return Launch(batch=last.batch, because=f"the same again after {kind.word}")


def _for_want_of_memory(history: History, last: PastAttempt, kind: FailureKind, means: Means) -> Launch | Stop:
    if means.growth and means.growth.helps(history):
        given = size(means.growth.of_next(history))
        return Launch(batch=last.batch, because=f"with {given} of memory after {kind.word}")
    if means.evaluating is not None:
        return _evaluate_less(last, kind, means.evaluating)
    return _halve(last, kind, means.why_indivisible)


def _backoff(wait: float, spent: int, salt: str) -> float:
    """Doubling, and up to half as long again: what failed together must not come back together. The same every time."""
    doubled: float = wait * 2 ** min(spent - 1, LONGEST_WAIT)
    return doubled * (1 + random.Random(salt).random() / 2)  # noqa: S311 - no secret


def _halve(last: PastAttempt, kind: FailureKind, why_indivisible: str | None) -> Launch | Stop:
    if why_indivisible:
        return Stop(kind="failed", because=f"{last.because}; it is not tried with half the batch: {why_indivisible}")
    halved = last.batch.halved()
    if halved is None:
        return Stop(kind="failed", because=f"{kind.word} even with a micro batch of 1: {last.because}")
    return Launch(batch=halved, because=f"half the micro batch after {kind.word}")


def _evaluate_less(last: PastAttempt, kind: FailureKind, evaluating: int) -> Launch | Stop:
    if evaluating == 1:
        return Stop(kind="failed", because=f"{kind.word} even evaluating a single window: {last.because}")
    return Launch(batch=last.batch, because=f"half of the windows evaluated at a time after {kind.word}")


def _counted(history: History) -> Iterable[PastAttempt]:
    return (attempt for attempt in history.attempts if attempt.number > history.forgiven)
