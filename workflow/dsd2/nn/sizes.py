"""How large a network is: its parameters, memory and operations. No torch is imported here.

The network itself is counted, once, by :mod:`dsd2.nn.footprint`, in another process where this one
has no torch. What was counted is kept in the user's cache, or below ``results/networks``.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dsd2.errors import UserError
from dsd2.files.cached import read_cached, user_cache, write_cached
from dsd2.nn.couplings import Couplings
from dsd2.paths import NETWORK_SIZES
from dsd2.recipe import ModelRecipe, digest, to_json

FLOAT = 4
"""Bytes of a weight or an activation."""
EVALUATED = 128
"""Images of a batch of evaluation on a CPU, whose caches larger ones no longer fit."""
EVALUATED_ON_GPU = 1024
"""Likewise on a GPU, which smaller ones leave idle."""
EDITED_ON_GPU = 64 * 2**20
"""Bytes of streamed images that a GPU edits at once; one batch at least."""
BACKWARD = 3
"""A training step costs three forward passes: one forward, and twice that backward."""

_FORMAT = 2
"""Raise when the file has other fields."""
_COUNTING = tuple(
    Path(__file__).with_name(name)
    for name in (
        "channels.py",
        "channel_rules.py",
        "following.py",
        "footprint.py",
        "models.py",
        "calls.py",
        "entropy.py",
    )
)
"""Modules whose change may change the sizes of any network."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network, for one image where activations and operations are concerned.

    Attributes:
        parameters: how many.
        weights: how many of them pruning may remove in each layer, by the weight's name.
        state: bytes of parameters and buffers.
        tensors: how many parameters and buffers there are.
        activations: bytes that a training step keeps for the backward pass.
        largest: bytes of the largest layer's output.
        macs: multiply-accumulates of each convolution and linear layer in a forward pass, by the
            weight's name; of all calls of a layer that is called several times.
        extra: what the paper's count has beside them: batch-norm and adaptive pooling.
        head: name of the weight of the layer that makes the logits.
        depthwise: names of the weights of depthwise convolutions.
        states: how many layers of neurons have states, and with them an entropy.
    """

    parameters: int
    weights: dict[str, int]
    state: int
    tensors: int
    activations: int
    largest: int
    macs: dict[str, int]
    extra: int
    head: str = ""
    depthwise: Sequence[str] = ()
    states: int = 0

    @property
    def prunable(self) -> int:
        """How many parameters pruning may remove."""
        return sum(self.weights.values())

    @property
    def dense(self) -> int:
        """Multiply-accumulates of all convolutions and linear layers."""
        return sum(self.macs.values())

    @property
    def paper(self) -> int:
        """The paper's count (67,831,296 for VGG-like δ=5, γ=5 on 32×32 images, 10 classes)."""
        return self.dense + self.extra

    def sparse(self, densities: Mapping[str, float]) -> float:
        """Multiply-accumulates with living weights; a layer that is not pruned keeps all."""
        return sum(macs * densities.get(name, 1.0) for name, macs in self.macs.items())

    def training_memory(self, batch_size: int, moments: int = 1) -> int:
        """Bytes that training takes, data aside.

        Weights, gradients, a copy of the initial weights, masks as numbers and as truth values, a
        batch's activations, the gradients of two layers' outputs, and the optimiser's moments.

        Args:
            batch_size: images a step.
            moments: numbers that the optimiser remembers of each parameter: 1 with momentum, 2 with
                AdamW.
        """
        network = (3 + moments) * self.state + (FLOAT + 1) * self.prunable
        return network + batch_size * (self.activations + 2 * self.largest)


@cache
def network_sizes(model: ModelRecipe, image: tuple[int, int, int], classes: int) -> Sizes:
    """The sizes of a network that a recipe builds.

    Args:
        model: which network.
        image: (C, H, W) of the images it will see.
        classes: size of the logits.

    Raises:
        UserError: the network cannot be built for such images, or cannot be counted.
    """
    if "torch" in sys.modules:
        from dsd2.nn.footprint import footprint

        return footprint(model, image, classes)
    return Sizes(**_counted("sizes", model, image, classes))


@cache
def network_couplings(model: ModelRecipe, image: tuple[int, int, int], classes: int) -> Couplings:
    """How many channels of a network leave together; arguments as of :func:`network_sizes`.

    Raises:
        UserError: the network cannot be built for such images, or cannot be traced.
    """
    if "torch" in sys.modules:
        from dsd2.nn.footprint import couplings

        return couplings(model, image, classes)
    return Couplings(**_counted("couplings", model, image, classes))


def _counted(
    what: str, model: ModelRecipe, image: tuple[int, int, int], classes: int
) -> dict[str, Any]:
    """What another process counts of a network, or has counted once."""
    known = f"{model.slug}-{digest(model, *image, classes)}"
    name = known if what == "sizes" else f"{known}-{what}"
    results = Path(NETWORK_SIZES.format(network=name))
    files = [*(folder / "networks" / results.name for folder in user_cache()), results]
    request = {"model": to_json(model), "image": list(image), "classes": classes}
    # A network whose module has changed is counted anew, and one that another version counted.
    sources = (Path(inspect.getfile(type(model))), *_COUNTING)
    source = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()
    counted = {**request, "format": _FORMAT, "source": source}
    for file in files:
        held = read_cached(file) or {}
        found: dict[str, Any] | None = held.pop(what, None)
        if held == counted and found is not None:
            return found
    found = _counter.ask(json.dumps({**request, "what": what}))
    any(write_cached(file, {**counted, what: found}) for file in files)
    return found


class _Counter:
    """A process with torch that counts networks, started with the first request."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: str) -> dict[str, Any]:
        """What answers a request.

        Raises:
            UserError: the network cannot be built, or cannot be counted.
        """
        # The process ends after some seconds without a request. Then a new one is started.
        answer = self._try(request) or self._try(request)
        if answer is None:
            raise UserError(f"the network cannot be counted: {sys.executable} with torch failed")
        if "error" in answer:
            raise UserError(answer["error"])
        return answer

    def _try(self, request: str) -> dict[str, Any] | None:
        if self._process is None:
            self._process = self._start()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{request}\n")
            process.stdin.flush()
            return dict(json.loads(process.stdout.readline()))
        except (OSError, ValueError):
            process.kill()
            process.wait()
            self._process = None
            return None

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        # PYTHONPATH could not say where the library lies if there were a colon in it.
        library = str(Path(__file__).parents[2])
        program = f"import sys; sys.path.insert(0, {library!r})\nimport dsd2.nn.footprint as f\n"
        return subprocess.Popen(
            [sys.executable, "-c", f"{program}f.answer_requests()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
            # Ctrl-C is for the workflow; the end of its requests ends this process.
            start_new_session=True,
        )


_counter = _Counter()
