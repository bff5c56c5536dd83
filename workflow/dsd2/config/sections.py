"""The sections that a study, a panel and an arm have in common, and the keys of each.

They are the keys of its recipe or of its registered kinds (:mod:`dsd2.recipe`), and a few that are
the configuration's alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from dsd2.keys import Default, Derived, Doc, Ge, Gt, Le, Lt
from dsd2.recipe import (
    DatasetRecipe,
    DistillationRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    TrainingRecipe,
)
from dsd2.stopping import Stopping
from dsd2.typed import Number

ONLY_PANEL = "all"
"""Name of the one panel of a study that has none."""

Section = dict[str, Any]
"""Keys of a section with their values."""


@dataclass(frozen=True)
class Layer:
    """Some of the keys of a section; what is left out comes from the layers below."""

    section: str


@dataclass(frozen=True, kw_only=True)
class TrainingKeys(TrainingRecipe):
    """One training, of the dense network and after each pruning (Table 4)."""

    milestones: Annotated[  # type: ignore[assignment]
        tuple[Annotated[Number, Gt(0), Lt(1)], ...],
        Default((0.5, 0.75)),
        Doc("When the learning rate drops, as fractions of the epochs."),
    ]


@dataclass(frozen=True, kw_only=True)
class PruningKeys(PruningRecipe):
    """What each iteration removes."""

    target_sparsity: Annotated[
        Number,
        Ge(0),
        Le(1),
        Default(0.9985),
        Doc(
            "Iterations go on while their sparsity, of weights or of filters as structure says, is"
            " below it; with 0 the dense network is trained alone. A chain ends earlier where a"
            " round would remove nothing."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Distillation(DistillationRecipe):
    """Distil the arm from a teacher (eq. 2); null trains on the labels alone."""

    teacher: Annotated[str, Doc("The arm that teaches, in the same panel and with the same seed.")]
    select: Annotated[
        Literal["dense", "best"] | int,
        Ge(0),
        Default("best"),
        Doc(
            "Which iteration of the teacher: dense, best (by validation accuracy, up to where the"
            " teacher's chain stops), or a number."
        ),
    ]
    cache_logits: Annotated[
        bool | None,
        Default(None),
        Doc(
            "Whether the teacher's logits for each of the 162 flipped and shifted views of every"
            " image are computed once, for all its students, instead of in every step; only with"
            " training.augmentation flip-shift and images in memory. When null, where that is less"
            " work than eight trainings' steps (from 21 epochs on) and takes at most 4 GiB."
        ),
    ]
    teacher_run: Annotated[str, Derived()] = ""
    teacher_iteration: Annotated[int | None, Derived()] = None

    def recipe(self, run: str, iteration: int | None) -> DistillationRecipe:
        """What a student's weights depend on, given the teacher's run and its iteration."""
        values = {field.name: getattr(self, field.name) for field in fields(DistillationRecipe)}
        return DistillationRecipe(**{**values, "teacher_run": run, "teacher_iteration": iteration})


SECTIONS: dict[str, tuple[type[Any], str | None]] = {
    "dataset": (DatasetRecipe, "digits"),
    "noise": (NoiseRecipe, "none"),
    "model": (ModelRecipe, "vgg-like"),
    "training": (TrainingKeys, None),
    "pruning": (PruningKeys, None),
    "perturbation": (PerturbationRecipe, "none"),
    "distillation": (Distillation, None),
    "stopping": (Stopping, "none"),
}
"""The sections of a study, a panel and an arm: what declares their keys, and the default kind."""

CONDITIONS = {
    ("pruning", "scope"): ("structure", ("weights",)),
    ("training", "milestones"): ("schedule", ("multistep",)),
    ("training", "drop_factor"): ("schedule", ("multistep",)),
    ("training", "beta2"): ("optimiser", ("adamw",)),
}
"""Keys, beside those of registered kinds, that apply only to some values of another key."""


@dataclass(frozen=True, kw_only=True)
class Sections:
    """The sections that a study, a panel, an arm and an override have in common."""

    dataset: Annotated[dict[str, Any], Layer("dataset")]
    noise: Annotated[dict[str, Any], Layer("noise")]
    model: Annotated[dict[str, Any], Layer("model")]
    training: Annotated[dict[str, Any], Layer("training")]
    pruning: Annotated[dict[str, Any], Layer("pruning")]
    perturbation: Annotated[dict[str, Any], Layer("perturbation")]
    distillation: Annotated[dict[str, Any] | None, Layer("distillation")]
    stopping: Annotated[dict[str, Any], Layer("stopping")]
