"""How the network of a run is trained, pruned and perturbed, by registered kinds.

A new kind is one new module in the package that its registry names, as ``docs/extending.md`` shows.
Snakemake reads those modules whenever it starts, so they import torch inside functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from dsd2.augmentation_recipe import AUGMENTATIONS
from dsd2.keys import Default, Derived, Doc, Ge, Gt, Le, Lt, NameOf
from dsd2.registry import Registry
from dsd2.typed import Choice, Number, Typed

if TYPE_CHECKING:
    from torch import Tensor, nn

PERTURBATIONS: Registry[type[PerturbationRecipe]] = Registry(
    "perturbation", "dsd2.nn.perturbations"
)
CRITERIA: Registry[Callable[..., dict[str, Tensor]]] = Registry(
    "pruning criterion", "dsd2.nn.criteria"
)

LOSSES: Registry[Callable[..., Tensor]] = Registry("loss", "dsd2.nn.losses")
"""From logits [B, classes] and given labels [B] to the training loss, a mean over the batch.

Where classes are weighted a third argument, ``weights``, has those of the images, [B]. The mean is
then that of each image's loss times its weight. A loss without that argument weights no classes.
Where labels are smoothed, ``smoothing`` is the share that is spread over all classes, and a loss
without that argument smooths none."""

DIVERGENCES: Registry[Callable[[Tensor, Tensor], Tensor]] = Registry(
    "distillation divergence", "dsd2.nn.divergences"
)
"""From the student's and the teacher's log-probabilities at the temperature, [B, classes] each, to
the distillation term of eq. 2, a mean over the batch."""


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe(Typed):
    """One training, of the dense network and after each pruning (Table 4).

    Attributes:
        milestones: epochs after which the learning rate is multiplied by ``drop_factor``; none
            where the schedule has no milestones.
    """

    epochs: Annotated[
        int, Ge(1), Default(160), Doc("Passes over the training set in each iteration.")
    ]
    batch_size: Annotated[
        int, Ge(1), Default(128), Doc("Images a step; the last batch of an epoch may be smaller.")
    ]
    learning_rate: Annotated[
        Number,
        Gt(0),
        Default(0.1),
        Doc("Learning rate at the start of every iteration; 0.001 by default with adamw."),
    ]
    momentum: Annotated[Number, Ge(0), Lt(1), Default(0.9), Doc("Momentum of SGD; β₁ of AdamW.")]
    weight_decay: Annotated[
        Number,
        Ge(0),
        Default(0.0001),
        Doc(
            "Weight decay, on all parameters; Appendix D's ℓ2 with sgd. That of adamw is decoupled,"
            " and 0.01 by default."
        ),
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
        str,
        NameOf(AUGMENTATIONS),
        Default("none"),
        Doc("What is done to images at random, anew in each epoch."),
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
    loss: Annotated[str, NameOf(LOSSES), Doc("What is minimised on the given labels.")] = (
        "cross-entropy"
    )
    label_smoothing: Annotated[
        Number,
        Ge(0),
        Lt(1),
        Doc(
            "Share of each given label that is spread evenly over all classes in the loss. The"
            " distillation term has none of it, nor has what is measured after training."
        ),
    ] = 0
    optimiser: Annotated[
        Literal["sgd", "adamw"],
        Doc(
            "What steps are taken by; sgd: stochastic gradient descent with momentum; adamw: Adam"
            " with decoupled weight decay, as transformers are trained. Both as torch has them."
        ),
    ] = "sgd"
    beta2: Annotated[
        Number, Ge(0), Lt(1), Doc("β₂ of AdamW, by which it remembers squared gradients.")
    ] = 0.999
    schedule: Annotated[
        Literal["multistep", "cosine"],
        Doc(
            "How the learning rate falls; multistep: at each of the milestones; cosine: with every"
            " step, along half a cosine to 0 at the end."
        ),
    ] = "multistep"
    warmup: Annotated[
        Number,
        Ge(0),
        Lt(1),
        Doc(
            "Share of the steps over which the learning rate first rises, in a line from a"
            " hundredth. A cosine begins after it."
        ),
    ] = 0
    clip_norm: Annotated[
        Number,
        Ge(0),
        Doc(
            "Longest that the gradient may be, as the norm over all parameters that are alive; a"
            " longer one is scaled down to it. 0 lets it be."
        ),
    ] = 0
    head_rate: Annotated[
        Number,
        Ge(0),
        Doc(
            "What the learning rate of the head is multiplied by, the last linear layer or"
            " convolution: above 1 for a new head on pretrained weights, 0 for one that stays."
        ),
    ] = 1
    class_weights: Annotated[
        Literal["none", "balanced"],
        Doc(
            "What an image counts in the loss on the given labels; none: all the same; balanced: so"
            " much that all classes count the same, N / (K · n) where n of N training images have"
            " its label and K labels occur. The distillation term is not weighted, nor is anything"
            " that is measured of a network."
        ),
    ] = "none"


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
    head: Annotated[
        Literal["pruned", "kept"],
        Doc("Whether the head, the last linear layer or convolution, is pruned as the rest is."),
    ] = "pruned"
    depthwise: Annotated[
        Literal["guarded", "pruned", "kept"],
        Doc(
            "What becomes of convolutions that have one filter for each channel; guarded: each"
            " filter keeps its last weight, without which its channel would be dead; pruned: as all"
            " others; kept: they lose nothing."
        ),
    ] = "guarded"

    def kept(self, head: str, depthwise: Collection[str]) -> frozenset[str]:
        """Names of the weights that lose nothing.

        Args:
            head: name of the head's weight.
            depthwise: names of the weights of depthwise convolutions.
        """
        kept = {head} if self.head == "kept" else set()
        return frozenset(kept | set(depthwise) if self.depthwise == "kept" else kept)


@dataclass(frozen=True, kw_only=True)
class PerturbationRecipe(Choice):
    """What happens to the surviving weights before they are retrained (Algorithm 1, line 19).

    A perturbation is a subclass that is registered in ``PERTURBATIONS``.

    Attributes:
        rewind_step: optimiser step of the dense training whose weights are kept for later.
        rate_factor: what the learning rate is multiplied by after the dense training.
        rewinds: whether it takes the weights of ``rewind_step``; a checkpoint then keeps them.
    """

    registry: ClassVar[Registry[Any]] = PERTURBATIONS
    selector: ClassVar[str] = "kind"
    rewinds: ClassVar[bool] = False

    rewind_step: Annotated[int, Derived()] = 0
    rate_factor: Annotated[Number, Derived()] = 1.0

    @property
    def kind(self) -> str:
        """The name that the perturbation is registered by."""
        return self.choice

    @property
    def slug(self) -> str:
        """What a run's name says of the perturbation; nothing where there is nothing to say."""
        return self.kind

    def retraining(self, recipe: TrainingRecipe) -> TrainingRecipe:
        """The training after a pruning, at a learning rate of its own (Fig. 3)."""
        rate = recipe.learning_rate * self.rate_factor
        return dataclasses.replace(recipe, learning_rate=rate)

    def perturb(
        self, model: nn.Module, rewound: dict[str, Tensor], fresh: dict[str, Tensor]
    ) -> None:
        """Perturb a network in place; the masks are to be applied afterwards. Nothing by default.

        Args:
            model: the pruned network.
            rewound: its state before the dense training's ``rewind_step``.
            fresh: a newly drawn state.
        """
