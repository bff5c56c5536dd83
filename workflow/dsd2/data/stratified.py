"""Splits in which every class has its share, and copies of an image lie on one side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

Unit = list[int]
"""Rows that belong together: an image and its copies."""


def stratified_order(labels: Tensor, groups: Tensor, draws: Generator) -> list[Unit]:
    """All images in a random order, every stretch of which has all classes in their proportions.

    The last units are one of each class, so that whoever takes the rest has all classes.

    Args:
        labels: of each image, int64 [N].
        groups: images with one number are copies of one another, int64 [N]. A group belongs to the
            class of its first image.
        draws: random generator.
    """
    units: dict[int, Unit] = {}
    for row, group in enumerate(groups.tolist()):
        units.setdefault(group, []).append(row)
    by_class: dict[int, list[Unit]] = {}
    for unit in units.values():
        by_class.setdefault(int(labels[unit[0]]), []).append(unit)
    keyed: list[tuple[float, int, Unit]] = []
    for label in sorted(by_class):
        own = by_class[label]
        shuffled = [own[i] for i in torch.randperm(len(own), generator=draws).tolist()]
        offset = torch.rand(1, generator=draws).item()
        keyed.append((2.0, label, shuffled[0]))
        keyed += [
            ((place + offset) / (len(own) - 1), label, unit)
            for place, unit in enumerate(shuffled[1:])
        ]
    return [unit for _, _, unit in sorted(keyed, key=lambda entry: entry[:2])]


def cut(order: Sequence[Unit], sizes: Sequence[int]) -> tuple[list[Tensor], list[Unit]]:
    """Parts of at most these sizes from the front of an order, and the units that are left.

    A unit that does not fit into a part waits for the next.

    Returns:
        Rows of each part, int64, in the order, and what is left.
    """
    parts, left = [], list(order)
    for size in sizes:
        part: list[int] = []
        waiting: list[Unit] = []
        for unit in left:
            if len(part) + len(unit) <= size:
                part += unit
            else:
                waiting.append(unit)
        parts.append(torch.tensor(part, dtype=torch.int64))
        left = waiting
    return parts, left


def stratified_split(
    labels: Tensor,
    groups: Tensor,
    train: int | None,
    others: Sequence[int],
    draws: Generator,
    skip: int = 0,
) -> tuple[Tensor, list[Tensor]]:
    """Rows to train on, and rows of other parts, with every class in each where it is large enough.

    Args:
        labels: int64 [N].
        groups: as in :func:`stratified_order`.
        train: how many to train on, at most; None for all that the others leave.
        others: how many the other parts get, at most.
        draws: random generator.
        skip: how many that would be trained on first are left out.

    Returns:
        int64 rows of the training images, and of each other part.
    """
    parts, left = cut(stratified_order(labels, groups, draws), others)
    size = len(labels) if train is None else train
    # From the end, where there is an image of each class.
    (_, rows), _ = cut(left[::-1], [skip, size])
    return rows[torch.randperm(len(rows), generator=draws)], parts
