"""What a run is: frozen values that name everything its weights depend on, and nothing else.

A field that has a default here is an optional feature whose default means *absent*. Such a field
is left out of the identity while absent, so that adding a feature renames no finished run; hence
these defaults must never change. What users get who say nothing is the field's ``Default``
(:mod:`dsd2.keys`).

A number has the form that its field declares (:mod:`dsd2.typed`), however it was written. These
forms are part of every name, and must never change either.

Its parts are declared in :mod:`dsd2.data_recipe`, :mod:`dsd2.model_recipe`,
:mod:`dsd2.training_recipe`, :mod:`dsd2.pruning_recipe` and :mod:`dsd2.augmentation_recipe`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from dsd2.augmentation_recipe import AUGMENTATIONS, SHIFT, VIEWS, Augmentation
from dsd2.data_recipe import (
    DATASETS,
    NOISES,
    Contents,
    CorrectionsRecipe,
    DatasetRecipe,
    NoiseRecipe,
)
from dsd2.keys import Default, Derived, Doc, Ge, Gt, Le, NameOf
from dsd2.model_recipe import NETWORKS, ModelRecipe
from dsd2.pruning_recipe import CRITERIA, PERTURBATIONS, PerturbationRecipe, PruningRecipe
from dsd2.stopping import Stopping
from dsd2.training_recipe import DIVERGENCES, LOSSES, TrainingRecipe
from dsd2.typed import Choice, Number, Typed

__all__ = [
    "AUGMENTATIONS",
    "CRITERIA",
    "DATASETS",
    "DATA_REVISION",
    "DIVERGENCES",
    "LABEL_ISSUES_REVISION",
    "LOSSES",
    "NETWORKS",
    "NOISES",
    "PERTURBATIONS",
    "SHIFT",
    "TRAINING_REVISION",
    "VIEWS",
    "Augmentation",
    "Contents",
    "CorrectionsRecipe",
    "DatasetRecipe",
    "DistillationRecipe",
    "ModelRecipe",
    "NoiseRecipe",
    "PerturbationRecipe",
    "PruningRecipe",
    "RunRecipe",
    "TrainingRecipe",
    "digest",
    "from_json",
    "to_json",
]

DATA_REVISION = 1
"""Raise when the same data recipe would give other images, splits or noisy labels."""

TRAINING_REVISION = 2
"""Raise when the same run recipe would give other weights or metrics: it renames every run."""


@dataclass(frozen=True, kw_only=True)
class DistillationRecipe(Typed):
    """Eq. 2's weights and the teacher: an iteration of a run.

    Attributes:
        teacher_iteration: None while the teacher is to be selected and is not yet.
        table: look up the teacher's logits in a file of those for all views of the images.
    """

    teacher_run: Annotated[str, Derived()]
    teacher_iteration: Annotated[int | None, Derived()]
    alpha: Annotated[
        Number,
        Ge(0),
        Le(2),
        Default(0.8),
        Doc(
            "α, the weight of the distillation term; the loss on the labels weighs 1 − α. Above 1"
            " labels are unlearned: with many wrong ones the best α may lie there (Das and Sanghavi"
            " 2023). At 2 they weigh as much as in plain training, with the other sign. With τ² the"
            " minimum is lost where the teacher at τ gives a label less than (α − 1) / (α τ)."
        ),
    ]
    temperature: Annotated[Number, Gt(0), Default(10), Doc("τ.")]
    temperature_squared: Annotated[
        bool,
        Doc("Multiply the distillation term by τ², as the published code does and eq. 2 does not."),
    ] = True
    table: Annotated[bool, Derived()] = False
    divergence: Annotated[
        str,
        NameOf(DIVERGENCES),
        Doc(
            "How far the student's probabilities are from the teacher's, in the distillation term."
        ),
    ] = "kl"


@dataclass(frozen=True, kw_only=True)
class RunRecipe(Typed):
    """Everything that the weights of a run's iterations depend on."""

    dataset: DatasetRecipe
    noise: NoiseRecipe
    model: ModelRecipe
    training: TrainingRecipe
    pruning: PruningRecipe
    perturbation: PerturbationRecipe
    seed: int
    distillation: DistillationRecipe | None = None

    @property
    def pending(self) -> bool:
        """Whether the teacher is yet to be selected, so that the run cannot start."""
        return self.distillation is not None and self.distillation.teacher_iteration is None


LABEL_ISSUES_REVISION = 1
"""Raise when the same networks would find other labels suspect: it renames what those corrected."""

Recipe = DatasetRecipe | NoiseRecipe | ModelRecipe | RunRecipe | Stopping
R = TypeVar("R")


def to_json(recipe: Recipe) -> str:
    """One line of JSON that :func:`from_json` turns into the same recipe, but for places."""
    return json.dumps(_present(recipe), sort_keys=True, separators=(",", ":"))


def from_json(kind: type[R], text: str) -> R:
    """The recipe of the given dataclass that :func:`to_json` wrote."""
    return _build(kind, json.loads(text))


def digest(*parts: Recipe | int) -> str:
    """Eight hexadecimal digits that name the recipes."""
    text = json.dumps([p if isinstance(p, int) else _present(p) for p in parts], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _present(recipe: Any) -> dict[str, Any]:
    """The fields of a recipe as plain values, absent optional features left out."""
    values: dict[str, Any] = {recipe.selector: recipe.choice} if isinstance(recipe, Choice) else {}
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if value == field.default:
            continue
        if "place" in field.metadata and recipe.manifest is not None:
            continue
        values[field.name] = _present(value) if dataclasses.is_dataclass(value) else value
    return values


_NESTED: dict[str, type[Typed]] = {
    "dataset": DatasetRecipe,
    "noise": NoiseRecipe,
    "model": ModelRecipe,
    "training": TrainingRecipe,
    "pruning": PruningRecipe,
    "perturbation": PerturbationRecipe,
    "distillation": DistillationRecipe,
}


def _build(kind: type[Any], values: Any) -> Any:
    """A recipe of a kind; ``object`` for a value that is none."""
    if kind is RunRecipe:
        return RunRecipe(**{n: _build(_NESTED.get(n, object), v) for n, v in values.items()})
    if kind is object:
        return values
    if issubclass(kind, Choice):
        others = {
            name: _build(CorrectionsRecipe, value) if name == "corrections" else value
            for name, value in values.items()
            if name != kind.selector
        }
        return kind.of(values[kind.selector], **others)
    return kind(**values)
