"""What is declared of a command's files and last line, held against real commands under a real supervisor."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from supervised import planned, python, shell, supervise

from db.declared import Declared, DeclaredFile
from db.records import FileSeen, Limits
from db.verdicts import Failed, Succeeded, Unverified, Verdict
from runner.attempt_dir import write_record
from runner.collecting import collect
from runner.contents import Fault
from runner.judge import judge
from runner.proofs import examine
from runner.wholeness import END_BYTES, require_whole

CSV = "epoch,test_acc,loss\n1,0.5,0.9\n2,,0.5\n3,0.75,0.3\n"


def declare(path: str, **declared: Any) -> DeclaredFile:
    return DeclaredFile(path=f"/x/{path}", **declared)


def held(file: DeclaredFile, text: str | bytes) -> tuple[dict[str, float], str]:
    metrics, said = examine(file, text.encode() if isinstance(text, str) else text)
    return dict(metrics), said


HOLDS = {
    "csv": (declare("r.csv", metrics={"acc": "test_acc"}, rows=3, at_least={"epoch": 3}), CSV, {"acc": 0.75}),
    "csv without its last newline": (declare("r.csv", metrics=("loss",), open_end=True), CSV[:-1], {"loss": 0.3}),
    "csv that ends with a quote": (declare("r.csv", metrics=("a",)), '"a"\n"0.5"', {"a": 0.5}),
    "csv of an old Mac": (declare("r.csv", metrics=("a",)), "a\r0.5\r", {"a": 0.5}),
    "jsonl without its last newline": (declare("r.jsonl", metrics=("a",)), '{"a": 1}\n{"a": 2}', {"a": 2.0}),
    "yaml without its last newline": (declare("r.yaml", metrics=("a",), open_end=True), "a: 0.5", {"a": 0.5}),
    "yaml in brackets": (declare("r.yaml", metrics=("a",)), "{a: 0.5}", {"a": 0.5}),
    "csv of a spreadsheet": (declare("r.csv", metrics=("a",)), "\ufeffa;b\r\n1;2\r\n\r\n".encode(), {"a": 1.0}),
    "a large cell": (declare("r.csv", metrics=("a",)), f"a,b\n1,{'x' * 200_000}\n", {"a": 1.0}),
    "tabs": (declare("r.txt", format="csv", metrics=("b",)), "a\tb\n1\t2e-3\n", {"b": 0.002}),
    "quoted": (declare("r.csv", metrics=("a, b",)), '"a, b","c"\n1,"x\ny"\n', {"a, b": 1.0}),
    "json": (declare("r.json", metrics={"acc": "test.acc"}), '{"test": {"acc": 1}}', {"acc": 1.0}),
    "a name with dots": (declare("r.json", metrics=("val.loss",)), '{"val.loss": 0.5}', {"val.loss": 0.5}),
    "dots within a path": (declare("r.json", metrics={"l": "m.val.loss"}), '{"m": {"val.loss": 2}}', {"l": 2.0}),
    "in a list": (declare("r.json", metrics={"l": "log.-1.loss"}), '{"log": [{"loss": 3}, {"loss": 2}]}', {"l": 2.0}),
    "a list": (declare("r.json", metrics={"l": "0.loss"}), '[{"loss": 3}]', {"l": 3.0}),
    "yaml": (declare("r.yaml", metrics={"lr": "lr", "a": "1.a"}), "lr: 1e-3\n1: {a: 2}\n", {"lr": 0.001, "a": 2.0}),
    "jsonl": (
        declare("r.jsonl", metrics={"l": "val.loss"}, rows=2, at_least={"step": 20}),
        '{"step": 10, "val": {"loss": 2}}\n{"step": 20}\n',
        {"l": 2.0},
    ),
    "a logger that writes columns at different times": (
        declare("r.csv", metrics=("train", "val")),
        "epoch,train,val,test\n0,0.9,,\n0,,0.8,\n1,0.7,,\n1,,0.6,\n1,,,0.5\n",
        {"train": 0.7, "val": 0.6},
    ),
    "validated every second epoch": (
        declare("r.csv", metrics=("val",)),
        "epoch,loss,val\n0,0.9,\n1,0.8,0.7\n2,0.7,\n3,0.6,0.5\n4,0.5,\n",
        {"val": 0.5},
    ),
    "a key that is not there in the last lines": (
        declare("r.jsonl", metrics=("val",)),
        '{"loss": 0.9, "val": 0.7}\n{"loss": 0.8}\n{"loss": 0.7}\n',
        {"val": 0.7},
    ),
    "null in the lines between": (
        declare("r.jsonl", metrics=("val",)),
        '{"loss": 0.9, "val": 0.7}\n{"loss": 0.8, "val": null}\n{"loss": 0.7, "val": 0.6}\n{"loss": 1, "val": null}\n',
        {"val": 0.6},
    ),
}

FAULTS = {
    "empty": (declare("r.csv"), " \n", "bad_result", "is empty"),
    "no such column": (
        declare("r.csv", metrics=("test_ac",)),
        CSV,
        "incomplete",
        "has no column `test_ac` (did you mean `test_acc`?)",
    ),
    "header only": (declare("r.csv", metrics=("acc",)), "acc\n", "incomplete", "holds no value under `acc`"),
    "header only, rows asked": (declare("r.csv", rows=1), "acc\n", "incomplete", "has 0 rows; at least 1 are declared"),
    "nan in a column": (declare("r.csv", metrics=("a",)), "a\nNaN\n1\n", "non_finite", "holds nan under `a`"),
    "nan as pandas writes it": (
        declare("r.csv", metrics=("loss",)),
        "epoch,loss\n0,0.9\n1,0.7\n2,\n3,\n",
        "non_finite",
        "holds nothing under `loss` in its last rows, after row 2",
    ),
    "null in the last line": (
        declare("r.jsonl", metrics=("loss",)),
        '{"epoch": 0, "loss": 0.9}\n{"epoch": 1, "loss": null}\n',
        "non_finite",
        "holds nothing under `loss` in its last rows, after row 1",
    ),
    "a longer blank than any before": (
        declare("r.csv", metrics=("val",)),
        "epoch,val\n0,\n1,0.7\n2,\n3,0.5\n4,\n5,\n",
        "non_finite",
        "holds nothing under `val` in its last rows, after row 4",
    ),
    "null in a line before the last": (
        declare("r.jsonl", metrics=("loss",)),
        '{"epoch": 0, "loss": 0.9}\n{"epoch": 1, "loss": null}\n{"epoch": 2}\n',
        "non_finite",
        "after row 1",
    ),
    "text in a column": (
        declare("r.csv", metrics=("a",)),
        "a\n1\na\n",
        "bad_result",
        "holds text 'a' under `a` in row 2, which is no number",
    ),
    "a torn number": (
        declare("r.csv", metrics=("loss",)),
        CSV[:-1],
        "bad_result",
        "its last line '3,0.75,0.3' is not ended",
    ),
    "a torn number of yaml": (declare("r.yaml", metrics=("a",)), "a: 0.9", "bad_result", "declare `open_end: true`"),
    "a torn text": (declare("r.csv"), 'a,b\n1,"x\n', "bad_result", "its last row is torn: it ends within quotes"),
    "a torn row": (declare("r.csv"), "a,b\n1,2\n1", "bad_result", "row 2 has 1 cells, but the header has 2"),
    "a column twice": (declare("r.csv", metrics=("a",)), "a,a\n1,2\n", "bad_result", "names `a` more than once"),
    "not text": (declare("r.csv"), b"a\n\xff\n", "bad_result", "it is not CSV in UTF-8"),
    "too few epochs": (
        declare("r.csv", at_least={"epoch": 10}),
        CSV,
        "incomplete",
        "reached 3 under `epoch`; at least 10 is declared",
    ),
    "torn json": (declare("r.json"), '{"acc": 0.', "bad_result", "it is not whole JSON"),
    "json NaN": (declare("r.json", metrics=("acc",)), '{"acc": NaN}', "non_finite", "holds nan under `acc`"),
    "NaN as text": (declare("r.json", metrics=("acc",)), '{"acc": "nan"}', "non_finite", "holds nan"),
    "beyond all floats": (declare("r.json", metrics=("acc",)), '{"acc": 1' + "0" * 400 + "}", "non_finite", "inf"),
    "true": (declare("r.json", metrics=("acc",)), '{"acc": true}', "bad_result", "which is no number"),
    "null": (declare("r.json", metrics=("acc",)), '{"acc": null}', "incomplete", "holds no value"),
    "no such key": (
        declare("r.json", metrics=("test.ac",)),
        '{"test": {"acc": 1}}',
        "incomplete",
        "(did you mean `test.acc`?)",
    ),
    "json of a number": (declare("r.json"), "1", "bad_result", "instead of keys and values"),
    "yaml with tags": (declare("r.yaml"), "!!python/object:os.x {}", "bad_result", "not one plain YAML document"),
    "two yaml documents": (declare("r.yaml"), "a: 1\n---\na: 2\n", "bad_result", "not one plain YAML document"),
    "yaml of itself": (declare("r.yml", metrics=("a.a.b",)), "a: &x {a: *x}", "incomplete", "has no key `a.a.b`"),
    "a torn last line": (declare("r.jsonl"), '{"a": 1}\n{"a":', "bad_result", "line 2 is not whole JSON"),
    "a line of a list": (declare("r.jsonl"), "[1]\n", "bad_result", "line 1 holds a list of 1"),
    "deep": (declare("r.json"), "[" * 100_000, "bad_result", "it is not whole JSON"),
    "deep YAML": (declare("r.yaml"), "[" * 100_000, "bad_result", "nested more than 200 deep"),
}


@pytest.mark.parametrize(("file", "text", "metrics"), HOLDS.values(), ids=HOLDS.keys())
def test_what_holds(file: DeclaredFile, text: str | bytes, metrics: dict[str, float]) -> None:
    assert held(file, text)[0] == metrics


@pytest.mark.parametrize(("file", "text", "kind", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_what_does_not_hold_says_why(file: DeclaredFile, text: str | bytes, kind: str, said: str) -> None:
    with pytest.raises(Fault) as fault:
        held(file, text)
    assert fault.value.kind == kind
    assert said in str(fault.value)


def test_what_was_found_is_told() -> None:
    file = declare("r.csv", metrics={"acc": "test_acc"}, rows=3, at_least={"epoch": 3})
    assert held(file, CSV)[1] == "3 rows, acc = 0.75, epoch reached 3"


def tried(folder: Path, script: str, *files: DeclaredFile, **declared: Any) -> Verdict:
    """The verdict on a shell script whose `$OUT` is the attempt's own folder for what it writes."""
    attempt = planned(
        folder, shell(script), env={"OUT": str(folder / "out")}, declared=Declared(files=files, **declared)
    )
    supervise(attempt)
    return judge(collect(attempt))


