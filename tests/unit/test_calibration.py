"""The expected calibration error, against its formula written out and by hand."""

import pytest
import torch
from pictures import image_set

from dsd2.nn.calibration import BINS, expected_calibration_error
from dsd2.nn.evaluation import evaluate


def written_out(confidences, right):
    """Guo et al., eq. 3: over bins the share of images times |accuracy − confidence|."""
    total = 0.0
    for m in range(BINS):
        inside = [
            (c, r)
            for c, r in zip(confidences, right, strict=True)
            if m / BINS < c <= (m + 1) / BINS
        ]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            accuracy = sum(r for _, r in inside) / len(inside)
            total += len(inside) / len(confidences) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_papers_formula(seed):
    torch.manual_seed(seed)
    confidences, right = torch.rand(300).clamp(min=0.1), torch.rand(300) < 0.6
    expected = written_out(confidences.tolist(), right.tolist())
    assert expected_calibration_error(confidences, right) == pytest.approx(expected)


def test_bins_have_their_upper_edge_and_the_ends_lie_inside():
    sure = torch.tensor([1.0, 1.0])
    assert expected_calibration_error(sure, torch.tensor([True, True])) == 0
    assert expected_calibration_error(sure, torch.tensor([False, False])) == 1
    assert expected_calibration_error(torch.tensor([0.0]), torch.tensor([False])) == 0
    # 0.2 is the upper edge of the third bin: with 0.15, not with 0.22.
    confidences = torch.tensor([0.15, 0.2, 0.22], dtype=torch.float64)
    gap = abs(0.35 - 1) + 0.22
    right = torch.tensor([False, True, False])
    assert expected_calibration_error(confidences, right) == pytest.approx(gap / 3)


def test_confidences_are_the_probabilities_of_the_predicted_classes():
    data = image_set(50, (1, 8, 8))
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    found = evaluate(model, data)
    with torch.no_grad():
        probabilities = model(data.normalise(data.images)).softmax(1)
    expected = probabilities.gather(1, found.predictions[:, None])[:, 0]
    assert torch.allclose(found.confidences, expected)
    assert found.confidences.min() >= 1 / 10
