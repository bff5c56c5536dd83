"""What stages ask a scheduler for, against what networks and stages really take."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dsd2.config.studies import load_studies
from dsd2.planning.chains import Plan
from dsd2.planning.requests import Allocation

ROOT = Path(__file__).parents[2]
STUDY = {
    "study": "test",
    "seeds": [0],
    "dataset": {"name": "digits"},
    "model": {"depth": 2, "width": 4},
    "training": {"epochs": 2, "batch_size": 16},
    "arms": {"a": None},
}
TAUGHT = {"a": None, "b": {"distillation": {"teacher": "a", "select": "dense"}}}


def allocation(**changes):
    plan = Plan(*load_studies({**STUDY, **changes}))
    return Allocation(plan, []), list(plan.runs)


def training(**changes):
    """The needs of the last run of a study."""
    needs, runs = allocation(**changes)
    return needs.training(runs[-1])


def test_needs_grow_with_the_study():
    small = training()
    for changes in (
        {"training": {"epochs": 2, "batch_size": 1024}},
        {"model": {"depth": 2, "width": 8}},
        {"dataset": {"name": "cifar10"}},
    ):
        assert training(**changes).memory > small.memory, changes
    for changes in (
        {"training": {"epochs": 100, "batch_size": 16}},
        {"model": {"depth": 2, "width": 8}},
        {"dataset": {"name": "cifar10"}},
        {"arms": TAUGHT},
    ):
        assert training(**changes).seconds > small.seconds, changes


def test_a_gpu_is_asked_for_where_it_pays():
    assert training().gpus == 0
    large = {"dataset": {"name": "cifar10"}, "model": {"name": "resnet18"}}
    needed = training(**large)
    assert needed.gpus == 1
    plan = Plan(*load_studies({**STUDY, **large}))
    without = Allocation(plan, [], gpus=False).training(*plan.runs)
    assert without.gpus == 0
    assert without.seconds > 10 * needed.seconds
    taught = {"teacher": "a", "select": "dense", "table": True}
    needs, runs = allocation(**large, arms={"a": None, "b": {"distillation": taught}})
    assert needs.teacher_logits(runs[0]).gpus == 1


def test_a_network_on_a_gpu_takes_no_memory_of_the_host():
    large = {"dataset": {"name": "cifar10"}, "model": {"name": "resnet18"}}
    batches = [training(**large, training={"batch_size": size}) for size in (128, 1024)]
    assert batches[0].gpus == batches[1].gpus == 1
    assert batches[0].memory == batches[1].memory


def test_what_a_gpu_must_hold_follows_from_the_shapes():
    large = {"dataset": {"name": "cifar10"}, "model": {"name": "resnet18"}}
    batches = [training(**large, training={"batch_size": size}) for size in (128, 1024)]
    assert batches[0].gpu_mem_mb() < batches[1].gpu_mem_mb() < 80_000
    assert batches[0].gpu_mem_mb(2) == 2 * batches[0].gpu_mem_mb()
    assert training().gpu_mem_mb() == 0, "it gets none"
    plan = Plan(*load_studies({**STUDY, **large}))
    assert Allocation(plan, [], gpus=False).training(*plan.runs).gpu_mem_mb() == 0


def test_more_is_asked_for_in_each_attempt():
    needs = training()
    assert [needs.mem_mb(attempt) for attempt in (1, 2, 3)] == [
        attempt * needs.mem_mb() for attempt in (1, 2, 3)
    ]
    assert needs.minutes(2) == 2 * needs.minutes()


@pytest.mark.slow
@pytest.mark.parametrize("study", sorted((ROOT / "config" / "paper").glob("*.yaml")))
def test_every_study_of_the_paper_has_needs(study, monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = Plan(*load_studies(yaml.safe_load(study.read_text())))
    needs = Allocation(plan, [])
    for run in plan.runs:
        assert 500 < needs.training(run).mem_mb() < 64_000
        assert needs.training(run).minutes() > 0
    for dataset in plan.datasets:
        assert needs.dataset(dataset).mem_mb() > 500


def test_a_block_is_as_many_iterations_as_are_asked_for_at_once():
    needs, (run,) = allocation(lookahead=3)
    assert [needs.block(run, i) for i in (0, 2, 3)] == [f"{run}-block{n}" for n in (0, 0, 1)]
    alone, (run,) = allocation()
    assert alone.block(run, 5) is None


@pytest.mark.process
def test_working_needs_out_imports_no_torch():
    program = (
        "import sys, dsd2.planning.requests\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
