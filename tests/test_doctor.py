"""`runner doctor` on this host: what it finds where all is well, and each thing that may be lacking."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sweeping import Desk
from test_gpus import _fake
from test_status_schema import fitting

from db.sqlite import file_system_of
from runner.doctor import host_checks
from runner.doctor.finding import Finding, failing, fine, page, warning
from runner.doctor.host import Home, look_at_home
from runner.doctor.memory_words import memory_finding
from runner.doctor.senses import memory_limited_by, missing_packages, why_no_claims

OF_A_HOST = ["python", "sqlite", "root", "space", "file system", "ledger", "memory", "gpu", "slots"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clean_up()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return look_at_home(tmp_path_factory.mktemp("home") / "runs")


def examined(desk: Desk, *arguments: str, code: int, **env: str) -> dict[str, dict[str, Any]]:
    """What `doctor` found by the names of its checks; its answer fits the schema and its exit code."""
    done = desk.type("doctor", "--json", *arguments, **env)
    told = fitting(done.out, "doctor")
    assert (done.code, told["ok"]) == (code, code == 0), done.out + done.err
    return {one["check"]: one for one in told["checks"]}


def test_a_host_where_all_is_well(desk: Desk) -> None:
    found = examined(desk, code=0)
    assert list(found) == OF_A_HOST
    assert not {one["check"] for one in found.values() if one["level"] == "fails"}
    assert all((one["level"] == "ok") == (one["advice"] is None) for one in found.values())
    assert not desk.root.exists(), "it makes nothing"
    shown = desk.type("doctor")
    assert shown.code == 0
    assert all(any(line.startswith(("ok  ", "warning  ")) for line in shown.out.splitlines()) for _ in found)


def test_a_root_that_is_there_is_left_as_it_was(desk: Desk) -> None:
    desk.write(command={"argv": ["true"]}, **dict.fromkeys(("tasks", "data", "train", "plugins", "grid")))
    desk.sweep()
    before = sorted(desk.root.rglob("*"))
    assert examined(desk, code=0)["ledger"]["said"] == "it can be read; sweeps in it: 1"
    assert sorted(desk.root.rglob("*")) == before


def test_a_root_where_nothing_can_be_written(desk: Desk) -> None:
    assert examined(desk, "--root", "/proc/runs", code=1)["root"]["level"] == "fails"


def test_a_ledger_that_is_none(desk: Desk) -> None:
    desk.root.mkdir()
    (desk.root / "ledger.db").write_text("not a database, and long enough to be read as one" * 9)
    assert "cannot be read as a ledger" in examined(desk, code=1)["ledger"]["said"]


def test_memory_that_is_only_watched_is_a_warning(desk: Desk) -> None:
    found = examined(desk, code=0, RUNNER_MEMORY_LIMIT="sampled")["memory"]
    assert (found["level"], "RUNNER_MEMORY_LIMIT" in found["advice"]) == ("warning", True)


def test_a_driver_that_fails(desk: Desk) -> None:
    path = _fake(desk.folder, "echo no driver >&2; exit 255")
    found = examined(desk, code=1, PATH=path)["gpu"]
    assert "no driver" in found["said"]
    (desk.folder / "sweep.yaml").write_text(json.dumps({"command": {"argv": ["true"]}, "resources": {"gpus": "none"}}))
    assert examined(desk, "sweep.yaml", code=0, PATH=path)["gpu"]["level"] == "ok"


def test_gpus_are_told(desk: Desk) -> None:
    path = _fake(desk.folder, 'echo "0, GPU-8a1b, 81920"')
    assert examined(desk, code=0, PATH=path, CUDA_VISIBLE_DEVICES="0")["gpu"]["said"] == "nvidia-smi shows 0 (80.0 GiB)"


def test_a_folder_of_slots_that_is_a_file(desk: Desk) -> None:
    (desk.folder / "taken").write_text("")
    found = examined(desk, code=1, RUNNER_SLOTS=str(desk.folder / "taken"))
    assert found["slots"]["level"] == "fails"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.yaml"], "none.yaml"),
        (["--within", "soon"], "--within: 'soon' is not a duration"),
        (["--launcher", "pbs"], "invalid choice"),
        (["--no-job", "--within", "5s"], "not allowed with"),
    ],
)
def test_what_cannot_be_used_is_refused(desk: Desk, arguments: list[str], said: str) -> None:
    done = desk.type("doctor", *arguments)
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_place_without_slurm(desk: Desk) -> None:
    nowhere = desk.folder / "nowhere"
    nowhere.mkdir()
    found = examined(desk, "--launcher", "slurm", code=1, PATH=str(nowhere))
    assert list(found) == [*OF_A_HOST[:6], "commands"]
    assert found["commands"]["said"] == "not on PATH: sbatch, srun, squeue, scancel, scontrol"


LACKS: list[tuple[dict[str, Any], str, str]] = [
    ({"missing": ("torch",)}, "python", "fails"),
    ({"sqlite": (3, 36, 0)}, "sqlite", "fails"),
    ({"sqlite": (3, 37, 0)}, "sqlite", "ok"),
    ({"why_no_claims": "it cannot be locked"}, "root", "fails"),
    ({"free": 2**20}, "space", "fails"),
    ({"free": 2**30}, "space", "warning"),
    ({"free_files": 3}, "space", "fails"),
    ({"free_files": 20_000}, "space", "warning"),
    ({"free_files": None}, "space", "ok"),
    ({"file_system": "nfs4"}, "file system", "warning"),
]


@pytest.mark.parametrize(("lack", "check", "level"), LACKS)
def test_each_thing_that_a_home_may_lack(home: Home, lack: dict[str, Any], check: str, level: str) -> None:
    plenty = replace(home, free=2**40, free_files=10**6)
    found = {one.check: one for one in (check(replace(plenty, **lack)) for check in host_checks.HOME)}
    assert found[check].level == level
    assert all(one.level == "ok" for name, one in found.items() if name != check)


def test_what_is_looked_at_for_real(tmp_path: Path) -> None:
    assert missing_packages() == ()
    assert why_no_claims(tmp_path) is None
    assert not list(tmp_path.iterdir())
    assert (why_no_claims(Path("/proc")) or "").startswith("no folder can be made in it: ")
    assert file_system_of(Path("/proc")) == "proc"
    assert memory_finding("memory", "here", memory_limited_by()).level in ("ok", "warning")


def test_a_page_that_steers_no_terminal() -> None:
    found: list[Finding] = [fine("a", "well"), warning("bb", "not\x1b[31m so\nwell", "mend\tit")]
    lines = page(found).split("\n")
    assert lines == [
        "ok       a   well",
        "warning  bb  not\N{REPLACEMENT CHARACTER}[31m so well",
        "             -> mend it",
        "",
        "a sweep can run; 1 warning",
    ]
    assert page([fine("a", "well")]).endswith("\nall is well")
    assert "1 of 3 checks FAIL, 1 warning" in page([*found, failing("c", "no", "do")])


def test_it_is_no_sweep_inside_of_an_attempt_of_another(desk: Desk) -> None:
    """Only looking, it may be asked anywhere."""
    assert examined(desk, code=0, RUNNER_ATTEMPT="x", RUNNER_ATTEMPT_SLOTS=os.environ.get("RUNNER_SLOTS", "/nowhere"))
