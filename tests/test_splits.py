"""No sample is in two splits, and what was split finely is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.data.layout import Recording
from tasks.data.splits import SPLITS, Piece, Source, named, split_recordings


def source(number: int, bearing: str, label: int, length: int, rul: float = math.nan, system: int = 1) -> Source:
    recording = Recording(
        id=number,
        system=system,
        name="RIG",
        file=f"{bearing}/{number}.csv",
        label=label,
        rul=rul,
        sample_rate=1.0,
        diagnosis=True,
        detection=True,
        row=number + 2,
    )
    return Source(recording=recording, length=length)


@st.composite
def collections(draw: st.DrawFn) -> list[Source]:
    """Recordings of up to two systems, in folders; in some of the folders bearings were run to failure."""
    kinds = st.tuples(st.integers(1, 2), st.integers(0, 5), st.integers(-1, 2), st.integers(20, 400))
    worn = draw(st.sets(st.integers(0, 5)))
    found = draw(st.lists(kinds, min_size=1, max_size=30))
    return [
        source(number, f"b{bearing}", label, length, 0.5 if bearing in worn else math.nan, system)
        for number, (system, bearing, label, length) in enumerate(found)
    ]


SPAN, GAP = 20, 15


@given(collections())
def test_no_sample_is_in_two_splits_and_blocks_keep_a_gap(sources: list[Source]) -> None:
    pieces, _ = split_recordings(sources, SPAN, GAP)
    for one in sources:
        mine = sorted((piece for piece in pieces if piece.source is one), key=lambda piece: piece.start)
        assert mine[0].start == 0
        assert mine[-1].stop == one.length
        assert all(piece.stop - piece.start >= SPAN for piece in mine)
        assert all(later.start - earlier.stop == GAP for earlier, later in pairwise(mine))
        assert len({piece.split for piece in mine}) == len(mine)


@given(collections())
def test_bearings_run_to_failure_stay_whole_where_there_are_three(sources: list[Source]) -> None:
    pieces, _ = split_recordings(sources, SPAN, GAP)
    for system in (1, 2):
        worn = {
            one.recording.bearing
            for one in sources
            if one.recording.system == system and not math.isnan(one.recording.rul)
        }
        if len(worn) >= 3:
            found = {bearing: splits_of(pieces, system, bearing) for bearing in worn}
            assert all(len(splits) == 1 for splits in found.values())
            assert set().union(*found.values()) == set(SPLITS)


@given(collections(), st.randoms(use_true_random=False))
def test_the_order_of_the_table_does_not_matter(sources: list[Source], random: Any) -> None:
    shuffled = random.sample(sources, len(sources))
    pieces, notes = split_recordings(sources, SPAN, GAP)
    again, notes_again = split_recordings(shuffled, SPAN, GAP)
    assert set(pieces) == set(again)
    assert sorted(notes) == sorted(notes_again)


def splits_of(pieces: Sequence[Piece], system: int, bearing: str) -> set[str]:
    mine = [piece for piece in pieces if piece.source.recording.system == system]
    return {piece.split for piece in mine if piece.source.recording.bearing == bearing}


def test_a_group_of_three_bearings_is_split_by_bearing() -> None:
    sources = [source(number, f"b{number % 5}", 0, 100) for number in range(20)]
    pieces, notes = split_recordings(sources, SPAN, GAP)
    found = {f"b{bearing}": splits_of(pieces, 1, f"b{bearing}") for bearing in range(5)}
    assert sorted(next(iter(splits)) for splits in found.values()) == ["test", "train", "train", "train", "validation"]
    assert all(len(splits) == 1 for splits in found.values())
    assert notes == ()


def test_a_group_of_one_bearing_is_split_by_recording_and_says_so() -> None:
    pieces, notes = split_recordings([source(number, "b", 0, 100) for number in range(10)], SPAN, GAP)
    assert sorted(piece.split for piece in pieces) == ["test"] * 2 + ["train"] * 6 + ["validation"] * 2
    assert notes == (
        "system 1, label 0: fewer than three bearings, so split by recording",
        "system 1: 1 of 1 bearings (folders of File) in several splits, which flatters scores",
    )


def test_a_single_recording_is_cut_in_time_and_says_so() -> None:
    pieces, notes = split_recordings([source(0, "b", 0, 230)], SPAN, GAP)
    assert [(piece.split, piece.start, piece.stop) for piece in pieces] == [
        ("train", 0, 120),
        ("validation", 135, 175),
        ("test", 190, 230),
    ]
    assert "cut into blocks in time" in notes[0]


def test_a_recording_too_short_to_be_cut_is_for_training_and_named() -> None:
    pieces, notes = split_recordings([source(9, "b", 0, 3 * SPAN + 2 * GAP - 1)], SPAN, GAP)
    assert [piece.split for piece in pieces] == ["train"]
    assert "recording 9 is too short for that and is for training only" in notes[0]


def test_a_class_that_training_never_sees_is_named() -> None:
    pieces, notes = split_recordings([source(label, f"b{label}", label, 100, 0.5) for label in (1, 2, 3)], SPAN, GAP)
    (taught,) = (piece.source.recording.label for piece in pieces if piece.split == "train")
    unseen = sorted({1, 2, 3} - {taught})
    why = "has no bearing in the training split; it cannot be learned"
    assert notes == tuple(f"system 1, label {label}: {why}" for label in unseen)


def test_neighbouring_ids_are_named_as_a_range() -> None:
    assert named([9, 1, 2, 3, 7]) == "recording 1-3, 7, 9"
