"""A command's run: what an attempt of it is, what makes it the run it is, and what is told before it is started."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.declared import Declared, DeclaredFile
from db.strict import Invalid, to_record
from sweeps.command import (
    AttemptValues,
    CommandSection,
    CommandSettings,
    ConfigTemplate,
    command_run_id,
    default_name,
    described,
    render,
)
from sweeps.command_checks import check_command
from sweeps.problem import Problem
from sweeps.program_texts import shell_texts
from sweeps.success_checks import shared_files

VALUES = AttemptValues(
    out="/runs/[a]/out", config="/runs/c.yaml", batch=32, accum=4, python=sys.executable, run="t-1", attempt=2
)


def command(*argv: str, **given: Any) -> CommandSettings:
    return CommandSettings(**{"name": "train", "argv": argv or ("true",), "cwd": "/", **given})


def template(**given: Any) -> ConfigTemplate:
    return ConfigTemplate(
        **{"written": "c.yaml", "base": "/c.yaml", "content": {"data": {"bs": 128}}, "set": {}, **given}
    )


CONFIG = ConfigTemplate(
    written="c.yaml",
    base="/c.yaml",
    content={"data": {"bs": 128}, "name": "base"},
    set={"data.bs": "{batch}", "accum": "{accum}", "lr": "{lr}", "tag": "b{effective_batch}"},
    new=("accum", "lr", "tag"),
)
FULL = command(
    "{python}",
    "train.py",
    "{flags}",
    "--lr={lr}",
    "{config}",
    cwd="/work",
    env={"SEED": "{seed}", "WHERE": "{out}/{run}/{attempt}"},
    config=CONFIG,
    success={
        "files": [
            {"path": "{out}/**/m_{model}*.csv", "rows": "{epochs}", "at_least": {"epoch": "{epochs}"}},
            {"path": "r/{run}.json"},
            {"path": "{out}//{model}"},
        ],
        "last_line": "^done {model} at {lr}$",
    },
    settings={"lr": 1e-3, "flags": ["--amp", "--x"], "model": "a[1]", "epochs": 3},
    batch=128,
    steps=50,
    seed=7,
)


def test_an_attempt_is_filled_in() -> None:
    done = render(FULL, VALUES)
    assert done.argv == (sys.executable, "train.py", "--amp", "--x", "--lr=0.001", "/runs/c.yaml")
    assert done.env == {"SEED": "7", "WHERE": "/runs/[a]/out/t-1/2"}
    assert done.config == {"data": {"bs": 32}, "name": "base", "accum": 4, "lr": 1e-3, "tag": "b128"}
    assert done.config_suffix == ".yaml"
    assert done.steps == 50


def test_values_stand_for_themselves_in_patterns() -> None:
    """The attempt's folder stays as it is: whoever looks knows that it is no pattern."""
    declared = render(FULL, VALUES).declared
    assert declared.files == (
        DeclaredFile(path="/runs/[a]/out/**/m_a[[]1]*.csv", rows=3, at_least={"epoch": 3.0}),
        DeclaredFile(path="/work/r/t-1.json"),
        DeclaredFile(path="/runs/[a]/out/a[[]1]"),
    )
    assert declared.last_line == r"^done a\[1\] at 0\.001$"
    assert render(FULL, VALUES).watched == (
        "/runs/[a]/out/**/m_a[[]1]*.csv",
        "/work/r/t-1.json",
        "/runs/[a]/out/a[[]1]",
    )


def test_nothing_declared_is_nothing_declared() -> None:
    done = render(command("true"), VALUES)
    assert done.declared == Declared()
    assert not done.declared.anything
    assert done.watched == ()
    assert done.config is None


def test_every_fault_has_its_path_in_the_sweep_file() -> None:
    wrong = command(
        "{a}",
        "{b}",
        env={"X": "{c}"},
        config=template(set={"data.bs": "{d}", "data.sb": 1}),
        success={"files": [{"path": "{e}", "rows": "{f}"}], "last_line": "{g}", "report": "{h}"},
    )
    with pytest.raises(Invalid) as refused:
        render(wrong, VALUES)
    assert {fault.path for fault in refused.value.faults} == {
        ("command", "argv", 0),
        ("command", "argv", 1),
        ("command", "env", "X"),
        ("command", "config", "set", "data.bs"),
        ("command", "config", "set", "data.sb"),
        ("success", "files", 0, "path"),
        ("success", "files", 0, "rows"),
        ("success", "last_line"),
        ("success", "report"),
    }


