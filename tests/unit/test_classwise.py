"""What is measured of each class, against scikit-learn and by hand."""

import math

import pytest
import torch
from pictures import image_set
from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score

from dsd2.data.labels import Labels, SplitLabels
from dsd2.files.records import METRICS
from dsd2.nn.classwise import class_counts, majority_accuracy
from dsd2.nn.images import ImageSet
from dsd2.stages.measure import accuracy_columns

GOOD, BAD = 0, 1
PARTS = torch.tensor([GOOD] * 500 + [BAD] * 5)
"""Labels of 500 good and 5 bad parts."""


@pytest.mark.parametrize("seed", range(5))
def test_recall_balanced_accuracy_and_f1_are_scikit_learns(seed):
    torch.manual_seed(seed)
    # Some of the ten classes have no image, some are never predicted, some neither.
    labels, predictions = torch.randint(0, 7, (40,)), torch.randint(2, 8, (40,))
    predictions[:20] = labels[:20]
    counts = class_counts(predictions, labels, 10)
    present = sorted(set(labels.tolist()))
    recall = recall_score(labels, predictions, labels=present, average=None)
    assert [counts.recall[c] for c in present] == pytest.approx(recall.tolist())
    assert all(counts.recall[c] is None for c in set(range(10)) - set(present))
    mean = recall.mean()
    assert counts.balanced_accuracy == pytest.approx(mean)
    either = sorted({*present, *predictions.tolist()})
    f1 = f1_score(labels, predictions, labels=either, average="macro", zero_division=0)
    assert counts.macro_f1 == pytest.approx(f1)
    assert counts.macro_f1 == pytest.approx(f1_score(labels, predictions, average="macro"))


def test_balanced_accuracy_is_scikit_learns_where_every_class_has_images():
    torch.manual_seed(0)
    labels, predictions = torch.arange(60) % 4, torch.randint(0, 4, (60,))
    expected = balanced_accuracy_score(labels, predictions)
    assert class_counts(predictions, labels, 4).balanced_accuracy == pytest.approx(expected)


def test_counts_are_those_of_the_confusion_matrix():
    counts = class_counts(torch.tensor([0, 2, 2, 2]), torch.tensor([0, 0, 2, 2]), 4)
    assert counts.images.tolist() == [2, 0, 2, 0]
    assert counts.predicted.tolist() == [1, 0, 3, 0]
    assert counts.right.tolist() == [1, 0, 2, 0]
    assert counts.recall == [0.5, None, 1.0, None]
    assert counts.balanced_accuracy == 0.75
    assert counts.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_the_majority_is_that_of_the_training_labels_the_first_of_equals():
    labels = torch.tensor([0, 1, 1, 2])
    assert majority_accuracy(torch.tensor([2, 2, 1]), labels) == 0.25
    assert majority_accuracy(torch.tensor([2, 1, 1, 2]), labels) == 0.5
    assert majority_accuracy(torch.tensor([3]), labels) == 0.0


class Always(torch.nn.Module):
    """A network that answers one class, whatever it sees."""

    def __init__(self, answer):
        super().__init__()
        self.register_buffer("logits", torch.eye(2)[answer])

    def forward(self, images):
        return self.logits.expand(len(images), 2)


def columns_of(answer):
    """The columns of such a network, trained and tested on the parts."""
    pictures = image_set(len(PARTS), (1, 2, 2))
    data = ImageSet(pictures.images, PARTS, pictures.mean, pictures.std)
    sets = dict.fromkeys(("train", "validation", "test"), data)
    labels = Labels(SplitLabels(PARTS, PARTS), None)
    return accuracy_columns(Always(answer), sets, labels, ("good\npart", "bad"))


def test_a_network_that_always_says_good_is_no_better_than_the_baseline():
    columns = columns_of(GOOD)
    assert columns["test_accuracy"] == columns["test_majority_accuracy"] == 500 / 505
    assert columns["test_balanced_accuracy"] == columns["validation_balanced_accuracy"] == 0.5
    assert columns["test_macro_f1"] == pytest.approx(1000 / 1005 / 2)
    assert columns["validation_macro_f1"] == columns["test_macro_f1"]
    # It is sure by e / (e + 1), and right on 500 of 505.
    assert columns["test_ece"] == pytest.approx(500 / 505 - math.e / (math.e + 1))
    assert columns["validation_ece"] == columns["test_ece"]
    assert columns["test_loss"] == pytest.approx(math.log(math.e + 1) - 500 / 505)
    assert columns["classes"] == ["good part", "bad"]
    assert columns["class_images"] == [500, 5]
    assert columns["class_recall"] == [1.0, 0.0]
    assert columns.keys() <= set(METRICS.names)


def test_one_that_always_says_bad_is_worse_than_the_baseline():
    columns = columns_of(BAD)
    assert columns["test_accuracy"] == 5 / 505
    assert columns["test_majority_accuracy"] == 500 / 505
    assert columns["test_balanced_accuracy"] == 0.5
