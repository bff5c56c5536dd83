"""Decoding image files by worker processes, in a given order and with given views."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from dsd2.data.files import Encoded
from dsd2.errors import UserError
from dsd2.processes import die_with_parent

Key = tuple[int, int | None]
"""An image: its row, and the seed of its view if that is random."""


@dataclass(frozen=True)
class DecodingStream:
    """Images of files, decoded ahead of their use (:class:`dsd2.nn.images.ImageStream`).

    What comes out does not depend on the number of workers: a worker decodes whole batches, and
    draws nothing but from the seeds that it is given.

    Attributes:
        files: of the images.
        workers: processes that decode; 0 decodes in this one.
        pinned: whether batches are to lie in memory that a GPU copies from faster.
    """

    files: Encoded
    workers: int
    pinned: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W), as a tensor of them would have."""
        return self.files.shape

    def __len__(self) -> int:
        return len(self.files)

    def batches(self, order: Tensor, size: int, seeds: Tensor | None = None) -> Iterator[Tensor]:
        """Decoded images in an order, uint8 [B, C, H, W] each; see ``ImageStream``.

        Raises:
            UserError: a file is missing or cannot be decoded.
        """
        workers = min(self.workers, -(-len(order) // size))
        loader = DataLoader(
            _Batches(self.files, order, size, seeds),
            batch_size=None,
            num_workers=workers,
            pin_memory=self.pinned,
            # Forking costs milliseconds, and another start the import of torch in each worker.
            multiprocessing_context=_fork() if workers else None,
            worker_init_fn=partial(_start_worker, os.getpid()),
            # Otherwise it draws from torch's global generator, which is the training's dropout.
            generator=torch.Generator(),
        )
        for batch in loader:
            if isinstance(batch, UserError):
                raise batch
            yield batch


def batchable(
    images: Tensor | Encoded, workers: int = 0, pinned: bool = False
) -> Tensor | DecodingStream:
    """Images as an :class:`dsd2.nn.images.ImageSet` takes them: in memory, or decoded when needed.

    Args:
        images: of a dataset.
        workers: processes that decode; 0 decodes in this one.
        pinned: whether batches are to lie in memory that a GPU copies from faster.
    """
    return DecodingStream(images, workers, pinned) if isinstance(images, Encoded) else images


class _Batches(torch.utils.data.Dataset[Tensor | UserError]):
    """Batches as items: one is decoded as a whole, by one worker."""

    def __init__(self, files: Encoded, order: Tensor, size: int, seeds: Tensor | None) -> None:
        self.files = files
        self.rows = order.split(size)
        self.seeds = None if seeds is None else seeds.split(size)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, batch: int) -> Tensor | UserError:
        rows = self.rows[batch].tolist()
        seeds = [None] * len(rows) if self.seeds is None else self.seeds[batch].tolist()
        images = torch.empty(len(rows), *self.files.shape[1:], dtype=torch.uint8)
        try:
            for place, (row, seed) in enumerate(zip(rows, seeds, strict=True)):
                images[place] = self.files.decode(row, seed)
        except UserError as error:
            # A raised one would come out of the loader with a traceback in its text.
            return error
        return images


def _fork() -> multiprocessing.context.BaseContext | None:
    return multiprocessing.get_context("fork") if sys.platform == "linux" else None


def _start_worker(parent: int, _: int) -> None:
    die_with_parent(parent)
