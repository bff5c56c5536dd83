"""From completed sections to recipes: what the schema cannot say by itself is checked here."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from dsd2.config.sections import Section
from dsd2.data.metadata import metadata
from dsd2.errors import UserError
from dsd2.keys import fixed_values, parameters, required_keys
from dsd2.nn.sizes import network_sizes
from dsd2.recipe import (
    AUGMENTATIONS,
    LOSSES,
    DatasetRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    TrainingRecipe,
)
from dsd2.stopping import Stopping
from dsd2.training_recipe import remembers
from dsd2.typed import Choice, number

C = TypeVar("C", bound=Choice)
_OF_LOSSES = (
    ("class_weights", "none", "weights", "weights of images"),
    ("label_smoothing", 0, "smoothing", "smoothing of labels"),
)
"""Keys that a loss must have a parameter for: key, value that means none, parameter, its words."""
_fixed, _required = cache(fixed_values), cache(required_keys)


def chosen(kind: type[C], name: str, section: Section, where: str) -> C:
    """The recipe of a completed section, of the kind that it names.

    Args:
        kind: base class of the recipe.
        name: of the section.
        section: completed.
        where: names the arm in messages, here and below.

    Raises:
        UserError: a key is missing that the kind needs.
    """
    for key in _required(kind.registry[section[kind.selector]]):
        if section.get(key) is None:
            raise _missing(f"{name}.{key}", section[kind.selector], where)
    values = {name: value for name, value in section.items() if name != kind.selector}
    choice = kind.registry[section[kind.selector]]
    return choice(**_fixed(choice), **values)


def _missing(key: str, kind: str, where: str) -> UserError:
    return UserError(f"config key {key} of {where} is missing: {kind} needs it")


def dataset_recipe(section: Section, where: str) -> DatasetRecipe:
    """The recipe of a dataset."""
    for key, words in (("validation", ("test", "own", "auto")), ("test", (None,))):
        size = section[key]
        if size not in words and size >= 1 and size != int(size):
            raise UserError(
                f"config key dataset.{key} of {where} is {size} but must be a whole number, a"
                f" fraction below 1, or {' or '.join(map(json.dumps, words))}"
            )
    if section.get("path"):
        section = {**section, "path": str(Path(section["path"]).expanduser())}
    return chosen(DatasetRecipe, "dataset", section, where)


def noise_recipe(section: Section, dataset: DatasetRecipe, where: str) -> NoiseRecipe:
    """The recipe of the noise of a dataset's labels."""
    if section.get("rate") == 0:
        # Noise of none of the labels is none, of whatever kind.
        return chosen(NoiseRecipe, "noise", {"kind": "none"}, where)
    recipe = chosen(NoiseRecipe, "noise", section, where)
    if (key := recipe.missing(dataset)) is not None:
        raise _missing(f"noise.{key}", recipe.kind, where)
    # The paper's mode has no validation labels that could be noisy.
    return replace(recipe, validation="clean") if dataset.validation == "test" else recipe


def training_recipe(section: Section, dataset: DatasetRecipe, where: str) -> TrainingRecipe:
    """The recipe of a training; milestones become epochs."""
    if AUGMENTATIONS[section["augmentation"]].crops and not dataset.stream:
        raise UserError(
            f"config key training.augmentation of {where} is {section['augmentation']!r}, which"
            " needs streamed images: set dataset.stream: true, or take flip-shift"
        )
    chosen_loss = section["loss"]
    given = chosen_loss if isinstance(chosen_loss, dict) else {"name": chosen_loss}
    loss = given["name"]
    known = inspect.signature(LOSSES[loss]).parameters
    # All of them, so that another default some day is another name.
    own = tuple((p.name, number(given.get(p.name, p.default))) for p in parameters(LOSSES[loss]))
    if section["mixup"] and remembers(loss):
        raise UserError(
            f"config key training.mixup of {where} is {section['mixup']:g} but must be 0 with"
            f" training.loss {loss!r}, which remembers what was said of each image by itself"
        )
    for key, absent, parameter, what in _OF_LOSSES:
        if (value := section[key]) != absent and parameter not in known:
            raise UserError(
                f"config key training.{key} of {where} is {value!r} but must be {absent} with"
                f" training.loss {loss!r}, which takes no {what}"
            )
    # Rounded up, less the rounding of the product, so that one epoch is never dropped from.
    epochs, parts = section["epochs"], sorted(section.get("milestones", ()))
    milestones = tuple(math.ceil(part * epochs - 1e-9) for part in parts)
    section = {"drop_factor": 1, **section, "loss": loss, "loss_parameters": own}
    return TrainingRecipe(**{**section, "milestones": milestones})


def pruning_recipe(section: Section, where: str) -> PruningRecipe:
    """The recipe of a pruning, without its target sparsity."""
    if section["structure"] == "filters" and section["head"] == "kept":
        raise UserError(
            f"config key pruning.head of {where} is 'kept' but must be pruned where"
            " pruning.structure is filters: with a filter goes what reads it"
        )
    return PruningRecipe(**section)


def perturbation_recipe(
    section: Section,
    training: TrainingRecipe,
    dataset: DatasetRecipe,
    roots: Sequence[Path],
    where: str,
) -> PerturbationRecipe:
    """The recipe of a perturbation; a step to rewind to must be one of the dense training.

    Where the dataset cannot be looked at yet, the dense training's stage refuses such a step
    before its first epoch.
    """
    recipe = chosen(PerturbationRecipe, "perturbation", section, where)
    if recipe.rewind_step:
        try:
            images = metadata(dataset, roots).train
        except UserError:
            return recipe
        check_rewind_step(recipe.rewind_step, training, images, f" of {where}")
    return recipe


def stopping_recipe(
    section: Section,
    model: ModelRecipe,
    dataset: DatasetRecipe,
    roots: Sequence[Path],
    where: str,
) -> Stopping:
    """The recipe of a chain's end; one that looks at the entropy needs a network that has one.

    Where the dataset cannot be looked at yet, or the network cannot be built, gates refuse it.
    """
    recipe = chosen(Stopping, "stopping", section, where)
    if recipe.uses_entropy:
        try:
            known = metadata(dataset, roots)
            states = network_sizes(model, known.image, known.classes).states
        except UserError:
            return recipe
        if not states:
            raise UserError(
                f"config key stopping.policy of {where} is {recipe.policy!r}, which needs an"
                f" entropy, but no activation of {model.name!r} has neurons that are on or off; it"
                " must be accuracy or none"
            )
    return recipe


def check_rewind_step(step: int, training: TrainingRecipe, images: int, where: str = "") -> None:
    """See that the dense training gets to a step.

    Args:
        step: optimiser step, from 0, before which the weights are kept.
        training: the dense one.
        images: that it has.
        where: names the arm in the message.

    Raises:
        UserError: it does not.
    """
    steps = -(-images // training.batch_size) * training.epochs
    if step >= steps:
        raise UserError(
            f"config key perturbation.rewind_step{where} is {step} but must be below {steps}, the"
            f" steps of the dense training (training.epochs: {training.epochs},"
            f" training.batch_size: {training.batch_size}, {images} images)"
        )
