"""GPUs that an attempt takes, carried out for real; only `nvidia-smi` is a script that names devices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import finish
from test_commands import CommandDesk

SEEN = 'from="$EPOCHREALTIME"; sleep 0.2; echo "$from $EPOCHREALTIME $CUDA_VISIBLE_DEVICES" > "$0"'
TAKES_TWO: dict[str, Any] = {
    "command": {"argv": ["bash", "-c", SEEN, "{out}/seen.txt", "{lr}"], "name": "seen"},
    "success": {"files": ["{out}/seen.txt"]},
    "grid": {"lr": [1, 2, 3]},
    "resources": {"gpus": 2},
}


class GpuDesk(CommandDesk):
    def has_gpus(self, *names: str) -> dict[str, str]:
        """The environment of a host with these GPUs."""
        program = self.folder / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        lines = "".join(f'echo "{index}, {name}, 81559"\n' for index, name in enumerate(names))
        program.write_text(f"#!/bin/bash\n{lines}")
        program.chmod(0o755)
        return {"PATH": f"{program.parent}:/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": ",".join(names)}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[GpuDesk]:
    made = GpuDesk(tmp_path)
    yield made
    made.clean_up()


def test_two_sweeps_take_two_gpus_each_time_and_share_none(desk: GpuDesk) -> None:
    env = desk.has_gpus("GPU-a", "GPU-b", "GPU-c")
    desk.write(**TAKES_TWO)
    other = desk.start("sweep", "sweep.yaml", "name=other", "lr=[4,5,6]", **env)
    assert desk.sweep(**env).code == 0
    done = finish(other)
    assert done.code == 0, done
    held: list[tuple[float, float, str]] = []
    for path in desk.root.glob("*/1/out/seen.txt"):
        start, end, names = path.read_text().split()
        assert len(set(names.split(","))) == 2
        held += [(float(start), float(end), name) for name in names.split(",")]
    assert len(held) == 6 * 2
    for begun, over, name in held:
        beside = [one for one in held if one[2] == name and one[0] < over and begun < one[1]]
        assert len(beside) == 1
    assert {attempt["device"].count(",") for attempt in desk.attempts()} == {1}


@pytest.mark.parametrize(
    ("names", "asked", "said"),
    [
        (("GPU-a",), 2, "resources.gpus: an attempt takes 2, and this host has 1 that it lets us see"),
        ((), 1, "resources.gpus: an attempt takes 1, and this host has none that it lets us see"),
        (("GPU-a",), 0, "resources.gpus: must be auto, none, or at least 1 and at most 10,000, is 0"),
        (("GPU-a",), "two", "resources.gpus: text 'two' is not one of auto, none, an integer"),
    ],
)
def test_more_than_there_are_is_refused_before_anything_is_started(
    names: tuple[str, ...], asked: object, said: str, desk: GpuDesk
) -> None:
    desk.write(**{**TAKES_TWO, "resources": {"gpus": asked}})
    done = desk.sweep(**desk.has_gpus(*names))
    assert done.code == 2
    assert said in done.err
    assert "sweep.yaml:" in done.err
    assert not desk.root.exists()


def test_a_backbone_of_ours_takes_one(desk: GpuDesk) -> None:
    (desk.folder / "sweep.yaml").write_text("tasks: [classification]\ngrid: {backbone: [fno]}\nresources: {gpus: 2}\n")
    done = desk.sweep(**desk.has_gpus("GPU-a", "GPU-b"))
    assert (done.code, "sweep.yaml:3:13: resources.gpus: a backbone trains on one GPU" in done.err) == (2, True)


def test_gpus_that_fail_twice_in_a_row_are_left_alone_together(desk: GpuDesk) -> None:
    text = '[[ "$CUDA_VISIBLE_DEVICES" != *GPU-b* ]] || { echo "CUDA error: uncorrectable ECC error" >&2; exit 1; }'
    command = {"argv": ["bash", "-c", f"{text}; touch $0; echo 1 > $0", "{out}/seen.txt", "{lr}"], "name": "seen"}
    desk.write(**{**TAKES_TWO, "command": command, "policy": {"wait": 0.1, "retries": {"device_fault": 4}}})
    done = desk.sweep(**desk.has_gpus("GPU-a", "GPU-b", "GPU-c", "GPU-d"))
    assert done.code == 0, done
    devices = [(attempt["failure_kind"], attempt["device"]) for attempt in desk.attempts()]
    assert devices.count(("device_fault", "GPU-a,GPU-b")) == 2
    assert devices.count((None, "GPU-c,GPU-d")) == 3
