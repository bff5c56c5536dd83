"""Where every artefact lies: patterns that rules use as they are, and the names that fill them.

What lies under ``results/runs`` is named by everything it depends on: another setting is another
folder, and a run that several studies need is one folder. ``results/studies`` holds what belongs
to one study: its collected metrics, figures and tables.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from dsd2.recipe import (
    AUGMENTATIONS,
    DATA_REVISION,
    TRAINING_REVISION,
    DatasetRecipe,
    NoiseRecipe,
    RunRecipe,
    digest,
)

DATASET = "results/datasets/{dataset}.safetensors"
DATASET_LOG = "results/datasets/logs/{dataset}.log"
IMAGES = "results/datasets/{dataset}.images.parquet"
DATA_REPORT = "results/datasets/{dataset}.report.txt"
DATA_PAGE = "results/datasets/{dataset}.report.html"
DATA_REPORT_LOG = "results/datasets/logs/{dataset}.report.log"
UNDECODABLE = "results/datasets/logs/{dataset}.undecodable.txt"

LABELS = "results/labels/{labels}.parquet"
LABELS_LOG = "results/labels/logs/{labels}.log"

MANIFEST = "results/manifests/{folder}.json"
NETWORK_SIZES = "results/networks/{network}.json"

RUN = "results/runs/{run}"
CHECKPOINT = f"{RUN}/iter-{{i}}/checkpoint.safetensors"
METRICS = f"{RUN}/iter-{{i}}/metrics.parquet"
HISTORY = f"{RUN}/iter-{{i}}/history.parquet"
TRAINED = (CHECKPOINT, HISTORY, METRICS)
"""What a training leaves."""
RESUME = f"{RUN}/iter-{{i}}/resume.safetensors"
TRAINING_LOG = f"{RUN}/logs/iter-{{i}}.log"
EVALUATION_LOG = f"{RUN}/logs/evaluation-{{i}}.log"
GATE = f"{RUN}/stopping/{{stop}}/iter-{{i}}.json"
GATE_LOG = f"{RUN}/logs/gate-{{stop}}-{{i}}.log"
TEACHER_TABLE = f"{RUN}/iter-{{i}}/views.safetensors"
TEACHER_TABLE_LOG = f"{RUN}/logs/views-{{i}}.log"
CHAIN = f"{RUN}/stopping/{{stop}}/to-{{last}}.parquet"
CHAIN_LOG = f"{RUN}/logs/chain-{{stop}}-to-{{last}}.log"
CHOICE = f"{RUN}/stopping/{{stop}}/to-{{last}}.best.json"
CHOICE_LOG = f"{RUN}/logs/best-{{stop}}-to-{{last}}.log"
LABEL_SCORES = f"{RUN}/stopping/{{stop}}/to-{{last}}.labels.safetensors"
LABEL_SCORES_LOG = f"{RUN}/logs/labels-{{stop}}-to-{{last}}.log"
LABEL_SCORES_SO_FAR = f"{RUN}/stopping/{{stop}}/to-{{last}}.labels.resume"

STUDY = "results/studies/{study}"
STUDY_METRICS = f"{STUDY}/metrics.parquet"
STUDY_LOG = f"{STUDY}/logs/{{name}}.log"
FIGURE = f"{STUDY}/figures/{{figure}}.{{format}}"
TABLE = f"{STUDY}/tables/{{table}}.{{format}}"
FOUND = f"{STUDY}/found/{{item}}.rst"
PROVENANCE = f"{STUDY}/provenance.html"
TRACKED = f"{STUDY}/trackers/{{tracker}}"
LABEL_ISSUES = f"{STUDY}/label_issues/{{listed}}.{{format}}"
EXPORTS = f"{STUDY}/export"
EXPORTED = f"{EXPORTS}/{{network}}"
EXPORTED_NETWORK = f"{EXPORTED}/network.safetensors"
EXPORTED_ONNX = f"{EXPORTED}/network.onnx"
EXPORTED_LOADER = f"{EXPORTED}/load_network.py"
EXPORTED_PREPROCESSING = f"{EXPORTED}/preprocessing.json"
EXPORTED_READER = f"{EXPORTED}/preprocessing.py"
EXPORTED_CLASSIFIER = f"{EXPORTED}/classify.py"
EXPORTED_CARD = f"{EXPORTED}/card.md"
EXPORTED_SUMS = f"{EXPORTED}/SHA256SUMS"
EXPORTED_INT8 = f"{EXPORTED}/network-int8.onnx"
EXPORTED_INT8_CARD = f"{EXPORTED}/int8.md"
EXPORT_NETWORKS = f"{EXPORTS}/networks.parquet"
EXPORT_LATENCIES = f"{EXPORTS}/latencies.parquet"
EXPORT_TABLE = f"{EXPORTS}/comparison.{{format}}"
EXPORT_FIGURE = f"{EXPORTS}/pareto.{{format}}"

CLAIMS = "results/claims/{claims}.{format}"
CLAIMS_FOUND = "results/claims/found/{claims}.rst"
CLAIMS_LOG = "results/claims/logs/{claims}.log"

PLAN_LOG = "results/logs/plan.log"


def fill(patterns: Iterable[str], **names: str) -> list[str]:
    """Patterns with their names filled in."""
    return [pattern.format(**names) for pattern in patterns]


USUAL = ("sgd", "multistep")
"""The optimiser and the schedule that a run's name does not say."""
MAX_READABLE = 40
"""Characters of a folder's name that the name of its study has at most."""


