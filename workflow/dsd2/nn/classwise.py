"""How a network does on each class: what an accuracy hides where classes differ in size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dsd2.escaping import one_line


@dataclass(frozen=True)
class ClassCounts:
    """Images of each class: a confusion matrix's margins and diagonal, on the CPU, int64 [K] each.

    The rest of the matrix is needed nowhere, and grows with the square of the classes.

    Attributes:
        images: that are of the class.
        predicted: that the network takes for it.
        right: that are of it and are taken for it.
    """

    images: Tensor
    predicted: Tensor
    right: Tensor

    @property
    def recall(self) -> list[float | None]:
        """The share of each class's images that is taken for it; None for a class without any."""
        pairs = zip(self.right.tolist(), self.images.tolist(), strict=True)
        return [right / images if images else None for right, images in pairs]

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall over the classes that have images."""
        return _mean(self.right, self.images)

    @property
    def macro_f1(self) -> float:
        """The mean F1 score over the classes that have images or are predicted.

        scikit-learn's ``f1_score(labels, predictions, average="macro")``. A class's score is
        2 · right / (images + predicted), so 0 for a class that is predicted of no image of its own.
        """
        either = self.images + self.predicted
        return _mean(2 * self.right, either)


def class_counts(predictions: Tensor, labels: Tensor, classes: int) -> ClassCounts:
    """Count images by class; a device is waited for once, not once a class.

    Args:
        predictions: the predicted classes, int64 [N]; N is at least 1.
        labels: the true ones, likewise.
        classes: how many there are, K.
    """
    predictions, labels = predictions.cpu(), labels.cpu()
    parts = (labels, predictions, labels[predictions == labels])
    return ClassCounts(*(part.bincount(minlength=classes) for part in parts))


def majority_accuracy(training_labels: Tensor, labels: Tensor) -> float:
    """The accuracy on a split of always answering the most frequent class of the training labels.

    Of classes that are equally frequent there, the first counts.

    Args:
        training_labels: given labels, int64 [M]; M is at least 1.
        labels: of the split, int64 [N]; N is at least 1.
    """
    most_frequent = training_labels.cpu().bincount().argmax()
    return int((labels.cpu() == most_frequent).sum()) / len(labels)


def class_columns(
    predictions: Mapping[str, Tensor], labels: Mapping[str, Tensor], classes: Sequence[str]
) -> dict[str, Any]:
    """The columns of the metrics' schema that say how a network does on each class.

    Args:
        predictions: on the images of ``validation`` and ``test``, int64 [N] each.
        labels: of those and of ``train``, as they are given, likewise.
        classes: names.
    """
    counts = {
        split: class_counts(predicted, labels[split], len(classes))
        for split, predicted in predictions.items()
    }
    test = counts["test"]
    return {
        **{f"{split}_balanced_accuracy": c.balanced_accuracy for split, c in counts.items()},
        **{f"{split}_macro_f1": c.macro_f1 for split, c in counts.items()},
        "test_majority_accuracy": majority_accuracy(labels["train"], labels["test"]),
        "classes": [one_line(name) for name in classes],
        "class_images": test.images.tolist(),
        "class_recall": test.recall,
    }


def _mean(part: Tensor, whole: Tensor) -> float:
    """The mean of the quotients over the classes that have one."""
    counted = whole > 0
    return float((part[counted].double() / whole[counted]).mean())
