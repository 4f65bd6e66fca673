"""How a run's batch is cut by what became of others like it: what was seen beats what was predicted. Pure.

Others are alike where their shape is the same (`runner/shape.py`) and their device is of the same kind. What fitted
fits where there is as much room or more, what did not fit does not where there is as much or less.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from db.foreseen import Sight
from db.records import BatchSplit


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of one shape within some room; each split with the attempt that showed it.

    `tried` are the attempts, by the ledger's id, that have yet to show whether they fit.
    """

    fitted: Mapping[BatchSplit, str] = field(default_factory=dict)
    too_large: Mapping[BatchSplit, str] = field(default_factory=dict)
    tried: Mapping[int, str] = field(default_factory=dict)

    def against(self, batch: BatchSplit) -> str | None:
        """The attempt that showed that it does not fit. One that a success speaks for as well is not tried either.

        Accumulation is not looked at: it adds the gradients, which are little beside what others did not fit by.
        """
        return next((where for split, where in self.too_large.items() if split.micro <= batch.micro), None)

    def proof(self, batch: BatchSplit) -> str | None:
        """The attempt that showed that it fits: one that needed as much, at least."""
        return next((where for split, where in self.fitted.items() if needs_no_more(batch, split)), None)

    def trial(self, batch: BatchSplit, running: Collection[int]) -> str | None:
        """The attempt of those `running` that may soon show whether it fits, which nobody knows yet."""
        if self.proof(batch):
            return None
        return next((where for attempt, where in self.tried.items() if attempt in running), None)


NOTHING_SEEN = Seen()


def seen_within(limit: int, sights: Iterable[Sight]) -> Seen:
    """What they tell of attempts that have `limit` bytes."""
    fitted: dict[BatchSplit, str] = {}
    too_large: dict[BatchSplit, str] = {}
    tried: dict[int, str] = {}
    for sight in sights:
        if sight.came == "fits" and sight.room <= limit:
            fitted.setdefault(sight.batch, sight.where)
        elif sight.came == "too_large" and sight.room >= limit:
            too_large.setdefault(sight.batch, sight.where)
        elif sight.came == "tried":
            tried[sight.attempt_id] = sight.where
    return Seen(fitted=fitted, too_large=too_large, tried=tried)


def needs_no_more(one: BatchSplit, other: BatchSplit) -> bool:
    """Whether a step cut as `one` needs at most the memory of one cut as `other`.

    A batch that is accumulated keeps its gradients from one micro batch to the next.
    """
    return one.micro <= other.micro and (one.accum == 1 or other.accum > 1)


def halvings(whole: BatchSplit) -> tuple[BatchSplit, ...]:
    """A batch and all that becomes of it by halving, down to one window at a time."""
    half = whole.halved()
    return (whole,) if half is None else (whole, *halvings(half))


@dataclass(frozen=True, kw_only=True)
class First:
    """How a first attempt cuts its batch, and why it does not take it whole."""

    batch: BatchSplit
    because: str = ""


def first_batch(effective: int, predicted: BatchSplit | None, seen: Seen) -> First:
    """The largest micro batch that may be taken: never one that was seen not to fit, while there is a smaller one.

    With a prediction it is one that was predicted or seen to fit. Without, it is the largest that was seen to fit, and
    where none was, the largest that nothing speaks against.
    """
    ladder = halvings(BatchSplit(micro=effective, accum=1))
    left = [split for split in ladder if not seen.against(split)] or [ladder[-1]]
    wished = [split for split in left if seen.proof(split) or (predicted and split.micro <= predicted.micro)]
    batch = (wished or left)[0]
    return First(batch=batch, because=_why(batch, ladder, predicted, seen))


def _why(batch: BatchSplit, ladder: tuple[BatchSplit, ...], predicted: BatchSplit | None, seen: Seen) -> str:
    if batch == ladder[0]:
        return ""
    larger = ladder[ladder.index(batch) - 1]
    against, proof = seen.against(larger), seen.proof(batch)
    if against:
        return f"micro batch {larger.micro} did not fit in {against}"
    if proof and batch != predicted:
        return f"micro batch {batch.micro} fitted in {proof}"
    return "the whole batch is predicted not to fit"


def informed(batch: BatchSplit, seen: Seen) -> BatchSplit:
    """A later attempt's batch, halved further while that was seen not to fit."""
    return next((split for split in halvings(batch) if not seen.against(split)), batch)
