"""Sweeps of commands that we did not write, as a person types them: what they declare is what they are believed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import ROOT, RUNNER, Desk, is_gone, kill, supervisor_of, wait_for

from runner.provenance import command_fingerprint

COMMANDS = ROOT / "tests" / "commands"
LEARN = ["{python}", str(COMMANDS / "learn.py"), "--lr", "{lr}", "--out", "{out}"]
BATCHED = [*LEARN, "--batch", "{batch}", "--accum", "{accum}"]
METRICS = {"files": [{"path": "{out}/metrics.json", "metrics": ["mse"]}]}


class CommandDesk(Desk):
    """A desk whose sweep file is of a command."""

    def write(self, **sections: Any) -> None:
        known = {"name": "probe", "policy": {"wait": 0.1, "grace": 1.0}}
        (self.folder / "sweep.yaml").write_text(json.dumps({**known, **sections}, indent=1))

    def script(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def because(self) -> tuple[str, str | None, str]:
        row = self.only()
        return row["state"], row["failure_kind"], row["because"]

    def finals(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for row in json.loads(self.type("sql", "SELECT label, metric, value FROM final_metrics", "--json").out):
            found.setdefault(row["label"], {})[row["metric"]] = row["value"]
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[CommandDesk]:
    made = CommandDesk(tmp_path)
    yield made
    made.clean_up()


def test_a_script_that_knows_nothing_of_us_is_green_by_what_it_wrote(desk: CommandDesk) -> None:
    desk.write(command=LEARN, success=METRICS, grid={"lr": [0.1, 0.2]})
    done = desk.sweep()
    assert done.code == 0, done
    assert {row["state"] for row in desk.status()} == {"succeeded"}
    finals = desk.finals()
    assert set(finals) == {"learn lr=0.1", "learn lr=0.2"}
    assert finals["learn lr=0.2"]["mse"] == pytest.approx(0.6**20)
    assert "mse" in done.out
    assert "mse" in desk.type("why", "learn lr=0.1").out


def test_of_200_commands_that_end_well_exactly_the_liars_fail(desk: CommandDesk) -> None:
    lies = {3: "none", 17: "empty", 50: "nan", 51: "torn", 99: "other", 150: "folder", 199: "none"}
    cases = [f"{number}:{lies.get(number, 'true')}" for number in range(200)]
    desk.write(
        command={"argv": ["bash", str(COMMANDS / "perhaps.sh"), "{out}", "{lie}", "{number}"], "name": "perhaps"},
        success=METRICS,
        zip={"number": list(range(200)), "lie": [case.split(":")[1] for case in cases]},
        resources={"slots": 4},
    )
    assert desk.sweep().code == 1
    rows = desk.status()
    assert len(rows) == 200
    failed = {row["position"]: row["failure_kind"] for row in rows if row["state"] != "succeeded"}
    assert set(failed) == set(lies)
    assert {lies[number]: kind for number, kind in failed.items()} == {
        "none": "no_result",
        "empty": "bad_result",
        "nan": "non_finite",
        "torn": "bad_result",
        "other": "incomplete",
        "folder": "bad_result",
    }


def test_exit_code_0_with_nothing_declared_proves_nothing(desk: CommandDesk) -> None:
    desk.write(command=["true"])
    done = desk.sweep()
    assert done.code == 1
    assert desk.because()[:2] == ("unverified", None)
    assert "1 unverified" in done.out
    assert desk.sweep().code == 1
    assert len(desk.attempts()) == 1


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ("raise AttributeError(\"'ConfigWrapper' object has no attribute 'e_layers'\")", "crashed", "e_layers"),
        ("raise MemoryError", "host_oom", "MemoryError"),
        ("print('epoch 3: loss: nan')", "non_finite", "nan"),
    ],
)
def test_what_a_log_shows_speaks_against_a_command_that_declares_nothing(
    desk: CommandDesk, words: str, kind: str, said: str
) -> None:
    desk.script("train.py", words)
    desk.write(command=["bash", "-c", '"$1" train.py 2>&1 | tee log.txt', "train", "{python}"])
    assert desk.sweep().code == 1
    state, found, because = desk.because()
    assert (state, found) == ("failed", kind)
    assert said in because


def test_a_success_that_prints_of_failures_is_a_success(desk: CommandDesk) -> None:
    words = "Traceback (most recent call last):\\nRuntimeError: CUDA out of memory\\nloss: nan"
    desk.script("train.sh", f"printf '{words}\\n' >&2; echo '{{\"mse\": 0.5}}' > \"$1/metrics.json\"\n")
    desk.write(command=["bash", "train.sh", "{out}"], success=METRICS)
    assert desk.sweep().code == 0


def test_memory_that_runs_out_halves_the_batch_and_nothing_else(desk: CommandDesk) -> None:
    desk.write(command=BATCHED, success=METRICS, settings={"batch": 64, "lr": 0.1})
    done = desk.sweep()
    assert done.code == 0, done
    ladder = [(row["failure_kind"], row["micro_batch"], row["grad_accum"]) for row in desk.attempts()]
    assert ladder == [("cuda_oom", 64, 1), ("cuda_oom", 32, 2), (None, 16, 4)]
    (last,) = desk.root.glob("*/3/out/metrics.json")
    assert json.loads(last.read_text())["accum"] == 4


def test_half_a_batch_without_the_accumulation_would_be_another_experiment(desk: CommandDesk) -> None:
    desk.write(command=[*LEARN, "--batch", "{batch}"], success=METRICS, settings={"batch": 64, "lr": 0.1})
    assert desk.sweep().code == 1
    state, kind, because = desk.because()
    assert (state, kind) == ("failed", "cuda_oom")
    assert "{accum}" in because
    assert "another experiment" in because


def test_the_config_file_of_a_script_is_copied_and_its_keys_rewritten(desk: CommandDesk) -> None:
    desk.script("main.yaml", "data: {batch_size: 64, name: XJTU} # as it was\nmodel: {d_model: 32}\n")
    read = "import sys, yaml, json; c = yaml.safe_load(open(sys.argv[1])); b = c['data']['batch_size']"
    desk.script(
        "main.py",
        f"{read}\nif b > 16: raise MemoryError\n"
        "json.dump({'mse': 0.1, **c['data'], **c['model'], **c['trainer']}, open(c['out'] + '/metrics.json', 'w'))\n",
    )
    keys = {"data.batch_size": "{batch}", "trainer.accumulate": "{accum}", "out": "{out}"}
    desk.write(
        command={
            "argv": ["{python}", "main.py", "{config}"],
            "config": {"base": "main.yaml", "set": keys, "new": ["trainer.accumulate", "out"]},
        },
        success=METRICS,
        settings={"batch": 32},
        grid={"config.model.d_model": [64]},
    )
    done = desk.sweep()
    assert done.code == 0, done
    (written,) = desk.root.glob("*/2/out/metrics.json")
    assert json.loads(written.read_text()) == {
        "mse": 0.1,
        "batch_size": 16,
        "name": "XJTU",
        "d_model": 64,
        "accumulate": 2,
    }
    assert "as it was" in (desk.folder / "main.yaml").read_text()


def test_what_is_written_after_the_command_has_ended_is_no_proof(desk: CommandDesk) -> None:
    late = '(sleep 1; echo \'{"mse": 0.1}\' > "$1/metrics.json") & exit 0'
    desk.write(command=["bash", "-c", late, "late", "{out}"], success=METRICS, policy={"grace": 5.0, "wait": 0.1})
    assert desk.sweep().code == 1
    assert desk.because()[:2] == ("failed", "no_result")
    (written,) = desk.root.glob("*/1/out/metrics.json")
    assert written.exists()


def test_two_runs_cannot_pass_with_one_file(desk: CommandDesk) -> None:
    desk.write(
        command=["touch", "metrics.json", "{lr}"], success={"files": [{"path": "metrics.json"}]}, grid={"lr": [1, 2]}
    )
    done = desk.sweep()
    assert done.code == 2
    assert "metrics.json" in done.err
    assert not desk.root.exists()


def test_a_killed_scheduler_goes_on_where_it_was_and_starts_nothing_twice(desk: CommandDesk) -> None:
    desk.script("slow.sh", 'echo start >> "$1"; sleep 3; echo \'{"mse": 1}\' > "$2/metrics.json"\n')
    marks = desk.folder / "marks"
    desk.write(command=["bash", "slow.sh", str(marks), "{out}"], success=METRICS)
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for(marks.exists)
    kill(scheduler.pid)
    scheduler.communicate()
    assert desk.sweep().code == 0
    assert marks.read_text() == "start\n"
    assert len(desk.attempts()) == 1


def test_commands_and_backbones_share_one_ledger(desk: CommandDesk) -> None:
    desk.write(command=LEARN, success=METRICS, settings={"lr": 0.1})
    assert desk.sweep().code == 0
    Desk(desk.folder).write(name="ours")
    assert desk.sweep().code == 0
    rows = desk.status()
    assert {(row["sweep"], row["backbone"], row["command"], row["state"]) for row in rows} == {
        ("probe", None, "learn", "succeeded"),
        ("ours", "tiny", None, "succeeded"),
    }


REPORTING = """
from runner import report
with report.errors():
    batch = report.batch()
    if batch.micro > 8:
        raise MemoryError("too large")
    for step in range(3):
        report.metrics(step, loss=1.0 / (step + 1))
    {end}
