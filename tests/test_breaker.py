"""Runs that fail alike stop a sweep; devices that fail twice are left alone."""

from __future__ import annotations

import pytest
from evidence import GOOD

from db.verdicts import Failed, Verdict
from runner.breaker import Ending, busy_devices, faulty_devices, why_stop
from runner.judge import judge

GREEN = judge(GOOD)


def failed(kind: str, because: str = "KeyError: 'e_layers'") -> Failed:
    return Failed(kind=kind, because=because, evidence=())


def endings(*verdicts: Verdict, device: str = "cpu") -> list[Ending]:
    return [Ending(run_id=f"run {number}", device=device, verdict=one) for number, one in enumerate(verdicts)]


CRASHED, DISK, OOM = failed("crashed"), failed("disk_full", "no space"), failed("cuda_oom", "too large")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([CRASHED] * 3, "3 runs in a row failed alike"),
        ([CRASHED] * 2, "goes on"),
        ([CRASHED, failed("crashed", "ValueError: x"), CRASHED], "goes on"),
        (
            [failed("crashed", "KeyError: 'a'"), failed("crashed", "KeyError: 'b'"), CRASHED],
            "3 runs in a row failed alike",
        ),
        ([GREEN, CRASHED, CRASHED, CRASHED], "goes on"),
        ([CRASHED, CRASHED, GREEN, CRASHED], "goes on"),
        ([GREEN, DISK, DISK, DISK], "3 runs in a row failed alike"),
        ([CRASHED, OOM, CRASHED, failed("cancelled"), CRASHED], "3 runs in a row failed alike"),
        ([OOM] * 9, "goes on"),
        ([], "goes on"),
    ],
)
def test_a_sweep_stops_where_the_next_run_would_fail_too(verdicts: list[Verdict], said: str) -> None:
    assert (why_stop(endings(*verdicts), 3) or "goes on").startswith(said)
    assert why_stop(endings(*verdicts), 0) is None


def test_one_run_that_fails_again_and_again_says_nothing_of_the_others() -> None:
    again = [Ending(run_id="one", device="cpu", verdict=DISK) for _ in range(9)]
    assert why_stop(again, 3) is None


def test_a_device_that_fails_twice_in_a_row_is_left_alone_and_one_that_is_held_by_others_for_once() -> None:
    fault, busy = failed("device_fault"), failed("device_busy")
    told = [
        *endings(fault, fault, device="GPU-a"),
        *endings(fault, GREEN, fault, device="GPU-b"),
        *endings(busy, device="GPU-c"),
        *endings(busy, GREEN, device="GPU-d"),
        *endings(fault, device="GPU-e,GPU-f"),
        *endings(fault, device="GPU-e"),
        *endings(GREEN, device="GPU-f"),
    ]
    assert faulty_devices(told) == {"GPU-a", "GPU-e"}
    assert busy_devices(told) == {"GPU-c"}
