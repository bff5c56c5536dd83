"""What a network takes, as the network itself tells: :mod:`dsd2.nn.sizes` foretells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.nn.flops import ForwardCost, forward_cost
from dsd2.nn.models import prunable_weights
from dsd2.nn.sizes import FLOAT, POOL, Sizes
from dsd2.recipe import ModelRecipe


@dataclass(frozen=True)
class Footprint(Sizes):
    """Sizes of a network, with the operations of its layers.

    Attributes:
        cost: of one image's forward pass.
        weights: how many of the prunable ones each layer has.
        tensors: how many parameters and buffers it has.
    """

    cost: ForwardCost
    weights: dict[str, int]
    tensors: int


def footprint(recipe: ModelRecipe, image: tuple[int, int, int], classes: int) -> Footprint:
    """The sizes of a network, of which no weight is ever made.

    Args:
        recipe: which network.
        image: (C, H, W) of the images it will see.
        classes: size of the logits.

    Raises:
        UserError: the images are too small for the network's depth.
    """
    with torch.device("meta"):
        model = recipe.build(image, classes)
    outputs: list[int] = []

    def remember(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        values = output[0].numel()
        outputs.append(values * (POOL if isinstance(module, nn.MaxPool2d) else 1) * FLOAT)

    handles = [m.register_forward_hook(remember) for m in model.modules() if _makes_a_tensor(m)]
    cost = forward_cost(model, image)
    for handle in handles:
        handle.remove()
    weights = {name: w.numel() for name, w in prunable_weights(model).items()}
    state = model.state_dict().values()
    return Footprint(
        cost=cost,
        weights=weights,
        tensors=len(state),
        operations=cost.dense,
        parameters=sum(p.numel() for p in model.parameters()),
        prunable=sum(weights.values()),
        state=sum(t.numel() * t.element_size() for t in state),
        activations=sum(outputs),
        largest=max(outputs),
    )


def _makes_a_tensor(module: nn.Module) -> bool:
    in_place = isinstance(module, nn.ReLU) and module.inplace
    return not (any(module.children()) or in_place or isinstance(module, nn.Identity))
