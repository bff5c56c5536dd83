"""From completed sections to recipes: what the schema cannot say by itself is checked here."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from dsd2.config.recipe import (
    DatasetRecipe,
    ModelRecipe,
    NoiseRecipe,
    PruningRecipe,
    TrainingRecipe,
)
from dsd2.config.schedule import MOST, last_iteration
from dsd2.config.validation import Section
from dsd2.data.places import HUMAN_LABELS
from dsd2.errors import UserError


def dataset_recipe(section: Section, where: str) -> DatasetRecipe:
    """The recipe of a dataset; ``where`` names the arm in messages, here and below."""
    name = section["name"]
    if name in ("parquet", "imagefolder") and "path" not in section:
        raise UserError(f"config key dataset.path of {where} is missing: {name} needs a folder")
    for key, words in (("validation", ("test", "own")), ("test", (None,))):
        size = section[key]
        if size not in words and size >= 1 and size != int(size):
            raise UserError(
                f"config key dataset.{key} of {where} is {size} but must be a whole number, a"
                f" fraction below 1, or {' or '.join(map(json.dumps, words))}"
            )
    return DatasetRecipe(**section)


def noise_recipe(section: Section, dataset: DatasetRecipe, where: str) -> NoiseRecipe:
    """The recipe of the noise of a dataset's labels."""
    if section["kind"] == "human":
        for key in ("file", "column"):
            known = key == "file" and dataset.name in HUMAN_LABELS
            if key not in section and not known:
                raise UserError(f"config key noise.{key} of {where} is missing: human needs it")
    # Kinds without a rate, a seed or a choice for the validation labels.
    absent: Section = {"rate": 0.0, "seed": 0, "validation": "clean"}
    if section.get("rate") == 0:
        # Noise of none of the labels is none, of whatever kind.
        return NoiseRecipe(kind="none", **absent)
    recipe = NoiseRecipe(**{**absent, **section})
    # The paper's mode has no validation labels that could be noisy.
    return replace(recipe, validation="clean") if dataset.validation == "test" else recipe


def training_recipe(section: Section, dataset: DatasetRecipe, where: str) -> TrainingRecipe:
    """The recipe of a training; milestones become epochs."""
    if section["augmentation"] == "resized-crop" and not dataset.stream:
        raise UserError(
            f"config key training.augmentation of {where} is 'resized-crop', which needs streamed"
            " images: set dataset.stream: true, or take flip-shift"
        )
    # Rounded up, less the rounding of the product, so that one epoch is never dropped from.
    epochs, parts = section["epochs"], sorted(section["milestones"])
    milestones = tuple(math.ceil(part * epochs - 1e-9) for part in parts)
    return TrainingRecipe(**{**section, "milestones": milestones})


def pruning_recipe(section: Section, model: ModelRecipe, where: str) -> PruningRecipe:
    """The recipe of a pruning, without its wall."""
    if section["structure"] == "filters" and model.name != "vgg-like":
        raise UserError(
            f"config key pruning.structure of {where} is 'filters', which only vgg-like can lose,"
            f" but model.name is {model.name!r}"
        )
    return PruningRecipe(**section)


def chains_end(fraction: float, wall: float, where: str) -> int:
    """The last iteration before the wall."""
    last = last_iteration(fraction, wall)
    if last == MOST:
        raise UserError(
            f"config key pruning.fraction of {where} is {fraction}, which takes more than {MOST}"
            f" iterations to the wall of {wall}; it must be larger, or pruning.wall smaller"
        )
    return last
