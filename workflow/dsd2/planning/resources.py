"""The resources of a stage: memory, time, a GPU. Plain arithmetic, no torch.

Memory follows from shapes; time from operations and steps at speeds that are slow for today's
machines, so that a scheduler which enforces these limits kills none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dsd2.config.distillation import table_bytes
from dsd2.data.metadata import Metadata
from dsd2.environment import RESERVE
from dsd2.errors import UserError
from dsd2.nn.sizes import (
    BACKWARD,
    EDITED_ON_GPU,
    EVALUATED,
    EVALUATED_ON_GPU,
    Sizes,
    network_sizes,
)
from dsd2.recipe import AUGMENTATIONS, VIEWS, DatasetRecipe, RunRecipe

LABEL = 16
"""Bytes of an image's label and row number."""
NAME = 64
"""Bytes of the name of an image's file, about, where images are streamed."""
AHEAD = 10
"""Batches of streamed images that lie decoded, about."""

LIBRARIES = 400e6
"""Bytes of a process with torch and what it needs (``tests/benchmarks/stage_cost.py``: 304 MB)."""
WORKFLOW = 300e6
"""Bytes of the Snakemake that starts the stage inside a cluster's job, and of the one in it."""
CUDA = 3e9
"""Bytes of the host's memory that CUDA's libraries and context take."""
CONTEXT = 0.6e9
"""Bytes of a GPU that a process takes before it has a tensor there."""
MARGIN = 1.5
"""What the allocator and temporary copies take beside what is counted."""

START = 180.0
"""Seconds until a stage on a busy node has read its libraries and its data over a network."""
STEP = 0.01
"""Seconds of a training step whatever its size."""
CPU = 4e9
"""Multiply-accumulates a second of one slow core."""
GPU = 1.5e12
"""Multiply-accumulates a second of a slow GPU."""
DECODING = 0.02
"""Seconds that one process takes to decode a photo."""
GPU_PAYS = 1800.0
"""Seconds of a training on a CPU from which a GPU is requested."""
CHAIN = 40
"""Networks of a long chain."""
DOUBLE = 8
"""Bytes of a number in double precision."""
ROUNDS = 3
"""Times that what should suffice is tried, each time with as much memory more."""