def result_in(folder: Path, pattern: str = "r.csv", **declared: Any) -> DeclaredFile:
    return DeclaredFile(path=f"{folder}/out/{pattern}", **{"metrics": ("acc",), **declared})


WRITE = "printf 'acc\\n0.5\\n' > $OUT/r.csv"


def test_a_good_file_is_a_success(tmp_path: Path) -> None:
    verdict = tried(tmp_path, WRITE, result_in(tmp_path))
    assert isinstance(verdict, Succeeded), verdict
    assert "out/r.csv: 1 row, acc = 0.5" in [line.said for line in verdict.evidence]


@pytest.mark.parametrize("pattern", ["**/r.csv", "*/*.csv", "[ab]/r.csv"])
def test_one_file_that_a_pattern_matches(tmp_path: Path, pattern: str) -> None:
    folder = tmp_path / "a[1]*"  # the folder's own name is no pattern
    script = f"mkdir $OUT/a; {WRITE.replace('r.csv', 'a/r.csv')}; ln -s a $OUT/latest; ln -s r.csv $OUT/a/link.csv"
    assert isinstance(tried(folder, script.replace("$OUT", '"$OUT"'), result_in(folder, pattern)), Succeeded)


def test_a_root_that_was_typed_with_dots(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    verdict = tried(tmp_path / "x" / ".." / "1", WRITE, result_in(tmp_path / "1", "*.csv"))
    assert isinstance(verdict, Succeeded), verdict


BAD = {
    "torn in its last number": ("printf 'acc\\n0.9' > $OUT/r.csv", "bad_result", "is not ended by a line break"),
    "none": ("true", "no_result", "out/r.csv does not exist"),
    "a folder": ("mkdir $OUT/r.csv", "bad_result", "out/r.csv is not a regular file"),
    "a pipe": ("mkfifo $OUT/r.csv", "bad_result", "out/r.csv is not a regular file"),
    "a link": (f"{WRITE}; mv $OUT/r.csv $OUT/s.csv; ln -s s.csv $OUT/r.csv", "bad_result", "is not a regular file"),
    "written too late": (
        f"setsid sh -c 'sleep 0.1; {WRITE}' & exit 0".replace("'acc\\n0.5\\n'", '"acc\\n0.5\\n"'),
        "no_result",
        "was not there when the command ended, but written afterwards",
    ),
    "changed too late": (
        f"{WRITE}; setsid sh -c 'sleep 0.1; echo 0.9 >> $OUT/r.csv' & exit 0",
        "bad_result",
        "out/r.csv was changed after the command had ended",
    ),
    "removed too late": (
        f"{WRITE}; setsid sh -c 'sleep 0.1; rm $OUT/r.csv' & exit 0",
        "no_result",
        "was there when the command ended, and is gone now",
    ),
}


@pytest.mark.parametrize(("script", "kind", "said"), BAD.values(), ids=BAD.keys())
def test_a_file_that_proves_nothing(tmp_path: Path, script: str, kind: str, said: str) -> None:
    verdict = tried(tmp_path, script, result_in(tmp_path))
    assert isinstance(verdict, Failed)
    assert (verdict.kind, said in verdict.because) == (kind, True), verdict.because


def test_one_of_several_is_not_guessed(tmp_path: Path) -> None:
    verdict = tried(tmp_path, f"{WRITE}; cp $OUT/r.csv $OUT/s.csv", result_in(tmp_path, "*.csv"))
    assert verdict.because == "out/*.csv is not one file but several: out/r.csv, out/s.csv"


def test_a_pattern_that_matches_nothing_says_so(tmp_path: Path) -> None:
    verdict = tried(tmp_path, WRITE, result_in(tmp_path, "**/*.json"))
    assert verdict.because == "out/**/*.json matches no file"


def test_a_link_to_another_attempt_proves_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "r.csv").write_text("acc\n0.5\n")
    verdict = tried(tmp_path / "1", f"ln -s {other} $OUT/x; touch {other}/r.csv", result_in(tmp_path / "1", "x/r.csv"))
    assert "leads out of the attempt's folder" in verdict.because


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_is_set_while_it_runs_makes_no_result_old(tmp_path: Path, seconds: int) -> None:
    """As if the clock had been so far ahead, or behind, when the command was started."""
    declared = Declared(files=(result_in(tmp_path),))
    attempt = planned(tmp_path, shell(WRITE), env={"OUT": f"{tmp_path}/out"}, declared=declared)
    left = supervise(attempt)
    write_record(attempt.exit, replace(left, started_at=left.started_at + seconds, files=log_made(left.files, seconds)))
    assert isinstance(judge(collect(attempt)), Succeeded)


