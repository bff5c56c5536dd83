"""What a network takes: operations, weights and activations, from its shapes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.config.recipe import ModelRecipe
from dsd2.nn.flops import ForwardCost, forward_cost
from dsd2.nn.models import build_model, prunable_weights

_FLOAT = 4
"""Bytes of a weight or an activation."""


@dataclass(frozen=True)
class Footprint:
    """Sizes of a network.

    Attributes:
        cost: of one image's forward pass.
        parameters: how many.
        prunable: how many of them pruning may remove.
        state: bytes of parameters and buffers.
        activations: bytes that a training step keeps for one image's backward pass.
        largest: bytes of the largest layer's output for one image.
    """

    cost: ForwardCost
    parameters: int
    prunable: int
    state: int
    activations: int
    largest: int

    def training_memory(self, batch_size: int) -> int:
        """Bytes that training with plain momentum takes, data aside.

        Weights, gradients, momentum, a copy of the initial weights, masks as numbers and as truth
        values, a batch's activations, and the gradients of two layers' outputs.
        """
        network = 4 * self.state + (_FLOAT + 1) * self.prunable
        return network + batch_size * (self.activations + 2 * self.largest)

    @property
    def checkpoint(self) -> int:
        """Bytes of an iteration's checkpoint; the dense one has the initial state besides."""
        return self.state + self.prunable


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
        model = build_model(recipe, image, classes)
    outputs: list[int] = []

    def remember(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        values = output[0].numel()
        # An index of eight bytes goes with each value of a max-pool.
        outputs.append(values * (3 if isinstance(module, nn.MaxPool2d) else 1) * _FLOAT)

    handles = [m.register_forward_hook(remember) for m in model.modules() if _makes_a_tensor(m)]
    cost = forward_cost(model, image)
    for handle in handles:
        handle.remove()
    return Footprint(
        cost=cost,
        parameters=sum(p.numel() for p in model.parameters()),
        prunable=sum(w.numel() for w in prunable_weights(model).values()),
        state=sum(t.numel() * t.element_size() for t in model.state_dict().values()),
        activations=sum(outputs),
        largest=max(outputs),
    )


def _makes_a_tensor(module: nn.Module) -> bool:
    in_place = isinstance(module, nn.ReLU) and module.inplace
    return not (any(module.children()) or in_place or isinstance(module, nn.Identity))