@dataclass(frozen=True)
class Needs:
    """The resources of one stage.

    Attributes:
        memory: bytes.
        seconds: until it is surely done.
        gpus: 0 or 1.
        gpu_memory: bytes of that.
        epoch: seconds of the longest part after which it can be interrupted and goes on later; 0
            where it starts again.
    """

    memory: float
    seconds: float
    gpus: int = 0
    epoch: float = 0.0
    gpu_memory: float = 0.0

    def mem_mb(self, attempt: int = 1, limit: int | None = None) -> int:
        """Megabytes; each round of attempts after the first gets as much again.

        Args:
            attempt: from 1.
            limit: minutes that a job may take; more attempts make a round where there are few.
        """
        rounds = 1 + (attempt - 1) // self.attempts(limit)
        return min(rounds, ROUNDS) * math.ceil(self.memory / 1e6)

    def gpu_mem_mb(self, attempt: int = 1, limit: int | None = None) -> int:
        """Megabytes of a GPU; arguments are those of :meth:`mem_mb`."""
        rounds = 1 + (attempt - 1) // self.attempts(limit)
        return min(rounds, ROUNDS) * math.ceil(self.gpu_memory / 1e6)

    def minutes(self, attempt: int = 1, limit: int | None = None) -> int:
        """Whole minutes; each attempt after the first gets as many again, up to the limit."""
        wanted = attempt * math.ceil(self.seconds / 60)
        return wanted if limit is None else min(wanted, limit)

    def attempts(self, limit: int | None) -> int:
        """How many jobs of at most so many minutes it takes, each going on from the one before."""
        if limit is None or self.seconds <= 60 * limit or not self.epoch:
            return 1
        epochs = max(1, (60 * limit - START - RESERVE) // self.epoch)
        return math.ceil((self.seconds - START) / (epochs * self.epoch))


def data_bytes(recipe: RunRecipe, data: Metadata) -> int:
    """Bytes of a training's images and labels, with the copies that augmentation draws from."""
    training = recipe.training
    channels, height, width = data.image
    pixels = channels * height * width
    augmentation = AUGMENTATIONS[training.augmentation]
    if recipe.dataset.stream:
        edited = 3 * EDITED_ON_GPU * augmentation.edits
        return data.images * (NAME + LABEL) + AHEAD * training.batch_size * pixels + edited
    total = data.images * (pixels + LABEL)
    if augmentation.shifts:
        total += data.train * channels * (height + 1) * (width + 1)
    if augmentation.edits:
        total += 2 * data.train * pixels
    return total


def training_bytes(
    recipe: RunRecipe,
    data: Metadata,
    network: Sizes,
    teacher: Sizes | None,
    evaluated: int = EVALUATED,
) -> int:
    """Bytes of a training, libraries aside: images, networks, and the activations of a batch.

    Args:
        recipe: of the run.
        data: its dataset's metadata.
        network: that is trained.
        teacher: that it is distilled from, if any.
        evaluated: images of a batch of evaluation.
    """
    total = data_bytes(recipe, data) + _logits_bytes(recipe, data)
    if teacher is not None:
        total += teacher.state
    evaluating = min(evaluated, data.images) * 2 * network.largest
    moments = 2 if recipe.training.optimiser == "adamw" else 1
    return total + max(network.training_memory(recipe.training.batch_size, moments), evaluating)


def _logits_bytes(recipe: RunRecipe, data: Metadata) -> int:
    """Bytes of the cached teacher logits that a training reads."""
    cached = recipe.distillation is not None and recipe.distillation.table
    return table_bytes(data.train, data.classes) if cached else 0


def training_needs(
    recipe: RunRecipe, teacher: RunRecipe | None, data: Metadata, decoders: int, gpus: bool
) -> Needs:
    """The resources of an iteration of a run.

    Args:
        recipe: of the run.
        teacher: recipe of its teacher's run, if it has a teacher.
        data: its dataset's metadata.
        decoders: processes that decode its images, where they are streamed.
        gpus: whether there are any.
    """
    network = _sizes(recipe, data)
    teaches = None if teacher is None else _sizes(teacher, data)
    cached = _logits_bytes(recipe, data)
    epochs = recipe.training.epochs
    passes = teaches.dense if teaches is not None and not cached else 0
    operations = epochs * data.train * (BACKWARD * network.dense + passes)
    operations += data.images * network.dense
    overhead = START + STEP * epochs * math.ceil(data.train / recipe.training.batch_size)
    decoding = 0.0
    if recipe.dataset.stream:
        overhead += epochs * data.train * DECODING / decoders
        decoding = decoders * LIBRARIES
    on_cpu = decoding + MARGIN * training_bytes(recipe, data, network, teaches)
    beside_gpu = decoding + host_bytes(recipe, data)
    on_gpu = training_gpu_bytes(recipe, data, network, teaches)
    needs = _needs(operations, overhead, on_cpu, (beside_gpu, on_gpu), gpus)
    return replace(needs, epoch=(needs.seconds - START) / epochs)


def host_bytes(recipe: RunRecipe, data: Metadata) -> float:
    """Bytes of the host that a training on a GPU takes beside libraries: CUDA, images, logits."""
    return CUDA + MARGIN * (data_bytes(recipe, data) + _logits_bytes(recipe, data))


def training_gpu_bytes(
    recipe: RunRecipe, data: Metadata, network: Sizes, teacher: Sizes | None
) -> float:
    """Bytes of a GPU that a training on it takes; arguments are those of :func:`training_bytes`."""
    return CONTEXT + MARGIN * training_bytes(recipe, data, network, teacher, EVALUATED_ON_GPU)


def table_needs(recipe: RunRecipe, data: Metadata, gpus: bool) -> Needs:
    """The resources of caching the logits of a run's network for all views of its images."""
    network = _sizes(recipe, data)
    channels, height, width = data.image
    padded = channels * (height + 1) * (width + 1)
    held = data.train * (channels * height * width + LABEL + padded)
    held += network.state + table_bytes(data.train, data.classes)
    activations = 2 * EVALUATED * network.largest
    operations = VIEWS * data.train * network.dense
    overhead = START + STEP * VIEWS * math.ceil(data.train / EVALUATED)
    on_gpu = CONTEXT + MARGIN * (held + 2 * EVALUATED_ON_GPU * network.largest)
    on_cpu = MARGIN * (held + activations)
    return _needs(operations, overhead, on_cpu, (CUDA + MARGIN * held, on_gpu), gpus)


def scoring_needs(recipe: RunRecipe, data: Metadata, gpus: bool) -> Needs:
    """The resources of having all networks of a chain judge the labels of all images."""
    network, rounds = _sizes(recipe, data), CHAIN
    held = data_bytes(recipe, data) + network.state
    # Probabilities of one network, and sums over all, in single and double precision.
    held += data.images * data.classes * 3 * DOUBLE
    activations = 2 * min(EVALUATED, data.images) * network.largest
    on_gpu = CONTEXT + MARGIN * (held + 2 * min(EVALUATED_ON_GPU, data.images) * network.largest)
    on_cpu = MARGIN * (held + activations)
    decoding = rounds * data.images * DECODING if recipe.dataset.stream else 0.0
    operations = rounds * data.images * network.dense
    return _needs(operations, START + decoding, on_cpu, (CUDA + MARGIN * held, on_gpu), gpus)


def dataset_needs(recipe: DatasetRecipe, data: Metadata) -> Needs:
    """The resources of reading, decoding and splitting a dataset."""
    channels, height, width = data.image
    # As it is read, as a tensor, and as the file that is written.
    each = NAME if recipe.stream else 3 * channels * height * width
    memory = WORKFLOW + LIBRARIES + MARGIN * data.images * (each + LABEL)
    decoding = 0.0 if recipe.stream else data.images * DECODING
    return Needs(memory, START + decoding)


def _sizes(recipe: RunRecipe, data: Metadata) -> Sizes:
    """Sizes of a run's network; nothing of one that cannot be built, as its training says."""
    try:
        return network_sizes(recipe.model, data.image, data.classes)
    except UserError:
        return Sizes(0, {}, 0, 0, 0, 0, {}, 0)


def _needs(
    operations: float, overhead: float, on_cpu: float, with_gpu: tuple[float, float], gpus: bool
) -> Needs:
    """The needs of work that is given to a GPU where a slow core would take long.

    Args:
        operations: multiply-accumulates.
        overhead: seconds beside them.
        on_cpu: bytes, libraries aside, where a CPU works.
        with_gpu: likewise of the host and of the GPU, where a GPU does and has activations and
            weights in its own memory.
        gpus: whether there are any.
    """
    always = WORKFLOW + LIBRARIES
    if gpus and operations / CPU >= GPU_PAYS:
        on_host, on_gpu = with_gpu
        seconds = overhead + operations / GPU
        return Needs(always + on_host, seconds, gpus=1, gpu_memory=on_gpu)
    return Needs(always + on_cpu, overhead + operations / CPU)
