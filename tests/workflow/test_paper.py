"""The paper's studies: listed at full size, run on real images where they are to be had."""

import time
from pathlib import Path

import pytest

from dsd2.config.studies import load_studies
from dsd2.files.records import STUDY, read_table
from dsd2.planning.chains import Plan
from dsd2.planning.jobs import planned_runs
from dsd2.planning.requests import Allocation
from real_data import CIFAR10, needs_cifar10

FIG5 = "config/paper/fig5.yaml"


@pytest.mark.long
def test_the_full_figure_5_is_listed(fresh, capsys):
    start = time.monotonic()
    planned = fresh.planned("--configfile", FIG5)
    with capsys.disabled():
        print(f"\nfull Figure 5 listed in {time.monotonic() - start:.1f} s: {planned}")
    # Teacher, vanilla, two students; 35 iterations, three seeds, two datasets, three noise rates.
    assert planned["train"] == 4 * 35 * 18
    assert planned["select_teacher"] == 18


@pytest.mark.long
def test_all_studies_are_listed_together_and_share_what_they_can(fresh, capsys):
    start = time.monotonic()
    planned = fresh.planned("--configfile", "config/paper/all.yaml")
    with capsys.disabled():
        print(f"\nall studies listed in {time.monotonic() - start:.1f} s: {planned}")
    studies = load_studies({"studies": str(fresh.folder / "config" / "paper" / "*.yaml")})
    plan = Plan(*studies)
    runs = planned_runs(plan, Allocation(plan, []))
    assert planned["train"] == sum(run["iterations"] for run in runs)
    assert planned["train"] < sum(run["iterations"] * run["chains"] for run in runs)
    assert planned["figure"] == 2 * sum(study.figure for study in studies)


@pytest.mark.long
def test_a_study_whose_data_is_missing_runs_on_stand_ins_and_says_so(fresh):
    settings = ("config/paper/fig7.yaml", "config/budget/smoke.yaml")
    fresh.snakemake("--configfile", *settings, "--config", "data_roots=['nowhere']")
    (folder,) = fresh.folder.glob("results/studies/fig7+smoke")
    table = (folder / "tables" / "stopping.md").read_text()
    assert "stand-in data" in table
    assert "stand-in data" in (folder / "figures" / "sdd.svg").read_text()
    rows = read_table(folder / "metrics.parquet", STUDY).to_pandas()
    assert set(rows["panel"]) == {"teacher", "student"}
    assert rows["origin"].str.startswith("stand-in").all()


@needs_cifar10
@pytest.mark.long
def test_cifar10_with_augmentation_and_a_resnet_teacher(fresh):
    fresh.configure(
        dataset={"name": "cifar10", "train": 40, "validation": 20, "test": 20},
        data_roots=[str(CIFAR10)],
        training={"epochs": 1, "batch_size": 20, "augmentation": "flip-shift"},
        model={"name": "vgg-like", "depth": 5, "width": 2},
        pruning={"fraction": 0.6, "target_sparsity": 0.7},
        arms={
            "teacher": {"model": {"name": "resnet18"}},
            "student": {"distillation": {"teacher": "teacher", "select": "best"}},
        },
    )
    fresh.snakemake()
    log = Path(next(fresh.folder.glob("results/datasets/logs/*.log"))).read_text()
    assert "40 training, 20 validation, 20 test images of 10 classes" in log
    assert len(fresh.checkpoints()) == 4
