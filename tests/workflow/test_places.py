"""The workflow run from another folder, and as a module of somebody else's workflow."""

import numpy as np
import pytest
import yaml
from PIL import Image
from project import TINY, Project, new_project

SMALL = {
    **TINY,
    "study": "small",
    "training": {**TINY["training"], "epochs": 1},
    "pruning": {"fraction": 0.6, "target_sparsity": 0.7},
    "arms": {
        "vanilla": None,
        "gated": {
            "distillation": {"teacher": "vanilla", "select": "best"},
            "stopping": {"policy": "accuracy", "accuracy_threshold": 0.01},
        },
    },
    "tables": ["stopping"],
    "export": {"always": True, "seconds": 0.05, "arms": ["gated"], "choices": ["best"]},
}
WITHOUT_EXPORT = {**SMALL, "export": {}}
WITHOUT_FIGURES = {**SMALL, "figure": False, "export": {}}

OUTER = """
configfile: "mine.yaml"


module dsd2:
    snakefile:
        "{clone}/Snakefile"
    config:
        config["study of pruning"]
    {more}


use rule * from dsd2{names}


rule own:
    output:
        "results/mine.txt",
    shell:
        "touch {{output}}"


rule mine:
    input:
        "results/mine.txt",
        {inputs},
    default_target: True
"""


@pytest.fixture
def clone(tmp_path):
    return new_project(tmp_path / "clone").folder


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Project(folder)


def take_rules(elsewhere, clone, inputs, more="", names=" exclude all", config=SMALL):
    """Write a workflow of somebody's own, which has other rules and keys beside ours."""
    text = OUTER.format(clone=clone, inputs=inputs, more=more, names=names)
    (elsewhere.folder / "Snakefile").write_text(text)
    content = yaml.safe_dump({"other": "key", "study of pruning": config})
    (elsewhere.folder / "mine.yaml").write_text(content)


