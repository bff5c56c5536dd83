"""Counts a network on torch's meta device, where it has shapes and no memory."""

from __future__ import annotations

import dataclasses
import json
import select
import sys
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.errors import UserError
from dsd2.nn.models import PooledLinear, prunable_weights
from dsd2.nn.sizes import FLOAT, Sizes
from dsd2.recipe import ModelRecipe, from_json

COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""Layers where each value of the output takes as many operations as one row of the weight has."""
BATCH_NORM = 5
"""Operations of a batch-normalisation in training per element, as common counters have it."""
MAX_POOL = 3
"""Numbers that a max-pool keeps for each value: the value, and an index of eight bytes."""
IDLE = 5.0
"""Seconds without a request after which the process ends."""


def footprint(recipe: ModelRecipe, image: tuple[int, int, int], classes: int) -> Sizes:
    """The sizes of a network, of which no weight is ever made.

    Args:
        recipe: which network.
        image: (C, H, W) of the images it will see.
        classes: size of the logits.

    Raises:
        UserError: the images are too small for the network's depth.
        TypeError: as :func:`sizes_of`.
    """
    with torch.device("meta"):
        model = recipe.build(image, classes)
    return sizes_of(model, image)


def sizes_of(model: nn.Module, image: tuple[int, int, int]) -> Sizes:
    """Count a network by one image's forward pass; the network is not changed.

    Args:
        model: on any device.
        image: (C, H, W).

    Raises:
        TypeError: it has prunable weights in a layer whose operations are not known.
    """
    macs: dict[str, int] = {}
    outputs: list[int] = []
    extra = 0

    def count(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            nonlocal extra
            if isinstance(module, COUNTED):
                weight = f"{name}.weight".removeprefix(".")
                macs[weight] = macs.get(weight, 0) + macs_of(module.weight, output[0])
            if isinstance(module, nn.BatchNorm2d):
                extra += BATCH_NORM * output[0].numel()
            elif isinstance(module, PooledLinear | nn.AdaptiveAvgPool2d):
                extra += inputs[0][0].numel()
            if isinstance(output, Tensor) and _makes_a_tensor(module):
                copies = MAX_POOL if isinstance(module, nn.MaxPool2d) else 1
                outputs.append(FLOAT * copies * output[0].numel())

        return hook

    modes = {module: module.training for module in model.modules()}
    handles = [m.register_forward_hook(count(name)) for name, m in model.named_modules()]
    try:
        with torch.no_grad():
            parameter = next(model.parameters())
            model.eval()(torch.zeros(1, *image, device=parameter.device, dtype=parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    weights = {name: weight.numel() for name, weight in prunable_weights(model).items()}
    if unknown := weights.keys() - macs.keys():
        raise TypeError(f"the operations of {', '.join(sorted(unknown))} are not known")
    state = model.state_dict().values()
    return Sizes(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        weights=weights,
        state=sum(tensor.numel() * tensor.element_size() for tensor in state),
        tensors=len(state),
        activations=sum(outputs),
        largest=max(outputs),
        macs=macs,
        extra=extra,
    )


def macs_of(weight: Tensor, output: Tensor) -> int:
    """Multiply-accumulates of a convolution, grouped or not, or of a linear layer.

    Args:
        weight: [outputs, inputs of a group, …].
        output: for one image, without the batch's axis.
    """
    return weight[0].numel() * output.numel()


def _makes_a_tensor(module: nn.Module) -> bool:
    in_place = isinstance(module, nn.ReLU) and module.inplace
    return not (any(module.children()) or in_place or isinstance(module, nn.Identity))


def answer_requests() -> None:
    """Count the networks that :mod:`dsd2.nn.sizes` asks for, each in a line of JSON."""
    while select.select([sys.stdin], [], [], IDLE)[0] and (line := sys.stdin.readline()):
        request = json.loads(line)
        recipe = from_json(ModelRecipe, request["model"])
        try:
            image, classes = tuple(request["image"]), request["classes"]
            answer = dataclasses.asdict(footprint(recipe, image, classes))
        except UserError as error:
            answer = {"error": str(error)}
        except Exception as error:  # of a network that someone else has written
            answer = {"error": f"network {recipe.name}: {type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