def log_made(files: Sequence[FileSeen], seconds: int) -> tuple[FileSeen, ...]:
    """The same, but the log was made so much later."""

    def moved(seen: FileSeen) -> FileSeen:
        if seen.before is None or not seen.path.endswith("stdout.log"):
            return seen
        return replace(seen, before=replace(seen.before, changed=seen.before.changed + seconds * 10**9))

    return tuple(map(moved, files))


def test_a_model_file_only_has_to_hold_something(tmp_path: Path) -> None:
    file = DeclaredFile(path=f"{tmp_path}/out/model.pt")
    assert isinstance(tried(tmp_path, "truncate -s 3G $OUT/model.pt", file), Succeeded)


def test_values_in_a_pattern_stand_for_themselves(tmp_path: Path) -> None:
    script = WRITE.replace("r.csv", "'[64, 64].csv'")
    assert isinstance(tried(tmp_path, script, result_in(tmp_path, "[[]64, 64].csv")), Succeeded)


def test_a_table_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    verdict = tried(tmp_path, "truncate -s 3G $OUT/r.csv", result_in(tmp_path))
    assert verdict.because == "out/r.csv holds 3.0 GiB; it is read up to 64 MiB"


LARGE = {
    "csv": ("r.csv", "acc\n0.5\n", Succeeded),
    "csv that is torn": ("r.csv", "acc\n0.5", Failed),
    "csv of nothing but gaps": ("r.csv", "", Failed),
    "jsonl": ("r.jsonl", '\n{"acc": 0.5}\n', Succeeded),
    "jsonl without its last newline": ("r.jsonl", '\n{"acc": 0.5}', Succeeded),
    "jsonl that is torn": ("r.jsonl", '\n{"acc": 0.', Failed),
    "jsonl that is torn at a bracket": ("r.jsonl", '\n{"acc": {"a": 1}', Failed),
}


