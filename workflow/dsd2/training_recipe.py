"""How the network of a run is trained, by registered kinds.

A new kind is one new module in the package that its registry names, as ``docs/extending.md`` shows.
Snakemake reads those modules whenever it starts, so they import torch inside functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from dsd2.augmentation_recipe import AUGMENTATIONS
from dsd2.keys import Default, Derived, Doc, Ge, Gt, Le, Lt, NameOf
from dsd2.registry import Registry
from dsd2.typed import Number, Typed

if TYPE_CHECKING:
    from torch import Tensor

LOSSES: Registry[Callable[..., Tensor]] = Registry("loss", "dsd2.nn.losses")
"""From logits [B, classes] and given labels [B] to the training loss, a mean over the batch.

Where classes are weighted a third argument, ``weights``, has those of the images, [B]. The mean is
then that of each image's loss times its weight. A loss without that argument weights no classes.
Where labels are smoothed, ``smoothing`` is the share that is spread over all classes, and a loss
without that argument smooths none. One that remembers something of each training image has
``rows``, which images the batch's are, int64 [B], and ``memory``, float32 [N, classes], which it
changes in place; it is zero when a training starts.

Keyword-only arguments are the loss's parameters, as ``q: Annotated[Number, Gt(0), Doc("…")] = 0.7``
(:func:`dsd2.keys.parameters`)."""

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
        loss_parameters: all of the loss's parameters with their values.
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
    loss: Annotated[
        str,
        NameOf(LOSSES, parameters=True),
        Doc("What is minimised on the given labels; or a mapping, as {name: NAME, PARAMETER: 1}."),
    ] = "cross-entropy"
    loss_parameters: Annotated[tuple[tuple[str, Number], ...], Derived()] = ()
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
    mixup: Annotated[
        Number,
        Ge(0),
        Doc(
            "α of mixup (Zhang et al. 2018); above 0, each image is mixed with another one of its"
            " batch, and so are their losses; the share is drawn for each batch from a Beta"
            " distribution of (α, α). A teacher sees the mixed images."
        ),
    ] = 0
    keep: Annotated[
        Literal["last", "best-epoch", "average"],
        Doc(
            "Which weights each training leaves; last: those of its last epoch; best-epoch: of the"
            " epoch with the best validation accuracy, the first of equals (early stopping by"
            " validation; noise.validation says whether those labels are clean); average: the mean"
            " of those after each epoch of the last quarter, batch-norm's statistics then counted"
            " in one more pass over the training images (stochastic weight averaging, Izmailov et"
            " al. 2018), for which the learning rate must not have fallen to nothing."
        ),
    ] = "last"

    @property
    def views(self) -> int | None:
        """How many views of an image are trained on; None where they cannot be numbered."""
        return None if self.mixup else AUGMENTATIONS[self.augmentation].views()