def test_a_record_that_does_not_fit_has_its_path_too() -> None:
    with pytest.raises(Invalid) as refused:
        render(
            command("true", success={"files": [{"path": "x.csv", "rows": "{model}"}]}, settings={"model": "m"}), VALUES
        )
    assert [str(fault) for fault in refused.value.faults] == [
        "success.files.0.rows: expected an integer, found text 'm'"
    ]


SO_HALF = "so half the batch would be another experiment"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (command("x", "{batch}", "{accum}", batch=4), None),
        (command("x", env={"B": "{batch}"}, config=template(set={"data.bs": "{accum}"}), batch=4), None),
        (command("x", batch=4, success={"report": True}), None),
        (command("x", success={"report": True}), "the sweep file names no `batch`, so there is none to halve"),
        (command("x"), "the sweep file names no `batch`, so there is none to halve"),
        (command("x", "{batch}", batch=4), "nothing hands over {accum}, so half the batch would be another experiment"),
        (
            command("x", "{{batch}}", "{effective_batch}", batch=4, success={"last_line": "{batch} {accum}"}),
            "nothing hands over {batch} and {accum}, so half the batch would be another experiment",
        ),
        (command("x", "--b={batch}", "trainer.accum={accum}", batch=4), None),
        (command("x", "-b{batch}", "{model}.n:={accum}", batch=4, settings={"model": "m"}), None),
        (command("x", "{batch}", env={"N": "--accum={accum}"}, batch=4), None),
        *(
            (
                command("x", "{batch}", *argv, env=env, config=template(set=written), batch=4),
                f"nothing hands over {{accum}} as a value of its own, {SO_HALF}",
            )
            for argv, env, written in (
                ((), {"TAG": "x{accum}"}, {}),
                (("--tag=run-{accum}",), {}, {}),
                (("tag={batch}x{accum}",), {}, {}),
                (("a=1,b={accum}",), {}, {}),
                ((), {}, {"name": "b{batch}x{accum}"}),
            )
        ),
        (
            command("x", "{batch}x{accum}", batch=4),
            f"nothing hands over {{batch}} and {{accum}} as a value of its own, {SO_HALF}",
        ),
    ],
)
def test_half_a_batch_is_the_same_experiment_only_where_both_halves_are_told(
    settings: CommandSettings, sentence: str | None
) -> None:
    assert settings.why_indivisible == sentence
    assert settings.effective_batch == (settings.batch or 1)


def test_numbers_must_be_positive() -> None:
    for wrong in ({"batch": 0}, {"steps": 0}):
        with pytest.raises(Invalid, match="must be above 0"):
            command(**wrong)


def test_an_identity_is_the_name_and_twelve_digits() -> None:
    name, digits = command_run_id(FULL).rsplit("-", 1)
    assert name == "train"
    assert len(digits) == 12
    assert int(digits, 16) >= 0


INTEGER_KEY: Mapping[Any, Any] = {**CONFIG.content, 1: 2}
OTHERS = [
    replace(FULL, name="other"),
    replace(FULL, argv=(*FULL.argv, "-v")),
    replace(FULL, argv=tuple(part.replace("{config}", "{{config}}") for part in FULL.argv)),
    replace(FULL, env={"SEED": "{seed}"}),
    replace(FULL, config=replace(CONFIG, content={**CONFIG.content, "data": {"bs": 128, "w": 1}})),
    replace(FULL, config=replace(CONFIG, content={**CONFIG.content, "day": dt.date(2024, 1, 31)})),
    replace(FULL, config=replace(CONFIG, content={**CONFIG.content, "day": "2024-01-31"})),
    replace(FULL, config=replace(CONFIG, content=INTEGER_KEY)),
    replace(FULL, config=replace(CONFIG, content={**CONFIG.content, "1": 2})),
    replace(FULL, config=replace(CONFIG, set={**CONFIG.set, "data.bs": "{accum}"})),
    replace(FULL, config=replace(CONFIG, set={**CONFIG.set, "lr": "0.001"})),
    replace(FULL, config=replace(CONFIG, held={"name": "{run}"})),
    replace(FULL, config=replace(CONFIG, set={**CONFIG.set, "name": "{run}"})),
    replace(FULL, cwd="/elsewhere"),
    replace(FULL, success={}),
    replace(FULL, success={**FULL.success, "last_line": "^done$"}),
    replace(FULL, batch=64),
    replace(FULL, steps=51),
    replace(FULL, seed=8),
    *(
        replace(FULL, settings={**FULL.settings, name: value})
        for name, value in (("lr", 0.01), ("epochs", 4), ("flags", []))
    ),
]


