"""The same bits, however the stages are run and wherever the project lies."""

import pytest
from project import TINY, new_project

from dsd2.files.records import METRICS, read_rows

MEASURED = ("seconds", "seconds_training", "peak_memory")
"""Columns that tell how it went on the machine."""

ARTEFACTS = (
    "datasets/*.safetensors",
    "labels/*.parquet",
    "runs/*/iter-*/checkpoint.safetensors",
    "runs/*/iter-*/views.safetensors",
)


def small(project):
    """A teacher and a student that looks its answers up in a table; two iterations each."""
    arms = {
        "vanilla": None,
        "student": {"distillation": {"teacher": "vanilla", "select": "dense", "table": True}},
    }
    training = {**TINY["training"], "augmentation": "flip-shift"}
    pruning = {"fraction": 0.6, "target_sparsity": 0.7}
    project.configure(arms=arms, training=training, pruning=pruning)


def made(project, *patterns):
    """The bytes of what stages made, by path."""
    found = [path for pattern in patterns for path in project.folder.glob(f"results/{pattern}")]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in sorted(found)}


@pytest.mark.long
def test_one_stage_at_a_time_and_all_at_once_in_clones_that_lie_elsewhere(fresh, tmp_path):
    small(fresh)
    fresh.snakemake()
    at_once = made(fresh, *ARTEFACTS)
    assert len(at_once) == 2 + 4 + 1

    clone = new_project(tmp_path / "another place" / "ü" / "clone")
    small(clone)

    def order(name):
        """Data, the teacher's iterations, its table, the student's iterations."""
        return "/iter-" in name, "-kd" in name, "views" in name, name

    for name in sorted(at_once, key=order):
        text = clone.snakemake(name, cores=1)
        assert sum(clone.done(text).values()) == 1, "each is one stage, its inputs being there"
    assert made(clone, *ARTEFACTS) == at_once

    clone.snakemake(cores=1)
    for path in fresh.folder.glob("results/runs/*/iter-*/metrics.parquet"):
        (one,) = read_rows(path, METRICS)
        (other,) = read_rows(clone.folder / path.relative_to(fresh.folder), METRICS)
        for column in MEASURED:
            del one[column], other[column]
        assert one == other
