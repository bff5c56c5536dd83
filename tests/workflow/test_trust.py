"""Configurations that would run code, or lose a key, through Snakemake itself."""

from pathlib import Path

import pytest
import yaml
from project import ROOT, TINY

STUDY = yaml.safe_dump(TINY, sort_keys=False)
TOUCH = "__import__('pathlib').Path('ran').touch()"
ATTACKS = {
    "YTE in a key": f"__use_yte__: true\n?{TOUCH}: x\n{STUDY}",
    "YTE in a value": f"__use_yte__: true\n{STUDY}title: ?{TOUCH} or 'x'\n",
    "YTE by a merged key": f"{STUDY}plot: &y {{__use_yte__: true}}\n<<: *y\ntitle: ?{TOUCH}\n",
    "a function": f"{STUDY}title: !!python/name:os.system\n",
    "a call": f"{STUDY}title: !!python/object/apply:os.system ['touch ran']\n",
}


def sentence(text):
    """What a run that ended at its configuration said."""
    assert "Traceback" not in text
    (said,) = [line for line in text.splitlines() if "theirs.yaml: " in line]
    return said


def nothing_happened(project):
    return not (project.folder / "ran").exists() and not (project.folder / "results").exists()


@pytest.mark.parametrize("name", ATTACKS)
def test_somebody_elses_study_runs_no_code_by_the_key_studies(fresh, name):
    """The way to run it that the documentation names."""
    (fresh.folder / "theirs.yaml").write_text(ATTACKS[name])
    text = fresh.snakemake("-n", "--config", "studies=theirs.yaml", status=1)
    said = "has the key __use_yte__" if "YTE" in name else "has the tag '!!python/"
    assert said in sentence(text)
    assert "It may have run" not in text
    assert nothing_happened(fresh)


def test_a_list_a_pattern_and_a_budget_run_none_either(fresh):
    (fresh.folder / "theirs.yaml").write_text(ATTACKS["YTE in a value"])
    budget = ["--configfile", "config/budget/smoke.yaml"]
    for options in ([], budget):
        for studies in ("[theirs.yaml]", "their*.yaml"):
            text = fresh.snakemake("-n", *options, "--config", f"studies={studies}", status=1)
            assert "has the key __use_yte__" in sentence(text)
    (fresh.folder / "list.yaml").write_text("studies: [theirs.yaml]\n")
    text = fresh.snakemake("-n", "--configfile", "list.yaml", status=1)
    assert "has the key __use_yte__" in sentence(text)
    assert nothing_happened(fresh)


def test_a_plain_study_of_somebody_elses_is_planned_as_by_configfile(fresh):
    (fresh.folder / "theirs.yaml").write_text(STUDY)
    by_key = fresh.planned("--config", "studies=theirs.yaml")
    assert by_key == fresh.planned("--configfile", "theirs.yaml")
    assert by_key["train"] > 0


@pytest.mark.parametrize("name", ATTACKS)
def test_configfile_ends_before_anything_but_what_yte_ran_itself(fresh, name):
    (fresh.folder / "theirs.yaml").write_text(ATTACKS[name])
    text = fresh.snakemake("-n", "--configfile", "theirs.yaml", status=1)
    assert not (fresh.folder / "results").exists()
    if "YTE" in name:
        # Snakemake evaluates it before it reads the Snakefile: documented, not prevented.
        assert (fresh.folder / "ran").exists()
        assert "It may have run them before this check. --config studies=FILE runs" in sentence(
            text
        )
    else:
        assert nothing_happened(fresh)


@pytest.mark.long
@pytest.mark.parametrize("name", ["YTE in a value", "a function"])
@pytest.mark.parametrize("file", ["config.yaml", "own-data.yaml"])
def test_the_default_files_are_looked_at_before_snakemake_reads_them(fresh, name, file):
    (fresh.folder / "config" / file).write_text(ATTACKS[name])
    data = ["--config", "data=images"] if file == "own-data.yaml" else []
    text = fresh.snakemake("-n", *data, status=1)
    assert f"config/{file}: has the " in text
    assert "Traceback" not in text
    assert nothing_happened(fresh)


LATIN = STUDY.encode() + "title: é\n".encode("latin-1")
LAST = STUDY.count("\n") + 1
FAULTS = {
    "twice": (STUDY + "seeds: [5]\n", "has the key 'seeds' twice, at line 2, column 1 and at line"),
    "brackets": (STUDY + f"title: {'[' * 3000}", f"is nested too deeply at line {LAST}, column"),
    "latin": (LATIN, f"is no UTF-8 text at line {LAST} (byte 0xe9)"),
    "utf-16": (STUDY.encode("utf-16"), "is no UTF-8 text at line 1"),
    "digits": (STUDY + f"title: {'1' * 5000}\n", f"at line {LAST}, column 8, which is no number"),
    "complex": (STUDY + "title: !!python/complex 1j\n", "has the tag '!!python/complex' at line"),
    "invalid": (STUDY + "title: [\n", f"is not valid YAML at line {LAST + 1}, column 1"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_file_is_one_sentence_with_its_line(fresh, name):
    content, said = FAULTS[name]
    data = content if isinstance(content, bytes) else content.encode()
    (fresh.folder / "config/config.yaml").write_bytes(data)
    text = fresh.snakemake("-n", status=1)
    assert "Traceback" not in text
    (line,) = [line for line in text.splitlines() if said in line]
    assert line.startswith("config/config.yaml: ")
    assert not (fresh.folder / "results").exists()


def test_no_key_is_lost_by_configfile_or_config(fresh):
    (fresh.folder / "theirs.yaml").write_text(STUDY + "seeds: [5]\n")
    text = fresh.snakemake("-n", "--configfile", "theirs.yaml", status=1)
    assert "has the key 'seeds' twice, at line 2, column 1" in sentence(text)
    text = fresh.snakemake("-n", "--config", "seeds=[0]", "seeds=[1]", status=1)
    assert "config key 'seeds' is given twice by --config; it must be once" in text
    text = fresh.snakemake("-n", "--config", "plot={dpi: 100, dpi: 200}", status=1)
    assert "has the key 'dpi' twice" in text


def test_without_snakemakes_attributes_it_runs_and_says_what_it_could_not_look_at(fresh):
    """As another version of Snakemake may name them."""
    file = fresh.folder / "workflow/dsd2/compat.py"
    text = file.read_text()
    assert "workflow.config_settings" in text
    file.write_text(text.replace("workflow.config_settings", "workflow.renamed"))
    text = fresh.snakemake("-n")
    assert "This version of Snakemake does not tell which files --configfile gave" in text


def test_the_safe_way_is_documented():
    assert "--config studies=theirs.yaml" in Path(ROOT, "config/README.md").read_text()