def test_what_makes_another_run_makes_another_identity() -> None:
    assert len({command_run_id(each) for each in (FULL, *OTHERS)}) == len(OTHERS) + 1


def test_where_things_lie_makes_no_other_run() -> None:
    for same in (
        replace(FULL, config=replace(CONFIG, base="/elsewhere/c.yml", written="d/{model}.yml")),
        replace(FULL, config=replace(CONFIG, content=dict(reversed(list(CONFIG.content.items()))))),
        replace(FULL, settings={**FULL.settings, "unused": 1}),
        replace(FULL, argv=tuple(part.replace("{lr}", "0.001") for part in FULL.argv)),
    ):
        assert command_run_id(same) == command_run_id(FULL)


def test_a_default_that_is_written_down_makes_no_other_run() -> None:
    short = command(success={"files": [{"path": "{out}/m.csv", "metrics": ["a"]}]})
    file = {"path": "{out}/m.csv", "metrics": {"a": "a"}, "format": "csv", "rows": 0, "at_least": {}}
    whole = command(success={"files": [file], "report": False, "metrics": [], "last_line": None})
    assert command_run_id(short) == command_run_id(whole)


names = st.sampled_from(["{out}", "{{out}}", "{batch}", "{lr}", "{{lr}}", "0.001", "-", "{", "}", "{}"])


@given(st.lists(st.lists(names, max_size=4).map("".join), min_size=2, max_size=2, unique=True))
def test_commands_that_differ_in_any_attempt_are_different_runs(texts: list[str]) -> None:
    one, other = (command("x", text, settings={"lr": 1e-3}, batch=4) for text in texts)
    attempts = [replace(VALUES, out=out, batch=batch) for out, batch in (("/o", 4), ("/p", 2), ("{out}", 1))]
    same = all(render(one, values).argv == render(other, values).argv for values in attempts)
    assert (command_run_id(one) == command_run_id(other)) == same


def test_a_run_is_described_in_terms_of_json() -> None:
    what = described(replace(FULL, config=replace(CONFIG, content={"data": {"bs": 1}, "day": dt.date(2024, 1, 31)})))
    assert json.loads(json.dumps(what)) == what
    assert what["argv"] == ["{python}", "train.py", "--amp", "--x", "--lr=0.001", "{config}"]
    assert what["config"]["day"] == "date 2024-01-31"
    assert what["config"]["data"] == {"bs": "{batch}"}
    assert what["cwd"] == "/work"
    assert [file["path"] for file in what["success"]["files"]] == [
        "{out}/**/m_a[[]1]*.csv",
        "/work/r/{run}.json",
        "{out}/a[[]1]",
    ]


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["python", "-u", "src/train.py", "--x"], "train"),
        (["bash", "run.sh", "{config}"], "run"),
        (["{python}", "-m", "project.train"], "train"),
        (["torchrun", "--nproc_per_node", "2", "train.py"], "train"),
        (["./my tool (v2)"], "mytoolv2"),
        (["python", "{script}.py"], "python"),
        (["{tool}"], "command"),
        (["/usr/bin/true"], "true"),
        (["x" * 100], "x" * 60),
    ],
)
def test_a_command_is_called_after_what_it_runs(argv: list[str], name: str) -> None:
    assert default_name(argv) == name


def test_the_section_of_a_sweep_file_is_read_strictly() -> None:
    section = to_record(
        CommandSection, {"argv": ["x"], "config": {"base": "c.yaml", "set": {"a.b": 1}, "new": ["a.b"]}}
    )
    assert section.config is not None
    assert section.config.set == {"a.b": 1}
    with pytest.raises(Invalid, match=r"argv\.1: expected text, found an integer 10"):
        to_record(CommandSection, {"argv": ["x", 10]})


