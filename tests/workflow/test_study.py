"""A whole study from an empty folder: what it leaves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from project import TINY

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.config.studies import load_studies
from dsd2.files.records import HISTORY, STUDY, read_table
from dsd2.fork_client import WANTED
from dsd2.nn.pruning import sparsity
from dsd2.paths import run_name
from dsd2.planning.chains import Plan
from dsd2.planning.progress import arm_states

RESULTS = "results/studies/tiny"


def test_a_study_leaves_its_results_and_says_where(finished):
    for name in (
        "metrics.parquet",
        "figures/sdd.png",
        "figures/sdd.svg",
        "figures/sdd.html",
        "figures/layers.png",
        "figures/layers.svg",
        "provenance.html",
        "tables/stopping.md",
        "tables/stopping.csv",
        "tables/stopping.tex",
        "tables/stopping.html",
        "tables/phases.md",
        "tables/phases.csv",
        "tables/classes.md",
        "tables/classes.csv",
    ):
        assert (finished.folder / RESULTS / name).stat().st_size > 0, name
    text = (finished.folder / "first-run.log").read_text()
    assert f"{RESULTS}/figures/sdd.png" in text
    assert f"{RESULTS}/tables/stopping.md" in text
    assert "| vanilla | undecided |" in " ".join(text.split())


def test_the_metrics_are_one_table_with_every_iteration_of_every_arm(finished):
    study = read_table(finished.folder / RESULTS / "metrics.parquet", STUDY).to_pandas()
    lengths = study.groupby("arm")["iteration"].agg(["min", "count"])
    assert lengths.loc["vanilla"].tolist() == [0, 4]
    assert lengths.loc["student"].tolist() == [0, 4]
    assert 2 <= lengths.loc["gated", "count"] <= 4
    assert study.groupby("arm")["returned"].sum().eq(1).all()
    assert study["noise_rate"].eq(0.3).all()
    assert pd.read_parquet(finished.folder / RESULTS / "metrics.parquet").equals(study)


def test_where_every_arm_is(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    plan = Plan(*load_studies(yaml.safe_load(Path("config/config.yaml").read_text())))
    states = {state.label: state for state in arm_states(plan)}
    study = pd.read_parquet(f"{RESULTS}/metrics.parquet")
    for name, gate in (
        ("vanilla", "at the target sparsity"),
        ("student", "at the target sparsity"),
        ("gated", "stopped"),
    ):
        rows = study[study["arm"] == name]
        assert states[name].reached == [len(rows)], name
        assert states[name].gate == gate
        assert states[name].latest[0]["entropy"] == rows["entropy"].iloc[-1]
        assert states[name].ended
    # A gate that is to be decided again.
    for decision in Path("results/runs").glob("*/stopping/*/iter-*.json"):
        decision.unlink()
    gated = next(state for state in arm_states(plan) if state.label == "gated")
    assert (gated.reached, gated.gate, gated.ended) == ([1], "going on", False)


def test_checkpoints_hold_what_the_metrics_say(finished):
    study = read_table(finished.folder / RESULTS / "metrics.parquet", STUDY).to_pandas()
    for row in study.itertuples():
        path = f"results/runs/{row.run}/iter-{row.iteration:02d}/checkpoint.safetensors"
        checkpoint = load_checkpoint(finished.folder / path)
        assert sparsity(checkpoint.masks) == row.sparsity
        for name, mask in checkpoint.masks.items():
            assert bool((checkpoint.state[name][~mask] == 0).all())
        assert run_name(checkpoint.recipe) == row.run
        assert not checkpoint.rewind, "no arm rewinds"


def test_the_student_is_taught_by_the_teachers_best(finished):
    study = read_table(finished.folder / RESULTS / "metrics.parquet", STUDY).to_pandas()
    teacher = study[study["arm"] == "vanilla"]
    best = int(teacher.loc[teacher["validation_accuracy"].idxmax(), "iteration"])
    student = study[study["arm"] == "student"]
    assert student["teacher_iteration"].eq(best).all()
    assert student["teacher_run"].eq(teacher["run"].iloc[0]).all()


def test_logs_have_a_line_an_epoch(finished):
    logs = list(finished.folder.glob("results/runs/*/logs/iter-*.log"))
    assert logs
    for log in logs:
        lines = log.read_text().splitlines()
        assert lines[0].startswith("epoch 1/2  loss ")
        assert lines[1].startswith("epoch 2/2  loss ")


def test_a_history_has_a_row_an_epoch(finished):
    paths = list(finished.folder.glob("results/runs/*/iter-*/history.parquet"))
    assert len(paths) == len(finished.checkpoints())
    for path in paths:
        history = read_table(path, HISTORY).to_pandas()
        assert history["epoch"].tolist() == [1, 2]
        assert history["train_loss"].notna().all()


def test_a_dry_run_of_an_empty_folder_lists_every_known_training(fresh):
    planned = fresh.planned()
    # vanilla and student whole, the gated one's first iteration.
    assert planned["train"] == 4 + 4 + 1
    assert planned["select_teacher"] == 1


def test_one_core_and_two_give_the_same_bytes_with_and_without_a_fork_server(
    finished, fresh, monkeypatch
):
    monkeypatch.setenv(WANTED, "no")
    arms = {name: TINY["arms"][name] for name in ("vanilla", "gated")}
    fresh.configure(arms=arms, pruning={"fraction": 0.6, "target_sparsity": 0.7})
    fresh.snakemake(cores=1)
    made = fresh.checkpoints()
    assert len(made) == 4
    assert made.items() <= finished.checkpoints().items()


@pytest.mark.long
def test_a_folder_of_images_from_end_to_end(fresh):
    draws = np.random.default_rng(0)
    for name, shade in (("dark", 60), ("light", 190)):
        folder = fresh.folder / "images" / name
        folder.mkdir(parents=True)
        for i in range(30):
            pixels = np.clip(draws.normal(shade, 20, (20, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.jpg")
    fresh.configure(
        dataset={"name": "imagefolder", "path": "images", "image_size": 16},
        noise={"kind": "none"},
        pruning={"fraction": 0.6, "target_sparsity": 0.7},
        arms={"plain": None},
        training={"epochs": 5, "batch_size": 8, "learning_rate": 0.01},
    )
    fresh.snakemake()
    study = read_table(fresh.folder / RESULTS / "metrics.parquet", STUDY).to_pandas()
    # A fifth of 60 images is the test, and a quarter of the others validation.
    assert study["train_images"].eq(36).all()
    assert study["test_accuracy"].max() > 0.8, "dark from light is easily told"
    assert study["memorised"].isna().all(), "no label is known to be wrong"


def test_a_study_of_networks_alone_trains_nothing(fresh):
    arms = {"small": None, "large": {"model": {"width": 3}}}
    paper = [{"arm": "small", "parameters": 2100}]
    fresh.configure(arms=arms, tables=["models"], figure=False, paper=paper)
    assert fresh.done(fresh.snakemake()) == {"table": 1}
    table = pd.read_csv(fresh.folder / RESULTS / "tables/models.csv").set_index("arm")
    assert table.loc["small", "difference parameters"] == table.loc["small", "parameters"] - 2100
    assert table["parameters"].is_monotonic_increasing
    assert not (fresh.folder / RESULTS / "figures").exists()


def test_every_table_is_made_and_compared(finished):
    paper = [{"arm": "vanilla", "accuracy": 50, "training": 1, "validation_accuracy": 40}]
    paper += [{"arm": "vanilla", "iteration": 1, "accuracy": 30}]
    tables = ["stopping", "phases", "models", "grid", "levels"]
    finished.configure(tables=tables, paper=paper, figure=False, budget="smoke")
    finished.snakemake()
    folder = finished.folder / f"{RESULTS}+smoke/tables"
    compared = {"stopping", "phases", "grid", "levels"}
    for name in tables:
        text = (folder / f"{name}.md").read_text()
        assert ("comparison with the paper means nothing" in text) == (name in compared), name
        assert ("difference" in (folder / f"{name}.csv").read_text()) == (name in compared), name
        assert "\\bottomrule" in (folder / f"{name}.tex").read_text()
