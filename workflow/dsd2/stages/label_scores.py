"""Have the networks of a chain judge the label of every image; nothing is trained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dsd2.analysis.label_scores import ChainScores
from dsd2.artefacts.checkpoint import load_checkpoint_of
from dsd2.artefacts.label_scores import Scores, load_label_scores, save_label_scores
from dsd2.data.corrections import without_dropped
from dsd2.data.dataset import load_dataset
from dsd2.data.labels import load_labels
from dsd2.devices import Given, share_threads, stage_device
from dsd2.errors import UserError
from dsd2.files.atomic import remove
from dsd2.files.decision import chain_identity
from dsd2.files.identity import Identity
from dsd2.files.records import CHAIN, read_rows
from dsd2.nn.evaluation import evaluated_at_once
from dsd2.nn.images import ImageSet
from dsd2.nn.teacher import logits_of
from dsd2.paths import CHAIN as CHAIN_PATH
from dsd2.paths import checkpoint_in, dataset_name, labels_name, results_of
from dsd2.recipe import RunRecipe
from dsd2.seeds import be_deterministic
from dsd2.stages.measure import image_sets
from dsd2.stopping import Stopping


@dataclass(frozen=True)
class ScoringFiles:
    """What is read, and written: ``resume`` is gone once ``output`` is whole."""

    dataset: Path
    labels: Path
    chain: Path
    resume: Path
    output: Path


def scores_identity(run: str, policy: str, last: int, recipe: RunRecipe) -> Identity:
    """What the scores of a chain belong to."""
    labels = labels_name(recipe.dataset, recipe.noise)
    return {**chain_identity(run, policy, last), "labels": labels}


def run_label_scores(
    run: str,
    policy: Stopping,
    last: int,
    recipe: RunRecipe,
    files: ScoringFiles,
    given: Given,
    save_every: float = 30.0,
) -> None:
    """Take the chain's iterations one after another, and note what each says of every label.

    Images are as they are, without augmentation, and networks in evaluation mode. A killed stage
    goes on after the last iteration that it saved.

    Args:
        run: the chain's.
        policy: that stops the chain.
        last: its last iteration before the target sparsity.
        recipe: of the run.
        files: to read and write.
        given: CPU threads and GPUs; of streamed images all but one decode, and at least one does.
        save_every: seconds between saves.

    Raises:
        UserError: a file is missing, damaged, or belongs to something else.
    """
    workers = share_threads(given.threads, streamed=recipe.dataset.stream)
    be_deterministic()
    device = stage_device(given.gpus).device
    dataset = load_dataset(files.dataset, dataset_name(recipe.dataset))
    dataset = dataset.normalised_for(recipe.model)
    labels = load_labels(files.labels, dataset, labels_name(recipe.dataset, recipe.noise))
    dataset, labels, _ = without_dropped(dataset, labels)
    sets = image_sets(dataset, labels, device, workers)
    if labels.validation is None:
        del sets["validation"]  # They are the test images.
    rows = read_rows(files.chain, CHAIN, chain_identity(run, policy.slug, last))
    identity = scores_identity(run, policy.slug, last, recipe)
    scores, done = _so_far(files.resume, identity) or ({name: ChainScores() for name in sets}, 0)
    results, saved = results_of(files.chain, CHAIN_PATH), time.monotonic()
    for number, row in enumerate(rows[done:], done + 1):
        checkpoint = checkpoint_in(results, run, row["iteration"])
        network = load_checkpoint_of(checkpoint, run, row["iteration"]).network(device)
        for name, images in sets.items():
            _add(scores[name], network, images, row)
        print(f"iteration {number}/{len(rows)}", flush=True)
        if number < len(rows) and time.monotonic() - saved > save_every:
            save_label_scores(files.resume, scores, identity, number)
            saved = time.monotonic()
    save_label_scores(files.output, scores, identity, len(rows))
    remove(files.resume)


def _so_far(path: Path, identity: Identity) -> tuple[Scores, int] | None:
    """What a killed stage has saved; None where that is nothing, or nothing to go on from."""
    if not path.exists():
        return None
    try:
        scores, done = load_label_scores(path, identity)
    except UserError as error:
        print(f"starting anew: {error}")
        return None
    print(f"resuming after iteration {done}")
    return scores, done


def _add(
    scores: ChainScores, network: torch.nn.Module, images: ImageSet, row: Mapping[str, Any]
) -> None:
    probabilities = (
        logits_of(network, images, evaluated_at_once(images.device)).squeeze(1).softmax(1)
    )
    scores.add(
        probabilities.cpu().numpy(),
        images.labels.cpu().numpy(),
        row["sparsity"],
        row["validation_accuracy"],
    )
