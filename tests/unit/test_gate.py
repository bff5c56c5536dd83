"""Algorithm 2 on canned curves, among them every way the printed algorithm is undefined."""

import pytest

from dsd2.analysis.gates import best_iteration, decide
from dsd2.errors import UserError
from dsd2.stopping import Stopping

ENTROPY = Stopping.of("entropy", entropy_threshold=0.8, accuracy_threshold=0.9)
ACCURACY = Stopping.of("accuracy", accuracy_threshold=0.9)


def walk(policy, entropies, accuracies):
    """The states of a chain's gates, until one stops."""
    states = []
    for entropy, accuracy in zip(entropies, accuracies, strict=True):
        states.append(decide(policy, states[-1] if states else None, entropy, accuracy))
        if states[-1].stop:
            break
    return states


def stop_of(policy, entropies, accuracies):
    last = walk(policy, entropies, accuracies)[-1]
    return last.iteration if last.stop else None


# A curve with sparse double descent: the traditional stop falls into the dip.
DIP = [0.80, 0.78, 0.70, 0.68, 0.79, 0.85, 0.50, 0.20]
FLAT_THEN_FALLING = [0.78, 0.78, 0.77, 0.76, 0.70, 0.60, 0.40, 0.20]


def test_the_traditional_stop_ends_in_the_critical_phase():
    assert stop_of(ACCURACY, FLAT_THEN_FALLING, DIP) == 2


def test_the_entropy_gate_waits_until_the_dip_is_over():
    assert stop_of(ENTROPY, FLAT_THEN_FALLING, DIP) == 6
    assert walk(ENTROPY, FLAT_THEN_FALLING, DIP)[-1].best_iteration == 5


def test_the_regime_begins_with_the_iteration_whose_entropy_fell():
    states = walk(ENTROPY, [1.0, 0.9, 0.8, 0.7], [0.5] * 4)
    assert [state.classical for state in states] == [False, False, True, True]


def test_once_classical_always_classical():
    states = walk(ENTROPY, [1.0, 0.7, 1.0], [0.8, 0.8, 0.5])
    assert states[-1].stop, "an entropy that rises again does not close the second loop"


def test_first_loop_never_runs():
    # T_E ≥ 1: the printed algorithm reaches its second loop without `this_acc`.
    policy = Stopping.of("entropy", entropy_threshold=1.0, accuracy_threshold=0.9)
    assert stop_of(policy, [0.7, 0.7, 0.7], [0.8, 0.75, 0.6]) == 2


def test_dead_network_has_no_entropy_to_fall():
    assert stop_of(ENTROPY, [0.0, 0.0], [0.8, 0.7]) == 1


def test_best_accuracy_is_kept_up_in_the_second_loop():
    # Printed: best stays 0.50 and 0.60 > 0.45 goes on; here best is 0.90 by then.
    assert stop_of(ENTROPY, [1.0, 0.5, 0.4, 0.3], [0.50, 0.60, 0.90, 0.60]) == 3


def test_a_new_best_never_stops_even_at_threshold_1():
    policy = Stopping.of("accuracy", accuracy_threshold=1.0)
    assert stop_of(policy, [1.0] * 4, [0.5, 0.6, 0.7, 0.7]) == 3


def test_exactly_at_the_threshold_stops():
    policy = Stopping.of("accuracy", accuracy_threshold=0.5)
    assert stop_of(policy, [1.0] * 2, [0.8, 0.4]) == 1


def test_threshold_0_stops_only_at_accuracy_0():
    policy = Stopping.of("accuracy", accuracy_threshold=0.0)
    assert stop_of(policy, [1.0] * 3, [0.8, 0.1, 0.01]) is None
    assert stop_of(policy, [1.0] * 3, [0.8, 0.1, 0.0]) == 2


def test_the_dense_network_always_passes():
    assert not decide(ENTROPY, None, 0.0, 0.0).stop


def test_gates_after_a_stop_repeat_it():
    states = walk(ACCURACY, [1.0] * 2, [0.8, 0.1])
    after = decide(ACCURACY, states[-1], 1.0, 0.9)
    assert after.stop
    assert (after.iteration, after.best_iteration, after.reason) == (2, 0, states[-1].reason)


def test_equal_bests_give_the_first():
    assert best_iteration([0.5, 0.7, 0.7]) == 1
    assert walk(ENTROPY, [1.0] * 3, [0.5, 0.7, 0.7])[-1].best_iteration == 1


@pytest.mark.parametrize(("entropy", "accuracy"), [(float("nan"), 0.5), (0.5, float("inf"))])
def test_what_is_no_number_is_refused(entropy, accuracy):
    with pytest.raises(UserError, match="must be finite"):
        decide(ENTROPY, None, entropy, accuracy)


def test_a_network_without_entropy_can_stop_by_its_accuracy():
    none = float("nan")
    assert [state.stop for state in walk(ACCURACY, [none] * 2, [0.8, 0.1])] == [False, True]
    with pytest.raises(UserError, match=r"without ReLU layers.* has none.* stopping\.policy"):
        decide(ENTROPY, None, none, 0.5)


def test_slugs_tell_policies_apart():
    policies = [
        Stopping.of("none"),
        ACCURACY,
        ENTROPY,
        Stopping.of("entropy", entropy_threshold=0.8, accuracy_threshold=0.95),
        Stopping.of("entropy", entropy_threshold=0.8, accuracy_threshold=0.9, neuron="channel"),
    ]
    assert len({policy.slug for policy in policies}) == len(policies)
