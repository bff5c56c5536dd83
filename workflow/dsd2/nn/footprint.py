"""Counts a network on torch's meta device, where it has shapes and no memory."""

from __future__ import annotations

import dataclasses
import inspect
import json
import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.errors import UserError
from dsd2.nn.calls import ATTENTION, CONVOLUTIONS, LINEAR, PRODUCTS, watching
from dsd2.nn.channels import coupled_channels, couplings_of
from dsd2.nn.couplings import Couplings
from dsd2.nn.entropy import counting_states
from dsd2.nn.models import PooledLinear, depthwise_weights, head_of, prunable_weights
from dsd2.nn.sizes import FLOAT, Sizes
from dsd2.recipe import ModelRecipe, from_json

COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""Layers where each value of the output takes as many operations as one row of the weight has."""
BATCH_NORM = 5
"""Operations of a batch-normalisation in training per element, as common counters have it."""
MAX_POOL = 3
"""Numbers that a max-pool keeps for each value: the value, and an index of eight bytes."""
IMAGES = 2
"""Images of the forward pass: what is made from none of them has another first axis."""
IDLE = 5.0
"""Seconds without a request after which the process ends."""


def footprint(recipe: ModelRecipe, image: tuple[int, int, int], classes: int) -> Sizes:
    """The sizes of a network, of which no weight is made where that can be avoided.

    Args:
        recipe: which network.
        image: (C, H, W) of the images it will see.
        classes: size of the logits.

    Raises:
        UserError: the images are too small for the network's depth.
        TypeError: as :func:`sizes_of`.
    """
    return sizes_of(_shapes(recipe, image, classes), image)


def couplings(recipe: ModelRecipe, image: tuple[int, int, int], classes: int) -> Couplings:
    """How many channels of a network leave together; arguments as of :func:`footprint`.

    Raises:
        UserError: the network cannot be built for the images, or cannot be traced.
    """
    return couplings_of(coupled_channels(_shapes(recipe, image, classes), image))


def _shapes(recipe: ModelRecipe, image: tuple[int, int, int], classes: int) -> nn.Module:
    """The network on the meta device; made there, where its code needs no number of a tensor."""
    try:
        with torch.device("meta"):
            return recipe.build(image, classes)
    except Exception:  # of a network that someone else has written
        with torch.random.fork_rng(devices=[]):
            return recipe.build(image, classes).to("meta")


def sizes_of(model: nn.Module, image: tuple[int, int, int]) -> Sizes:
    """Count a network by a forward pass; the network is not changed.

    Args:
        model: on any device.
        image: (C, H, W).

    Raises:
        TypeError: it has prunable weights in a layer whose operations are not known.
    """
    macs: dict[str, int] = {}
    outputs: list[int] = []
    extra = 0
    names = {id(weight): name for name, weight in prunable_weights(model).items()}
    called = {name for name, module in model.named_modules() if isinstance(module, COUNTED)}

    def add(weight: Any, operations: int) -> None:
        if (name := names.get(id(weight))) is not None:
            macs[name] = macs.get(name, 0) + operations

    def of_module(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal extra
        if isinstance(module, COUNTED):
            add(module.weight, macs_of(module.weight, output[0]))
        if isinstance(module, nn.BatchNorm2d):
            extra += BATCH_NORM * output[0].numel()
        elif isinstance(module, PooledLinear | nn.AdaptiveAvgPool2d):
            extra += inputs[0][0].numel()
        if isinstance(output, Tensor) and _makes_a_tensor(module):
            copies = MAX_POOL if isinstance(module, nn.MaxPool2d) else 1
            outputs.append(FLOAT * copies * output[0].numel())

    def of_function(within: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if function is ATTENTION:
            for weight, rows in projections(args, kwargs):
                add(weight, weight.numel() * rows // IMAGES)
            outputs.append(FLOAT * kept_by_attention(args, kwargs) // IMAGES)
        elif within not in called and function in (*LINEAR, *CONVOLUTIONS, *PRODUCTS):
            outputs.append(FLOAT * result.numel() // IMAGES)
            if function not in PRODUCTS:
                weight = args[1] if len(args) > 1 else kwargs["weight"]
                add(weight, weight[0].numel() * result.numel() // IMAGES)

    modes = {module: module.training for module in model.modules()}
    handles = [m.register_forward_hook(of_module) for m in model.modules()]
    try:
        with (
            torch.no_grad(),
            counting_states(model.eval()) as states,
            watching(model, lambda *_: None, of_function),
        ):
            parameter = next(model.parameters())
            model(torch.zeros(IMAGES, *image, device=parameter.device, dtype=parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    weights = {name: weight.numel() for name, weight in prunable_weights(model).items()}
    if unknown := weights.keys() - macs.keys():
        raise TypeError(
            f"the operations of {', '.join(sorted(unknown))} are not known: no forward pass reads"
            " it as a convolution or a linear layer"
        )
    state = model.state_dict().values()
    return Sizes(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        weights=weights,
        state=sum(tensor.numel() * tensor.element_size() for tensor in state),
        tensors=len(state),
        activations=sum(outputs),
        largest=max(outputs, default=0),
        macs=macs,
        extra=extra,
        head=f"{head_of(model)}.weight".removeprefix("."),
        depthwise=sorted(depthwise_weights(model)),
        states=len(states),
    )


def projections(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[tuple[Tensor, int]]:
    """The weights of a call of torch's attention, each with the rows that it is multiplied by.

    Args:
        args: of ``torch.nn.functional.multi_head_attention_forward``.
        kwargs: likewise.
    """
    bound = _bound(args, kwargs)
    queries, keys = (bound[name].shape[:2].numel() for name in ("query", "key"))
    if bound["in_proj_weight"] is not None:
        yield bound["in_proj_weight"], (queries + 2 * keys) // 3
    for name, rows in (("q", queries), ("k", keys), ("v", keys)):
        if (weight := bound.get(f"{name}_proj_weight")) is not None:
            yield weight, rows
    yield bound["out_proj_weight"], queries


def kept_by_attention(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Numbers that a call of torch's attention keeps for the backward pass, of all images.

    These are the projections, the products of queries and keys with their softmax, and the sum.
    """
    bound = _bound(args, kwargs)
    query, key = bound["query"].shape, bound["key"].shape
    products = bound["num_heads"] * query[0] * key[0] * query[1]
    return 2 * query.numel() + 2 * key[:2].numel() * query[2] + 2 * products


def _bound(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return inspect.signature(ATTENTION).bind(*args, **kwargs).arguments


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
            made = footprint if request["what"] == "sizes" else couplings
            answer = dataclasses.asdict(made(recipe, image, classes))
        except UserError as error:
            answer = {"error": str(error)}
        except Exception as error:  # of a network that someone else has written
            answer = {"error": f"network {recipe.name}: {type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
