"""Bad input of every kind ends in an acceptance, or in a sentence with its place. `benchmarks/fuzz.py` tries more."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from evidence import CLAIM, EXIT, PLAN, RESULT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.declared import DeclaredFile
from db.errors import Refused
from db.legible import MOST, legible
from db.records import Claim, EndRequest, Exit, Plan, Result
from db.strict import to_data
from db.verdicts import Succeeded
from runner.attempt_dir import AttemptDir, BadRecord, parse_record
from runner.cli import main
from runner.collecting import collect
from runner.contents import Fault
from runner.exit_codes import ExitCode
from runner.judge import judge
from runner.metrics_feed import MetricsFeed, parse_point
from runner.proofs import examine
from sweeps.layers import MOST_TOLD
from sweeps.spec import read_sweep

ROOT = Path(__file__).resolve().parent.parent
TRAINING = "tasks: [classification]\ngrid: {backbone: [fno]}\n"
COMMAND = 'command: ["true", "{lr}"]\nsettings: {lr: 1}\n'
known = settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
pieces = st.sampled_from(
    [
        *("a", "lr", ": ", ", ", "\n", "\n  ", "- ", "[", "]", "{", "}", "'", '"', "#", "&a ", "*a", "!t ", "!!int ''"),
        *(
            "<<",
            "? ",
            "| ",
            "---\n",
            "%YAML 9\n",
            "\\",
            '"\\UFFFFFFFF"',
            '"\\ud800"',
            "\t",
            "\r",
            "\0",
            "\x1b[2J",
            "é",
            "\u2028",
        ),
        *(
            "-1",
            "1e999",
            ".nan",
            "9" * 30,
            "0x" + "f" * 30,
            "2024-13-45",
            "../..",
            "--help",
            "{out}",
            "{",
            "~nobody_here/x",
        ),
    ]
)
odd = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | pieces
values = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def refusal(folder: Path, data: str | bytes, *overrides: str) -> list[str]:
    """The lines of the refusal of a sweep file, none where it is read; each has a place and a reason."""
    path = folder / "x.yaml"
    path.write_bytes(data.encode(errors="surrogatepass") if isinstance(data, str) else data)
    try:
        read_sweep(path, overrides, gpus=0)
    except Refused as refused:
        lines = str(refused).replace(f"{folder}/", "").split("\n")
        for line in lines:
            assert re.match(r"(x\.yaml(:\d+:\d+)?|command line): \S", line), line
            assert line.isprintable()
            assert len(line) < MOST + 200
        return lines
    return []


HOSTILE = {
    "a billion laughs": "a0: &a0 [1,1,1,1,1]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 9)),
    "merges that merge": "a0: &a0 {k: 1}\n"
    + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)),
    "anchors in a circle": "&a [*a]",
    "a key in a circle": "&a {*a : 1}",
    "a key of a million": f"? {'k' * 900_000}\n: 1",
    "a name of a million": f"name: {'k' * 900_000}",
    "keys by the thousand": "\n".join(f"key_{n}: 1" for n in range(5000)),
    "settings by the thousand": f"grid: {{backbone: [fno], {', '.join(f'train.key_{n}: [1]' for n in range(2000))}}}",
    "names by the thousand": f"tasks: [{'a,' * 5000}]",
    "two names of a million": f"profiles: {{? {'ab' * 200_000} : {{}}}}\nprofile: {'ba' * 200_000}",
    "deep": "[" * 100_000,
    "deep and by keys": "{a: " * 50_000,
    "deep by dashes": "- " * 50_000,
    "a tag": f"{TRAINING}name: !!python/object/apply:os.system [true]",
    "a tag without a meaning": f"{TRAINING}name: !!int ''",
    "a character beyond all": f'{TRAINING}name: "\\UFFFFFFFF"',
    "a version beyond all": f"%YAML {'9' * 5000}.1\n---\n{TRAINING}",
    "half a character": f'{TRAINING}name: "\\ud800"',
    "NUL": f'{TRAINING}name: "\\0"',
    "a raw NUL": f"{TRAINING}name: a\0b",
    "a name with ../": f"{TRAINING}name: ../../etc",
    "a name with a slash": f"{COMMAND}name: a/b",
    "a name with a line": f'{TRAINING}name: "a\\nb"',
    "a name with quotes": f'{TRAINING}name: "it\'s"',
    "a name like an option": f"{TRAINING}name: --help",
    "a name of others' letters": f"{TRAINING}name: größe",
    "a name that turns around": f"{TRAINING}name: a\u202eb",
    "a key with a line": f'{TRAINING}"a\\nb": 1',
    "a key that clears the screen": f'{TRAINING}"\\e[2J": 1',
    "a key of a blank": f'{TRAINING}" ": 1',
    "nobody's home": f"{TRAINING}plugins: [~nobody_here/x]",
    "data at nobody's home": f"{TRAINING}data: {{folder: [~nobody_here/x]}}",
    "an integer beyond all": f"{TRAINING}train: {{steps: {'9' * 5000}}}",
    "a float beyond all": f"{TRAINING}train: {{lr: 1e999}}",
    "a date": f"{TRAINING}train: {{steps: 2024-01-31}}",
    "a merge": f"{TRAINING}train: {{<<: {{lr: 1}}}}",
    "a key twice": f"{TRAINING}train: {{lr: 1, lr: 2}}",
    "two documents": f"{TRAINING}---\n{TRAINING}",
    "UTF-16": TRAINING.encode("utf-16"),
    "Latin-1": f"{TRAINING}name: größe".encode("latin-1"),
    "a tab": "tasks:\n\t- classification",
    "runs without end": f"{TRAINING}seeds: 9000000000000000000",
    "a grid without end": TRAINING.replace(
        "[fno]", "[fno], " + ", ".join(f"backbones.fno.k{n}: [1, 2]" for n in range(60))
    ),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_sweep_file_is_refused_at_its_place(tmp_path: Path, data: str | bytes) -> None:
    begun = time.process_time()
    assert refusal(tmp_path, data)
    assert time.process_time() - begun < 10  # not for speed: most of these would never end


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + TRAINING.encode(), TRAINING.replace("\n", "\r\n").encode()])
def test_what_an_editor_may_add_is_read(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data) == []


def test_faults_by_the_thousand_are_told_as_far_as_anybody_reads(tmp_path: Path) -> None:
    lines = refusal(tmp_path, "\n".join(f"key_{n}: 1" for n in range(MOST_TOLD + 101)))
    assert len(lines) == MOST_TOLD + 1
    assert lines[0].startswith("x.yaml:1:1: key_0: unknown key `key_0`")
    assert lines[-1].endswith(": and 101 more things are wrong from here on")


def test_the_text_of_others_is_made_legible() -> None:
    assert legible("größe 日本") == "größe 日本"
    assert legible("a\nb\x1b[2J\u202e\ud800\0") == r"a\nb\x1b[2J\u202e\ud800\x00"
    assert len(legible("x" * 10**7)) <= MOST


@known
@given(st.lists(pieces, max_size=20), st.sampled_from([TRAINING, COMMAND]), st.floats(0, 1))
def test_pieces_anywhere_in_a_sweep_file(tmp_path: Path, found: list[str], good: str, where: float) -> None:
    at = int(where * len(good))
    refusal(tmp_path, good[:at] + "".join(found) + good[at:])


@known
@given(st.binary(max_size=40), st.floats(0, 1))
def test_bytes_anywhere_in_a_sweep_file(tmp_path: Path, found: bytes, where: float) -> None:
    good = COMMAND.encode()
    at = int(where * len(good))
    refusal(tmp_path, good[:at] + found + good[at:])


@known
@given(
    st.lists(st.text(max_size=12) | st.tuples(pieces, pieces).map("=".join) | pieces.map("lr={}".format), max_size=3)
)
def test_any_settings_of_the_command_line(tmp_path: Path, words: list[str]) -> None:
    readable = [word.encode(errors="replace").decode() for word in words]
    refusal(tmp_path, COMMAND, *readable)


RECORDS: dict[str, tuple[type[Any], Any]] = {
    "plan.json": (Plan, to_data(PLAN)),
    "claim.json": (Claim, to_data(CLAIM)),
    "exit.json": (Exit, to_data(EXIT)),
    "result.json": (Result, to_data(RESULT)),
    "end.json": (EndRequest, to_data(EndRequest(attempt_id=PLAN.attempt_id, why="cancelled", asked_at=1.0))),
}


def complaint(name: str, data: bytes) -> str:
    """What is said against a record's bytes; nothing where it is read."""
    try:
        parse_record(data, RECORDS[name][0], name)
    except BadRecord as bad:
        return sentence(str(bad), name)
    return ""


