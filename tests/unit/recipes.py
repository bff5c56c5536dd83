"""Trainings and distillations that differ in what a test is about."""

from dsd2.config.recipe import DistillationRecipe, TrainingRecipe


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
