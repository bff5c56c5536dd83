"""How suspicious labels are, by hand-made chains."""

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from dsd2.analysis.label_scores import DEFAULT_SCORE, ChainScores
from dsd2.analysis.suspicion import SCORES, agreement
from dsd2.errors import UserError

GIVEN = np.array([0, 1, 2, 0])
# The last image's label is wrong: the dense network has memorised it, the pruned ones forget it.
ANSWERS = np.array(
    [
        [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.9, 0.1, 0.0]],
        [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.2, 0.7, 0.1]],
        [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6], [0.1, 0.8, 0.1]],
        [[0.3, 0.3, 0.4], [0.3, 0.3, 0.4], [0.3, 0.3, 0.4], [0.3, 0.3, 0.4]],
    ],
    np.float32,
)
SPARSITIES = (0.0, 0.5, 0.75, 0.99)
ACCURACIES = (0.7, 0.75, 0.8, 1 / 3)


def scored(stop=4):
    chain = ChainScores()
    for values in list(zip(ANSWERS, SPARSITIES, ACCURACIES, strict=True))[:stop]:
        add(chain, *values)
    return chain


def add(chain, probabilities, sparsity, accuracy):
    chain.add(probabilities, GIVEN, sparsity, accuracy)


def test_scores_by_hand():
    found = scored().result()
    assert found["dense"] == pytest.approx([0.1, 0.2, 0.2, 0.1])
    assert found["best"] == pytest.approx([0.3, 0.3, 0.4, 0.9])
    assert found["mean"] == pytest.approx(1 - np.array([2.7, 2.6, 2.5, 1.5]) / 4)
    # The last network guesses: it is after the collapse, and has no weight.
    assert found["to_collapse"] == pytest.approx(1 - np.array([2.4, 2.3, 2.1, 1.2]) / 3)
    assert found["before_collapse"] == pytest.approx(found["to_collapse"])
    weights = np.array([0.7, 0.75, 0.8]) - 1 / 3
    last = np.array([0.9, 0.2, 0.1]) @ weights / weights.sum()
    assert found["weighted"][3] == pytest.approx(1 - last)
    margin = np.array([0.8, -0.5, -0.7]) @ weights / weights.sum()
    assert found["weighted_margin"][3] == pytest.approx((1 - margin) / 2)
    trust = ((0.8 - 1 / 3) / (1 - 1 / 3)) ** 2
    roots = np.array([0.9, 0.2, 0.1]) ** 0.25 - trust * np.array([0.1, 0.7, 0.8]) ** 0.25
    root = roots @ weights / weights.sum()
    assert found["root_margin"][3] == pytest.approx((1 - root) / (1 + trust), rel=1e-5)
    assert found["log_mean"][3] == pytest.approx(1 - (0.9 * 0.2 * 0.1 * 0.3) ** 0.25)
    assert found["margin"][3] == pytest.approx((1 - (0.8 - 0.5 - 0.7 - 0.1) / 4) / 2)
    assert found["disagreement"] == pytest.approx([0.25, 0.25, 0, 0.75])
    assert found["forgetting"] == pytest.approx([0, 0, 0, 2 / 3])
    geometric = np.exp(np.log([0.9, 0.2, 0.1]) @ weights / weights.sum())
    assert found["weighted_log"][3] == pytest.approx(1 - geometric, rel=1e-5)


def test_what_else_is_known_of_an_image():
    found = scored().result([])
    assert set(found) == {"suggested", "probability_given", "probability_suggested", "forgotten_at"}
    assert found["suggested"][3] == 1
    assert (found["suggested"] != GIVEN).all()
    assert found["probability_suggested"][3] > found["probability_given"][3]
    assert found["forgotten_at"][3] == 0.5
    assert np.isnan(found["forgotten_at"][:3]).all()


def test_a_label_that_comes_back_is_not_forgotten():
    chain, away, back = ChainScores(), ANSWERS[1], ANSWERS[0]
    for sparsity, answers in ((0, back), (0.5, away), (0.75, back)):
        add(chain, answers, sparsity, 0.8)
    assert np.isnan(chain.result([])["forgotten_at"][3])


def test_a_label_that_was_never_learnt_is_forgotten_from_the_start():
    chain = ChainScores()
    add(chain, ANSWERS[1], 0, 0.8)
    assert chain.result([])["forgotten_at"][3] == 0


def test_the_default_score_ranks_the_wrong_label_first():
    found = scored().result([DEFAULT_SCORE])
    assert found[DEFAULT_SCORE].argmax() == 3
    assert scored().result(["dense"])["dense"].argmax() != 3


