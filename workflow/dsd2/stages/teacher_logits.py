"""Cache a teacher's logits of every view of every training image, once for all its students."""

from __future__ import annotations

from pathlib import Path

import torch

from dsd2.artefacts.checkpoint import load_checkpoint_of
from dsd2.artefacts.teacher_logits import save_teacher_logits
from dsd2.data.dataset import load_dataset
from dsd2.devices import Given, stage_device
from dsd2.nn.images import ImageSet
from dsd2.nn.teacher import logits_of_views
from dsd2.paths import dataset_name
from dsd2.recipe import VIEWS, DatasetRecipe
from dsd2.seeds import be_deterministic


def run_teacher_logits(
    run: str,
    iteration: int,
    recipe: DatasetRecipe,
    dataset: Path,
    checkpoint: Path,
    given: Given,
    output: Path,
) -> None:
    """Write the cached logits of a teacher.

    Args:
        run: the teacher's.
        iteration: of that run.
        recipe: of the dataset.
        dataset: the images.
        checkpoint: of that iteration.
        given: threads and GPUs.
        output: the cached logits.

    Raises:
        UserError: a file is missing, damaged, or not what it should be.
    """
    torch.set_num_threads(given.threads)
    be_deterministic()
    device = stage_device(given.gpus).device
    taught_by = load_checkpoint_of(checkpoint, run, iteration)
    data = load_dataset(dataset, dataset_name(recipe)).normalised_for(taught_by.model)
    images = data.train.images
    assert isinstance(images, torch.Tensor), "the configuration leaves out streamed images"
    held = ImageSet(images, data.train.labels, data.mean, data.std).to(device)
    logits = logits_of_views(
        taught_by.network(device),
        held,
        after_view=lambda done: print(f"view {done}/{VIEWS}", flush=True),
    )
    save_teacher_logits(output, logits, run, iteration)
    print(f"{logits.shape[1]} views of {len(logits)} images: {logits.nbytes / 1e6:.1f} MB")
