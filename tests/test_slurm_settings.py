"""The `slurm` section: what is refused before anything is started, and what Slurm is told then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.errors import Refused
from db.strict import Invalid
from runner.placement import Placement
from runner.slurm.array import ROOM_TO_END, SUPERVISOR, parameters
from sweeps.settings import Resources
from sweeps.slurm import Slurm
from sweeps.spec import read_sweep

GIB = 2**30


def told(asked: Slurm, resources: Resources | None = None, placement: Placement | None = None) -> dict[str, Any]:
    return parameters(asked, resources or Resources(), "runner-a", placement or Placement())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{partitoin: long}", "unknown setting `slurm.partitoin` (did you mean `slurm.partition`?)"),
        ("{partition: ''}", "slurm.partition: must be one line of printable characters without a backslash"),
        ('{gres: "gpu:1\\nrm"}', "slurm.gres: must be one line of printable characters without a backslash"),
        ("{extra: {comment: 'a\\b'}}", "slurm.extra.comment: must be one line of printable characters without a back"),
        ("{extra: {test-only: true}}", "slurm.extra.test-only: nothing would be submitted"),
        ("{extra: {ntasks-per-node: 2}}", "slurm.extra.ntasks-per-node: an attempt is one task"),
        ("{memory: 16}", "slurm.memory: expected a size with its unit, such as 4GiB, found an integer 16"),
        ("{memory: 0GiB}", "slurm.memory: must be above 0"),
        ("{memory: 4GiB, memory_up_to: 8}", "slurm.memory_up_to: expected a size with its unit"),
        ("{memory: 4GiB, memory_up_to: 4GiB}", "slurm.memory_up_to: must be above `slurm.memory`"),
        ("{memory_up_to: 4GiB}", "slurm.memory_up_to: must be above `slurm.memory`, which says where"),
        (
            "{memory: 4GiB, memory_up_to: 8GiB}\nresources: {memory: 3GiB}",
            "slurm.memory_up_to: `resources.memory` would end an attempt however much memory its job has",
        ),
        ("{at_once: 0}", "slurm.at_once: must be above 0"),
        ("{extra: {mem: 4G}}", "slurm.extra.mem: say `slurm.memory`"),
        ("{extra: {qos: long}}", "slurm.extra.qos: say `slurm.qos`"),
        ("{extra: {requeue: true}}", "slurm.extra.requeue: retries have one owner"),
        ("{extra: {--exclusive: true}}", "slurm.extra.--exclusive: an option is named as"),
        ("{extra: {exclusive: false}}", "slurm.extra.exclusive: an option without a value is `true`"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(f"tasks: [signal_prediction]\ngrid: {{backbone: [fno]}}\nslurm: {text}\n")
    with pytest.raises(Refused) as refused:
        read_sweep(file, gpus=0)
    (line,) = str(refused.value).split("\n")
    place, _, said = line.removeprefix(f"{file}:").partition(" ")
    assert place.startswith("3:")
    assert said.startswith(message)


def test_more_memory_needs_a_beginning() -> None:
    with pytest.raises(Invalid, match="memory_up_to"):
        Slurm(memory_up_to=GIB)
    assert Slurm(memory=GIB, memory_up_to=2 * GIB).memory_up_to == 2 * GIB


def test_retries_have_one_owner_and_time_is_kept_by_the_supervisor() -> None:
    extra = told(Slurm(extra={"reservation": "ours"}))["additional_parameters"]
    assert extra == {"reservation": "ours", "no-requeue": True, "signal": "URG@1"}


def test_memory_is_the_placements_before_the_jobs_before_the_attempts() -> None:
    attempt = Resources(memory=GIB)
    assert told(Slurm())["mem"] is None
    assert told(Slurm(), attempt)["mem"] == f"{(GIB + SUPERVISOR) // 2**20}M"
    assert told(Slurm(memory=2 * GIB), attempt)["mem"] == "2048M"
    assert told(Slurm(memory=2 * GIB), placement=Placement(memory=3 * GIB))["mem"] == "3072M"
    assert told(Slurm(memory=2 * GIB + 1))["mem"] == "2049M", "never less than asked for"


def test_the_shorter_time_holds_and_leaves_room_to_end() -> None:
    assert told(Slurm())["time"] is None
    assert told(Slurm(time=600))["time"] == 10
    assert told(Slurm(time=601))["time"] == 11, "never less than asked for"
    assert told(Slurm(), Resources(time=600 - ROOM_TO_END))["time"] == 10
    assert told(Slurm(time=600), Resources(time=60))["time"] == 3


def test_nodes_are_left_out_by_the_file_and_by_what_befell_there() -> None:
    assert told(Slurm())["exclude"] is None
    assert told(Slurm(exclude="n[1-3]"), placement=Placement(avoid=("n5", "n7")))["exclude"] == "n[1-3],n5,n7"


def test_as_many_gpus_as_an_attempt_takes() -> None:
    assert told(Slurm(), Resources(gpus=2))["gres"] == "gpu:2"
    assert told(Slurm(gres="gpu:a100:1"), Resources(gpus=2))["gres"] == "gpu:a100:1"
    assert told(Slurm())["gres"] is None
