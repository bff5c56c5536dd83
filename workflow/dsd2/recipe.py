"""What a run is: frozen values that name everything its weights depend on, and nothing else.

A field that has a default here is an optional feature whose default means *absent*. Such a field
is left out of the identity while absent, so that adding a feature renames no finished run; hence
these defaults must never change. Users' defaults live in ``config.schema.yaml`` beside this file.

A number has the form that its field declares (:mod:`dsd2.typed`), however it was written.
These forms are part of every name, and must never change either.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from dsd2.stopping import Stopping
from dsd2.typed import Number, Typed

DATA_REVISION = 1
"""Raise when the same data recipe would give other images, splits or noisy labels."""

TRAINING_REVISION = 2
"""Raise when the same run recipe would give other weights or metrics: it renames every run."""


SHIFT = 4
"""Largest random shift of an image in pixels, in any direction (Appendix B.1)."""

VIEWS = 2 * (2 * SHIFT + 1) ** 2
"""How many views of an image random flips and shifts have: 162."""


def _place() -> Any:
    """Says where something lies. A name has its manifest instead, where there is one."""
    return dataclasses.field(default=None, metadata={"place": True})


@dataclass(frozen=True, kw_only=True)
class DatasetRecipe(Typed):
    """Images and how they are split.

    Attributes:
        path: folder of a ``parquet`` or ``imagefolder`` dataset; None for the others. It is no part
            of what the dataset is where its ``manifest`` says that.
        manifest: of the files in that folder (:mod:`dsd2.data.manifest`).
        image_size: side in pixels that the images of an ``imagefolder``, of ``flowers102`` and of
            ``imagenet`` are resized to.
        train: how many training images to use; None for all that are left.
        test: how many test images to use, or which fraction; None for all.
        validation: ``"test"``, ``"own"`` for the dataset's own validation images, or how many
            images to hold out of the training set: a fraction below 1 or a count.
        split_seed: draws which images are used and which are held out.
        stream: leave the images in their files, to be decoded when needed.
        stand_in: synthetic images in the dataset's format, where it is missing.
    """

    name: Literal[
        "digits", "cifar10", "cifar100", "flowers102", "imagenet", "parquet", "imagefolder"
    ]
    train: int | None
    test: Number | None
    validation: Number | Literal["test", "own"]
    split_seed: int
    path: str | None = _place()
    manifest: str | None = None
    image_column: str = "image"
    label_column: str = "label"
    image_size: int = 32
    stream: bool = False
    stand_in: bool = False


@dataclass(frozen=True, kw_only=True)
class NoiseRecipe(Typed):
    """Label noise.

    Attributes:
        rate: ε; 0 for the kinds that have none.
        validation: whether the held-out labels are noisy too.
        file: where ``human`` labels are; None for the release's file of a CIFAR dataset. It is no
            part of what the noise is where its ``manifest`` says that.
        manifest: of that file (:mod:`dsd2.data.manifest`).
        column: which of its columns they are.
        stand_in: labels flipped at random, where the file of ``human`` ones is missing.
    """

    kind: Literal["none", "symmetric", "symmetric-any", "asymmetric", "pairflip", "human"]
    rate: float
    seed: int
    validation: Literal["clean", "noisy"]
    file: str | None = _place()
    manifest: str | None = None
    column: str | None = None
    stand_in: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelRecipe(Typed):
    """A network. ``depth`` (δ) and ``width`` (γ) are vgg-like's alone, ``stem`` the ResNets'."""

    name: Literal["vgg-like", "resnet18", "resnet50"]
    depth: int | None = None
    width: int | None = None
    dropout: Number = 0.0
    stem: Literal["cifar", "imagenet"] = "cifar"


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe(Typed):
    """One training (Table 4).

    Attributes:
        milestones: epochs after which the learning rate is multiplied by ``drop_factor``.
        l1: λ of the ℓ1 penalty on the prunable weights (Appendix D).
        precision: of convolutions and matrix products (:mod:`dsd2.nn.precision`).
        channels_last: whether a pixel's channels lie side by side in memory.
    """

    epochs: int
    batch_size: int
    learning_rate: Number
    momentum: Number
    weight_decay: Number
    milestones: tuple[int, ...]
    drop_factor: Number
    augmentation: Literal["none", "flip-shift", "auto-cutout", "resized-crop"]
    l1: Number = 0.0
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    channels_last: bool = False


@dataclass(frozen=True, kw_only=True)
class PruningRecipe(Typed):
    """One pruning: the fraction of the remaining prunable weights to remove, and by what.

    Attributes:
        scope: ``global`` ranks the weights of all layers together, ``layer`` each layer's.
        structure: what is removed: single weights, or ``filters`` of each convolution (Appendix
            G); then ``fraction`` is of a layer's remaining filters, and ``scope`` does not apply.
    """

    criterion: Literal["magnitude", "gradient", "random"]
    fraction: Number
    scope: Literal["global", "layer"] = "global"
    structure: Literal["weights", "filters"] = "weights"


@dataclass(frozen=True, kw_only=True)
class PerturbationRecipe(Typed):
    """What happens to the surviving weights between pruning and retraining (Algorithm 1 l. 19).

    Attributes:
        rewind_step: optimiser step of the dense training whose weights ``rewind`` restores.
        rate_factor: what ``finetune`` multiplies the learning rate by.
    """

    kind: Literal["none", "rewind", "reinit", "finetune"]
    rewind_step: int = 0
    rate_factor: Number = 1.0


@dataclass(frozen=True, kw_only=True)
class DistillationRecipe(Typed):
    """Eq. 2's weights and the teacher: an iteration of a run.

    Attributes:
        teacher_iteration: None while the teacher is to be selected and is not yet.
        table: take the teacher's answers from a table of all views of the images.
    """

    teacher_run: str
    teacher_iteration: int | None
    alpha: Number
    temperature: Number
    temperature_squared: bool = True
    table: bool = False


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
    values = {}
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if value == field.default:
            continue
        if "place" in field.metadata and recipe.manifest is not None:
            continue
        values[field.name] = _present(value) if dataclasses.is_dataclass(value) else value
    return values


_NESTED = {
    "dataset": DatasetRecipe,
    "noise": NoiseRecipe,
    "model": ModelRecipe,
    "training": TrainingRecipe,
    "pruning": PruningRecipe,
    "perturbation": PerturbationRecipe,
    "distillation": DistillationRecipe,
}


def _build(kind: type[Any], values: dict[str, Any]) -> Any:
    known: dict[str, Any] = {}
    for name, value in values.items():
        nested = kind is RunRecipe and name in _NESTED
        known[name] = _build(_NESTED[name], value) if nested else value
    return kind(**known)
