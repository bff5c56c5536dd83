"""How far a network's confidence is from how often it is right."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dsd2.nn.evaluation import Evaluation

BINS = 15
"""Bins of equal width, as Guo et al. (ICML 2017) have them."""


def expected_calibration_error(confidences: Tensor, right: Tensor) -> float:
    """Guo et al.'s ECE: the mean gap of confidence and accuracy over bins, weighted by images.

    A bin holds the confidences above its lower edge, up to and with its upper one. A device is
    waited for once.

    Args:
        confidences: the largest probability that the network gives a class, [N]; N is at least 1.
        right: whether that class is the label, bool [N].
    """
    confidences, right = confidences.cpu().double(), right.cpu().double()
    bins = ((confidences * BINS).ceil().long() - 1).clamp(0, BINS - 1)
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, confidences - right)
    return float(gaps.abs().sum()) / len(confidences)


def calibration_columns(
    evaluations: Mapping[str, Evaluation], labels: Mapping[str, Tensor]
) -> dict[str, float]:
    """The columns of the metrics' schema that say how a network is calibrated.

    Args:
        evaluations: on the images of ``validation`` and ``test``.
        labels: of those, as they are given, int64 [N] each.
    """
    return {
        f"{split}_ece": expected_calibration_error(e.confidences, e.predictions == labels[split])
        for split, e in evaluations.items()
    }