@pytest.mark.parametrize(
    ("argv", "index"),
    [
        (["bash", "-c", "TEXT"], 2),
        (["/bin/sh", "-ec", "TEXT", "x"], 2),
        (["bash", "-euo", "pipefail", "-c", "TEXT"], 4),
        (["bash", "-c", "-e", "TEXT"], 3),
        (["bash", "--norc", "--rcfile", "f", "-lc", "TEXT"], 5),
        (["bash", "-c", "--", "TEXT"], 3),
        (["zsh", "+x", "-o", "extendedglob", "-c", "TEXT"], 5),
        (["env", "A=1", "nice", "dash", "-c", "TEXT"], 5),
        (["bash", "run.sh", "-c", "x"], None),
        (["bash", "-e", "run.sh", "-c"], None),
        (["bash", "-c"], None),
        (["python", "-c", "x"], None),
        (["bash"], None),
    ],
)
def test_the_text_that_a_shell_would_run_is_found(argv: list[str], index: int | None) -> None:
    assert list(shell_texts(argv)) == ([] if index is None else [index])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "run.sh").write_text("exit 0\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "[x].json").write_text("{}")
    return tmp_path


def told(place: Path, *argv: str, **given: Any) -> list[tuple[str, str]]:
    problems = check_command(command(*argv, **{"cwd": str(place), **given}))
    return [(".".join(map(str, one.path)), one.message) for one in problems]


@pytest.mark.parametrize(
    "argv",
    [
        ("{python}", "train.py"),
        ("{python}", "-u", "-X", "dev", "-W", "error", "train.py", "missing.py"),
        ("{python}", "-m", "missing.py"),
        ("{python}", "-Ic", "missing.py"),
        ("{python}", "-"),
        ("{python}", "{out}/made.py"),
        ("bash", "run.sh"),
        ("bash", "-euo", "pipefail", "run.sh", "missing.sh"),
        ("bash", "-c", 'python "$1" ${{HOME}}', "x", "missing.py"),
        ("./tool",),
        ("env", "python", "in_a_container.py"),
        ("true", "{{anything}}"),
        ("true", "-c", "{out}"),
        ("true", "-c", "configs/{run}.yaml"),
        ("true", "-e", "RUN={run}"),
        ("true", "-c", "print(1)"),
        ("true", "--title", "run {run}"),
        ("{python}", "train.py", "-e", "{run} {attempt}", "--eval", "[{run}]"),
        ("{python}", "-c", "import sys; print(sys.argv[1:])", "lr={run}", "-e", "a b"),
        ("{python}", "-c", "{run}"),
        ("true", "--lang", "python", "-c", "configs/{run}"),
        ("timeout", "60", "bash", "-c", 'train "$0"', "{run}"),
        ("nice", "-n", "10", "{python}", "train.py", "{out}/a b"),
        ("make", "train", "LR={run}", "OUT={out}"),
        ("xargs", "{python}", "train.py", "{run}"),
    ],
)
def test_a_command_that_can_be_started_has_no_problem(place: Path, argv: tuple[str, ...]) -> None:
    assert told(place, *argv) == []


@pytest.mark.parametrize(
    ("argv", "index", "message"),
    [
        (("{python}", "trian.py"), 1, "there is no file {place}/trian.py (did you mean `train.py`?)"),
        (("{python}", "-u", "s/train.py"), 2, "there is no file {place}/s/train.py, nor the folder {place}/s"),
        (("bash", "-e", "rum.sh"), 2, "there is no file {place}/rum.sh (did you mean `run.sh`?)"),
        (("./tol",), 0, "there is no program {place}/./tol (did you mean `tool`?)"),
        (("./run.sh",), 0, "{place}/./run.sh is not executable; start it by its interpreter"),
        (("tool",), 0, "there is no `tool` on PATH; for the file in {place} write `./tool`"),
        (("python9.9", "train.py"), 0, "there is no `python9.9` on PATH; `{python}` stands for the interpreter"),
        (("no-such-thing",), 0, "there is no `no-such-thing` on PATH"),
        (("true", "{lrr}"), 1, "`{lrr}` stands for nothing (known:"),
        (("true", "{batch}"), 1, "the sweep file names no batch; add `batch: N`"),
        (("true", "{accum}"), 1, "the sweep file names no batch; add `batch: N`"),
        (("true", "{seed}"), 1, "the sweep file names no seed; add `seeds: N`"),
        (("true", "{steps}"), 1, "the sweep file names no steps"),
        (("true", "{config}"), 1, "there is no config file to copy"),
        (("true", "{config.data.bs}"), 1, "what `config.data.bs` holds has no name of its own"),
        (("true", "${HOME}"), 1, "`${HOME}` is not replaced, a shell's variables are not known here"),
        (("bash", "-c", "echo {out}"), 2, "`{out}` would become part of a shell's program"),
        (("fish", "-c", "echo {out}"), 2, "`{out}` would become part of a shell's program"),
        (("flock", "lock", "-c", "train {out}"), 3, "`{out}` would become part of a text that is read as a program"),
        (("script", "-qc", "train {out}"), 2, "`{out}` would become part of a text that is read as a program"),
        (("env", "-S", "train {out}"), 2, "`{out}` would become part of a text that is read as a program"),
        (("{python}", "-c", "print({out})"), 2, "`{out}` would become part of a text that is read as a program"),
        (("{python}", "-uc", "x={out}"), 2, "`{out}` would become part of a text that is read as a program, whatever"),
        (("{python}", "-cx={out}"), 1, "`{out}` would become part of a text that is read as a program, whatever"),
        (("timeout", "9", "python3.11", "-Ic", "x={out}"), 4, "`{out}` would become part of a text that is read as"),
        (("timeout", "9", "bash", "-c", "x={out}"), 4, "`{out}` would become part of a shell's program"),
        (("perl", "-we", "1", "-e", "x={out}"), 4, "`{out}` would become part of a text that is read as a program"),
        (("node", "-e", "x={out}"), 2, "`{out}` would become part of a text that is read as a program"),
        (("Rscript", "-e", "x={out}"), 2, "`{out}` would become part of a text that is read as a program"),
        (("julia", "-E", "x={out}"), 2, "`{out}` would become part of a text that is read as a program"),
        (("sbatch", "--wrap", "train {out}"), 2, "`{out}` would become part of a text that is read as a program"),
        (("sbatch", "--wrap=train {out}"), 1, "`{out}` would become part of a text that is read as a program"),
        (("su", "--command=train {out}"), 1, "`{out}` would become part of a text that is read as a program"),
        (("bash", "-c", "echo ${HOME}"), 2, "`{HOME}` would become part of a shell's program"),
    ],
)
def test_what_cannot_be_started_is_told_at_its_part(
    place: Path, argv: tuple[str, ...], index: int, message: str
) -> None:
    [(path, found)] = told(place, *argv)
    assert path == f"command.argv.{index}"
    assert found.startswith(message.replace("{place}", str(place)))


@pytest.mark.parametrize(
    ("argv", "value", "index"),
    [
        (("ssh", "-p", "22", "-tt", "host", "train", "--lr", "{x}"), 1e-3, None),
        (("ssh", "host", "cd there && train --lr {x}"), "a/b-c_1.5", None),
        (("ssh", "-p", "22", "host", "train", "--name", "{x}"), "a b", 6),
        (("ssh", "host", "train --name {x}"), "$(date)", 2),
        (("ssh", "host", "train", "{x}"), ["a", "b;c"], 3),
        (("ssh", "host", "train", "{x}"), "", 3),
        (("ssh", "-i", "{x}", "host", "train"), "my key", None),
        (("make", "NAME={x}"), "a b", None),
        (("make", "NAME={x}"), "a$b", 1),
        (("make", "NAME={x}"), "it's", 1),
        (("./tool", "NAME={x}"), "it's", None),
    ],
)
def test_words_that_become_a_text_for_a_shell_hold_what_every_shell_reads_alike(
    argv: tuple[str, ...], value: object, index: int | None, place: Path
) -> None:
    found = told(place, *argv, settings={"x": value})
    found = [one for one in found if "there is no `" not in one[1]]  # ssh, where this is tested
    assert [path for path, _ in found] == ([] if index is None else [f"command.argv.{index}"])
    if found:
        assert "makes a text of it that a shell reads as something else" in found[0][1]


def test_a_program_that_takes_arguments_is_told_how_to_read_them(place: Path) -> None:
    [(_, message)] = told(place, "{python}", "-c", "x={run}")
    assert 'write `sys.argv[1]` there, and `"{run}"` as an argument of its own behind the text' in message


def test_the_text_of_a_shell_says_how_to_write_its_own_braces(place: Path) -> None:
    [(_, message)] = told(place, "bash", "-c", "awk {print}")
    assert message.endswith("for the text `{print}` write `{{print}}`")
    assert told(place, "bash", "-c", "awk {{print}}") == []


def test_a_part_is_told_where_it_was_written_although_lists_are_spliced_before_it(place: Path) -> None:
    [(path, _)] = told(place, "{interpreter}", "trian.py", settings={"interpreter": [sys.executable, "-u"]})
    assert path == "command.argv.1"
    [(path, _)] = told(place, "{shell}", "echo {out}", settings={"shell": ["bash", "-c"]})
    assert path == "command.argv.1"
    assert told(place, "{none}", settings={"none": []}) == [
        ("command.argv", "names no program once its lists are filled in")
    ]


def test_the_path_of_the_command_is_asked(place: Path) -> None:
    assert told(place, "tool", env={"PATH": "."}) == []
    assert told(place, "ls", env={"PATH": "sub"})[0][0] == "command.argv.0"


def test_a_folder_that_is_not_there_is_told(place: Path) -> None:
    assert told(place / "gone", "true") == [("command.cwd", f"there is no folder {place}/gone")]


def test_what_nothing_uses_is_told(place: Path) -> None:
    found = told(place, "true", settings={"lr": 1, "x.y": 2}, batch=4, steps=2, seed=0, config=template())
    assert [path for path, _ in found] == [
        "settings.lr",
        "settings.x.y",
        "settings.batch",
        "settings.steps",
        "settings.seed",
        "command.config",
    ]
    assert found[1][1] == "nothing uses it; write `{x.y}` where its value belongs"


def test_every_place_of_a_placeholder_is_a_use(place: Path) -> None:
    used = {"a": 1, "b": 1, "c": "x", "d": 1, "e": "e"}
    assert (
        told(
            place,
            "true",
            "{a}",
            "{config}",
            env={"B": "{b}"},
            config=template(written="{c}.yaml", set={"data.bs": "{d}"}),
            success={"last_line": "{e}", "report": True},
            settings=used,
            batch=4,
            steps=3,
        )
        == []
    )


def test_keys_of_the_config_file_are_told(place: Path) -> None:
    [(path, message)] = told(place, "true", "{config}", config=template(set={"data.batch": 1}))
    assert path == "command.config.set.data.batch"
    assert "the config file has no key `data.batch`" in message


BASE = {"amp": True, "width": 3, "lr": "1e-3", "day": None, "layers": [1], "section": {"a": 1}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("amp", False, None),
        ("amp", "yes", "the config file has `true` or `false` there, and this is text 'yes'; where a change of kind"),
        ("amp", 1, "the config file has `true` or `false` there, and this is an integer 1"),
        ("amp", None, "the config file has `true` or `false` there, and this is nothing"),
        ("width", 0.5, None),
        ("width", "3", "the config file has a number there, and this is text '3'"),
        ("width", True, "the config file has a number there, and this is true or false True"),
        ("width", [3], "the config file has a number there, and this is a list of 1"),
        ("lr", 1e-3, None),
        ("lr", None, "the config file has text there, and this is nothing"),
        ("day", "x", None),
        ("layers", [], None),
        ("layers", 3, "the config file has a list there (in an axis, one list is `[[...]]`), and this is an integer"),
        ("layers.0", "x", "the config file has a number there"),
        ("section", {}, None),
        ("section", [], "the config file has keys and values there, and this is a list of 0"),
    ],
)
def test_a_key_of_the_config_file_keeps_its_kind(place: Path, key: str, value: Any, message: str | None) -> None:
    """`yes` is text in a sweep file, and would be true to a script whose config file has `yes`."""
    as_setting = template(content=BASE, held={key: value})
    as_template = template(content=BASE, set={key: "{v}"})
    for config, values in ((as_setting, {}), (as_template, {"v": value})):
        found = told(place, "true", "{config}", config=config, settings=values)
        assert [path for path, _ in found] == ([f"command.config.set.{key}"] if message else [])
        assert not message or found[0][1].startswith(message)
        assert told(place, "true", "{config}", config=replace(config, new=(key,)), settings=values) == []


