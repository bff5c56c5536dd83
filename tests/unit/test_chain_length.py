"""Chains end where pruning can remove nothing more, and steps to rewind to must exist."""

import dataclasses
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recipes import run_recipe, training
from rows import row_of

from dsd2.config.chain_length import chains_end
from dsd2.config.study import load_study
from dsd2.devices import Given
from dsd2.errors import UserError
from dsd2.files.decision import chain_identity
from dsd2.files.records import CHAIN, STUDY, read_rows, write_table
from dsd2.nn.channels import coupled_channels
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks, prune
from dsd2.nn.schedule import last_iteration
from dsd2.paths import run_name
from dsd2.planning.chains import Plan
from dsd2.planning.inputs import Inputs
from dsd2.recipe import DatasetRecipe, ModelRecipe, PerturbationRecipe, PruningRecipe
from dsd2.stages.prepare import run_dataset, run_labels
from dsd2.stages.study_metrics import Entry, run_study
from dsd2.stages.train import IterationFiles, run_iteration
from dsd2.stopping import NOTHING_LEFT, TARGET_REACHED

DIGITS = DatasetRecipe.of("digits", train=None, test=None, validation=200, split_seed=0)


def end_of(pruning, model, target):
    return chains_end(pruning, target, model, DIGITS, [], "arm a")


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    structure=st.sampled_from(["weights", "filters"]),
    scope=st.sampled_from(["global", "layer"]),
    fraction=st.floats(0.05, 0.95),
    depth=st.integers(1, 3),
    width=st.integers(1, 4),
)
def test_it_is_where_pruning_a_network_removes_nothing_more(
    structure, scope, fraction, depth, width
):
    model = ModelRecipe.of("vgg-like", depth=depth, width=width)
    recipe = PruningRecipe(
        criterion="magnitude", fraction=fraction, structure=structure, scope=scope
    )
    target = 1 - 1e-6
    try:
        last, exhausted = end_of(recipe, model, target)
    except UserError:
        last, exhausted = 0, True
    with torch.device("meta"):
        network = model.build((1, 8, 8), 10)
    weights = prunable_weights(network)
    channels = coupled_channels(network, (1, 8, 8)) if structure == "filters" else ()
    scores = {name: torch.rand(weight.shape) for name, weight in weights.items()}
    masks = full_masks(scores)
    rounds = 0
    while rounds <= last_iteration(fraction, target):
        pruned = prune(scores, masks, recipe, (), channels)
        if all(torch.equal(masks[name], pruned[name]) for name in masks):
            break
        masks, rounds = pruned, rounds + 1
    assert last == min(rounds, last_iteration(fraction, target))
    assert exhausted == (last < last_iteration(fraction, target))


def test_the_walls_of_large_networks_are_as_ever():
    recipe = PruningRecipe(criterion="magnitude", fraction=0.2)
    assert end_of(recipe, ModelRecipe.of("resnet18"), 0.9995) == (34, False)
    halves = PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters")
    assert end_of(halves, ModelRecipe.of("vgg-like", depth=1, width=9), 0.95) == (4, False)


def test_filters_end_before_the_wall():
    recipe = PruningRecipe(criterion="magnitude", fraction=0.45, structure="filters")
    # 8, 4, 2, 1: of one filter a round removes none.
    assert end_of(recipe, ModelRecipe.of("vgg-like", depth=1, width=3), 0.999) == (3, True)


def test_a_fraction_that_never_removes_anything_is_refused():
    recipe = PruningRecipe(criterion="magnitude", fraction=0.05, structure="filters")
    with pytest.raises(UserError, match=r"pruning\.fraction of arm a is 0\.05, of which no round"):
        end_of(recipe, ModelRecipe.of("vgg-like", depth=1, width=3), 0.9)


SMALL = {
    "study": "small",
    "dataset": {"name": "digits"},
    "model": {"name": "vgg-like", "depth": 1, "width": 3},
    "pruning": {"structure": "filters", "fraction": 0.45, "target_sparsity": 0.999},
    "arms": {"a": None, "b": {"pruning": {"target_sparsity": 0.8}}},
}


