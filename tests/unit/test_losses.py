"""Eq. 2 against torch's own functions and against the formula written out."""

import pytest
import torch
import torch.nn.functional as F
from recipes import distillation

from dsd2.nn.objective import distillation_loss, teacher_targets

torch.manual_seed(0)
STUDENT, TEACHER = torch.randn(5, 4).double(), torch.randn(5, 4).double()
LABELS = torch.tensor([0, 3, 1, 1, 2])


def loss(alpha, temperature, squared=True):
    targets = teacher_targets(TEACHER, temperature)
    recipe = distillation(alpha=alpha, temperature=temperature, temperature_squared=squared)
    return distillation_loss(STUDENT, LABELS, targets, recipe)


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
    assert distillation_loss(STUDENT, LABELS, targets, recipe).abs() < 1e-12
