"""The paper's hyper-parameters (Table 4): what a section says by default for its model and data.

The schema's own defaults hold for every other combination, and a configuration wins over both.
"""

from __future__ import annotations

from typing import Any

Sections = dict[str, dict[str, Any]]

_CIFAR: Sections = {
    "training": {
        "epochs": 160,
        "batch_size": 128,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "milestones": [1 / 2, 3 / 4],
        "drop_factor": 0.1,
        "augmentation": "flip-shift",
    },
}
_FLOWERS: Sections = {
    "dataset": {"image_size": 128},
    "model": {"stem": "imagenet"},
    # Appendix I.2: no augmentation, to make overfitting easy.
    "training": {**_CIFAR["training"], "augmentation": "none", "learning_rate": 0.001},
}
_IMAGENET: Sections = {
    "dataset": {"image_size": 224, "stream": True},
    "model": {"stem": "imagenet"},
    "training": {
        **_CIFAR["training"],
        "epochs": 90,
        "batch_size": 1024,
        "learning_rate": 0.1,
        "milestones": [1 / 3, 2 / 3],
        "augmentation": "resized-crop",
    },
}

_BY_DATASET: dict[str, Sections] = {
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
    "flowers102": _FLOWERS,
    "imagenet": _IMAGENET,
}
_BY_BOTH: dict[tuple[str, str], Sections] = {
    **{
        (model, dataset): {"training": {"learning_rate": rate}, "perturbation": {"rewind_step": k}}
        for model, rate, k in (("resnet18", 0.1, 1000), ("vgg-like", 0.001, 0))
        for dataset in ("cifar10", "cifar100")
    },
    ("resnet18", "flowers102"): {"training": {"batch_size": 64, "weight_decay": 1e-5}},
}


def defaults(section: str, model: str, dataset: str) -> dict[str, Any]:
    """What a section says by default for a model on a dataset, beyond the schema; may be empty."""
    by_dataset = _BY_DATASET.get(dataset, {})
    by_both = _BY_BOTH.get((model, dataset), {})
    return {**by_dataset.get(section, {}), **by_both.get(section, {})}


ADAMW: dict[str, Any] = {"learning_rate": 0.001, "weight_decay": 0.01}
"""What a training with AdamW says by default, as torch does: the paper has none."""