def test_what_an_attempt_fills_in_keeps_its_kind_too(place: Path) -> None:
    [(_, message)] = told(place, "true", "{config}", config=template(content=BASE, set={"width": "{out}"}))
    assert message.startswith("the config file has a number there")
    assert told(place, "true", "{config}", config=template(content=BASE, set={"width": "{batch}"}), batch=4) == []


def test_a_value_of_a_key_of_the_config_file_is_no_template(place: Path) -> None:
    settings = command(
        "true", "{config}", cwd=str(place), config=template(held={"data.bs": "{lr}{{out}}"}, new=("data.bs",))
    )
    assert check_command(settings) == []
    assert render(settings, VALUES).config == {"data": {"bs": "{lr}{{out}}"}}
    assert settings.handed_over == {"config"}


@pytest.mark.parametrize(
    ("success", "path", "message"),
    [
        ({"last_line": "(done"}, "last_line", "is no regular expression: "),
        ({"last_line": ".*"}, "last_line", "matches every line, so it proves nothing"),
        ({"last_line": ""}, "last_line", "matches every line, so it proves nothing"),
        ({"files": [{"path": "r_*.csv"}]}, "files.0.path", "outside `{out}` a file is named exactly"),
        ({"files": [{"path": "{out}/../plan.json"}]}, "files.0.path", "leaves the attempt's folder again"),
        ({"files": [{"path": "{out}x"}]}, "files.0.path", "leaves the attempt's folder again"),
        ({"files": [{"path": "{out}"}]}, "files.0.path", "is a folder"),
        ({"files": [{"path": "{out}/x"}, {"path": "sub"}]}, "files.1.path", "is a folder"),
        ({"files": [{"path": "{out}/x.csv", "row": 1}]}, "files.0.row", "unknown key `row` (did you mean `rows`?)"),
        ({"files": [{"path": "{out}/x.json", "rows": 1}]}, "files.0.rows", "only CSV and JSONL have rows"),
        ({"files": [{"path": "{out}/x.csv", "rows": "{attempt}"}]}, "files.0.rows", "expected an integer, found text"),
        ({"files": {"path": "x"}}, "files", "expected a list, found keys and values"),
        ({"files": ["x"]}, "files.0", "expected keys and values, found text 'x'"),
        ({"metrics": ["mse"]}, "metrics", "metrics that are reported need `report: true`"),
        ({"exit_code": 0}, "exit_code", "unknown key `exit_code`"),
    ],
)
def test_a_declaration_that_cannot_be_held_is_told(
    place: Path, success: dict[str, Any], path: str, message: str
) -> None:
    found = told(place, "true", success=success)
    assert [each for each, _ in found] == [f"success.{path}"]
    assert found[0][1].startswith(message)


