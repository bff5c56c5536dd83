"""Mixup: images and labels in pairs (Zhang et al. 2018, arXiv:1710.09412)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dsd2.nn.transfer import sent
from dsd2.seeds import derived_seed


def shares(
    alpha: float, steps: int, stream: Sequence[int | str], device: torch.device
) -> Sequence[Tensor]:
    """The share that each image of a batch keeps, a scalar float32 for each step of an epoch.

    λ is drawn from a Beta distribution of (α, α), and is λ or 1 − λ, whichever is larger: which of
    two images is the first is by chance, so that this changes no more than what they are called.

    Args:
        alpha: α, above 0.
        steps: of the epoch.
        stream: names that make the draws the epoch's own.
        device: where the shares are needed.
    """
    drawn = np.random.default_rng(derived_seed(*stream, "mixup")).beta(alpha, alpha, steps)
    kept = torch.from_numpy(np.maximum(drawn, 1 - drawn)).float()
    return sent(kept, device).unbind()


def partners(batch: Tensor) -> Tensor:
    """What each of a batch is mixed with: the one before it, as batches are in random order."""
    return batch.roll(1, 0)


def mixed(batch: Tensor, share: Tensor) -> Tensor:
    """Images [B, …] of which a share is left; their partners take the rest."""
    return share * batch + (1 - share) * partners(batch)
