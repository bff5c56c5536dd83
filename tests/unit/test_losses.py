"""Eq. 2 against torch's own functions and against the formula written out."""

import pytest
import torch
import torch.nn.functional as F
from recipes import distillation, training
from sklearn.utils.class_weight import compute_sample_weight

from dsd2.nn.objective import balanced_weights, distillation_loss, label_loss, teacher_targets

torch.manual_seed(0)
STUDENT, TEACHER = torch.randn(5, 4).double(), torch.randn(5, 4).double()
LABELS = torch.tensor([0, 3, 1, 1, 2])


def loss(alpha, temperature, squared=True):
    targets = teacher_targets(TEACHER, temperature)
    recipe = distillation(alpha=alpha, temperature=temperature, temperature_squared=squared)
    return distillation_loss(F.cross_entropy(STUDENT, LABELS), STUDENT, targets, recipe)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 10.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("squared", [True, False])
def test_equals_cross_entropy_and_the_divergence_written_out(alpha, temperature, squared):
    p = torch.softmax(TEACHER / temperature, 1)
    q = torch.softmax(STUDENT / temperature, 1)
    divergence = (p * (p.log() - q.log())).sum() / len(p)
    scale = temperature**2 if squared else 1
    expected = (1 - alpha) * F.cross_entropy(STUDENT, LABELS) + alpha * scale * divergence
    torch.testing.assert_close(loss(alpha, temperature, squared), expected)


def test_alpha_0_is_plain_cross_entropy():
    assert loss(0.0, 7.0) == F.cross_entropy(STUDENT, LABELS)


def test_a_student_that_equals_its_teacher_has_no_divergence():
    targets = teacher_targets(STUDENT, 5.0)
    recipe = distillation(alpha=1.0, temperature=5.0)
    assert distillation_loss(torch.tensor(1.0), STUDENT, targets, recipe).abs() < 1e-12


def test_balanced_weights_are_scikit_learns_and_1_on_the_mean():
    labels = torch.tensor([0] * 500 + [2] * 5)
    weights = balanced_weights(labels)
    assert float(weights[0]) == pytest.approx(505 / (2 * 500))
    assert float(weights[-1]) == pytest.approx(505 / (2 * 5))
    assert float(weights.mean()) == pytest.approx(1, rel=1e-6)
    expected = compute_sample_weight("balanced", labels.numpy())
    torch.testing.assert_close(weights.double(), torch.from_numpy(expected))
    assert float(weights[:500].sum()) == pytest.approx(float(weights[500:].sum()), rel=1e-5)


def test_weighted_cross_entropy_is_the_mean_of_each_images_times_its_weight():
    every = torch.tensor([0, 3, 1, 1, 2, 1, 1, 1])
    rows = torch.tensor([4, 1, 2])
    logits = STUDENT[:3].float()
    given = every[rows]
    # 8 images of 4 classes, 5 of them of class 1.
    by_hand = torch.tensor([2.0, 2.0, 2 / 5])
    expected = (by_hand * F.cross_entropy(logits, given, reduction="none")).sum() / 3
    balanced = label_loss(training(class_weights="balanced"), every)(logits, given, rows)
    torch.testing.assert_close(balanced, expected)
    plain = label_loss(training(), every)(logits, given, rows)
    assert plain == F.cross_entropy(logits, given)
    assert balanced != plain
    # Over all images it is what torch makes of weights by class.
    whole = torch.randn(8, 4)
    by_class = torch.tensor([2.0, 2 / 5, 2.0, 2.0])
    weighted = label_loss(training(class_weights="balanced"), every)
    ours = weighted(whole, every, torch.arange(8))
    torch.testing.assert_close(ours, F.cross_entropy(whole, every, weight=by_class))


def test_a_batch_of_one_class_is_weighted_too():
    every = torch.tensor([0] * 9 + [1])
    weighted = label_loss(training(class_weights="balanced"), every)
    rows = torch.tensor([9])
    logits = torch.tensor([[0.3, -0.2]])
    alone = weighted(logits, every[rows], rows)
    torch.testing.assert_close(alone, 5 * F.cross_entropy(logits, every[rows]))