@pytest.mark.parametrize(("name", "end", "verdict"), LARGE.values(), ids=LARGE.keys())
def test_of_a_large_table_of_which_nothing_is_asked_the_end_tells(
    tmp_path: Path, name: str, end: str, verdict: type
) -> None:
    script = f"truncate -s 3G $OUT/{name}; printf '%s' '{end}' >> $OUT/{name}"
    found = tried(tmp_path, script, result_in(tmp_path, name, metrics=()))
    assert type(found) is verdict
    assert verdict is Succeeded or "is not ended by a line break" in found.because


def archive(comment: bytes = b"", inner: bytes = b"x" * 100) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("model/data.pkl", inner)
        file.writestr("model/version", "3")
        file.comment = comment
    return made.getvalue()


def parquet(footer: bytes = b"f" * 50) -> bytes:
    return b"PAR1" + b"d" * 100 + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def saved(save: Callable[[Any], None]) -> bytes:
    made = io.BytesIO()
    save(made)
    return made.getvalue()


WHOLE = {
    "a zip archive": archive(),
    "one with a comment": archive(b"c" * 60_000),
    "one in another": archive(inner=archive()),
    "numpy's": saved(lambda file: np.savez(file, a=np.zeros(3))),
    "torch's": saved(lambda file: torch.save({"a": torch.zeros(300)}, file)),
    "parquet": parquet(),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE.keys())
