"""The paper's studies: listed at full size, run on real images where they are to be had."""

import time
from pathlib import Path

import pytest
from project import ROOT

SHARED = ROOT.parent / "shared" / "data"

FIG5 = "config/paper/fig5.yaml"


def test_the_full_figure_5_is_listed(fresh, capsys):
    start = time.monotonic()
    planned = fresh.planned("--configfile", FIG5)
    with capsys.disabled():
        print(f"\nfull Figure 5 listed in {time.monotonic() - start:.1f} s: {planned}")
    # Teacher, vanilla, two students; 35 iterations, three seeds, three noise rates.
    assert planned["train"] == 4 * 35 * 9
    assert planned["select_teacher"] == 9


@pytest.mark.skipif(
    not (SHARED / "cifar10").is_dir(), reason="needs ../shared/data/cifar10, which is not here"
)
def test_cifar10_with_augmentation_and_a_resnet_teacher(fresh):
    fresh.configure(
        dataset={"name": "cifar10", "train": 40, "validation": 20, "test": 20},
        data_roots=[str(SHARED)],
        training={"epochs": 1, "batch_size": 20, "augmentation": "flip-shift"},
        model={"name": "vgg-like", "depth": 5, "width": 2},
        pruning={"fraction": 0.6, "wall": 0.7},
        arms={
            "teacher": {"model": {"name": "resnet18"}},
            "student": {"distillation": {"teacher": "teacher", "select": "best"}},
        },
    )
    fresh.snakemake()
    log = Path(next(fresh.folder.glob("results/datasets/logs/*.log"))).read_text()
    assert "40 training, 20 validation, 20 test images of 10 classes" in log
    assert len(fresh.checkpoints()) == 4
