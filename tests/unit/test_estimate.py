"""What a study would take, against what it does take."""

import dataclasses
import functools
import json
import re
import time

import pytest
import torch
from recipes import run_recipe, training

from dsd2.artefacts.checkpoint import Checkpoint, save_checkpoint
from dsd2.cli import main
from dsd2.data.metadata import Metadata
from dsd2.errors import UserError
from dsd2.nn import precision
from dsd2.nn import speed as speeds
from dsd2.nn.flops import training_cost
from dsd2.nn.footprint import footprint, sizes_of
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks, prune
from dsd2.nn.speed import Speed, Work, measure_speed
from dsd2.nn.speed import timed as timed_training
from dsd2.nn.training import network_state
from dsd2.paths import run_name
from dsd2.planning import cost as page
from dsd2.recipe import (
    DistillationRecipe,
    ModelRecipe,
    PerturbationRecipe,
    to_json,
)
from dsd2.stages import estimate as stage
from dsd2.stages.estimate import estimate
from dsd2.stages.planned_runs import PlannedRun
from dsd2.stages.prepare import run_dataset

pytestmark = pytest.mark.usefixtures("reproducible")


VGG = ModelRecipe.of("vgg-like", depth=1, width=2)
WIDE = ModelRecipe.of("vgg-like", depth=1, width=3)
METADATA = Metadata(image=(1, 8, 8), classes=10, train=100, validation=20, test=50)

TEACHER = run_recipe(
    model=WIDE,
    training=training(epochs=3, batch_size=10, learning_rate=0.01, weight_decay=0.0),
)


def student(iteration, augmentation="none", table=False):
    return dataclasses.replace(
        TEACHER,
        model=VGG,
        training=dataclasses.replace(TEACHER.training, augmentation=augmentation),
        distillation=DistillationRecipe(
            teacher_run=run_name(TEACHER),
            teacher_iteration=iteration,
            alpha=0.8,
            temperature=4.0,
            table=table,
        ),
    )


@pytest.fixture
def timed(monkeypatch):
    """A machine of known speed: 2 ms an image to train, 1 ms to pass, 5 s to start a stage."""
    monkeypatch.setattr("dsd2.stages.known_runs.metadata", lambda _recipe, _roots: METADATA)
    monkeypatch.setattr(stage, "_stage_cost", lambda _device: (5.0, 1000))
    monkeypatch.setattr(
        stage,
        "measure_speed",
        lambda work, *_: Speed(0.002, 0.001, work.training.batch_size),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [VGG, ModelRecipe.of("resnet18"), ModelRecipe.of("resnet50", stem="imagenet")]
)
def test_a_footprint_is_that_of_the_real_network(recipe):
    image = (3, 40, 40)
    found, real = footprint(recipe, image, 7), recipe.build(image, 7)
    assert found.parameters == sum(p.numel() for p in real.parameters())
    assert found.prunable == sum(w.numel() for w in prunable_weights(real).values())
    assert found.state == sum(t.nbytes for t in real.state_dict().values())
    assert found == sizes_of(real, image)


def test_activations_are_those_that_a_training_step_keeps():
    found = footprint(VGG, (1, 8, 8), 10)
    # Twice convolution and batch-norm of 4 channels; a max-pool with its indices; the logits.
    assert found.activations == 4 * (4 * 4 * 64 + 3 * 4 * 16 + 10)
    assert found.largest == 4 * 4 * 64


def test_a_chains_checkpoints_are_as_large_as_said(tmp_path, timed):
    """Each as sparse as it is; the dense one with what its run rewinds to, if it does."""
    for kind in ("none", "rewind"):
        recipe = dataclasses.replace(TEACHER, perturbation=PerturbationRecipe.of(kind))
        model = WIDE.build((1, 8, 8), 10)
        weights = prunable_weights(model)
        masks, total = full_masks(weights), 0
        for i in range(5):
            rewind = network_state(model) if kind == "rewind" and i == 0 else {}
            state = network_state(model)
            about = (run_name(recipe), i, recipe, WIDE, (1, 8, 8), 10)
            checkpoint = Checkpoint(*about, state, masks, rewind)
            save_checkpoint(tmp_path / "checkpoint", checkpoint)
            total += (tmp_path / "checkpoint").stat().st_size
            masks = prune({n: w.detach().abs() for n, w in weights.items()}, masks, recipe.pruning)
            apply_masks(weights, masks)
        said = estimate([PlannedRun(recipe, 5, 1)], [], 1).checkpoints
        assert said == pytest.approx(total, rel=0.06), "of so small files, a header is a third"


