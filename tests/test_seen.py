"""What became of other runs decides how a batch is cut: beyond what was predicted, and never against what was seen."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from db.foreseen import Came, Sight
from db.records import BatchSplit
from runner.seen import NOTHING_SEEN, Seen, first_batch, halvings, informed, needs_no_more, seen_within

LIMIT = 100
EFFECTIVE = st.integers(1, 96)
CAME = st.sampled_from(("fits", "too_large", "tried"))
SIGHTS = st.lists(
    st.builds(
        lambda attempt, effective, at, room, came: sight(attempt, of(effective)[at % len(of(effective))], room, came),
        st.integers(1, 50),
        EFFECTIVE,
        st.integers(0, 9),
        st.sampled_from((LIMIT - 1, LIMIT, LIMIT + 1)),
        CAME,
    ),
    max_size=6,
)


def of(effective: int) -> tuple[BatchSplit, ...]:
    return halvings(BatchSplit(micro=effective, accum=1))


def sight(attempt: int, batch: BatchSplit, room: int, came: Came) -> Sight:
    return Sight(attempt_id=attempt, where=f"attempt {attempt}", batch=batch, room=room, came=came)


def seen(*sights: tuple[int, int, Came], effective: int = 16, room: int = LIMIT) -> Seen:
    """By micro batch."""
    splits = [BatchSplit(micro=micro, accum=effective // micro) for _, micro, _ in sights]
    pairs = zip(sights, splits, strict=True)
    return seen_within(LIMIT, [sight(attempt, split, room, came) for (attempt, _, came), split in pairs])


def micro(effective: int, predicted: int | None, known: Seen) -> int:
    cut = None if predicted is None else BatchSplit(micro=predicted, accum=effective // predicted)
    return first_batch(effective, cut, known).batch.micro


@given(EFFECTIVE, st.none() | st.integers(0, 9), SIGHTS)
def test_it_is_a_halving_that_nothing_speaks_against_while_there_is_one(
    effective: int, at: int | None, sights: Sequence[Sight]
) -> None:
    known, ladder = seen_within(LIMIT, sights), of(effective)
    batch = first_batch(effective, None if at is None else ladder[at % len(ladder)], known).batch
    assert batch in ladder
    assert batch.effective == effective
    assert not known.against(batch) or all(known.against(split) for split in ladder)


@given(EFFECTIVE, st.none() | st.integers(0, 9), SIGHTS)
def test_it_is_at_least_what_was_seen_to_fit(effective: int, at: int | None, sights: Sequence[Sight]) -> None:
    known, ladder = seen_within(LIMIT, sights), of(effective)
    batch = first_batch(effective, None if at is None else ladder[at % len(ladder)], known).batch
    proven = [split.micro for split in ladder if known.proof(split) and not known.against(split)]
    assert batch.micro >= max(proven, default=0)


@given(EFFECTIVE, st.integers(0, 9))
def test_where_nothing_was_seen_the_prediction_holds(effective: int, at: int) -> None:
    ladder = of(effective)
    cut = ladder[at % len(ladder)]
    assert first_batch(effective, cut, NOTHING_SEEN).batch == cut
    assert first_batch(effective, None, NOTHING_SEEN).batch == ladder[0]


@given(EFFECTIVE, st.integers(0, 9), SIGHTS)
def test_a_later_attempt_is_only_ever_cut_further(effective: int, at: int, sights: Sequence[Sight]) -> None:
    known, ladder = seen_within(LIMIT, sights), of(effective)
    asked = ladder[at % len(ladder)]
    batch = informed(asked, known)
    assert batch in ladder
    assert batch.micro <= asked.micro
    assert not known.against(batch) or batch == asked


@given(SIGHTS, EFFECTIVE, st.integers(0, 9))
def test_more_room_never_makes_a_batch_too_large(sights: Sequence[Sight], effective: int, at: int) -> None:
    batch = of(effective)[at % len(of(effective))]
    tight, wide = seen_within(LIMIT, sights), seen_within(LIMIT + 1, sights)
    assert not wide.against(batch) or tight.against(batch)
    assert not tight.proof(batch) or wide.proof(batch)


def test_what_was_seen_beats_what_was_predicted() -> None:
    assert micro(16, 16, seen((1, 16, "too_large"))) == 8, "too large although it was predicted to fit"
    assert micro(16, 2, seen((1, 8, "fits"))) == 8, "fits although it was predicted not to"
    assert micro(16, 8, seen((1, 4, "fits"))) == 8, "larger than what fitted, as predicted"
    assert micro(16, 8, seen((1, 4, "fits"), (2, 8, "too_large"))) == 4


def test_without_a_prediction_it_is_what_was_seen_to_fit() -> None:
    assert micro(16, None, seen((1, 16, "too_large"))) == 8
    assert micro(16, None, seen((1, 16, "too_large"), (2, 4, "fits"))) == 4
    assert micro(16, None, seen((1, 4, "fits"))) == 4


def test_seen_to_fit_and_not_to_fit_it_is_not_tried() -> None:
    assert micro(16, 16, seen((1, 16, "fits"), (2, 16, "too_large"))) == 8


def test_where_nothing_fits_the_smallest_is_tried() -> None:
    assert micro(16, 4, seen((1, 1, "too_large"))) == 1


def test_other_room_tells_what_it_can() -> None:
    assert micro(16, None, seen((1, 16, "too_large"), room=LIMIT - 1)) == 16, "there was less"
    assert micro(16, None, seen((1, 16, "too_large"), room=LIMIT + 1)) == 8, "not even in more"
    assert micro(16, 2, seen((1, 8, "fits"), room=LIMIT + 1)) == 2, "there was more"
    assert micro(16, 2, seen((1, 8, "fits"), room=LIMIT - 1)) == 8, "even in less"


def test_other_batches_tell_what_they_can() -> None:
    assert micro(16, None, seen((1, 8, "too_large"), effective=8)) == 4
    assert micro(16, 4, seen((1, 8, "fits"), effective=32)) == 8
    assert micro(16, 4, seen((1, 8, "fits"), effective=8)) == 4, "its gradients were not kept"
    assert not needs_no_more(BatchSplit(micro=4, accum=2), BatchSplit(micro=8, accum=1))


def test_reasons_name_the_attempt_that_tells() -> None:
    cut = BatchSplit(micro=2, accum=8)
    assert first_batch(16, cut, seen((7, 8, "fits"))).because == "micro batch 8 fitted in attempt 7"
    assert first_batch(16, None, seen((7, 4, "too_large"))).because == "micro batch 4 did not fit in attempt 7"
    assert first_batch(16, cut, NOTHING_SEEN).because == "the whole batch is predicted not to fit"
    assert first_batch(16, None, NOTHING_SEEN).because == ""


def test_siblings_wait_for_the_attempt_that_is_to_show_whether_they_fit() -> None:
    whole, half = of(16)[:2]
    known = seen((3, 16, "tried"))
    assert known.trial(whole, {3}) == "attempt 3"
    assert known.trial(whole, {4}) is None, "nobody looks after it: it may never end"
    assert seen((3, 16, "tried"), (1, 8, "fits")).trial(half, {3}) is None, "that fits whatever comes of it"
