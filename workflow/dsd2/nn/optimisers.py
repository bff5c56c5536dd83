"""What a step of training changes: SGD and AdamW, as torch computes them to the bit.

Building torch's own classes makes torch import its compiler, which costs every stage two seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dsd2.compat import foreach
from dsd2.nn.precision import laid_like
from dsd2.recipe import TrainingRecipe

EPSILON = 1e-8
"""What AdamW adds to the divisor of a step: torch's default."""
TINY = 1e-6
"""What torch adds to the length of a gradient that it clips."""

Moments = dict[str, dict[str, Tensor]]
"""What an optimiser remembers of each parameter: ``momentum``, and of AdamW ``square``."""


class Optimiser:
    """Steps of one training, in place.

    Args:
        parameters: of the network, by name.
        recipe: optimiser, momentum, weight decay, and the head's share of the learning rate.
        head: names of the head's parameters.
        moments: what an interrupted training remembered; none at its start.
    """

    def __init__(
        self,
        parameters: dict[str, nn.Parameter],
        recipe: TrainingRecipe,
        head: frozenset[str] = frozenset(),
        moments: Moments | None = None,
    ) -> None:
        self.recipe = recipe
        self._names = list(parameters)
        self._values = [parameter.data for parameter in parameters.values()]
        self._moments: dict[str, list[Tensor | None]] = {
            kind: [
                laid_like(known[name], leaf) if name in known else None
                for name, leaf in parameters.items()
            ]
            for kind in ("momentum", "square")
            for known in [(moments or {}).get(kind, {})]
        }
        separate = recipe.head_rate != 1 and head
        groups = [(False, 1.0), (True, float(recipe.head_rate))] if separate else [(None, 1.0)]
        self._groups = [
            ([i for i, n in enumerate(self._names) if of_head in (None, n in head)], factor)
            for of_head, factor in groups
        ]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float, number: int) -> None:
        """Take a step.

        Args:
            gradients: of the loss, one a parameter.
            rate: the learning rate.
            number: of the step in the whole training, from 0.
        """
        for places, factor in self._groups:
            values = [self._values[i] for i in places]
            chosen = [gradients[i] for i in places]
            held = {kind: [each[i] for i in places] for kind, each in self._moments.items()}
            if self.recipe.optimiser == "sgd":
                sgd_step(values, chosen, held["momentum"], self.recipe, rate * factor)
            else:
                adamw_step(values, chosen, held, self.recipe, rate * factor, number)
            for kind, each in held.items():
                for i, moment in zip(places, each, strict=True):
                    self._moments[kind][i] = moment

    def moments(self) -> Moments:
        """What going on after an interruption needs: the tensors themselves, no copies."""
        return {
            kind: {n: m for n, m in zip(self._names, each, strict=True) if m is not None}
            for kind, each in self._moments.items()
        }


def sgd_step(
    values: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor | None],
    recipe: TrainingRecipe,
    rate: float,
) -> None:
    """A step of SGD with momentum and weight decay, in place: what ``torch.optim.SGD`` computes.

    Args:
        values: the parameters, without autograd.
        gradients: of the loss, one a parameter.
        momenta: one a parameter; all None before the first step, which sets them.
        recipe: momentum and weight decay.
        rate: the learning rate.
    """
    if recipe.weight_decay:
        gradients = foreach("add")(gradients, values, alpha=recipe.weight_decay)
    if recipe.momentum:
        known = [momentum for momentum in momenta if momentum is not None]
        if known:
            foreach("mul_")(known, recipe.momentum)
            foreach("add_")(known, gradients)
        else:
            momenta[:] = known = [gradient.clone() for gradient in gradients]
        gradients = known
    foreach("add_")(values, gradients, alpha=-rate)


def adamw_step(
    values: list[Tensor],
    gradients: list[Tensor],
    moments: dict[str, list[Tensor | None]],
    recipe: TrainingRecipe,
    rate: float,
    number: int,
) -> None:
    """A step of AdamW, in place: what ``torch.optim.AdamW`` computes.

    Args:
        values: the parameters, without autograd.
        gradients: of the loss, one a parameter.
        moments: ``momentum`` and ``square``, one a parameter; None before the first step, which
            sets them.
        recipe: β₁ (``momentum``), β₂ and weight decay.
        rate: the learning rate.
        number: of the step, from 0.
    """
    beta1, beta2 = recipe.momentum, recipe.beta2
    for each in moments.values():
        each[:] = [
            torch.zeros_like(v) if m is None else m for m, v in zip(each, values, strict=True)
        ]
    means, squares = ([m for m in moments[k] if m is not None] for k in ("momentum", "square"))
    if recipe.weight_decay:
        foreach("mul_")(values, 1 - rate * recipe.weight_decay)
    foreach("lerp_")(means, gradients, weight=1 - beta1)
    foreach("mul_")(squares, beta2)
    foreach("addcmul_")(squares, gradients, gradients, value=1 - beta2)
    divisors = foreach("sqrt")(squares)
    foreach("div_")(divisors, (1 - beta2 ** (number + 1)) ** 0.5)
    foreach("add_")(divisors, EPSILON)
    foreach("addcdiv_")(values, means, divisors, value=-rate / (1 - beta1 ** (number + 1)))


def clip(gradients: list[Tensor], longest: float) -> None:
    """Scale a gradient down, in place, where its norm is above a length.

    What ``torch.nn.utils.clip_grad_norm_`` computes.

    Args:
        gradients: one tensor a parameter.
        longest: the norm over all of them that is left as it is.
    """
    norms = torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])
    factor = (longest / (torch.linalg.vector_norm(norms) + TINY)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)
