"""The examples of docs/extending.md: each adds one file to a clone and is trained with at once."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from project import ROOT, TINY, new_project

from dsd2.recipe import (
    DatasetRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    RunRecipe,
    TrainingRecipe,
    to_json,
)

BLOCK = re.compile(r"^`(workflow/\S+\.py)`:\n\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCUMENT = (ROOT / "docs" / "extending.md").read_text()
EXAMPLES = {Path(path).stem: (path, code) for path, code in BLOCK.findall(DOCUMENT)}
MAX_LINES = 40

DIGITS = DatasetRecipe.of("digits", train=100, test=50, validation=20, split_seed=0)
RUN = RunRecipe(
    dataset=DIGITS,
    noise=NoiseRecipe.of("none", rate=0.0, seed=0, validation="clean"),
    model=ModelRecipe.of("vgg-like", depth=1, width=2),
    training=TrainingRecipe(
        epochs=1,
        batch_size=20,
        learning_rate=0.05,
        momentum=0.9,
        weight_decay=0,
        milestones=(),
        drop_factor=0.1,
        augmentation="none",
    ),
    pruning=PruningRecipe(criterion="magnitude", fraction=0.5),
    perturbation=PerturbationRecipe.of("none"),
    seed=0,
)
CHANGES = {
    "separable": (
        '"model":{"depth":1,"name":"vgg-like","width":2}',
        '"model":{"blocks":2,"name":"separable"}',
    ),
    "lamp": ('"criterion":"magnitude"', '"criterion":"lamp"'),
    "mnist": ('"name":"digits"', '"name":"mnist"'),
}


def write_mnist(folder):
    folder.mkdir()
    draws = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 200), ("test", 60)):
        arrays[f"x_{split}"] = draws.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(count, dtype=np.uint8) % 10
    np.savez(folder / "mnist.npz", **arrays)


def clone_with(name, folder):
    """A clone to which one example's file is added, and nothing else."""
    project = new_project(folder)
    path, code = EXAMPLES[name]
    file = project.folder / path
    assert not file.exists()
    file.write_text(code)
    write_mnist(project.folder / "data")
    return project


def stage(project, verb, **options):
    """Run a stage of the library by its command line."""
    arguments = [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(
        [sys.executable, "-m", "dsd2", verb, *arguments],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_one_short_file():
    assert set(EXAMPLES) == set(CHANGES)
    for path, code in EXAMPLES.values():
        assert code.count("\n") <= MAX_LINES, path


@pytest.mark.parametrize("name", CHANGES)
def test_an_iteration_is_trained_by_the_command_line(name, tmp_path):
    project = clone_with(name, tmp_path / "clone")
    before, after = CHANGES[name]
    recipe, dataset = (to_json(part).replace(before, after) for part in (RUN, DIGITS))
    assert recipe != to_json(RUN)
    stage(project, "dataset", recipe=dataset, output="dataset")
    noise = to_json(RUN.noise)
    stage(project, "labels", recipe=dataset, noise=noise, dataset="dataset", output="labels")
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from dsd2.paths import run_name; from dsd2.recipe import *;"
            "print(run_name(from_json(RunRecipe, sys.argv[1])))",
            recipe,
        ],
        env={**os.environ, "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    files = ("resume", "checkpoint", "metrics", "history")
    for iteration in (0, 1):
        previous = {} if iteration == 0 else {"previous": "checkpoint-0", "dense": "checkpoint-0"}
        printed = stage(
            project,
            "train",
            run=run,
            iteration=iteration,
            recipe=recipe,
            dataset="dataset",
            labels="labels",
            **previous,
            **{file: f"{file}-{iteration}" for file in files},
        )
        assert f"sparsity {iteration * 0.5:.2f}" in printed


KEYS = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "text"), zip(EXAMPLES, KEYS.findall(DOCUMENT), strict=True))
def test_its_name_and_keys_can_be_configured_at_once(name, text, tmp_path):
    """From the configuration that the document shows to the study's last result."""
    project = clone_with(name, tmp_path / "clone")
    study = {"arms": {"a": None}, "pruning": {"fraction": 0.6, "wall": 0.9}}
    for key, section in yaml.safe_load(text).items():
        small = {} if key == "model" else {**TINY, **study}.get(key, {})
        study[key] = {**small, **section} if isinstance(section, dict) else section
    project.configure(**study)
    assert project.planned()["train"] == 3
    assert project.done(project.snakemake())["train"] == 3
    metrics = pd.read_parquet(project.folder / "results/studies/tiny/metrics.parquet")
    assert metrics["iteration"].tolist() == [0, 1, 2]
    assert project.planned() == {}