def test_an_archive_that_is_torn_anywhere_is_no_result(data: bytes) -> None:
    file = declare("model.pt")
    require_whole(file, data, data[-END_BYTES:], len(data))
    for length in {4, 5, len(data) // 2, *range(max(4, len(data) - 300), len(data))}:
        with pytest.raises(Fault, match="so it is torn"):
            require_whole(file, data[:length], data[:length][-END_BYTES:], length)


def test_a_torn_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "whole.pt").write_bytes(archive())
    script = f"head -c 150 {tmp_path}/whole.pt > $OUT/model.pt"
    verdict = tried(tmp_path, script, result_in(tmp_path, "model.pt", metrics=()))
    assert isinstance(verdict, Failed)
    assert verdict.kind == "bad_result"
    assert verdict.because.startswith("out/model.pt begins as a zip archive")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    verdict = tried(tmp_path, "true", result_in(tmp_path, "x" * 300 + ".csv"))
    assert isinstance(verdict, Failed)
    assert "File name too long" in verdict.because


LAST = {
    "it": ("echo Training finished", Succeeded, "the last line of its output is 'Training finished'"),
    "not the last": ("echo Training finished; echo oops", Failed, "is 'oops', which does not match"),
    "nothing": ("true", Failed, "it printed nothing, which does not match '^Training finished'"),
    "to stderr": ("echo Training finished >&2", Failed, "it printed nothing"),
    "too late": (
        "setsid sh -c 'sleep 0.1; echo Training finished' & exit 0",
        Failed,
        "what it left behind printed 'Training finished' after it had ended",
    ),
}


