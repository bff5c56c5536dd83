"""Trainings for `label_issues.py`: chains as the stages train them, and cross-validation.

What networks answer is kept in files, so that scores can be compared again without training.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from workloads import DEVICE

from dsd2.config.chain_length import last_iteration
from dsd2.data.dataset import split_source
from dsd2.data.labels import make_labels
from dsd2.nn.evaluation import evaluate
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks, prune, sparsity
from dsd2.nn.scores import Trained, scores
from dsd2.nn.teacher import Teacher, logits_of
from dsd2.nn.training import network_state, train
from dsd2.recipe import (
    DatasetRecipe,
    DistillationRecipe,
    ModelRecipe,
    NoiseRecipe,
    PruningRecipe,
    TrainingRecipe,
)
from dsd2.seeds import derived_seed, generator

DISTILLATION = DistillationRecipe(
    teacher_run="vanilla", teacher_iteration=0, alpha=0.8, temperature=10.0
)
MODEL = ModelRecipe.of("vgg-like", depth=2, width=4)
PRUNING = PruningRecipe(criterion="magnitude", fraction=0.45)
FOLDS = 5


@dataclass(frozen=True)
class Case:
    """Images whose wrong labels are known, and how a network is trained on them.

    Attributes:
        name: for the table and the files.
        dataset: the images.
        noise: the wrong labels.
        epochs: of each training.
        target: sparsity that the chain goes to.
    """

    name: str
    dataset: DatasetRecipe
    noise: NoiseRecipe
    epochs: int
    target: float

    @property
    def training(self) -> TrainingRecipe:
        """As the default study and `config/cifar10-cpu.yaml` train."""
        half, quarter = -(-self.epochs // 2), -(-3 * self.epochs // 4)
        return TrainingRecipe(
            epochs=self.epochs,
            batch_size=64,
            learning_rate=0.01,
            momentum=0.9,
            weight_decay=1e-4,
            milestones=(half, quarter),
            drop_factor=0.1,
            augmentation="none",
        )


@dataclass(frozen=True)
class Data:
    """The images of a case.

    Attributes:
        train: with the given labels.
        validation: with its clean labels.
        clean: the training images' true labels, int64 [N].
        classes: how many.
    """

    train: ImageSet
    validation: ImageSet
    clean: np.ndarray
    classes: int

    @property
    def given(self) -> np.ndarray:
        """The given labels, int64 [N]."""
        return self.train.labels.cpu().numpy()


Answers = dict[str, np.ndarray]
"""What the networks of a seed answer, by name. Of each chain, ``vanilla`` or ``distilled``:
probabilities of the training images float32 [iterations, N, classes], of the validation images
(``_validation``), sparsity, validation accuracy, and seconds of training and of inference
[iterations, 2]. Of cross-validation, ``cross``: probabilities [N, classes] and seconds. And the
labels: ``given``, ``clean`` and ``validation``."""


def read(case: Case, roots: list[Path]) -> Data:
    """The images of a case, split and with wrong labels as the workflow makes them."""
    source = case.dataset.read(roots, download=False)
    dataset = split_source(source, case.dataset)
    labels = make_labels(dataset, case.dataset, case.noise, roots)
    mean, std = dataset.mean.to(DEVICE), dataset.std.to(DEVICE)

    def on_device(part, given) -> ImageSet:
        return ImageSet(part.images.to(DEVICE), given.to(DEVICE), mean, std)

    train_set = on_device(dataset.train, labels.train.given)
    validation = on_device(dataset.validation, labels.validation.given)
    return Data(train_set, validation, labels.train.clean.numpy(), len(dataset.classes))


def new_network(case: Case, data: Data, seed: int, iteration: int = 0) -> nn.Module:
    """The untrained network, with the weights that a run of this seed has."""
    torch.manual_seed(derived_seed(seed, "weights", iteration))
    shape = tuple(data.train.images.shape[1:])
    return MODEL.build(shape, data.classes).to(DEVICE)


def probabilities_of(model: nn.Module, data: ImageSet) -> np.ndarray:
    """What a network answers, float32 [N, classes]."""
    return logits_of(model, data)[:, 0].softmax(1).cpu().numpy()


def chain(
    case: Case, data: Data, seed: int, teacher: nn.Module | None = None
) -> tuple[Answers, nn.Module]:
    """What the networks of a chain answer, dense first, and the one that is best on validation."""
    model = new_network(case, data, seed)
    weights = prunable_weights(model)
    masks = full_masks(weights)
    taught = None
    if teacher is not None:
        taught = Teacher(teacher, DISTILLATION, logits_of(teacher, data.train))
    found, best = defaultdict(list), None
    for iteration in range(last_iteration(PRUNING.fraction, case.target) + 1):
        if iteration:
            draws = generator(seed, "pruning", iteration)
            ranked = scores(Trained(model, data.train, draws), PRUNING.criterion)
            masks = prune(ranked, masks, PRUNING)
            apply_masks(weights, masks)
        stream = (seed, "iteration", iteration)
        done = train(model, masks, data.train, case.training, stream=stream, teacher=taught)
        start = time.perf_counter()
        found[""].append(probabilities_of(model, data.train))
        inference = time.perf_counter() - start
        found["_seconds"].append((sum(row["seconds"] for row in done.history), inference))
        found["_validation"].append(probabilities_of(model, data.validation))
        found["_sparsity"].append(sparsity(masks))
        found["_accuracy"].append(evaluate(model, data.validation).accuracy)
        if found["_accuracy"][-1] > max(found["_accuracy"][:-1], default=-1):
            best = network_state(model)
    model.load_state_dict(best)
    return {name: np.array(values) for name, values in found.items()}, model


def cross_validated(case: Case, data: Data, seed: int) -> tuple[np.ndarray, float]:
    """What the dense network answers on images that it was not trained on, [N, classes].

    Folds of equal size, drawn with the seed: so many trainings of the same network, epochs and
    batches, each on the other folds. The seconds are those of the trainings.
    """
    order = np.random.default_rng(derived_seed(seed, "folds")).permutation(len(data.clean))
    answers = np.zeros((len(order), data.classes), np.float32)
    seconds = 0.0
    for fold, held_out in enumerate(np.array_split(order, FOLDS)):
        others = torch.from_numpy(np.setdiff1d(order, held_out))
        model = new_network(case, data, seed, fold)
        masks = full_masks(prunable_weights(model))
        part = _rows(data.train, others)
        done = train(model, masks, part, case.training, stream=(seed, "fold", fold))
        seconds += sum(row["seconds"] for row in done.history)
        answers[held_out] = probabilities_of(model, _rows(data.train, torch.from_numpy(held_out)))
    return answers, seconds


def _rows(data: ImageSet, rows: torch.Tensor) -> ImageSet:
    there = rows.to(data.device)
    return replace(data, images=data.images[there], labels=data.labels[there])


def answers(case: Case, seed: int, roots: list[Path], kept: Path, distilled: bool) -> Answers:
    """What all networks of a seed answer: as kept, or trained now and kept.

    Args:
        case: what is trained on what.
        seed: of the networks.
        roots: folders that may hold the images.
        kept: folder of the files.
        distilled: whether a chain that the vanilla chain's best network teaches is trained too.
    """
    images = case.dataset.train
    file = kept / f"{case.name}-{images}-images-{case.epochs}-epochs-seed-{seed}.npz"
    if file.exists():
        return dict(np.load(file))
    data = read(case, roots)
    found = {"given": data.given, "clean": data.clean}
    found["validation"] = data.validation.labels.cpu().numpy()
    vanilla, best = chain(case, data, seed)
    chains = {"vanilla": vanilla}
    if distilled:
        chains["distilled"], _ = chain(case, data, seed, teacher=best)
    for name, values in chains.items():
        found |= {f"{name}{part}": array for part, array in values.items()}
    found["cross"], found["cross_seconds"] = cross_validated(case, data, seed)
    kept.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **found)
    return found