def sentence(said: str, begins: str = "") -> str:
    """It names what it speaks of, and a person can read it."""
    assert said.startswith(begins)
    assert len(begins) < len(said) < MOST + 200
    assert said.isprintable()
    return said


@known
@given(st.sampled_from(sorted(RECORDS)), st.data())
def test_a_record_with_any_value_anywhere(name: str, data: st.DataObject) -> None:
    record = RECORDS[name][1]
    key = data.draw(st.sampled_from(sorted(record)) | st.text(max_size=3))
    said = complaint(name, json.dumps({**record, key: data.draw(values)}).encode())
    assert said or key in record


@known
@given(st.sampled_from(sorted(RECORDS)), st.binary(max_size=8), st.floats(0, 1), st.integers(0, 30))
def test_a_record_with_any_bytes_anywhere(name: str, found: bytes, where: float, lost: int) -> None:
    whole = json.dumps(RECORDS[name][1]).encode()
    at = int(where * len(whole))
    complaint(name, whole[:at] + found + whole[at + lost :])


MANY = 50_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"version": ' + b"9" * 5000 + b"}", "is not whole JSON"),
        (b'{"version": "' + b"k" * 10**6 + b'"}', "is of another version: found text 'kkk"),
        (b'{"version": 1, ' + b", ".join(b'"k%d": 1' % n for n in range(MANY)) + b"}", "unknown key `k0`"),
        (b'{"version": 1, ' + b", ".join(b'"k%d": 1' % (n // 2) for n in range(MANY)) + b"}", "is given twice"),
        (b'{"version": 1, "' + b"k" * 10**6 + b'": 1}', "result.json: kkk"),
        (b"[" * 10**6, "is not whole JSON"),
        (b'{"version":' * 10**5, "is not whole JSON"),
        (json.dumps({**to_data(RESULT), "metrics": {"a": 10**400}}).encode(), "metrics.a: expected a finite number"),
        (json.dumps({**to_data(RESULT), "parameters": 2**63}).encode(), "parameters: does not fit 64 bits"),
        (json.dumps({**to_data(RESULT), "steps_done": -(10**30)}).encode(), "steps_done: does not fit 64 bits"),
    ],
)
def test_a_hostile_record_is_refused_in_a_sentence(data: bytes, said: str) -> None:
    begun = time.process_time()
    assert said in complaint("result.json", data)
    assert time.process_time() - begun < 10  # not for speed: some of these took minutes


def test_numbers_that_the_ledger_cannot_hold_are_in_no_exit() -> None:
    memory = to_data(EXIT)["memory"]
    for change in (
        {"exit_code": 2**63},
        {"memory": {**memory, "peak": 2**63}},
        {"memory": {**memory, "oom_kills": 10**30}},
    ):
        assert "does not fit 64 bits" in (complaint("exit.json", json.dumps({**to_data(EXIT), **change}).encode()))


@known
@given(
    st.sampled_from(["plan.json", "claim.json", "exit.json", "result.json"]), st.floats(0, 0.99), st.binary(max_size=4)
)
def test_no_success_where_a_record_is_torn(tmp_path: Path, name: str, where: float, instead: bytes) -> None:
    for each in ("plan.json", "claim.json", "exit.json", "result.json"):
        (tmp_path / each).write_text(json.dumps(RECORDS[each][1]))
    assert isinstance(judge(collect(AttemptDir(tmp_path))), Succeeded)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(where * len(whole))] + instead)
    verdict = judge(collect(AttemptDir(tmp_path)))
    assert not isinstance(verdict, Succeeded)
    assert verdict.because


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": 1, "name": "loss", "value": 1, "time": ' + b"9" * 400 + b"}",
        b'{"step": 1, "name": "loss", "value": 1, "time": ' + b"9" * 5000 + b"}",
        b'{"step": ' + b"9" * 400 + b', "name": "loss", "value": 1, "time": 1}',
        b'{"step": 1, "name": "loss", "value": 1, "time": NaN}',
        b"[" * 100_000,
    ],
)
def test_a_hostile_line_is_no_metric(line: bytes) -> None:
    assert parse_point(line) is None


