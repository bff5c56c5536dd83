"""What is measured: networks with the images, batches and epochs that they are trained with."""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow"
sys.path.insert(0, str(LIBRARY))

import torch  # noqa: E402
from torch import nn  # noqa: E402

from dsd2.nn.images import ImageSet  # noqa: E402
from dsd2.nn.models import prunable_weights  # noqa: E402
from dsd2.nn.pruning import Masks, full_masks, prune_lowest  # noqa: E402
from dsd2.recipe import ModelRecipe, TrainingRecipe  # noqa: E402
from dsd2.seeds import be_deterministic  # noqa: E402

CLASSES = 10
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True)
class Workload:
    """A network as a study trains it.

    Attributes:
        model: the network.
        image: (C, H, W).
        batch: images a step.
        augmentation: of its training.
        epochs: of its training in the study, to share out what is done once.
        images: to measure with; of the real ones as many as make a CPU take seconds.
    """

    model: ModelRecipe
    image: tuple[int, int, int]
    batch: int
    augmentation: str
    epochs: int
    images: int

    def recipe(self, **changes: object) -> TrainingRecipe:
        """The training of so many epochs."""
        settings = {
            "epochs": 1,
            "batch_size": self.batch,
            "learning_rate": 0.01,
            "momentum": 0.9,
            "weight_decay": 1e-4,
            "milestones": (),
            "drop_factor": 0.1,
            "augmentation": self.augmentation,
        }
        return TrainingRecipe(**{**settings, **changes})

    def network(self, seed: int = 0) -> nn.Module:
        """The network on the device."""
        torch.manual_seed(seed)
        return self.model.build(self.image, CLASSES).to(DEVICE)

    def data(self, images: int | None = None) -> ImageSet:
        """Random images with random labels."""
        draws = torch.Generator().manual_seed(0)
        shape = (images or self.images, *self.image)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draws)
        labels = torch.randint(CLASSES, shape[:1], generator=draws)
        mean, std = (torch.full((shape[1], 1, 1), v, device=DEVICE) for v in (127.0, 70.0))
        return ImageSet(pixels.to(DEVICE), labels.to(DEVICE), mean, std)


CIFAR = (3, 32, 32)
MANY = 50_000 if DEVICE.type == "cuda" else 1024
WORKLOADS = {
    "quickstart": Workload(
        ModelRecipe.of("vgg-like", depth=2, width=4), (1, 8, 8), 64, "none", 30, 1200
    ),
    "VGG-like(5,5)": Workload(
        ModelRecipe.of("vgg-like", depth=5, width=5), CIFAR, 128, "flip-shift", 160, MANY
    ),
    "ResNet-18": Workload(ModelRecipe.of("resnet18"), CIFAR, 128, "flip-shift", 160, MANY // 4),
}


def prepare() -> None:
    """One thread on one core, and the workflow's determinism: as a stage runs."""
    torch.set_num_threads(1)
    if DEVICE.type == "cpu" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    be_deterministic()


def half_pruned(model: nn.Module) -> Masks:
    """Masks of which every other weight is alive, the smallest removed."""
    weights = prunable_weights(model)
    scores = {name: weight.detach().abs().cpu() for name, weight in weights.items()}
    everything = {name: mask.cpu() for name, mask in full_masks(weights).items()}
    masks = prune_lowest(scores, everything, 0.5)
    return {name: mask.to(DEVICE) for name, mask in masks.items()}


def seconds(work: Callable[[], object]) -> float:
    """Seconds of a piece of work, a GPU's included."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def side_by_side(works: list[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Seconds of several pieces of work, in turn, so that a slow moment meets all of them.

    Returns:
        for each piece its seconds by repeat, after one round that is not counted.
    """
    rounds = [[seconds(work) for work in works] for _ in range(repeats + 1)]
    return [list(column) for column in zip(*rounds[1:], strict=True)]


def ratio(above: list[float], below: list[float]) -> float:
    """Median of the ratios of a round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
