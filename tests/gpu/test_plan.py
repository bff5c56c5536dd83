"""What a study would take on a machine with a GPU: what runs there, and what beside it."""

import dataclasses

import pytest
import torch
from recipes import run_recipe, training

from dsd2 import devices, environment
from dsd2.data.metadata import Metadata
from dsd2.nn.speed import Speed
from dsd2.planning.cost import markdown
from dsd2.recipe import ModelRecipe
from dsd2.stages import estimate as stage
from dsd2.stages.estimate import PlannedRun, estimate

METADATA = Metadata(image=(1, 8, 8), classes=10, train=100, validation=20, test=50)
RUN = run_recipe(
    model=ModelRecipe.of("vgg-like", depth=1, width=3), training=training(epochs=3, batch_size=10)
)
START = {"cpu": (5.0, 1e6), "cuda": (7.0, 9e6)}
ON_GPU, ON_CPU = 7.0 + 300 * 0.001 + 170 * 0.001, 5.0 + 300 * 0.002 + 170 * 0.001


@pytest.fixture
def timed(monkeypatch, tmp_path):
    """A machine of known speed, whose GPU trains twice as fast as a core."""
    rates = {"cpu": 0.002, "cuda": 0.001}
    monkeypatch.setattr("dsd2.stages.known_runs.metadata", lambda _recipe, _roots: METADATA)
    monkeypatch.setattr(stage, "_stage_cost", lambda device: START[device.type])
    monkeypatch.setattr(
        stage, "measure_speed", lambda work, _, device: Speed(rates[device.type], 0.001, 10)
    )
    monkeypatch.setattr(devices, "lock_folder", lambda _: tmp_path / "locks")
    return tmp_path / "locks"


def runs(*gpus):
    return [
        PlannedRun(dataclasses.replace(RUN, seed=seed), 4, 1, given)
        for seed, given in enumerate(gpus)
    ]


def test_large_runs_take_turns_on_the_gpu_and_small_ones_have_the_cores(card, timed):
    found = estimate(runs(1, 1, 0, 0, 0, 0), [], 4)
    assert found.gpu_seconds == pytest.approx(2 * 4 * ON_GPU)
    assert found.seconds - found.gpu_seconds == pytest.approx(4 * 4 * ON_CPU)
    assert (found.jobs, found.gpu_jobs) == (4, 1)
    assert found.elapsed == pytest.approx(2 * 4 * ON_GPU), "the cores are done before"
    page = markdown(found)
    assert "1 on GPUs and 4 on CPUs side by side" in page
    assert "CPU, one thread and pretended GPU" in page
    assert "fp32 on a GPU" in page
    assert (timed / "0.0.lock").exists(), "nothing else is measured at the same time"


def test_several_share_the_gpu(card, timed, monkeypatch):
    monkeypatch.setenv(environment.GPU_SHARE, "2")
    assert estimate(runs(1, 1), [], 4).elapsed == pytest.approx(4 * ON_GPU)


def test_what_a_gpu_holds_is_not_the_hosts(card, timed):
    def memory(batch_size, gpus):
        recipe = dataclasses.replace(RUN, training=training(batch_size=batch_size))
        found = estimate([PlannedRun(recipe, 1, 1, gpus)], [], 1)
        return found.memory, found.gpu_memory

    few, many = memory(600, 1), memory(6000, 1)
    assert few[0] == many[0]
    assert few[1] < many[1]
    assert memory(600, 0)[1] == 0
    assert memory(6000, 0)[0] > memory(600, 0)[0]


def test_a_study_of_small_runs_leaves_the_gpu_alone(card, timed):
    found = estimate(runs(0, 0), [], 2)
    assert found.device == "CPU, one thread"
    assert found.gpu_jobs == 0
    assert not timed.exists()
    assert torch.cuda.is_available()
