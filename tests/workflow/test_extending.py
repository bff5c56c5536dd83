"""The examples of docs/extending.md: each adds one file to a clone and is used at once."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from project import ROOT, TINY, UNDRAWN, new_project

from dsd2.analysis.registered import DEFAULT_FIGURES

BLOCK = re.compile(r"^`(workflow/\S+\.py)`:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
KEYS = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENT = (ROOT / "docs" / "extending.md").read_text()
EXAMPLES = {Path(path).stem: (path, code) for path, code in BLOCK.findall(DOCUMENT)}
TRAINED = dict(zip(("separable", "lamp", "absolute", "mnist"), KEYS.findall(DOCUMENT), strict=True))
MAX_LINES = 40


def write_mnist(folder):
    folder.mkdir()
    draws = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 200), ("test", 120)):
        arrays[f"x_{split}"] = draws.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(count, dtype=np.uint8) % 10
    np.savez(folder / "mnist.npz", **arrays)


def add(name, project):
    """Add one example's file to a project, and nothing else."""
    path, code = EXAMPLES[name]
    file = project.folder / path
    assert not file.exists()
    file.write_text(code)


def test_every_example_is_one_short_file():
    assert set(EXAMPLES) == {*TRAINED, "memorization"}
    for path, code in EXAMPLES.values():
        assert code.count("\n") <= MAX_LINES, path


@pytest.mark.parametrize(
    "names",
    [tuple(TRAINED), *(pytest.param((name,), marks=pytest.mark.long) for name in TRAINED)],
    ids=" ".join,
)
def test_their_names_and_keys_can_be_configured_at_once(names, tmp_path):
    """From the configuration that the document shows to the study's last result."""
    project = new_project(tmp_path / "clone", UNDRAWN)
    write_mnist(project.folder / "data")
    study = {"arms": {"a": None}, "pruning": {"fraction": 0.6, "target_sparsity": 0.9}}
    for name in names:
        add(name, project)
        for key, section in yaml.safe_load(TRAINED[name]).items():
            small = {} if key == "model" else {**TINY, **study}.get(key, {})
            study[key] = {**small, **section} if isinstance(section, dict) else section
    project.configure(**study)
    assert project.planned()["train"] == 3
    assert project.done(project.snakemake())["train"] == 3
    metrics = pd.read_parquet(project.folder / "results/studies/tiny/metrics.parquet")
    assert metrics["iteration"].tolist() == [0, 1, 2]
    assert project.planned() == {}


def test_a_figure_is_drawn_and_in_the_report(finished):
    assert "memorization" not in DEFAULT_FIGURES
    add("memorization", finished)
    drawn = "results/studies/tiny/figures/memorization.png"
    assert finished.done(finished.snakemake(drawn)) == {"figure": 1}
    for suffix in (".png", ".svg"):
        assert (finished.folder / drawn).with_suffix(suffix).stat().st_size > 0
    finished.snakemake("--report", "report.html", drawn)
    report = (finished.folder / "report.html").read_text()
    assert "Figure: memorization" in report
    assert "as means over seeds" in report
    assert "Nothing to be done" in finished.snakemake(), "other figures are as they were"
