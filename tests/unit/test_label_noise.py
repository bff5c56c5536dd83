"""How many labels are wrong: against a reference written out here, and hand-made truths."""

import math

import numpy as np
import pytest

from dsd2.analysis.label_noise import (
    Evidence,
    accuracy_without,
    confident_joint,
    confident_rate,
    estimate_noise,
    evidence,
)
from dsd2.analysis.wrong_labels import wrong_probabilities
from dsd2.errors import UserError


def noisy(images, classes, rate, seed, *, sharpness=4.0):
    """Given and true labels, and answers of a network that knows the truth, more or less surely."""
    draws = np.random.default_rng(seed)
    true = draws.integers(0, classes, images)
    given = true.copy()
    flipped = draws.permutation(images)[: round(rate * images)]
    given[flipped] = (given[flipped] + draws.integers(1, classes, len(flipped))) % classes
    logits = draws.normal(size=(images, classes))
    logits[np.arange(images), true] += sharpness
    odds = np.exp(logits)
    return given, true, (odds / odds.sum(1, keepdims=True)).astype(np.float32)


def score_of(probabilities, given):
    return 1 - probabilities[np.arange(len(given)), given]


def reference_joint(probabilities, given):
    """Confident learning as its paper writes it (Northcutt et al. 2021, eq. 1 and 2)."""
    images, classes = probabilities.shape
    thresholds = []
    for j in range(classes):
        own = [float(probabilities[x, j]) for x in range(images) if given[x] == j]
        thresholds.append(sum(own) / len(own) if own else math.inf)
    joint = [[0] * classes for _ in range(classes)]
    for x in range(images):
        above = [j for j in range(classes) if probabilities[x, j] >= thresholds[j] - 1e-6]
        if above:
            joint[given[x]][max(above, key=lambda j: probabilities[x, j])] += 1
    return joint


def reference_rate(probabilities, given):
    """Off-diagonal mass of the joint after each row is scaled to its label's share (eq. 3)."""
    joint = reference_joint(probabilities, given)
    wrong = 0.0
    for label, row in enumerate(joint):
        if sum(row):
            wrong += (1 - row[label] / sum(row)) * sum(given == label)
    return wrong / len(given)


@pytest.mark.parametrize("seed", range(5))
def test_confident_learning_is_that_of_the_paper(seed):
    given, _, probabilities = noisy(200, 4, 0.2, seed, sharpness=1.5)
    joint = confident_joint(probabilities, given)
    assert joint.tolist() == reference_joint(probabilities, given)
    assert 0 < joint.sum() < 200
    rate = confident_rate(probabilities, given)
    assert rate == pytest.approx(reference_rate(probabilities, given))


def test_confident_learning_by_hand():
    # Thresholds are 0.7 and 0.6: the third image is confidently of class 1, the fourth of none.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.65, 0.35], [0.15, 0.85]])
    given = np.array([0, 0, 0, 1, 1])
    assert confident_joint(probabilities, given).tolist() == [[2, 1], [0, 1]]
    assert confident_rate(probabilities, given) == pytest.approx(1 / 3 * 3 / 5)


