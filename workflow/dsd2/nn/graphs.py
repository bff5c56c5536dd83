"""Steps as CUDA graphs: all kernels of a step in one launch.

A small network's kernels take less time than their launches. A graph is captured once and holds
the kernels with the memory that they read and write; so its inputs are copied to where it reads.
It does what launching them one by one does, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dsd2.nn.steps import StepInputs
from dsd2.recipe import TrainingRecipe

WARM_UP = 3
"""Steps that are launched one by one before one is captured: libraries must be loaded, and the
momentum be there."""


def can_be_replayed(recipe: TrainingRecipe) -> bool:
    """Whether the steps of an epoch differ in nothing but their inputs.

    A rate that changes with every step, or AdamW's correction by the step's number, would be a
    constant of each graph.
    """
    return recipe.optimiser == "sgd" and recipe.schedule == "multistep" and not recipe.warmup


class Replay:
    """A step that is captured when it is warm, and then replayed.

    It is launched instead while it is cold, where the inputs have other shapes than those of the
    first step (the last batch of an epoch), and for good where it cannot be captured, as a step
    that waits for a number cannot; that is said once. A learning rate takes a capture of its own.

    Args:
        step: launches its kernels, on the same memory each time but for its inputs; the learning
            rate is a constant of them.
    """

    def __init__(self, step: Callable[[StepInputs, float, int], None]) -> None:
        self._step = step
        self._taken = 0
        self._shapes: list[torch.Size] | None = None
        self._can = True
        self._graph: torch.cuda.CUDAGraph | None = None
        self._rate: float | None = None
        self._held: list[Tensor] = []

    def __call__(self, inputs: StepInputs, rate: float, number: int = 0) -> None:
        """Take a step; its inputs may lie anywhere on the device."""
        given = [tensor for tensor in inputs if tensor is not None]
        shapes = [tensor.shape for tensor in given]
        self._shapes = self._shapes or shapes
        self._taken += 1
        if not self._can or self._taken <= WARM_UP or shapes != self._shapes:
            self._step(inputs, rate, number)
            return
        if self._rate != rate:
            self._capture(inputs, rate, number)
        if self._graph is None:
            self._step(inputs, rate, number)
            return
        for held, tensor in zip(self._held, given, strict=True):
            held.copy_(tensor, non_blocking=True)
        self._graph.replay()

    def _capture(self, inputs: StepInputs, rate: float, number: int) -> None:
        """Capture the step, of which nothing is done yet; or say that it cannot be."""
        # The graph before gives its memory back first.
        self._graph, self._rate = None, rate
        rows, images, *optional = inputs
        cached, share = (None if tensor is None else tensor.clone() for tensor in optional)
        static = (rows.clone(), images.clone(), cached, share)
        self._held = [tensor for tensor in static if tensor is not None]
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads, as one that pins decoded images, may use the device meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._step(static, rate, number)
        except RuntimeError as error:
            self._can = False
            reason = str(error).strip().partition("\n")[0]
            print(f"steps are launched kernel by kernel, for none can be captured: {reason}")
            return
        self._graph = graph
