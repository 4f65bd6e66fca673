"""How GPUs are found, and what is done where the driver does not say: with stand-ins for nvidia-smi."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from stories import StoryDesk
from sweeping import ROOT, finish

from db.errors import Refused
from runner import asking
from runner.asking import Unanswered, ask
from runner.gpus import Gpu, find_gpus, visible

GPUS = tuple(Gpu(index=index, uuid=f"GPU-{letter * 4}", memory=80 * 2**30) for index, letter in enumerate("abcd"))
TWO = """echo "0, GPU-8a1b, 143771"; echo "1, GPU-9c, 81559" """
BOTH = (Gpu(index=0, uuid="GPU-8a1b", memory=143771 * 2**20), Gpu(index=1, uuid="GPU-9c", memory=81559 * 2**20))
JOB = ROOT / "tests" / "commands" / "on_gpu.sh"


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("-1", []),
        ("2,0", [2, 0]),
        ("1,7,0", [1]),
        ("GPU-cccc, 0", [2, 0]),
        ("GPU-c", [2]),
        ("1,1", [1]),
        ("NoDevFiles", []),
    ],
)
def test_visible_devices_are_read_as_cuda_does(wanted: str | None, indices: list[int]) -> None:
    assert [gpu.index for gpu in visible(GPUS, wanted)] == indices


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[StoryDesk]:
    made = StoryDesk(tmp_path)
    yield made
    made.clean_up()


def _fake(folder: Path, script: str) -> str:
    """An nvidia-smi in front of all others; each time it is asked a line is added to `asked`. The PATH with it."""
    program = folder / "bin" / "nvidia-smi"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/bash\necho >>{folder}/asked\n{script}\n")
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def _times_asked(folder: Path) -> int:
    return len((folder / "asked").read_text().splitlines())


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", _fake(tmp_path, TWO))
    return tmp_path


def test_gpus_are_asked_of_the_driver(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = '[ "$1 $2" = "--query-gpu=index,uuid,memory.total --format=csv,noheader,nounits" ] || exit 2'
    _fake(fake, f'{right}\n{TWO}\necho "2, GPU-dead, [N/A]"')
    assert find_gpus().found == BOTH
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert find_gpus().found == BOTH[1:]


@pytest.mark.parametrize("wanted", ["", "-1"])
def test_who_wants_no_gpu_is_not_asked_for_a_driver(fake: Path, monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)
    assert not find_gpus()
    assert not (fake / "asked").exists()


def test_without_the_command_there_are_no_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    began = time.monotonic()
    assert not find_gpus()
    assert find_gpus().usable() == ()
    assert time.monotonic() - began < asking.TRIES, "nothing is waited for"


def test_a_driver_that_fails_in_passing_is_asked_again(fake: Path) -> None:
    _fake(fake, f"[ -e {fake}/once ] || {{ touch {fake}/once; echo 'Unknown Error' >&2; exit 255; }}\n{TWO}")
    assert find_gpus().usable() == BOTH
    assert _times_asked(fake) == 2


def test_a_driver_that_keeps_failing_is_no_host_without_gpus(fake: Path) -> None:
    _fake(fake, "echo 'Unable to determine the device handle: GPU is lost' >&2; exit 15")
    found = find_gpus()
    assert found, "a profile for GPUs is chosen all the same"
    with pytest.raises(Refused, match=r"ended with exit code 15: .*GPU is lost.*resources\.gpus=none"):
        found.usable()
    assert _times_asked(fake) == asking.TRIES


@pytest.mark.parametrize("on_the_bus", [False, True])
def test_a_missing_driver_is_an_answer_unless_there_is_a_gpu(
    fake: Path, monkeypatch: pytest.MonkeyPatch, *, on_the_bus: bool
) -> None:
    device = fake / "devices" / "0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x10de\n")
    (device / "class").write_text("0x030200\n" if on_the_bus else "0x020000\n")
    monkeypatch.setattr("runner.gpus.PCI", fake / "devices")
    _fake(fake, "echo 'NVIDIA-SMI has failed because it could not talk to the driver.'; exit 9")
    assert bool(find_gpus()) == on_the_bus
    assert (find_gpus().unanswered is None) != on_the_bus


def test_an_answer_that_does_not_come_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWER_WITHIN", 0.5)
    began = time.monotonic()
    with pytest.raises(Unanswered, match=r"`sleep 60` gave no answer within 0\.5 s"):
        ask(("sleep", "60"))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("argv", [("--help",), ("status",)])
def test_who_asks_nothing_loads_nothing_to_ask_with(tmp_path: Path, argv: tuple[str, ...]) -> None:
    code = f"""
import sys, runner.cli
try:
    runner.cli.main({list(argv)!r})
finally:
    print('loaded:', *sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    loaded = done.stderr.partition("loaded:")[2].split()
    assert "runner.cli" in loaded
    assert "tenacity" not in loaded


def _write(desk: StoryDesk, name: str, jobs: int, **resources: object) -> None:
    argv = ["bash", str(JOB), str(desk.side), "0.4", "{out}"]
    desk.write(
        name=name,
        command={"argv": argv, "name": name, "env": {"NUMBER": "{number}"}},
        settings={},
        zip={"number": list(range(jobs))},
        resources=resources,
    )
    (desk.folder / "sweep.yaml").rename(desk.folder / f"{name}.yaml")


def test_a_sweep_meant_for_a_gpu_does_not_crawl_on_cpus(desk: StoryDesk) -> None:
    path = _fake(desk.folder, "echo 'GPU is lost' >&2; exit 15")
    _write(desk, "first", 1)
    refused = desk.type("sweep", "first.yaml", PATH=path)
    assert refused.code == 2, refused
    assert "whether this host has a GPU cannot be told" in refused.err
    assert "Traceback" not in refused.err
    assert not desk.marks(), "nothing was started"
    assert desk.type("sweep", "first.yaml", "resources.gpus=none", PATH=path).code == 0
    assert {mark.run for mark in desk.marks()} == {"cpu"}


@pytest.mark.parametrize("gpus", [1, 2])
def test_two_sweeps_on_one_ledger_never_share_a_gpu(desk: StoryDesk, gpus: int) -> None:
    path = _fake(desk.folder, "; ".join(f'echo "{gpu.index}, {gpu.uuid}, 81559"' for gpu in BOTH[:gpus]))
    _write(desk, "first", 6)
    _write(desk, "second", 6)
    both = [desk.start("sweep", f"{name}.yaml", PATH=path) for name in ("first", "second")]
    assert [finish(each).code for each in both] == [0, 0]
    marks = desk.marks()
    assert Counter(mark.what for mark in marks) == {"start": 12, "end": 12}, "none beside another"
    assert {mark.run for mark in marks} == {gpu.uuid for gpu in BOTH[:gpus]}
    told = {row["nonce"]: row["sweep"] for row in _sweeps_of_attempts(desk)}
    order = [told[mark.nonce] for mark in marks if mark.what == "start"]
    assert len({*order[:8]}) == 2, "side by side, not one after the other"


def _sweeps_of_attempts(desk: StoryDesk) -> list[dict[str, str]]:
    commands = {row["run"]: row["sweep"] for row in desk.status()}
    return [{"nonce": row["nonce"], "sweep": commands[row["run"]]} for row in desk.attempts()]