@known
@given(
    st.lists(st.binary(max_size=30) | values.map(lambda value: json.dumps(value).encode()), max_size=4), values, values
)
def test_any_lines_among_metrics(tmp_path: Path, lines: list[bytes], value: Any, moment: Any) -> None:
    good = b'{"step": 3, "name": "loss", "value": 0.5, "time": 1.0}'
    point = json.dumps({"step": 2, "name": "acc", "value": value, "time": moment}).encode()
    (tmp_path / "m.jsonl").write_bytes(b"\n".join([*lines, point, good, b""]))
    points = MetricsFeed(tmp_path / "m.jsonl").read_new()
    assert points[-1]["name"] == "loss"


GOOD_FILES = {
    "json": b'{"acc": 0.75, "epoch": 3}',
    "csv": b"epoch,acc\n1,0.5\n3,0.75\n",
    "yaml": b"acc: 0.75\nepoch: 3\n",
    "jsonl": b'{"acc": 0.5}\n{"acc": 0.75}\n',
}


def fault_of(kind: str, data: bytes, column: str = "acc") -> str:
    """What is said against a declared file, nothing where it holds."""
    try:
        metrics, _ = examine(DeclaredFile(path=f"/x/r.{kind}", metrics={"m": column}), data)
    except Fault as fault:
        return sentence(str(fault))
    assert set(metrics) == {"m"}
    return ""


