"""Trainings and distillations that differ in what a test is about."""

import dataclasses

from dsd2.recipe import (
    DatasetRecipe,
    DistillationRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    RunRecipe,
    TrainingRecipe,
)


def training(**settings):
    """A short training; a test says what matters to it."""
    usual = {
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 0.05,
        "momentum": 0.9,
        "weight_decay": 1e-3,
        "milestones": (),
        "drop_factor": 0.1,
        "augmentation": "none",
    }
    return TrainingRecipe(**{**usual, **settings})


def distillation(**settings):
    """From iteration 0 of a run called teacher, at temperature 4."""
    usual = {"teacher_run": "teacher", "teacher_iteration": 0, "alpha": 0.8, "temperature": 4.0}
    return DistillationRecipe(**{**usual, **settings})


def run_recipe(**settings):
    """A run on the digits that halves its weights in each round; a test says what matters to it."""
    usual = {
        "dataset": DatasetRecipe.of("digits", train=100, test=50, validation=20, split_seed=0),
        "noise": NoiseRecipe.of("none", rate=0.0, seed=0, validation="clean"),
        "model": ModelRecipe.of("vgg-like", depth=1, width=3),
        "training": training(),
        "pruning": PruningRecipe(criterion="magnitude", fraction=0.5),
        "perturbation": PerturbationRecipe.of("none"),
        "seed": 0,
    }
    return RunRecipe(**{**usual, **settings})


def as_kind(recipe, choice, **changes):
    """A recipe as another of its registered kinds, its other values kept where it has them."""
    kind = recipe.registry[choice]
    names = [field.name for field in dataclasses.fields(kind) if hasattr(recipe, field.name)]
    shared = {name: getattr(recipe, name) for name in names}
    return kind(**{**shared, **changes})