def draw_images(folder):
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for i in range(12):
            pixels = np.full((8, 8), 20 * i, np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")


@pytest.mark.long
def test_it_runs_from_another_folder_with_its_own_default_study(clone, elsewhere):
    own = {**SMALL, "arms": {"vanilla": None}, "export": {}}
    (clone / "config" / "config.yaml").write_text(yaml.safe_dump(own))
    text = elsewhere.snakemake("-s", "../clone/Snakefile")
    assert "The study small is in:" in text
    assert (elsewhere.folder / "results/studies/small/figures/sdd.png").exists()
    assert not (clone / "results").exists()
    assert elsewhere.planned("-s", str(clone / "Snakefile")) == {}
    elsewhere.snakemake("-s", "../clone/Snakefile", "--report", "report.html")
    style = (clone / "workflow" / "report" / "style.css").read_text()
    assert style.strip() in (elsewhere.folder / "report.html").read_text()


def test_the_catalogues_snakefile_is_the_same_workflow(clone, elsewhere):
    planned = elsewhere.planned("-s", str(clone / "workflow/Snakefile"))
    assert planned.pop("everything") == 1
    assert planned == elsewhere.planned("-s", str(clone / "Snakefile"))


@pytest.mark.long
def test_from_another_folder_its_studies_are_found_but_nearer_ones_win(clone, elsewhere):
    snakefile = ("-s", str(clone / "Snakefile"), "--dry-run")
    text = elsewhere.snakemake(*snakefile, "--config", "studies=config/paper/table3.yaml")
    assert "results/studies/table3/tables/models.md" in text
    text = elsewhere.snakemake(*snakefile, "--config", "studies='[config/paper/table3.yaml]'")
    assert "results/studies/table3/tables/models.md" in text
    text = elsewhere.snakemake(*snakefile, "--config", "studies=config/paper/tabl*3.yaml")
    assert "results/studies/table13/" in text
    (elsewhere.folder / "config").mkdir()
    near = yaml.safe_dump({**SMALL, "study": "nearer"})
    (elsewhere.folder / "config" / "config.yaml").write_text(near)
    assert "results/studies/nearer/metrics.parquet" in elsewhere.snakemake(*snakefile)


@pytest.mark.long
def test_own_images_are_found_from_another_folder_and_below_no_prefix(clone, elsewhere):
    draw_images(elsewhere.folder / "images")
    snakefile = ("-s", str(clone / "Snakefile"))
    assert elsewhere.planned(*snakefile, "--config", "data=images")["dataset"] == 1
    take_rules(
        elsewhere, clone, "rules.dsd2_all.input", 'prefix: "sdd"', " as dsd2_*", {"data": "images"}
    )
    assert elsewhere.planned()["dsd2_dataset"] == 1


@pytest.mark.parametrize(
    ("more", "place", "config", "results"),
    [
        (
            'prefix: "of/pruning"',
            "of/pruning/results",
            WITHOUT_EXPORT,
            ("figures/sdd.png", "tables/stopping.md"),
        ),
        pytest.param(
            'replace_prefix: {"results/": "out/"}',
            "out",
            SMALL,
            ("figures/sdd.png", "export/comparison.md", "tables/stopping.md"),
            marks=pytest.mark.long,
        ),
        pytest.param(
            "", "results", WITHOUT_FIGURES, ("tables/stopping.md",), marks=pytest.mark.long
        ),
    ],
)
def test_its_rules_serve_another_workflow(clone, elsewhere, more, place, config, results):
    take_rules(elsewhere, clone, "rules.dsd2_all.input", more, " as dsd2_*", config)
    text = elsewhere.snakemake()
    assert "localrules directive" not in text
    done = elsewhere.done(text)
    assert done["own"] == 1
    # The second chain's name depends on the first one's choice, its length on its own gates.
    assert (done["dsd2_select_teacher"], done["dsd2_gate"], done["dsd2_train"]) == (1, 2, 4)
    for name in results:
        assert (elsewhere.folder / place / "studies" / "small" / name).exists()
    others = {path.name for path in elsewhere.folder.iterdir()} - {"Snakefile", "mine.yaml"}
    assert others == {"results", ".snakemake", "snakemake.log", place.partition("/")[0]}
    if place != "results":
        assert [path.name for path in (elsewhere.folder / "results").iterdir()] == ["mine.txt"]
    assert elsewhere.planned() == {}
    if config is not WITHOUT_FIGURES:
        elsewhere.snakemake("--report", "report.html")
        assert "Figure 1: accuracy" in (elsewhere.folder / "report.html").read_text()


def test_a_modules_rules_can_keep_their_names(clone, elsewhere):
    take_rules(elsewhere, clone, '"results/studies/small/metrics.parquet"')
    planned = elsewhere.planned()
    assert (planned["own"], planned["train"], planned["study_metrics"]) == (1, 3, 1)


def test_a_module_without_a_study_runs_the_default_one(clone, elsewhere):
    take_rules(elsewhere, clone, "rules.dsd2_all.input", names=" as dsd2_*", config={"seeds": [7]})
    text = elsewhere.snakemake("--dry-run")
    assert "results/studies/tiny/metrics.parquet" in text
    assert "-s7-" in text


def test_a_mistake_in_a_modules_configuration_is_one_sentence(clone, elsewhere):
    config = {**SMALL, "seeds": ["x"]}
    take_rules(elsewhere, clone, "rules.dsd2_all.input", names=" as dsd2_*", config=config)
    text = elsewhere.snakemake("--dry-run", status=1)
    assert "config key seeds" in text
    assert "Traceback" not in text


def test_a_library_of_that_name_from_elsewhere_is_named(clone, elsewhere):
    """As the rules of two clones, or a workflow that imports an installed copy, would have it."""
    other = elsewhere.folder / "other" / "dsd2"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    take_rules(elsewhere, clone, "rules.dsd2_all.input", names=" as dsd2_*")
    snakefile = elsewhere.folder / "Snakefile"
    importing = "import sys\n\nsys.path.insert(0, 'other')\n\nimport dsd2\n\n"
    snakefile.write_text(importing + snakefile.read_text())
    text = elsewhere.snakemake("--dry-run", status=1)
    assert f"The Python package dsd2 was imported from {other}" in text
    assert "Traceback" not in text
