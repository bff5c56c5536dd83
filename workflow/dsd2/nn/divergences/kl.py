"""The Kullback-Leibler divergence of eq. 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsd2.recipe import DIVERGENCES

if TYPE_CHECKING:
    from torch import Tensor


@DIVERGENCES.register("kl")
def kl(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher ‖ student) in nats."""
    import torch.nn.functional as F

    return F.kl_div(student, teacher, reduction="batchmean", log_target=True)