@known
@given(
    st.sampled_from(sorted(GOOD_FILES)),
    st.binary(max_size=6) | pieces.map(lambda piece: piece.encode()),
    st.floats(0, 1),
)
def test_anything_anywhere_in_a_declared_file(kind: str, found: bytes, where: float) -> None:
    assert fault_of(kind, GOOD_FILES[kind]) == ""
    at = int(where * len(GOOD_FILES[kind]))
    fault_of(kind, GOOD_FILES[kind][:at] + found + GOOD_FILES[kind][at:])


MERGED = b"a0: &a0 {k: 1}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (MERGED, "`<<` brings more than 10000 keys into one mapping"),
        (b"a: &a {<<: *a}\nacc: !!int ''", "not one plain YAML document"),
        (b"acc: !!timestamp soon", "not one plain YAML document: 'NoneType'"),
        (b"acc: !!bool soon", "not one plain YAML document: 'soon'"),
        (b"acc: !!float ''", "not one plain YAML document"),
        (b"? [a]\n: 1", "not one plain YAML document"),
        (b"acc: 2024-13-45", "not one plain YAML document"),
        (b'acc: "\\UFFFFFFFF"', "not one plain YAML document"),
        (b"acc: 0x" + b"f" * 5000 + b"\n", "holds inf"),
        (b"[" * 3000, "nested more than 200 deep"),
    ],
)
def test_hostile_yaml_is_no_result(data: bytes, said: str) -> None:
    assert said in fault_of("yaml", data)


@pytest.mark.parametrize("cell", ["\x1f.5", "0.\x005", "\u00a00.5", "5\x1c"])
def test_signs_of_control_in_a_number_are_damage(cell: str) -> None:
    assert "which is no number" in fault_of("csv", f"acc,b\n{cell},1\n".encode())
    assert fault_of("csv", b"acc,b\n\t0.5 ,1\n") == ""


def test_merged_keys_are_read() -> None:
    assert fault_of("yaml", b"base: &base {acc: 0.5}\nown: {<<: *base, b: 1}\n", "own.acc") == ""


def test_a_table_of_many_columns_says_what_it_lacks_at_once() -> None:
    header = b",".join(b"column_%d" % n for n in range(300_000)) + b"\n"
    assert "has no column `acc`" in fault_of("csv", header)


words = (
    st.text(max_size=6) | pieces | st.sampled_from(["--json", "--root", "--attempt", "-1", "fno", "a=b", "--", "@x"])
)


@known
@given(
    st.sampled_from(["status", "why", "logs", "sql", "attach", "cancel", "retry", "repeat", "report", "x"]),
    st.lists(words, max_size=3),
)
def test_any_words_of_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, rest: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, err = typed(capsys, command, *(word.replace("\0", "") for word in rest))
    assert code in (ExitCode.OK, ExitCode.NOT_ALL_SUCCEEDED, ExitCode.REFUSED), err
    assert bool(err) == (code != ExitCode.OK)


@known
@given(st.lists(pieces, max_size=8), st.lists(words, max_size=2))
def test_any_sweep_file_as_a_person_types_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: list[str],
    rest: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(COMMAND + "".join(found))
    code, err = typed(capsys, "sweep", "x.yaml", "--dry-run", *(word.replace("\0", "") for word in rest))
    assert code in (ExitCode.OK, ExitCode.REFUSED), err
    assert bool(err) == (code != ExitCode.OK)
    assert not (tmp_path / "runs").exists()


def typed(capsys: pytest.CaptureFixture[str], *typed_words: str) -> tuple[int, str]:
    try:
        code = main(typed_words)
    except SystemExit as left:  # of argparse, which has said why
        code = int(left.code or 0)
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "by its own fault" not in err
    assert all(char.isprintable() or char in "\n\t" for char in err)
    return code, err


def test_the_benchmark_of_bad_input_finds_nothing(tmp_path: Path) -> None:
    argv = [sys.executable, str(ROOT / "benchmarks/fuzz.py"), "--cases", "300", "--seed", "7", "--keep", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env={**os.environ})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 cases from 0, seed 7" in done.stdout


def test_the_benchmark_of_bad_input_sees_what_is_wrong(tmp_path: Path) -> None:
    """With a judge that lacks a witness it must not say that nothing is wrong."""
    code = (
        "import sys, runner.judge as judge; sys.path.insert(0, sys.argv[1]); whole = judge._hear_numbers\n"
        "judge.hear = lambda evidence: (whole(evidence),)\n"
        "import fuzz; sys.argv = ['fuzz', *sys.argv[2:]]; sys.exit(fuzz.main())"
    )
    options = ["--cases", "60", "--only", "attempt, sabotaged", "--keep", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "benchmarks"), *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "a success although" in done.stdout