def test_a_value_with_signs_of_a_pattern_is_a_value(place: Path) -> None:
    files = [{"path": "{model}.json"}, {"path": "{out}/{model}*.json"}]
    assert told(place, "true", success={"files": files}, settings={"model": "[x]"}) == []


def test_names_that_cannot_be_are_told(place: Path) -> None:
    found = told(place, "true", name="a/b", env={"A=B": "1", "RUNNER_ATTEMPT": "x"})
    assert [path for path, _ in found] == ["command.name", "command.env.A=B", "command.env.RUNNER_ATTEMPT"]
    assert told(place, cwd=str(place), argv=())[0][0] == "command.argv"


def test_files_that_several_runs_share_are_told() -> None:
    def runs(*paths: str, **given: Any) -> list[CommandSettings]:
        files = [{"path": path} for path in paths]
        return [command("x", "{lr}", success={"files": files}, settings={"lr": lr}, **given) for lr in (1, 2, 2)]

    assert shared_files(runs("{out}/a.csv", "r/{run}.csv", "r/{lr}.csv")) == []
    [one] = shared_files(runs("{out}/a.csv", "r/a.csv"))
    assert one == Problem(
        ("success", "files", 1, "path"),
        "2 runs share /r/a.csv, so one could pass with the file of another;"
        " have each written to `{out}`, or put `{run}` into the name",
    )
    assert len(shared_files(runs("r/{attempt}_{batch}.csv", batch=4))) == 1