"""


@pytest.mark.parametrize(
    ("end", "state", "kind"),
    [
        ("report.done(mse=0.5, steps=3)", "succeeded", None),
        ("report.done(mse=0.5, steps=2)", "failed", "incomplete"),
        ("report.done(mae=0.5, steps=3)", "failed", "incomplete"),
        ("report.done(mse=float('nan'), steps=3)", "failed", "non_finite"),
        ("report.failed('nothing converged')", "failed", "crashed"),
        ("raise KeyError('e_layers')", "failed", "crashed"),
        ("pass", "failed", "no_result"),
    ],
)
def test_two_lines_say_what_files_would(desk: CommandDesk, end: str, state: str, kind: str | None) -> None:
    desk.script("train.py", REPORTING.replace("{end}", end))
    for foreign in ("db", "tasks", "sweeps"):  # names that anybody's project may have
        (desk.folder / foreign).mkdir()
        (desk.folder / foreign / "__init__.py").write_text("raise ImportError('not ours')\n")
    desk.write(
        command=["bash", "-c", '"$1" train.py | tee log.txt', "train", "{python}"],
        success={"report": True, "metrics": ["mse"]},
        settings={"batch": 16, "steps": 3},
    )
    done = desk.sweep()
    row = desk.only()
    assert (row["state"], row["failure_kind"]) == (state, kind), done
    ladder = [(row["failure_kind"], row["micro_batch"], row["grad_accum"]) for row in desk.attempts()]
    assert ladder[0] == ("host_oom", 16, 1)
    assert ladder[1] == (kind, 8, 2)
    assert done.code == (0 if state == "succeeded" else 1)


def test_shell_scripts_report_too(desk: CommandDesk) -> None:
    desk.script(
        "train.sh", "set -e\nrunner report --metric loss=0.9 --step 1\nrunner report --done --metric mse=0.31\n"
    )
    desk.write(command=["bash", "train.sh"], success={"report": True, "metrics": ["mse"]})
    done = desk.type("sweep", "sweep.yaml", PATH="/usr/bin:/bin")
    assert done.code == 0, done
    assert desk.finals() == {"train": {"mse": 0.31}}


def test_a_dry_run_shows_what_would_be_started(desk: CommandDesk) -> None:
    desk.write(command=BATCHED, success=METRICS, settings={"batch": 64}, grid={"lr": [0.1, 0.2]})
    done = desk.sweep("--dry-run")
    assert done.code == 0, done
    assert "--lr 0.2" in done.out
    assert "--accum '{accum}'" in done.out or "--accum {accum}" in done.out
    assert not desk.root.exists()


def test_a_dry_run_says_what_the_declared_does_not_prove(desk: CommandDesk) -> None:
    proofs = {
        "1 file, whatever was done by then": METRICS,
        "1 file  ": {"files": [{"path": "{out}/metrics.json", "at_least": {"epoch": 20}}]},
        "1 file, the last line  ": {**METRICS, "last_line": "^done$"},
        "report  ": {"report": True},
    }
    for said, success in proofs.items():
        desk.write(command=LEARN, success=success, settings={"lr": 0.1})
        assert said in desk.sweep("--dry-run").out


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"command": "python train.py"}, "a list"),
        ({"command": ["pyhton", "train.py"]}, "pyhton"),
        ({"command": ["bash", "-c", "train --lr {lr} | tee log"], "settings": {"lr": 1}}, "$1"),
        ({"command": ["echo", "{lrr}"], "settings": {"lr": 1}}, "did you mean `lr`"),
        ({"command": ["echo"], "settings": {"lr": 1}}, "lr"),
        ({"command": ["echo"], "tasks": ["classification"]}, "tasks"),
        ({"command": ["echo"], "success": {"file": []}}, "did you mean `files`"),
        ({"command": ["echo"], "success": {"last_line": "("}}, "last_line"),
        ({"command": ["python3", "train.py"]}, "train.py"),
    ],
)
def test_a_slip_is_told_before_anything_starts(desk: CommandDesk, sections: dict[str, Any], said: str) -> None:
    desk.write(**sections)
    done = desk.sweep()
    assert done.code == 2, done
    assert said in done.err
    assert "sweep.yaml:" in done.err
    assert "Traceback" not in done.err
    assert not desk.root.exists()


def test_other_evidence_is_asked_of_another_run(desk: CommandDesk) -> None:
    shutil.copy(COMMANDS / "learn.py", desk.folder / "learn.py")
    command = ["{python}", "learn.py", "--out", "{out}"]
    desk.write(command=command)
    assert desk.sweep().code == 1
    assert desk.because()[0] == "unverified"
    desk.write(command=command, success=METRICS)
    assert desk.sweep().code == 0
    assert desk.because()[0] == "succeeded"


def test_where_every_run_fails_alike_the_rest_is_not_started(desk: CommandDesk) -> None:
    desk.write(command=["ls", "/no such file", "{n}"], grid={"n": list(range(12))}, resources={"slots": 1})
    done = desk.sweep()
    assert done.code == 1
    assert "5 runs in a row failed alike (crashed" in done.out
    states = [row["state"] for row in desk.status()]
    assert (states.count("failed"), states.count("waiting")) == (5, 7)
    assert "left for later: 7 runs;" in done.out
    assert "12 failed of 12" in desk.sweep("policy.stop_after=0").out


def test_silence_ends_a_command_that_promised_signs_of_life(desk: CommandDesk) -> None:
    desk.script("hang.sh", "for i in 1 2 3; do echo $i; sleep 0.5; done; sleep 60\n")
    desk.write(
        command=["bash", "hang.sh"], resources={"silence": "3s"}, policy={"wait": 0.1, "retries": {"stalled": 0}}
    )
    assert desk.sweep().code == 1
    assert desk.because()[:2] == ("failed", "stalled")
    (attempt,) = desk.attempts()
    assert 3 < attempt["wall"] < 30


def test_an_attempt_is_repeated_by_hand_elsewhere_and_nothing_of_it_is_recorded(desk: CommandDesk) -> None:
    desk.script("base.yaml", "out: nowhere\n")
    desk.script("run.sh", 'cat "$1"; touch "$2/here"; echo "$RUNNER_ATTEMPT"; exit 7\n')
    command = {
        "argv": ["bash", "run.sh", "{config}", "{out}"],
        "config": {"base": "base.yaml", "set": {"out": "{out}"}},
    }
    desk.write(command=command)
    assert desk.sweep().code == 1
    before = sorted(desk.root.glob("run-*/1/**"))
    done = desk.type("repeat", "run")
    assert done.code == 7
    (folder,) = re.findall(r" in (/\S+);", done.out)
    assert f"out: {folder}/out" in done.out
    assert Path(folder, "out", "here").exists()
    assert sorted(desk.root.glob("run-*/1/**")) == before
    assert len(desk.attempts()) == 1
    (nonce,) = [row["nonce"] for row in desk.attempts()]
    assert nonce not in done.out
    line = desk.type("repeat", "run", "--show").out
    assert subprocess.run(("bash", "-c", line), check=False, capture_output=True).returncode == 7
    assert "has no attempt 2" in desk.type("repeat", "run", "--attempt", "2").err


def test_what_hides_its_environment_does_not_outlive_its_supervisor(desk: CommandDesk) -> None:
    """`env -i`, `sudo` and others drop the mark that our processes carry; where they write to tells whose they are."""
    desk.script("hide.sh", 'env -i PATH="$PATH" bash -c \'echo $$ > "$0"; sleep 300; true\' "$1"; true\n')
    pid_file = desk.folder / "pid"
    desk.write(command=["bash", "hide.sh", str(pid_file)], policy={"wait": 0.1, "grace": 1.0, "retries": {"lost": 0}})
    scheduler = desk.start("sweep", "sweep.yaml")
    hidden = int(wait_for(lambda: pid_file.read_text() if pid_file.exists() else None))
    (attempt,) = desk.root.glob("*/1")
    kill(supervisor_of(attempt))
    assert scheduler.wait(60) == 1
    assert is_gone(hidden)
    state, kind, because = desk.because()
    assert (state, kind) == ("failed", "lost")
    assert "still alive and were ended" in because


def test_each_attempt_records_the_code_that_it_ran(desk: CommandDesk) -> None:
    """A script that is edited while the sweep runs: the next attempt runs, and is told to have run, the new one."""
    desk.script("train.sh", 'echo old > "$1/x"; touch started; while [ ! -e go ]; do sleep 0.1; done\n')
    desk.write(
        command=["bash", "train.sh", "{out}", "{seed}"],
        success={"files": [{"path": "{out}/x"}]},
        seeds=2,
        resources={"slots": 1},
    )
    scheduler = desk.start("sweep", "sweep.yaml")
    wait_for((desk.folder / "started").exists)
    desk.script("new.sh", 'echo new > "$1/x"\n')
    (desk.folder / "new.sh").rename(desk.folder / "train.sh")
    (desk.folder / "go").touch()
    assert scheduler.wait(60) == 0
    first, second = sorted(desk.attempts(), key=lambda row: row["opened_at"])
    assert first["code_fingerprint"] != second["code_fingerprint"]
    assert first["git_commit"] is None
    again = desk.sweep()
    assert "succeeded under older code" in again.out
    assert again.out.count("seed=1") == 0 or "older code: train seed=0;" in again.out


def test_what_a_command_writes_is_none_of_its_code(desk: CommandDesk) -> None:
    desk.script("train.sh", 'echo "$2" > "$1/x"; date +%N >> "$2"\n')
    desk.write(command=["bash", "train.sh", "{out}", "losses.txt"], success={"files": [{"path": "{out}/x"}]})
    assert desk.sweep().code == 0
    assert (desk.folder / "losses.txt").stat().st_size
    assert "older code" not in desk.sweep().out
    desk.script("train.sh", "exit 3\n")
    assert "older code" in desk.sweep().out


@pytest.mark.parametrize(
    ("name", "text", "counts"),
    [("a.R", "1", True), ("a", "#!/bin/sh\n", True), ("a", "1", False), ("a.json", "{}", False)],
)
def test_which_arguments_are_code(tmp_path: Path, name: str, text: str, counts: bool) -> None:  # noqa: FBT001 - a case
    without = command_fingerprint(str(tmp_path), ("x", name))
    (tmp_path / name).write_text(text)
    assert (command_fingerprint(str(tmp_path), ("x", name)) != without) == counts
    (tmp_path / name).chmod(0o755)
    assert command_fingerprint(str(tmp_path), ("x", name)) != without


def test_a_script_that_never_asks_for_its_batch_is_not_told_to_have_trained_on_half_of_it(desk: CommandDesk) -> None:
    desk.script("train.py", "from runner import report\nwith report.errors():\n    raise MemoryError\n")
    desk.write(command=["{python}", "train.py"], success={"report": True}, settings={"batch": 16})
    assert desk.sweep().code == 1
    state, kind, because = desk.because()
    assert (state, kind) == ("failed", "host_oom")
    assert "never called report.batch()" in because


def test_a_sweep_inside_an_attempt_says_so_instead_of_waiting_for_itself(desk: CommandDesk) -> None:
    inner = {"name": "inner", "command": ["bash", "-c", "echo 1 > $0", "{out}/a"], "success": {"files": ["{out}/a"]}}
    desk.script("inner.yaml", json.dumps(inner))
    command = {"argv": [RUNNER, "sweep", "inner.yaml", "--root", "{out}/runs"], "name": "outer"}
    within = {"files": ["{out}/runs/ledger.db"]}
    desk.write(command=command, success=within, resources={"slots": 1})
    assert desk.sweep().code == 1
    assert desk.because()[:2] == ("failed", "crashed")
    assert "this is inside attempt " in desk.because()[2]
    assert not list(desk.root.glob("*/*/out/*"))  # nothing was made

    desk.write(command={**command, "env": {"RUNNER_SLOTS": "{out}/slots"}}, success=within, resources={"slots": 1})
    done = desk.sweep()
    assert done.code == 0, done
    assert len(list(desk.root.glob("*/1/out/runs/*/1/out/a"))) == 1
