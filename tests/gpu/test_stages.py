"""Whole stages on a GPU: where they work, what they write, and that they wait their turn."""

import dataclasses
import time

import pytest
import torch
from recipes import distillation, run_recipe, training

from dsd2 import devices, environment
from dsd2.artefacts.checkpoint import load_checkpoint_of
from dsd2.artefacts.resume import ResumeFile
from dsd2.devices import Given
from dsd2.files.records import HISTORY, METRICS, read_rows
from dsd2.paths import run_name
from dsd2.recipe import PerturbationRecipe, PruningRecipe
from dsd2.stages.evaluate import EvaluationFiles, run_evaluate
from dsd2.stages.prepare import run_dataset, run_labels
from dsd2.stages.teacher_logits import run_teacher_logits
from dsd2.stages.train import IterationFiles, run_iteration

RECIPE = run_recipe(training=training(epochs=1, batch_size=32))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a dataset and its labels, and locks of its own."""
    monkeypatch.setattr(devices, "lock_folder", lambda _: tmp_path / "locks")
    run_dataset(RECIPE.dataset, [], False, tmp_path / "dataset")
    run_labels(tmp_path / "dataset", RECIPE.dataset, RECIPE.noise, [], tmp_path / "labels")
    return tmp_path


def trained(place, recipe=RECIPE, iteration=0, given=None, **files):
    """Train an iteration; its row of metrics."""
    here = place / f"{iteration:02d}"
    here.mkdir(exist_ok=True)
    previous = {"previous": place / "00" / "checkpoint" if iteration else None}
    known = {"dense": None, "teacher": None, "table": None, **previous, **files}
    outputs = {name: here / name for name in ("checkpoint", "metrics", "history", "resume")}
    inputs = {name: place / name for name in ("dataset", "labels")}
    made = IterationFiles(**inputs, **outputs, **known)
    run_iteration(run_name(recipe), iteration, recipe, made, given or Given(1), 1e9, time.time())
    return read_rows(here / "metrics", METRICS)[0]


@pytest.mark.parametrize(("gpus", "device"), [(None, "pretended GPU"), (1, "pretended GPU")])
def test_a_stage_works_on_the_gpu_that_it_was_given(card, place, gpus, device):
    row = trained(place, given=Given(1, gpus))
    assert row["device"] == device
    assert row["peak_gpu_memory"] == card.peak


def test_a_stage_that_was_given_no_gpu_leaves_it_alone(card, place):
    with card.counting() as count:
        row = trained(place, given=Given(1, 0))
    assert row["device"] == "cpu"
    assert row["peak_gpu_memory"] is None
    assert not count.kernels
    assert not (place / "locks").exists()


CHANGES = {
    "filters": {"pruning": PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters")},
    "gradients": {"pruning": PruningRecipe(criterion="gradient", fraction=0.5)},
    "rewinding": {"perturbation": PerturbationRecipe.of("rewind", rewind_step=2)},
    "reinitialising": {"perturbation": PerturbationRecipe.of("reinit")},
    "shifts": {"training": training(augmentation="flip-shift", batch_size=32)},
    "edits": {"training": training(augmentation="auto-cutout", batch_size=32)},
    "weights of classes": {"training": training(class_weights="balanced", batch_size=32)},
    "channels last": {"training": training(channels_last=True, precision="bf16", batch_size=32)},
}


EVERY_DAY = ("filters", "shifts", "channels last")


@pytest.mark.parametrize(
    "change",
    [name if name in EVERY_DAY else pytest.param(name, marks=pytest.mark.long) for name in CHANGES],
)
def test_two_iterations_of_every_kind(card, place, change):
    recipe = dataclasses.replace(RECIPE, **CHANGES[change])
    rows = [trained(place, recipe, iteration) for iteration in (0, 1)]
    assert [row["device"] for row in rows] == ["pretended GPU"] * 2
    assert rows[1]["sparsity"] > 0.3


@pytest.mark.parametrize("fits", [True, False])
def test_a_student_looks_its_teacher_up_on_either_side(card, place, fits):
    shifts = training(augmentation="flip-shift", batch_size=32)
    teacher = dataclasses.replace(RECIPE, training=shifts)
    trained(place, teacher)
    (place / "00" / "checkpoint").rename(place / "teacher")
    table = place / "table"
    run_teacher_logits(
        run_name(teacher), 0, RECIPE.dataset, place / "dataset", place / "teacher", Given(1), table
    )
    taught = distillation(teacher_run=run_name(teacher), table=True)
    student = dataclasses.replace(teacher, distillation=taught)
    card.free = 2**40 if fits else 1
    row = trained(place, student, teacher=place / "teacher", table=table)
    assert row["teacher_run"] == run_name(teacher)
    assert row["device"] == "pretended GPU"


def test_a_killed_training_goes_on_to_the_same_bits(card, place, monkeypatch):
    recipe = dataclasses.replace(
        RECIPE, training=training(epochs=4, milestones=(2,), augmentation="flip-shift")
    )

    def weights():
        return load_checkpoint_of(place / "00" / "checkpoint", run_name(recipe), 0).state

    trained(place, recipe)
    whole = weights()

    class KilledError(Exception):
        pass

    after_epoch = ResumeFile.after_epoch

    def save_and_die(self, model, now):
        self.every = -1.0
        after_epoch(self, model, now)
        if now.epoch == 2:
            raise KilledError

    monkeypatch.setattr(ResumeFile, "after_epoch", save_and_die)
    with pytest.raises(KilledError):
        trained(place, recipe)
    monkeypatch.setattr(ResumeFile, "after_epoch", after_epoch)
    assert (place / "00" / "resume").exists()
    with card.counting() as count:
        trained(place, recipe)
    assert count.replays
    again = weights()
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_graphs_can_be_switched_off(card, place, monkeypatch):
    monkeypatch.setenv(environment.CUDA_GRAPHS, "no")
    with card.counting() as count:
        trained(place, dataclasses.replace(RECIPE, training=training(epochs=2)))
    assert not count.replays


def test_a_network_of_the_gpu_is_measured_again(card, place):
    row = trained(place)
    files = {name: place / "00" / name for name in ("checkpoint", "metrics", "history")}
    inputs = {name: place / name for name in ("dataset", "labels")}
    made = EvaluationFiles(**inputs, **files, teacher=None)
    run_evaluate(run_name(RECIPE), 0, RECIPE, made, Given(1), time.time())
    again = read_rows(place / "00" / "metrics", METRICS)[0]
    assert again["test_accuracy"] == row["test_accuracy"]
    assert again["entropy"] == row["entropy"]
    assert len(read_rows(files["history"], HISTORY)) == 1
    state = load_checkpoint_of(files["checkpoint"], run_name(RECIPE), 0).state
    assert all(type(tensor) is torch.Tensor for tensor in state.values()), "on the CPU"


@pytest.mark.parametrize(("gpus", "device"), [(None, "cuda"), (1, "cuda"), (0, "cpu")])
def test_every_stage_takes_a_lock_unless_it_works_on_the_cpu(
    card, tmp_path, monkeypatch, gpus, device
):
    monkeypatch.setattr(devices, "lock_folder", lambda _: tmp_path / "locks")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    found = devices.stage_device(gpus)
    assert found.device.type == device
    assert (tmp_path / "locks" / "0.0.lock").exists() == (device == "cuda")


def test_waiting_for_a_gpu_does_not_count(card, place, monkeypatch):
    monkeypatch.setattr(devices, "claim", lambda *_: time.sleep(3) or 0)
    began = time.time()
    row = trained(place)
    assert row["seconds"] + 3 <= time.time() - began
