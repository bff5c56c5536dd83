"""What a run is: frozen values that name everything its weights depend on, and nothing else.

A field that has a default here is an optional feature whose default means *absent*. Such a field
is left out of the identity while absent, so that adding a feature renames no finished run; hence
these defaults must never change. What users get who say nothing is the field's ``Default``
(:mod:`dsd2.keys`).

A number has the form that its field declares (:mod:`dsd2.typed`), however it was written. These
forms are part of every name, and must never change either.

Networks, kinds of noise, datasets and perturbations are subclasses, each in a module of its own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from dsd2.keys import Default, Derived, Doc, Ge, Gt, Le, Lt, NameOf
from dsd2.registry import Registry
from dsd2.stopping import Stopping
from dsd2.typed import Choice, Number, Typed

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

DATA_REVISION = 1
"""Raise when the same data recipe would give other images, splits or noisy labels."""

TRAINING_REVISION = 2
"""Raise when the same run recipe would give other weights or metrics: it renames every run."""

SHIFT = 4
"""Largest random shift of an image in pixels, in any direction (Appendix B.1)."""

VIEWS = 2 * (2 * SHIFT + 1) ** 2
"""How many views of an image random flips and shifts have: 162."""

DATASETS: Registry[type[DatasetRecipe]] = Registry("dataset", "dsd2.data.datasets")
NOISES: Registry[type[NoiseRecipe]] = Registry("noise kind", "dsd2.data.noises")
NETWORKS: Registry[type[ModelRecipe]] = Registry("network", "dsd2.nn.networks")
PERTURBATIONS: Registry[type[PerturbationRecipe]] = Registry(
    "perturbation", "dsd2.nn.perturbations"
)
CRITERIA: Registry[Callable[..., dict[str, Tensor]]] = Registry(
    "pruning criterion", "dsd2.nn.criteria"
)


def _place() -> Any:
    """Says where something lies. A name has its manifest instead, where there is one."""
    return dataclasses.field(default=None, metadata={"place": True})


@dataclass(frozen=True, kw_only=True)
class DatasetRecipe(Choice):
    """Images, and how they are split.

    A dataset is a subclass that is registered in ``DATASETS``.

    Attributes:
        path: folder of someone's own images; None for the datasets that have a name. It is no part
            of what the dataset is where its ``manifest`` says that.
        manifest: of the files in that folder (:mod:`dsd2.data.manifest`).
        stand_in: synthetic images in the dataset's format, where it is missing.
    """

    registry: ClassVar[Registry[Any]] = DATASETS
    selector: ClassVar[str] = "name"

    train: Annotated[
        int | None,
        Ge(1),
        Default(None),
        Doc("Training images to use, drawn at random; all that are left when null."),
    ]
    test: Annotated[
        Number | None,
        Gt(0),
        Default(None),
        Doc(
            "Test images to use, drawn at random, a number or a fraction below 1; all when null."
            " Where there is no test set, it is taken from the images, a fifth of them when null."
        ),
    ]
    validation: Annotated[
        Number | Literal["test", "own"],
        Gt(0),
        Default(0.1),
        Doc(
            "Images held out of the training set, which gates and teacher selection look at: a"
            " number, or a fraction below 1 of the training set. The word own instead takes the"
            " validation images that the dataset itself has; the word test the test images"
            " themselves, as the paper does, and the test accuracy is then no fair estimate."
        ),
    ]
    split_seed: Annotated[
        int, Ge(0), Default(0), Doc("Seed of the split and of the choice of images.")
    ]
    path: Annotated[str | None, Derived()] = _place()
    manifest: Annotated[str | None, Derived()] = None
    image_column: Annotated[str, Derived()] = "image"
    label_column: Annotated[str, Derived()] = "label"
    image_size: Annotated[int, Derived()] = 32
    stream: Annotated[bool, Derived()] = False
    stand_in: Annotated[bool, Derived()] = False

    @property
    def name(self) -> str:
        """The name that the dataset is registered by."""
        return self.choice


@dataclass(frozen=True, kw_only=True)
class NoiseRecipe(Choice):
    """Wrong labels in the training set.

    A kind of noise is a subclass that is registered in ``NOISES``.

    Attributes:
        file: where ``human`` labels are; None for the release's file of a CIFAR dataset. It is no
            part of what the noise is where its ``manifest`` says that.
        manifest: of that file (:mod:`dsd2.data.manifest`).
        column: which of its columns they are.
        stand_in: labels flipped at random, where the file of ``human`` ones is missing.
    """

    registry: ClassVar[Registry[Any]] = NOISES
    selector: ClassVar[str] = "kind"

    rate: Annotated[
        float, Ge(0), Lt(1), Default(0.2), Doc("ε, the share of images that is relabelled.")
    ]
    seed: Annotated[
        int,
        Ge(0),
        Default(0),
        Doc("Seed of the noise, apart from the training seed; all seeds share the labels."),
    ]
    validation: Annotated[
        Literal["clean", "noisy"],
        Default("clean"),
        Doc("Whether the held-out labels stay clean or are noisy too."),
    ]
    file: Annotated[str | None, Derived()] = _place()
    manifest: Annotated[str | None, Derived()] = None
    column: Annotated[str | None, Derived()] = None
    stand_in: Annotated[bool, Derived()] = False

    @property
    def kind(self) -> str:
        """The name that the kind of noise is registered by."""
        return self.choice

    def apply(self, labels: Tensor, classes: tuple[str, ...], draws: Generator) -> Tensor:
        """The noisy labels, int64 [N].

        Args:
            labels: clean, int64 [N].
            classes: their names.
            draws: random generator.

        Raises:
            UserError: the noise is not defined for these classes.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ModelRecipe(Choice):
    """The network.

    A network is a subclass that is registered in ``NETWORKS``.
    """

    registry: ClassVar[Registry[Any]] = NETWORKS
    selector: ClassVar[str] = "name"

    @property
    def name(self) -> str:
        """The name that the network is registered by."""
        return self.choice

    @property
    def title(self) -> str:
        """What tables call the network."""
        return self.name

    @property
    def slug(self) -> str:
        """What a run's name says of the network, for people; a digest beside it holds the rest."""
        return "".join(filter(str.isalnum, self.name))

    @property
    def filters(self) -> list[int] | None:
        """Filters of each convolution where whole filters can be pruned; None where not."""
        return None

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """The network, its weights drawn from torch's global generator.

        Args:
            image: (C, H, W) of the images it will see.
            classes: size of the logits.

        Raises:
            UserError: the images are too small for the network.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe(Typed):
    """One training, of the dense network and after each pruning (Table 4).

    Attributes:
        milestones: epochs after which the learning rate is multiplied by ``drop_factor``.
    """

    epochs: Annotated[
        int, Ge(1), Default(160), Doc("Passes over the training set in each iteration.")
    ]
    batch_size: Annotated[
        int, Ge(1), Default(128), Doc("Images a step; the last batch of an epoch may be smaller.")
    ]
    learning_rate: Annotated[
        Number, Gt(0), Default(0.1), Doc("Learning rate at the start of every iteration.")
    ]
    momentum: Annotated[Number, Ge(0), Lt(1), Default(0.9), Doc("Momentum of SGD.")]
    weight_decay: Annotated[
        Number,
        Ge(0),
        Default(0.0001),
        Doc("Weight decay of SGD, on all parameters; Appendix D's ℓ2."),
    ]
    milestones: Annotated[tuple[int, ...], Derived()]
    drop_factor: Annotated[
        Number,
        Gt(0),
        Le(1),
        Default(0.1),
        Doc("What the learning rate is multiplied by at each milestone."),
    ]
    augmentation: Annotated[
        Literal["none", "flip-shift", "auto-cutout", "resized-crop"],
        Default("none"),
        Doc(
            "none; flip-shift (random horizontal flips and shifts by up to 4 pixels); auto-cutout"
            " (the same, then AutoAugment with its CIFAR-10 policy, then CutOut of a black square"
            " of half the image's side; Appendix D); resized-crop (random horizontal flips and"
            " random crops of the original image, resized; for streamed images alone)."
        ),
    ]
    l1: Annotated[
        Number,
        Ge(0),
        Default(0),
        Doc(
            "λ; adds λ times the sum of the prunable weights' absolute values to the loss"
            " (Appendix D's ℓ1)."
        ),
    ] = 0.0
    precision: Annotated[
        Literal["fp32", "tf32", "bf16"],
        Doc(
            "Of convolutions and matrix products in training; fp32: single precision; bf16:"
            " bfloat16, by torch's autocast, faster where the processor has it; tf32: a GPU's"
            " 19-bit format, the same as fp32 on a CPU. Weights, their updates and all that is"
            " measured stay in single precision. Other than fp32 it changes results, as"
            " docs/performance.md shows."
        ),
    ] = "fp32"
    channels_last: Annotated[
        bool,
        Doc(
            "Whether the channels of a pixel lie side by side in memory while training, which many"
            " processors convolve faster. It changes the rounding of results."
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class PruningRecipe(Typed):
    """What each iteration removes."""

    structure: Annotated[
        Literal["weights", "filters"],
        Doc(
            "Whether single weights are removed or whole filters of each convolution, with all that"
            " reads their channels (Appendix G; only vgg-like). A filter is ranked, within its"
            " convolution, by the sum of the criterion over its weights."
        ),
    ] = "weights"
    criterion: Annotated[str, NameOf(CRITERIA), Default("magnitude"), Doc("What is removed first.")]
    scope: Annotated[
        Literal["global", "layer"],
        Doc("Whether weights are ranked over all layers together (global) or within each (layer)."),
    ] = "global"
    fraction: Annotated[
        Number,
        Gt(0),
        Lt(1),
        Default(0.2),
        Doc(
            "f, the share of the remaining prunable weights, or of each convolution's remaining"
            " filters, that a round removes."
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class PerturbationRecipe(Choice):
    """What happens to the surviving weights before they are retrained (Algorithm 1, line 19).

    A perturbation is a subclass that is registered in ``PERTURBATIONS``.

    Attributes:
        rewind_step: optimiser step of the dense training whose weights are kept for later.
        rate_factor: what the learning rate is multiplied by after the dense training.
    """

    registry: ClassVar[Registry[Any]] = PERTURBATIONS
    selector: ClassVar[str] = "kind"

    rewind_step: Annotated[int, Derived()] = 0
    rate_factor: Annotated[Number, Derived()] = 1.0

    @property
    def kind(self) -> str:
        """The name that the perturbation is registered by."""
        return self.choice

    def perturb(
        self, model: nn.Module, rewound: dict[str, Tensor], fresh: dict[str, Tensor]
    ) -> None:
        """Perturb a network in place; the masks are to be applied afterwards.

        Args:
            model: the pruned network.
            rewound: its state before the dense training's ``rewind_step``.
            fresh: a newly drawn state.
        """
        raise NotImplementedError


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
        Le(1),
        Default(0.8),
        Doc("α, the weight of the distillation term against the labels'."),
    ]
    temperature: Annotated[Number, Gt(0), Default(10), Doc("τ.")]
    temperature_squared: Annotated[
        bool,
        Doc("Multiply the distillation term by τ², as the published code does and eq. 2 does not."),
    ] = True
    table: Annotated[bool, Derived()] = False


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
        others = {name: value for name, value in values.items() if name != kind.selector}
        return kind.of(values[kind.selector], **others)
    return kind(**values)
