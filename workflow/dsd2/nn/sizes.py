"""How large a network is, worked out from its recipe: plain arithmetic, no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dsd2.nn.networks.resnet import ResNet
from dsd2.nn.networks.vgg_like import VGGLike
from dsd2.recipe import ModelRecipe

FLOAT = 4
"""Bytes of a weight or an activation."""
POOLED = 7
"""Side of the VGG-like head's adaptive average pool; Table 3's parameter counts confirm it."""
EVALUATED = 128
"""Images of a batch of evaluation."""
BACKWARD = 3
"""A training step costs three forward passes: one forward, and twice that backward."""
POOL = 3
"""Numbers that a max-pool keeps for each value: the value, and an index of eight bytes."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network.

    Attributes:
        parameters: how many.
        prunable: how many of them pruning may remove.
        state: bytes of parameters and buffers.
        activations: bytes that a training step keeps for one image's backward pass.
        largest: bytes of the largest layer's output for one image.
        operations: multiply-accumulates of convolutions and linear layers in one image's pass.
    """

    parameters: int
    prunable: int
    state: int
    activations: int
    largest: int
    operations: int

    def training_memory(self, batch_size: int) -> int:
        """Bytes that training with plain momentum takes, data aside.

        Weights, gradients, momentum, a copy of the initial weights, masks as numbers and as truth
        values, a batch's activations, and the gradients of two layers' outputs.
        """
        network = 4 * self.state + (FLOAT + 1) * self.prunable
        return network + batch_size * (self.activations + 2 * self.largest)


@dataclass(frozen=True)
class _Layer:
    """A layer's weights that may be pruned, its other parameters, bytes of buffers, and so on."""

    prunable: int = 0
    other: int = 0
    buffers: int = 0
    output: int = 0
    operations: int = 0


def network_sizes(model: ModelRecipe, image: tuple[int, int, int], classes: int) -> Sizes:
    """The sizes of a network that a recipe builds.

    Args:
        model: which network.
        image: (C, H, W) of the images it will see.
        classes: size of the logits.
    """
    layers = list(_layers(model, image, classes))
    parameters = sum(layer.prunable + layer.other for layer in layers)
    return Sizes(
        parameters=parameters,
        prunable=sum(layer.prunable for layer in layers),
        state=FLOAT * parameters + sum(layer.buffers for layer in layers),
        activations=FLOAT * sum(layer.output for layer in layers),
        largest=FLOAT * max(layer.output for layer in layers),
        operations=sum(layer.operations for layer in layers),
    )


def weights_of_layers(model: ModelRecipe, channels: int, classes: int) -> list[int]:
    """How many weights of each convolution and linear layer pruning may remove, in their order.

    Args:
        model: which network.
        channels: of the images it will see, whose size does not matter.
        classes: size of the logits.
    """
    side = 2**8
    layers = _layers(model, (channels, side, side), classes)
    return [layer.prunable for layer in layers if layer.prunable]


def _layers(model: ModelRecipe, image: tuple[int, int, int], classes: int) -> Iterator[_Layer]:
    if isinstance(model, VGGLike):
        return _vgg_like(model, image, classes)
    assert isinstance(model, ResNet)
    return _resnet(model, image, classes)


def _convolution(inputs: int, outputs: int, side: int, pixels: int, bias: bool = False) -> _Layer:
    weights = inputs * outputs * side**2
    return _Layer(weights, bias * outputs, 0, outputs * pixels, weights * pixels)


def _batch_norm(channels: int, pixels: int) -> _Layer:
    # Scale and shift; running mean and variance, and a count of eight bytes.
    return _Layer(other=2 * channels, buffers=2 * FLOAT * channels + 8, output=channels * pixels)


def _linear(inputs: int, outputs: int) -> _Layer:
    weights = inputs * outputs
    return _Layer(weights, outputs, 0, outputs, weights)


def _vgg_like(model: VGGLike, image: tuple[int, int, int], classes: int) -> Iterator[_Layer]:
    channels, height, width = image
    for stage in range(model.depth):
        filters = 2 ** (model.width + stage)
        for inputs in (channels, filters):
            yield _convolution(inputs, filters, 3, height * width, bias=True)
            yield _batch_norm(filters, height * width)
        channels, height, width = filters, height // 2, width // 2
        yield _Layer(output=POOL * channels * height * width)
    if model.dropout > 0:
        yield _Layer(output=channels * height * width)
    yield _linear(channels * POOLED**2, classes)


def _resnet(model: ResNet, image: tuple[int, int, int], classes: int) -> Iterator[_Layer]:
    """Torchvision's ResNet-18 of basic blocks or ResNet-50 of bottlenecks."""
    channels, height, width = image
    if model.stem == "cifar":
        yield _convolution(channels, 64, 3, height * width)
        yield _batch_norm(64, height * width)
    else:
        height, width = _halved(height), _halved(width)
        yield _convolution(channels, 64, 7, height * width)
        yield _batch_norm(64, height * width)
        height, width = _halved(height), _halved(width)
        yield _Layer(output=POOL * 64 * height * width)
    basic = model.name == "resnet18"
    blocks, expansion = ((2, 2, 2, 2), 1) if basic else ((3, 4, 6, 3), 4)
    channels = 64
    for stage, count in enumerate(blocks):
        planes = 64 * 2**stage
        for block in range(count):
            before = height * width
            if stage > 0 and block == 0:
                height, width = _halved(height), _halved(width)
            pixels, outputs = height * width, expansion * planes
            # Kernel side, inputs, outputs and pixels; a bottleneck strides in its second.
            plan = [(3, channels, planes, pixels), (3, planes, planes, pixels)]
            if not basic:
                plan = [
                    (1, channels, planes, before),
                    (3, planes, planes, pixels),
                    (1, planes, outputs, pixels),
                ]
            if channels != outputs or pixels != before:
                plan.append((1, channels, outputs, pixels))
            for side, inputs, filters, size in plan:
                yield _convolution(inputs, filters, side, size)
                yield _batch_norm(filters, size)
            channels = outputs
    yield _Layer(output=channels)
    if model.dropout > 0:
        yield _Layer(output=channels)
    yield _linear(channels, classes)


def _halved(side: int) -> int:
    return -(-side // 2)