def test_a_chain_goes_on_from_its_state():
    half = ChainScores.from_state(scored(2).state())
    for values in list(zip(ANSWERS, SPARSITIES, ACCURACIES, strict=True))[2:]:
        add(half, *values)
    resumed, whole = half.result(), scored().result()
    assert all(np.array_equal(resumed[name], whole[name], equal_nan=True) for name in whole)
    assert half.evidence(seen=True) == scored().evidence(seen=True)
    assert len(ChainScores.from_state(ChainScores().state())) == 0


def test_the_network_that_has_memorised_least_tells_how_many_are_wrong():
    given = np.arange(30) % 3
    given[27:] = [1, 2, 0]
    true, memorised = np.eye(3, dtype=np.float32)[np.arange(30) % 3], np.eye(3, dtype=np.float32)
    chain = ChainScores()
    answers = (memorised[given], true, np.roll(true, 1, 1))
    for probabilities, accuracy in zip(answers, (0.9, 0.9, 0.1), strict=True):
        chain.add(probabilities, given, 0.5, accuracy)
    assert chain.evidence(seen=True).rate == pytest.approx(0.1)
    assert chain.evidence(seen=True).error == pytest.approx(0.1)
    assert chain.evidence(seen=False).rate == 0


def test_bad_networks_name_no_label_that_they_never_saw():
    given = np.arange(30) % 3
    answers = np.roll(np.eye(3, dtype=np.float32)[given], 1, 1)
    found = {}
    # Of three classes a guess is right in a third of the cases: 0.6 is 0.4 that is known.
    for accuracy in (0.4, 0.6, 0.7):
        chain = ChainScores()
        chain.add(answers, given, 0, accuracy)
        found[accuracy] = chain.evidence(seen=False)
    assert not found[0.4].telling
    assert found[0.4].rate == 0
    assert found[0.4].disagreeing == 1
    assert not found[0.6].telling
    assert found[0.7].telling


def test_networks_that_all_guess_have_scores():
    chain = ChainScores()
    for sparsity in (0, 0.5):
        add(chain, ANSWERS[1], sparsity, 0.0)
    found = chain.result()
    assert found["weighted"] == pytest.approx(found["mean"])
    assert all(np.isfinite(found[name]).all() for name in SCORES)


@given_by(seed=st.integers(0, 2**32 - 1), iterations=st.integers(1, 6), classes=st.integers(2, 5))
def test_scores_are_between_0_and_1(seed, iterations, classes):
    draws = np.random.default_rng(seed)
    given = draws.integers(0, classes, 7)
    chain = ChainScores()
    for _ in range(iterations):
        sharp = draws.dirichlet(np.full(classes, 0.05), 7).astype(np.float32)
        chain.add(sharp, given, draws.random(), draws.random())
    found = chain.result()
    for name in SCORES:
        assert found[name].dtype == np.float32
        assert ((found[name] >= 0) & (found[name] <= 1)).all(), name
    assert chain.probabilities.sum(1) == pytest.approx(1, abs=1e-5)


def test_the_agreement_of_two_chains_is_their_mean():
    one, other = np.array([0, 1], np.float32), np.array([1, 1], np.float32)
    assert agreement(one, other).tolist() == [0.5, 1]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"probabilities": ANSWERS[0][:3]}, "3 × 3"),
        ({"probabilities": np.full((4, 2), 0.5, np.float32)}, "4 × 2"),
        ({"probabilities": np.full((4, 3), np.nan, np.float32)}, "finite"),
        ({"given": np.array([0, 1, 2, 1])}, "iterations before"),
        ({"sparsity": 1.5}, "1.5"),
        ({"validation_accuracy": float("nan")}, "nan"),
    ],
)
def test_what_does_not_fit_is_refused(changes, named):
    right = {
        "probabilities": ANSWERS[1],
        "given": GIVEN,
        "sparsity": 0.5,
        "validation_accuracy": 0.5,
    }
    with pytest.raises(UserError, match=named):
        scored(1).add(**{**right, **changes})


def test_a_label_without_a_class_is_refused():
    with pytest.raises(UserError, match="label 3 is outside 0 to 2"):
        ChainScores().add(ANSWERS[0], np.array([0, 1, 3, 0]), 0, 0.5)


def test_without_iterations_there_are_no_scores():
    with pytest.raises(UserError, match="at least one iteration"):
        ChainScores().result()


def test_a_score_must_be_known():
    with pytest.raises(UserError, match="loudness"):
        scored().result(["loudness"])