def test_a_dataset_is_as_large_as_said(tmp_path, timed):
    recipe = dataclasses.replace(TEACHER.dataset, train=1000, test=400, validation=300)
    run_dataset(recipe, [], False, tmp_path / "dataset")
    known = Metadata((1, 8, 8), 10, 1000, 300, 400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dsd2.stages.known_runs.metadata", lambda _recipe, _roots: known)
        run = PlannedRun(dataclasses.replace(TEACHER, dataset=recipe), 1, 1)
        said = estimate([run], [], 1).datasets
    assert said == pytest.approx((tmp_path / "dataset").stat().st_size, rel=0.15)


def test_counts_and_times_of_a_teacher_and_a_student_of_its_best(timed):
    runs = [PlannedRun(TEACHER, 4, 2), PlannedRun(student(None), 3, 1)]
    found = estimate(runs, [], 4)
    assert (found.runs, found.trainings, found.shared) == (2, 7, 4)
    one = 5.0 + 3 * 100 * 0.002 + 170 * 0.001
    asked = one + 100 * 0.001
    assert found.seconds == pytest.approx(4 * one + 3 * asked)
    assert found.longest == pytest.approx(found.seconds), "the student waits for the teacher"
    assert found.elapsed == found.longest
    independent = [PlannedRun(dataclasses.replace(TEACHER, seed=s), 4, 1) for s in range(8)]
    assert estimate(independent, [], 4).elapsed == pytest.approx(2 * 4 * one)
    early = estimate([runs[0], PlannedRun(student(1), 3, 1)], [], 4)
    assert early.longest == pytest.approx(2 * one + 3 * asked), "two of the teacher's are enough"


def test_a_table_of_all_views_is_made_once_for_all_students(timed):
    taught = student(1, "flip-shift", table=True)
    other = dataclasses.replace(taught, model=WIDE)
    runs = [PlannedRun(TEACHER, 4, 2), PlannedRun(taught, 3, 1), PlannedRun(other, 3, 1)]
    found = estimate(runs, [], 4)
    one = 5.0 + 3 * 100 * 0.002 + 170 * 0.001
    table = 5.0 + 162 * 100 * 0.001
    assert found.seconds == pytest.approx(10 * one + table)
    assert found.longest == pytest.approx(5 * one + table)
    assert found.tables == 162 * 100 * 10 * 4
    assert "648 kB cached teacher logits" in page.markdown(found)
    asked = [runs[0], PlannedRun(dataclasses.replace(student(1, "flip-shift"), model=WIDE), 3, 1)]
    assert estimate(asked, [], 4).tables == 0
    assert estimate(runs, [], 4).memory - estimate(asked, [], 4).memory == found.tables


@pytest.mark.parametrize(
    ("augmentation", "table", "asked"),
    [("none", False, (1, 1)), ("flip-shift", False, (3, 3)), ("flip-shift", True, (162, 0))],
)
def test_operations_are_those_that_the_metrics_would_report(timed, augmentation, table, asked):
    taught = student(1, augmentation, table)
    found = estimate([PlannedRun(TEACHER, 2, 1), PlannedRun(taught, 2, 1)], [], 1)
    costs = []
    wide, narrow = (footprint(model, (1, 8, 8), 10) for model in (WIDE, VGG))
    halved = dict.fromkeys(wide.macs, 0.5)
    for density, passes in zip((1.0, 0.5), asked, strict=True):
        costs.append(training_cost(wide, dict.fromkeys(wide.macs, density), 100, 3))
        costs.append(
            training_cost(
                narrow,
                dict.fromkeys(narrow.macs, density),
                100,
                3,
                teacher=wide,
                teacher_densities=halved,
                teacher_images=100 * passes,
            )
        )
    assert found.flops_paper == pytest.approx(sum(cost.paper for cost in costs))
    assert found.flops_dense == pytest.approx(sum(cost.dense for cost in costs))
    assert found.flops_sparse == pytest.approx(sum(cost.sparse for cost in costs))


def test_memory_and_disk_grow_with_what_they_hold(timed):
    def memory(**training):
        recipe = dataclasses.replace(
            TEACHER, training=dataclasses.replace(TEACHER.training, **training)
        )
        return estimate([PlannedRun(recipe, 1, 1)], [], 1).memory

    plain = memory()
    network = footprint(WIDE, (1, 8, 8), 10)
    # One image more keeps its activations; so many outweigh the passes of an evaluation.
    assert memory(batch_size=601) - memory(batch_size=600) == (
        network.activations + 2 * network.largest
    )
    assert memory(augmentation="flip-shift") - plain == 100 * 9 * 9
    assert memory(augmentation="auto-cutout") - plain == 100 * (9 * 9 + 2 * 64)
    once, twice = (estimate([PlannedRun(TEACHER, n, 1)], [], 1) for n in (1, 2))
    more = twice.checkpoints - once.checkpoints
    assert 0 < more < once.checkpoints - network.prunable, "half of the weights, and their mask"
    assert twice.datasets == once.datasets


def test_batches_grow_until_an_epoch_lasts_long_enough(monkeypatch):
    tried = []

    def epoch(_model, _teacher, data, _work, batch):
        tried.append((len(data), batch))
        return 0.001 * len(data)

    monkeypatch.setattr(speeds, "_epoch_seconds", epoch)
    work = Work(VGG, (1, 8, 8), 10, timed_training(training(batch_size=20)))
    measured = measure_speed(work, 10_000, torch.device("cpu"), enough=0.3)
    assert tried == [(4, 4), (16, 16), (20, 20), (80, 20), (320, 20)]
    assert (measured.training, measured.batch) == (pytest.approx(0.001), 20)
    slow = measure_speed(work, 10_000, torch.device("cpu"), enough=0.001)
    assert slow.batch == 4, "a slow step is measured with few images"
    tried.clear()
    measure_speed(work, 100, torch.device("cpu"), enough=9.0)
    assert tried[-1] == (80, 20), "not more images than there are"


@pytest.mark.parametrize("augmentation", ["none", "flip-shift", "auto-cutout"])
@pytest.mark.parametrize("teacher", [None, WIDE])
def test_real_steps_are_measured(augmentation, teacher):
    work = Work(VGG, (1, 8, 8), 10, timed_training(training(augmentation=augmentation)), teacher)
    measured = measure_speed(work, 50, torch.device("cpu"), enough=0.0)
    assert measured.training > 0
    assert measured.forward > 0


def test_the_first_pass_which_finds_all_cold_is_not_counted(monkeypatch):
    passes = []

    def cold_at_first(*_):
        passes.append(1)
        time.sleep(0.5 if len(passes) == 1 else 0.0)

    monkeypatch.setattr(speeds, "evaluate_with_states", cold_at_first)
    monkeypatch.setattr(speeds, "_epoch_seconds", lambda *_: 1.0)
    work = Work(VGG, (1, 8, 8), 10, timed_training(training()))
    measured = measure_speed(work, 10, torch.device("cpu"), enough=0.0)
    assert measured.forward * 4 < 0.4


def as_file(path, runs):
    entries = [
        {"recipe": json.loads(to_json(run)), "iterations": n, "chains": k} for run, n, k in runs
    ]
    path.write_text(json.dumps(entries))
    return ["plan", "--runs", str(path), "--cores", "3"]


@pytest.mark.process
def test_the_verb_prints_a_page(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("dsd2.stages.known_runs.metadata", lambda _recipe, _roots: METADATA)
    monkeypatch.setattr(stage, "measure_speed", functools.partial(measure_speed, enough=0.0))
    runs = [(TEACHER, 4, 2), (student(None, "flip-shift"), 3, 1)]
    assert main(as_file(tmp_path / "runs.json", runs), 0.0) == 0
    text = capsys.readouterr().out
    assert "| trainings | 7 in 2 runs; 4 of them serve several arms |" in text
    assert "| vgg-like(1, 2) | 1×8×8 | 10 | flip-shift | fp32 | vgg-like | 10 | 4 |" in text
    assert "those with a stopping policy may end earlier" in text
    assert "smaller one was measured" in text


def test_what_cannot_be_estimated_is_one_sentence(tmp_path, capsys, timed):
    absent = tmp_path / "absent.json"
    assert main(["plan", "--runs", str(absent)], 0.0) == 1
    assert capsys.readouterr().err.startswith(f"error: {absent}: ")
    wrong = tmp_path / "wrong.json"
    for text in ("{", "[1]", "{}", '[{"recipe": {}, "iterations": 1, "chains": 1}]'):
        wrong.write_text(text)
        assert main(["plan", "--runs", str(wrong)], 0.0) == 1
        message = capsys.readouterr().err
        assert "is no list of runs" in message or "nothing to estimate" in message
    with pytest.raises(UserError, match="a teacher that is none of them"):
        estimate([PlannedRun(student(0), 1, 1)], [], 1)


def test_a_study_in_bf16_says_what_it_costs_where_the_processor_lacks_it(timed, monkeypatch):
    rates = {torch.float32: 60e9, torch.bfloat16: 6e9}
    monkeypatch.setattr(precision, "products_a_second", rates.get)
    half = dataclasses.replace(TEACHER.training, precision="bf16")
    found = estimate([PlannedRun(dataclasses.replace(TEACHER, training=half), 1, 1)], [], 1)
    assert "convolves 6 GMAC/s, against 60 in fp32" in page.markdown(found)
    assert not estimate([PlannedRun(TEACHER, 1, 1)], [], 1).warnings


@pytest.mark.process
def test_a_stages_start_is_measured():
    seconds, memory = stage._stage_cost(torch.device("cpu"))
    assert seconds > 0.1, "it imports torch"
    assert memory > 100e6


def test_numbers_are_readable():
    assert page.operations(1.62795e15) == "1.628 PFLOP"
    assert page.operations(4.2e6) == "4.2 MFLOP"
    assert [page.duration(s) for s in (7.26, 600, 3 * 3600, 9.5 * 86400)] == [
        "7.26 s",
        "10 min",
        "3 h",
        "9.5 days",
    ]
    assert [page.size(b) for b in (512, 2.5e6, 1.28e11)] == ["0.512 kB", "2.5 MB", "128 GB"]


def test_the_plan_shows_what_pruning_may_remove_of_each_layer(timed):
    pruning = dataclasses.replace(TEACHER.pruning, head="kept")
    model = ModelRecipe.of("torchvision/mobilenet_v3_small")
    one = dataclasses.replace(TEACHER, model=model, pruning=pruning)
    text = page.markdown(estimate([PlannedRun(one, 2, 1)], [], cores=1))
    assert "33 layers of neurons have states" in text
    assert "| features.0.0.weight | 144 | 2,304 | yes |" in text
    assert "| features.1.block.0.0.weight | 144 | 576 | all but a weight of each filter" in text
    assert "| classifier.3.weight | 10,240 | 10,240 | no: the head |" in text
    assert "of which pruning may remove 1,501,544" in text


def test_the_plan_shows_which_layers_lose_filters(timed):
    filters = dataclasses.replace(TEACHER.pruning, structure="filters")
    model = ModelRecipe.of("vit", patch=4, hidden=16, blocks=1, heads=2)
    one = dataclasses.replace(TEACHER, model=model, pruning=filters)
    text = page.markdown(estimate([PlannedRun(one, 2, 1)], [], cores=1))
    assert "| conv_proj.weight | 256 | 1,024 | no: its channels stay |" in text
    assert re.search(r"encoder_layer_0.mlp.0.weight \| 1,024 \| [\d,]+ \| filters \|", text)
    assert re.search(r"encoder_layer_0.mlp.3.weight \| 1,024 \| [\d,]+ \| inputs \|", text)
    assert "of which pruning may remove 2,048" in text


def test_of_many_networks_the_plan_shows_three(timed):
    runs = [
        PlannedRun(
            dataclasses.replace(TEACHER, model=ModelRecipe.of("vgg-like", depth=1, width=w)), 1, 1
        )
        for w in range(1, 6)
    ]
    text = page.markdown(estimate(runs, [], cores=1))
    assert text.count("| layer | weights |") == 3
    assert "2 more networks of the study" in text