def test_the_study_says_why_a_chain_ended(tmp_path):
    study = load_study(SMALL)
    assert [(arm.last, arm.exhausted) for arm in study.arms.values()] == [(3, True), (2, False)]
    for i, entry in enumerate(Inputs(Plan(study)).entries("small")[::3]):
        path = tmp_path / f"{i}.parquet"
        identity = chain_identity(entry["run"], entry["stopping"], entry["last"])
        write_table(path, CHAIN, [row_of(CHAIN, stop_reason=TARGET_REACHED)], identity)
        run_study("small", [Entry(**{**entry, "path": str(path)})], tmp_path / "study.parquet")
        (row,) = read_rows(tmp_path / "study.parquet", STUDY)
        assert row["stop_reason"] == (NOTHING_LEFT, TARGET_REACHED)[i]


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Trains an iteration of a recipe on small data; returns the folder of its files."""
    monkeypatch.chdir(tmp_path)

    def train(recipe, iteration=0):
        if iteration == 0:
            run_dataset(recipe.dataset, [], False, tmp_path / "dataset")
            run_labels(tmp_path / "dataset", recipe.dataset, recipe.noise, [], tmp_path / "labels")
        folder = tmp_path / str(iteration)
        folder.mkdir()
        files = IterationFiles(
            dataset=tmp_path / "dataset",
            labels=tmp_path / "labels",
            previous=tmp_path / str(iteration - 1) / "checkpoint" if iteration else None,
            dense=None,
            teacher=None,
            table=None,
            **{n: folder / n for n in ("resume", "checkpoint", "metrics", "history")},
        )
        run_iteration(run_name(recipe), iteration, recipe, files, Given(1), 1e9, 0.0)
        return folder

    return train


def test_an_iteration_that_removes_nothing_is_refused_before_it_is_trained(stage):
    """Where the configuration could not look at the data."""
    pruning = PruningRecipe(criterion="magnitude", fraction=0.04, structure="filters")
    recipe = run_recipe(pruning=pruning)
    folder = stage(recipe)
    assert (folder / "metrics").exists()
    with pytest.raises(UserError, match=r"pruning\.target_sparsity to at most"):
        stage(recipe, 1)
    assert not any((folder.parent / "1").iterdir())


def rewound(step, **more):
    return {
        "study": "own",
        "dataset": {"name": "digits", "train": 100, "validation": 20},
        "training": {"epochs": 2, "batch_size": 30},
        "model": {"name": "vgg-like", "depth": 1, "width": 3},
        "arms": {"a": {"perturbation": {"kind": "rewind", "rewind_step": step}}},
        **more,
    }


def test_a_step_beyond_the_dense_training_is_refused_when_the_configuration_is_read():
    assert load_study(rewound(7)).arms["all", "a"].perturbation.rewind_step == 7
    for step in (8, 1000):
        with pytest.raises(
            UserError,
            match=rf"perturbation\.rewind_step of arm a is {step} but must be below 8, the",
        ):
            load_study(rewound(step))


def test_where_the_data_is_not_there_yet_the_step_is_refused_before_the_first_epoch(stage):
    absent = {"name": "imagefolder", "path": "absent"}
    load_study(rewound(1000, dataset=absent))
    recipe = run_recipe(
        training=training(epochs=2, batch_size=50),
        perturbation=PerturbationRecipe.of("rewind", rewind_step=4),
    )
    with pytest.raises(UserError, match=r"rewind_step is 4 but must be below 4, the steps of"):
        stage(recipe)
    assert not any(Path("0").iterdir()), "not one epoch was trained"
    last = dataclasses.replace(recipe, perturbation=PerturbationRecipe.of("rewind", rewind_step=3))
    Path("0").rmdir()
    assert (stage(last) / "checkpoint").exists()
