"""Short trainings of half-pruned networks, whole and interrupted."""

import pytest
import torch

from dsd2.artefacts.resume import ResumeFile
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks, prune_lowest
from dsd2.nn.training import network_state


def half_pruned(model):
    """A network with half of its prunable weights removed, and the masks that say which."""
    weights = prunable_weights(model)
    scores = {name: weight.detach().abs() for name, weight in weights.items()}
    masks = prune_lowest(scores, full_masks(weights), 0.5)
    apply_masks(weights, masks)
    return model, masks


def same(one, other):
    """Whether two states have the same tensors by name, to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def whole_and_resumed(folder, killed_after, network, train):
    """State and progress at the end of a training, and of the same one killed and resumed.

    Args:
        folder: where the interrupted training keeps its state.
        killed_after: the epoch, from 1, after which it is killed.
        network: makes the network and its masks, the same each time.
        train: takes these, and the keywords ``progress`` and ``after_epoch``.
    """

    class KilledError(Exception):
        pass

    def run(resume, kill):
        model, masks = network()
        progress = resume.restore(model)

        def after_epoch(now):
            resume.after_epoch(model, now)
            if kill and now.epoch == killed_after:
                raise KilledError

        done = train(model, masks, progress=progress, after_epoch=after_epoch)
        return network_state(model), done

    whole = run(ResumeFile(folder / "whole", "k"), kill=False)
    with pytest.raises(KilledError):
        run(ResumeFile(folder / "part", "k"), kill=True)
    return whole, run(ResumeFile(folder / "part", "k"), kill=False)