@pytest.mark.parametrize(("script", "verdict", "said"), LAST.values(), ids=LAST.keys())
def test_the_last_line(tmp_path: Path, script: str, verdict: type, said: str) -> None:
    found = tried(tmp_path, script, last_line="^Training finished")
    assert type(found) is verdict
    assert said in "; ".join(line.said for line in found.evidence)


def test_a_pattern_that_would_take_for_ever_is_given_up(tmp_path: Path) -> None:
    script = 'echo "epoch 10 of 10 all losses are fine and the model was saved to disk in the usual place ok"'
    begun = time.monotonic()
    found = tried(tmp_path, script, last_line=r"^(\w+\s?)*: done$")
    assert time.monotonic() - begun < 30
    assert isinstance(found, Failed)
    assert found.kind == "bad_result"
    assert "2 s did not suffice to tell whether" in found.because


def test_exit_code_0_proves_nothing(tmp_path: Path) -> None:
    assert isinstance(tried(tmp_path, "echo completed successfully"), Unverified)


def test_the_original_trap(tmp_path: Path) -> None:
    code = "class ConfigWrapper: pass\nConfigWrapper().e_layers"
    script = f"{' '.join(python('')[:3])} -c '{code}' 2>&1 | tee $OUT/log; echo '✅ completed successfully'"
    for folder, files in ((tmp_path / "1", ()), (tmp_path / "2", (result_in(tmp_path / "2"),))):
        verdict = tried(folder, script, *files)
        assert isinstance(verdict, Failed)
        assert verdict.kind == "crashed"
        assert verdict.because.startswith("AttributeError: 'ConfigWrapper' object has no attribute 'e_layers'")


def told(**said: Any) -> str:
    """Python code that writes `result.json` as `report.done` does."""
    whole = {"run_id": "run", "start_step": 0, "steps_done": 0, "version": 1, **said}
    return f"""
import json, os
folder = os.environ["RUNNER_ATTEMPT_DIR"]
whole = {{**{whole!r}, "attempt_id": os.environ["RUNNER_ATTEMPT"], "pid": os.getpid()}}
with open(folder + "/.r", "w") as file: file.write(json.dumps(whole))
os.rename(folder + "/.r", folder + "/result.json")
"""


def test_a_result_may_come_from_a_process_behind_a_shell(tmp_path: Path) -> None:
    (tmp_path / "done.py").write_text(told(metrics={"mse": 0.25}))
    script = f"{' '.join(python('')[:3])} {tmp_path}/done.py; true"
    declared = Declared(report=True, metrics=("mse",))
    attempt = planned(tmp_path / "1", shell(script), declared=declared)
    supervise(attempt)
    evidence = collect(attempt)
    assert isinstance(judge(evidence), Succeeded)
    assert evidence.final_metrics == {"mse": 0.25}


