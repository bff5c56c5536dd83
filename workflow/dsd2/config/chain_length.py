"""How long a chain is: to its target sparsity, or while a round of pruning removes anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dsd2.data.metadata import metadata
from dsd2.errors import UserError
from dsd2.nn.couplings import Couplings
from dsd2.nn.schedule import MAX_ITERATIONS, last_iteration, number_to_remove
from dsd2.nn.sizes import network_couplings, network_sizes
from dsd2.recipe import DatasetRecipe, ModelRecipe, PruningRecipe


def chains_end(
    recipe: PruningRecipe,
    target: float,
    model: ModelRecipe,
    dataset: DatasetRecipe,
    roots: Sequence[Path],
    where: str,
) -> tuple[int, bool]:
    """The last iteration of a chain, and whether pruning can remove nothing more after it.

    Args:
        recipe: of the pruning.
        target: sparsity that the chain stays below.
        model: that is pruned.
        dataset: whose channels and classes decide how many weights there are.
        roots: folders that may hold it. Where it cannot be looked at, or the network cannot be
            built for it, the target alone decides, and training refuses what cannot be trained.
        where: names the arm in messages.

    Raises:
        UserError: the chain would be too long, or not even its first round would remove anything.
    """
    last = last_iteration(recipe.fraction, target)
    if last == MAX_ITERATIONS:
        raise UserError(
            f"config key pruning.fraction of {where} is {recipe.fraction}, which takes more than"
            f" {MAX_ITERATIONS} iterations to the target sparsity of {target}; it must be larger,"
            " or pruning.target_sparsity smaller"
        )
    if recipe.structure == "filters":
        if (couplings := _couplings(model, dataset, roots, where)) is None:
            return last, False
        rounds = couplings.rounds(recipe.fraction)
    else:
        try:
            known = metadata(dataset, roots)
            sizes = network_sizes(model, known.image, known.classes)
        except UserError:
            return last, False
        kept = recipe.kept(sizes.head, sizes.depthwise)
        layers = [count for name, count in sizes.weights.items() if name not in kept]
        groups = layers if recipe.scope == "layer" else [sum(layers)]
        rounds = _weight_rounds(groups, recipe.fraction)
    useful = sum(1 for _ in zip(range(last), rounds, strict=False))
    if useful == 0 < last:
        raise UserError(
            f"config key pruning.fraction of {where} is {recipe.fraction}, of which no round"
            f" removes a single {recipe.structure.removesuffix('s')}; it must be larger"
        )
    return useful, useful < last


def _weight_rounds(groups: Sequence[int], fraction: float) -> Iterator[list[int]]:
    """What is left of each group of weights after every round that removes any."""
    left = list(groups)
    while any(number_to_remove(count, fraction) for count in left):
        left = [count - number_to_remove(count, fraction) for count in left]
        yield left


def _couplings(
    model: ModelRecipe, dataset: DatasetRecipe, roots: Sequence[Path], where: str
) -> Couplings | None:
    """How the channels of a network leave together; None where its images are not known."""
    if model.filters is not None:
        return Couplings.chain(model.filters)
    try:
        known = metadata(dataset, roots)
    except UserError:
        return None
    words = f"config key pruning.structure of {where} is 'filters', which this network cannot lose"
    try:
        found = network_couplings(model, known.image, known.classes)
    except UserError as error:
        raise UserError(f"{words}: {error}") from error
    if not found.counts:
        raise UserError(f"{words}: no channel of {model.name!r} can leave it")
    return found