def study_folder(study: str, budget: str | None) -> str:
    """Name of a study's folder. The plus sign is in no study's name and in no budget's."""
    return study if budget is None else f"{study}+{budget}"


def own_study(folder: Path, here: Path) -> str:
    """Name of the study of a folder of someone's own images; no two folders have one name.

    It is ``own.NAME`` for a folder NAME in the working directory. It is ``own.NAME.DIGEST`` for a
    folder elsewhere, and where the name has more than small letters, digits, ``-`` and ``_``. The
    digest is of the folder's path, relative to the working directory if it lies inside. A copy of
    the working directory therefore finds its studies again. No name that a configuration may give
    to a study has a dot.

    Args:
        folder: absolute, links followed.
        here: the working directory, likewise.
    """
    path = str(folder.relative_to(here) if folder.is_relative_to(here) else folder)
    letters = unicodedata.normalize("NFKD", folder.name.casefold()).encode("ascii", "ignore")
    readable = re.sub(r"[^a-z0-9_]+", "-", letters.decode())[:MAX_READABLE].strip("-_")
    if path == readable:
        return f"own.{readable}"
    distinct = hashlib.blake2b(os.fsencode(path), digest_size=4).hexdigest()
    return f"own.{readable or 'images'}.{distinct}"


def number(iteration: int) -> str:
    """An iteration as folders have it: at least two digits."""
    return f"{iteration:02d}"


def results_of(file: Path, pattern: str) -> Path:
    """The folder of all results that a file lies in, which need not be called ``results``.

    Args:
        file: the path that it has.
        pattern: of such files, from above.
    """
    return file.parents[pattern.count("/") - 1]


def checkpoint_in(results: Path, run: str, iteration: int) -> Path:
    """A checkpoint below such a folder."""
    path = CHECKPOINT.format(run=run, i=number(iteration))
    return results / path.partition("/")[2]


def dataset_name(recipe: DatasetRecipe) -> str:
    """Folder-safe name of a dataset with its split."""
    return f"{_dataset(recipe)}-{digest(recipe, DATA_REVISION)}"


def labels_name(dataset: DatasetRecipe, noise: NoiseRecipe) -> str:
    """Folder-safe name of the labels of a dataset under some noise."""
    return f"{dataset.name}-{_labels(noise)}-{digest(dataset, noise, DATA_REVISION)}"


def run_name(recipe: RunRecipe) -> str:
    """Folder-safe name of a run: what a person wants to see, then a digest of everything."""
    training = recipe.training
    parts = [
        _dataset(recipe.dataset),
        _labels(recipe.noise),
        recipe.model.slug,
        f"ep{training.epochs}",
        f"lr{training.learning_rate:g}",
        f"f{recipe.pruning.fraction:g}",
    ]
    if mark := AUGMENTATIONS[training.augmentation].slug:
        parts.append(mark)
    if training.precision != "fp32":
        parts.append(training.precision)
    if training.channels_last:
        parts.append("channelslast")
    parts += [word for word in (training.optimiser, training.schedule) if word not in USUAL]
    if training.l1:
        parts.append(f"l1x{training.l1:g}")
    if training.class_weights != "none":
        parts.append(training.class_weights)
    if training.loss_parameters:
        parts.append("".join(word[0] for word in training.loss.split("-")))
    if training.mixup:
        parts.append(f"mixup{training.mixup:g}")
    if training.keep != "last":
        parts.append(training.keep.replace("-", ""))
    if recipe.model.weights is not None:
        parts.append("pretrained")
    if recipe.pruning.criterion != "magnitude":
        parts.append(recipe.pruning.criterion)
    if recipe.pruning.scope != "global":
        parts.append("layerwise")
    if recipe.pruning.structure != "weights":
        parts.append(recipe.pruning.structure)
    if recipe.perturbation.slug:
        parts.append(recipe.perturbation.slug)
    if recipe.distillation is not None:
        distillation = recipe.distillation
        parts.append(f"kd{distillation.alpha:g}t{distillation.temperature:g}")
        iteration = distillation.teacher_iteration
        chosen = "best" if iteration is None else number(iteration)
        parts.append(f"from-{distillation.teacher_run.rpartition('-')[2]}-{chosen}")
    parts.append(f"s{recipe.seed}")
    return "-".join([*parts, digest(recipe, DATA_REVISION, TRAINING_REVISION)])


def _labels(noise: NoiseRecipe) -> str:
    return noise.slug if noise.corrections is None else f"{noise.slug}-{noise.corrections.slug}"


def _dataset(recipe: DatasetRecipe) -> str:
    size = "" if recipe.train is None else str(recipe.train)
    return f"{recipe.name}{size}{'-standin' if recipe.stand_in else ''}"