def test_a_result_that_comes_too_late_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "done.py").write_text(told(metrics={"mse": 0.25}))
    script = f"setsid sh -c 'sleep 0.1; {' '.join(python('')[:3])} {tmp_path}/done.py' & exit 0"
    verdict = tried(tmp_path / "1", script, report=True)
    assert isinstance(verdict, Failed)
    assert verdict.kind == "bad_result"
    assert "written after the command had ended" in verdict.because


@pytest.mark.parametrize(("value", "kind"), [("nan", "non_finite"), (0.5, "no_result")])
def test_metrics_without_done(tmp_path: Path, value: object, kind: str) -> None:
    line = json.dumps({"step": 3, "name": "loss", "value": value, "time": 1.0})
    verdict = tried(tmp_path, f"echo '{line}' > $RUNNER_ATTEMPT_DIR/metrics.jsonl")
    assert isinstance(verdict, Failed)
    assert verdict.kind == kind


def test_the_result_of_the_run_before_is_no_result(tmp_path: Path) -> None:
    """It is seconds old."""
    assert isinstance(tried(tmp_path / "1", WRITE, result_in(tmp_path / "1")), Succeeded)
    verdict = tried(tmp_path / "2", f"ln {tmp_path}/1/out/r.csv $OUT/r.csv", result_in(tmp_path / "2"))
    assert "was last modified before this attempt began" in verdict.because


@pytest.mark.parametrize("place", ["mv", "ln", "cp -p"])
def test_an_old_file_under_a_new_name_is_no_result(tmp_path: Path, place: str) -> None:
    old = tmp_path / "old.csv"
    old.write_text("acc\n0.9\n")
    os.utime(old, (1e9, 1e9))
    verdict = tried(tmp_path / "attempt", f"{place} {old} $OUT/r.csv", result_in(tmp_path / "attempt"))
    assert isinstance(verdict, Failed)
    assert "was last modified before this attempt began" in verdict.because


def test_a_search_goes_through_no_links(tmp_path: Path) -> None:
    script = (
        f"ln -s / $OUT/data; ln -s . $OUT/latest; ln -s .. $OUT/up; mkdir $OUT/v0; {WRITE.replace('r.csv', 'v0/r.csv')}"
    )
    assert isinstance(tried(tmp_path, script, result_in(tmp_path, "**/r.csv")), Succeeded)


def test_the_last_line_of_a_log_that_was_cut_is_still_its_last(tmp_path: Path) -> None:
    script = "yes 'step 1 of many' | head -c 300000; echo 'Training finished'; sleep 0.5"
    attempt = planned(
        tmp_path, shell(script), declared=Declared(last_line="^Training finished$"), limits=Limits(log_bytes=100_000)
    )
    supervise(attempt)
    verdict = judge(collect(attempt))
    assert isinstance(verdict, Succeeded), verdict
    assert attempt.stdout.stat().st_size < 100_000


def test_a_last_line_is_that_of_the_moment_it_ended_also_where_its_log_is_cut_afterwards(tmp_path: Path) -> None:
    flood = "sleep 0.2; yes 'step 1 of many' | head -c 300000; echo 'Training finished'"
    script = f"yes 'step 1 of many' | head -c 90000; echo 'step 2'; setsid sh -c \"{flood}; sleep 0.5\" & exit 0"
    limits = Limits(log_bytes=100_000, grace=2)
    attempt = planned(tmp_path, shell(script), declared=Declared(last_line="^Training finished$"), limits=limits)
    left = supervise(attempt)
    assert (left.last_line, left.log_bytes_dropped > 0) == ("step 2", True)
    verdict = judge(collect(attempt))
    assert isinstance(verdict, Failed), verdict
    assert verdict.kind == "incomplete"
    assert "the last line of its output is 'step 2', which does not match" in verdict.because


def test_a_last_line_on_stderr_is_told(tmp_path: Path) -> None:
    verdict = tried(tmp_path, "echo 'Training finished' >&2", last_line="finished")
    assert isinstance(verdict, Failed)
    assert "its stderr ends with 'Training finished', but it is stdout that counts" in verdict.because
