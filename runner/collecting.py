"""Collecting what an attempt left behind, as it is: nothing here decides anything."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeVar

from db.records import Claim, Exit, Plan, Result
from runner.attempt_dir import AttemptDir, BadRecord, parse_record, read_bounded
from runner.evidence import Evidence, Unreadable, end_of
from runner.last_line import last_line
from runner.launchers.looks import Account
from runner.liveness import was_restarted_since
from runner.log_signs import read_signs
from runner.metrics_feed import MetricsFeed
from runner.proofs import read_proofs
from runner.room import why_unwritable
from runner.watched import stamp_of

T = TypeVar("T")


def collect(
    attempt: AttemptDir,
    *,
    feed: MetricsFeed | None = None,
    refused: str | None = None,
    survivors: int = 0,
    submitted: bool = True,
    account: Account | None = None,
) -> Evidence:
    """Read all that the attempt left. Call it only once the attempt is proven over.

    `feed` is what has followed its `metrics.jsonl` until now, where somebody has; `account` is its launcher's.
    """
    if feed is None:
        feed = MetricsFeed(attempt.metrics)
        feed.read_new(ended=True)
    plan, claim, exit_ = _read(attempt.read_plan), _read(attempt.read_claim), _read(attempt.read_exit)
    result, digest = _read_result(attempt, plan, exit_)
    return Evidence(
        plan=plan,
        claim=claim,
        end_request=_read(attempt.read_end_request),
        exit=exit_,
        result=result,
        result_sha256=digest,
        last_words=last_line(end_of(attempt.stderr)) or last_line(end_of(attempt.stdout)),
        refused=refused,
        survivors=survivors,
        submitted=submitted,
        account=account,
        proofs=read_proofs(attempt, plan, exit_) if isinstance(plan, Plan) and isinstance(exit_, Exit) else (),
        signs=read_signs((attempt.stderr, attempt.stdout)),
        reported=bool(feed.latest),
        non_finite=feed.non_finite,
        unreadable_numbers=feed.unreadable,
        unwritable=_why_unwritable(attempt) if exit_ is None else None,
        restarted=isinstance(claim, Claim) and was_restarted_since(claim),
    )


def _why_unwritable(attempt: AttemptDir) -> str | None:
    fault = why_unwritable(attempt.path)
    return fault.strerror if fault else None


def _read(read: Callable[[], T]) -> T | Unreadable | None:
    try:
        return read()
    except FileNotFoundError:
        return None
    except (BadRecord, OSError) as error:
        return Unreadable(why=str(error))


def _read_result(
    attempt: AttemptDir, plan: Plan | Unreadable | None, exit_: Exit | Unreadable | None
) -> tuple[Result | Unreadable | None, str | None]:
    """Parse and hash the same bytes: what was judged is what the ledger can prove."""
    data = _read(lambda: read_bounded(attempt.result))
    if data is None or isinstance(data, Unreadable):
        return data, None
    # Whose process wrote a command's result nobody can tell, but that it was there when the command ended.
    if isinstance(plan, Plan) and plan.declared is not None and isinstance(exit_, Exit):
        ended_with = {each.path: each.after for each in exit_.files}.get(str(attempt.result))
        if ended_with is None or stamp_of(attempt.result) != ended_with:
            return Unreadable(why="result.json was written after the command had ended; it must wait for it"), None
    return _read(lambda: parse_record(data, Result, attempt.result.name)), hashlib.sha256(data).hexdigest()