def test_a_class_without_labels_is_never_confident():
    probabilities = np.array([[0.2, 0.1, 0.7], [0.3, 0.2, 0.5]])
    assert confident_joint(probabilities, np.array([0, 1]))[:, 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_the_rate_is_found_and_lies_in_its_interval(rate):
    given, _, probabilities = noisy(2000, 10, rate, 0)
    found = estimate_noise(score_of(probabilities, given), [evidence(probabilities, given)])
    assert found.rate == pytest.approx(rate, abs=0.03)
    assert found.low < rate < found.high
    assert found.low < found.rate < found.high


@pytest.mark.parametrize("hard", [0.0, 0.05])
def test_the_interval_of_clean_labels_begins_at_0(hard):
    # Hard images are answered otherwise, though by networks that are less sure of them.
    given, _, probabilities = noisy(1000, 10, 0, 0)
    draws = np.random.default_rng(1)
    uncertain = draws.random(1000) < hard
    probabilities[uncertain] = draws.dirichlet(np.full(10, 2.0), uncertain.sum())
    found = estimate_noise(score_of(probabilities, given), [evidence(probabilities, given)])
    assert found.low == 0
    assert found.rate < 0.01


def test_networks_that_err_on_most_images_do_not_tell_that_labels_are_wrong():
    score = np.linspace(0, 1, 200)
    bad, good = (estimate_noise(score, [Evidence(0.3, 0.2, 0.4, error)]) for error in (0.6, 0.4))
    assert not bad.telling
    assert bad.low == 0 < good.low
    assert (bad.rate, bad.high) == (good.rate, good.high)
    # Of images that they do not know they cannot be sure either.
    assert bad.expected_wrong(20)[0] < good.expected_wrong(20)[0] < 20
    assert bad.expected_wrong(20)[1:] == (0, 20)


def test_less_than_half_a_label_is_none():
    one_of_the_surest = estimate_noise(np.linspace(0, 1, 200), [Evidence(0.005, 0.01, 0.1)])
    assert one_of_the_surest.low == 0
    assert one_of_the_surest.count == 1


def test_suspects_are_the_count_of_the_highest_scores():
    given, true, probabilities = noisy(1000, 10, 0.2, 0)
    score = score_of(probabilities, given)
    found = estimate_noise(score, [evidence(probabilities, given)])
    suspects = score >= found.threshold
    assert suspects.sum() == found.count == round(1000 * found.rate)
    assert (given != true)[suspects].mean() > 0.95


def test_without_wrong_labels_nothing_is_suspect():
    found = estimate_noise(np.ones(5), [Evidence(0, 0, 0)])
    assert found.count == 0
    assert found.threshold > 1
    assert found.expected_wrong(5)[:2] == (0, 0)


def test_chains_count_by_their_mean():
    one, other = Evidence(0.1, 0.1, 0.1), Evidence(0.3, 0.2, 0.5)
    both = estimate_noise(np.linspace(0, 1, 50), [one, other])
    assert both.rate == pytest.approx(0.2)
    assert both.count == 10


@pytest.mark.parametrize(("rate", "sharpness"), [(0.3, 3), (0.4, 3), (0.1, 3)])
def test_what_is_expected_of_the_first_is_what_is_found(rate, sharpness):
    given, true, probabilities = noisy(3000, 5, rate, 2, sharpness=sharpness)
    score = score_of(probabilities, given)
    found = estimate_noise(score, [evidence(probabilities, given)])
    wrong = (given != true)[np.argsort(-score, kind="stable")]
    for first in (100, 500, 1000):
        expected, low, high = found.expected_wrong(first)
        assert low <= expected <= high <= first
        assert low - 0.01 * first <= wrong[:first].sum() <= high + 0.01 * first
        assert expected == pytest.approx(wrong[:first].sum(), abs=0.1 * first)


def test_probabilities_have_the_rate_as_mean_and_grow_with_the_score():
    draws = np.random.default_rng(0)
    score = np.clip(np.r_[draws.normal(0.3, 0.1, 700), draws.normal(0.6, 0.1, 300)], 0, 1)
    found = wrong_probabilities(score, 0.3)
    assert found.mean() == pytest.approx(0.3, abs=1e-6)
    assert (np.diff(found[np.argsort(score)]) >= 0).all()
    # Bayes's rule for the two normal distributions that the scores were drawn from.
    odds = 0.3 / 0.7 * np.exp((0.6 - 0.3) / 0.01 * (score - 0.45))
    assert np.abs(found - odds / (1 + odds)).max() < 0.1


@pytest.mark.parametrize("rate", [0.0, 0.004, 0.5, 1.0])
def test_equal_scores_tell_nothing(rate):
    found = wrong_probabilities(np.full(100, 0.7, np.float32), rate)
    assert found == pytest.approx(0 if rate < 0.005 else rate)


def test_an_accuracy_is_corrected_for_wrong_labels():
    given, true, probabilities = noisy(2000, 10, 0.2, 3, sharpness=5)
    uncertain = np.arange(2000) < 300
    probabilities[uncertain] = np.random.default_rng(5).dirichlet(np.full(10, 2.0), 300)
    answers = probabilities.argmax(1)
    score = score_of(probabilities, given)
    estimate = estimate_noise(score, [evidence(probabilities, given)])
    found = accuracy_without(answers == given, score, estimate)
    right = given == true
    truth = (answers == true)[right].mean()
    assert (answers == given).mean() < 0.73 < 0.85 < truth
    assert found.low <= truth <= found.high
    # Leaving out every image that looks wrong would leave no error.
    assert found.low < 0.9


def test_an_accuracy_on_clean_labels_stays():
    given, _, probabilities = noisy(500, 10, 0, 4)
    correct = probabilities.argmax(1) == given
    score = score_of(probabilities, given)
    found = accuracy_without(correct, score, estimate_noise(score, [Evidence(0, 0, 0)]))
    assert found.value == pytest.approx(correct.mean())
    assert found.low < correct.mean() < found.high


@pytest.mark.parametrize(
    ("score", "found", "named"),
    [
        ([], [Evidence(0, 0, 0)], "0 labels"),
        ([0.5], [], "0 chains"),
        ([1.5], [Evidence(0, 0, 0)], "1"),
    ],
)
def test_what_cannot_be_estimated_is_refused(score, found, named):
    with pytest.raises(UserError, match=named):
        estimate_noise(np.array(score), found)
