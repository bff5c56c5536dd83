"""Commands and snippets of the documents: what they name is there, and each says who runs it."""

import ast
import re
import runpy
import sys

import pytest
import yaml
from snippets import BLOCKS, COMMANDS, ROOT, fault, keys_fault

from dsd2.config.study import load_study

STUDY = "a_study_that_is_shown_loads_over_the_default_one"


def of(language):
    return [block for block in BLOCKS if block.language == language]


def test_there_are_blocks_and_none_is_of_an_unknown_kind():
    assert len(COMMANDS) >= 30
    assert {block.language for block in BLOCKS} == {"", "text", "python", "yaml", "snakemake"}


# `planned` is a promise that tests/workflow/test_planned_commands.py keeps.
@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_commands_name_what_is_there_and_say_who_runs_them(block):
    assert [said for words in block.commands if (said := fault(words))] == []
    assert block.mark, "say above it: run by TEST, planned, or not run: WHY"
    assert re.fullmatch(r"planned|not run: .{5,}|run by .+", block.mark)


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.mark and b.mark.startswith("run by")], ids=str
)
def test_who_runs_a_block_is_a_test_that_is_there(block):
    file, _, test = block.mark.removeprefix("run by ").partition("::")
    content = (ROOT / "tests" / file).read_text()
    assert not test or f"def {test}(" in content


@pytest.mark.parametrize(
    "words",
    [
        ["make", "coffee"],
        ["snakemake", "--coffee"],
        ["snakemake", "--configfile", "config/coffee.yaml"],
        ["snakemake", "--profile", "profiles/coffee"],
        ["snakemake", "--config", "coffee=1"],
        ["env", "DSD2_COFFEE=1", "snakemake"],
        ["env", "DSD2_OUTPUT=lines", "snakemake", "coffee"],
        ["snakemake", "--config", "training={coffee: 1}"],
        ["snakemake", "coffee"],
        ["snakemake", "--forcerun", "coffee"],
        ["python", "coffee.py"],
        ["python", "-m", "dsd2", "coffee"],
        ["pip", "install", "--requirement", "envs/coffee.txt"],
        ["coffee"],
    ],
)
def test_what_is_not_there_is_found(words):
    assert fault(words)


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_is_python(block):
    ast.parse(block.text)
    # Those of docs/extending.md become files, and its own test runs them.
    assert block.mark or block.document == "docs/extending.md"


@pytest.mark.parametrize(
    "block", [b for b in of("yaml") if b.document != "docs/extending.md"], ids=str
)
def test_yaml_has_keys_that_there_are(block):
    assert keys_fault(yaml.safe_load(block.text)) is None


def test_a_study_that_is_shown_loads_over_the_default_one():
    (shown,) = [block for block in of("yaml") if block.mark and block.mark.endswith(STUDY)]
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    study = load_study({**default, **yaml.safe_load(shown.text)})
    assert [arm for _, arm in study.arms] == ["vanilla", "kd-best", "kd-warm"]
    # The tutorial says that the new arm alone is trained.
    shared = load_study(default).arms
    assert [arm for arm in study.arms if shared.get(arm) == study.arms[arm]] == [
        ("all", "vanilla"),
        ("all", "kd-best"),
    ]


@pytest.mark.slow
def test_the_example_folder_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["example_folder.py", str(tmp_path / "photos")])
    runpy.run_path(str(ROOT / "docs/example_folder.py"), run_name="__main__")
    folders = list((tmp_path / "photos").iterdir())
    assert len(folders) == 10
    assert sum(len(list(folder.iterdir())) for folder in folders) == 1797
