"""What a checkpoint's file holds: what is there, once, and what it says of itself."""

import dataclasses
import json
import re
import time
from pathlib import Path

import pytest
import torch
from recipes import run_recipe, training
from safetensors import safe_open

from dsd2.artefacts.checkpoint import (
    Checkpoint,
    checkpoint_bytes,
    load_checkpoint,
    load_checkpoint_of,
    save_checkpoint,
)
from dsd2.devices import Given
from dsd2.errors import UserError
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.nn.channels import coupled_channels
from dsd2.nn.footprint import footprint
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks, prune, scheduled_densities
from dsd2.nn.sizes import network_couplings
from dsd2.nn.training import network_state, train
from dsd2.paths import run_name
from dsd2.recipe import (
    ModelRecipe,
    PerturbationRecipe,
    PruningRecipe,
    RunRecipe,
    from_json,
    to_json,
)
from dsd2.seeds import derived_seed
from dsd2.stages.prepare import run_dataset, run_labels
from dsd2.stages.train import IterationFiles, run_iteration

pytestmark = pytest.mark.usefixtures("reproducible")

IMAGE = (3, 32, 32)
RUN = run_recipe(
    model=ModelRecipe.of("vgg-like", depth=3, width=4),
    pruning=PruningRecipe(criterion="magnitude", fraction=0.2),
)
DOCUMENT = Path(__file__).parents[2] / "docs" / "checkpoint.md"


def pruned(rounds, recipe=RUN, rewind=False):
    """A checkpoint of a network after so many rounds."""
    torch.manual_seed(rounds)
    model = recipe.model.build(IMAGE, 10)
    weights = prunable_weights(model)
    masks = full_masks(weights)
    by_filters = recipe.pruning.structure == "filters"
    channels = coupled_channels(model, IMAGE) if by_filters else ()
    for _ in range(rounds):
        scores = {name: weight.detach().abs() for name, weight in weights.items()}
        masks = prune(scores, masks, recipe.pruning, (), channels)
        apply_masks(weights, masks)
    first = network_state(model) if rewind else {}
    state = network_state(model)
    return Checkpoint(
        run_name(recipe), rounds, recipe, recipe.model, IMAGE, 10, state, masks, first
    )


def save_as_before(path, checkpoint, initial=None):
    """A file of the first format."""
    parts = {
        "state": checkpoint.state,
        "masks": checkpoint.masks,
        "initial": initial or {},
        "rewind": checkpoint.rewind,
    }
    tensors = {f"{part}/{name}": t for part, held in parts.items() for name, t in held.items()}
    about = {
        "kind": "checkpoint",
        "format": 1,
        "run": checkpoint.run,
        "iteration": checkpoint.iteration,
        "model": to_json(checkpoint.model),
        "image": list(checkpoint.image),
        "classes": checkpoint.classes,
    }
    save_tensors(path, tensors, about)


def bits(tensor):
    """The very bytes of a tensor, signs of zeros included."""
    return tensor.contiguous().view(-1).view(torch.uint8).tolist()


def same(one, other):
    return one.keys() == other.keys() and all(bits(one[n]) == bits(other[n]) for n in one)


@pytest.mark.parametrize("rounds", [0, 1, 2, 7, 30, 120])
def test_a_pruned_network_comes_back_to_the_bit_and_in_the_order_of_before(tmp_path, rounds):
    checkpoint = pruned(rounds)
    checkpoint.state["2.num_batches_tracked"] += 3
    save_checkpoint(tmp_path / "packed", checkpoint)
    save_as_before(tmp_path / "whole", checkpoint)
    packed, whole = load_checkpoint(tmp_path / "packed"), load_checkpoint(tmp_path / "whole")
    expected = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    for name, mask in checkpoint.masks.items():
        expected[name][~mask] = 0.0
    assert same(packed.state, expected)
    assert same(packed.masks, checkpoint.masks)
    # Where scores are equal, the order of the masks decides what is pruned next.
    assert list(packed.masks) == list(whole.masks)
    assert all(torch.equal(packed.state[name], whole.state[name]) for name in whole.state)


def test_odd_sizes_dead_layers_and_living_zeros_come_back(tmp_path):
    recipe = dataclasses.replace(RUN, model=ModelRecipe.of("vgg-like", depth=1, width=1))
    checkpoint = pruned(12, recipe)
    sizes = [mask.numel() for mask in checkpoint.masks.values()]
    assert any(size % 8 for size in sizes)
    names = list(checkpoint.masks)
    checkpoint.masks[names[0]][:] = False
    checkpoint.state[names[0]][:] = 0.0
    last = checkpoint.masks[names[-1]]
    last[0, :3] = True
    checkpoint.state[names[-1]][0, :3] = torch.tensor([0.0, -0.0, float("inf")])
    path = tmp_path / "checkpoint"
    save_checkpoint(path, checkpoint)
    loaded = load_checkpoint(path)
    assert same(loaded.masks, checkpoint.masks)
    assert bits(loaded.state[names[-1]][0, :3]) == bits(checkpoint.state[names[-1]][0, :3])
    assert not loaded.state[names[0]].any()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model": ModelRecipe.of("vgg-like", depth=2, width=3)},
        {"perturbation": PerturbationRecipe.of("rewind")},
        {"pruning": PruningRecipe(criterion="magnitude", fraction=0.2, scope="layer")},
        {"pruning": PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters")},
        pytest.param({"model": ModelRecipe.of("resnet18")}, marks=pytest.mark.slow),
    ],
)
def test_a_file_is_as_large_as_the_plan_counts(tmp_path, changes):
    recipe = dataclasses.replace(RUN, **changes)
    known = footprint(recipe.model, IMAGE, 10)
    by_filters = recipe.pruning.structure == "filters"
    for rounds in (0, 1, 2, 6) if recipe.model.name == "vgg-like" else (0, 3):
        rewind = rounds == 0 and recipe.perturbation.kind == "rewind"
        save_checkpoint(tmp_path / "checkpoint", pruned(rounds, recipe, rewind))
        coupled = network_couplings(recipe.model, IMAGE, 10) if by_filters else None
        layers = list(known.weights)
        densities = scheduled_densities(layers, recipe.pruning, rounds, (), coupled)
        said = checkpoint_bytes(known.state, known.tensors, known.weights, densities, rewind)
        found = (tmp_path / "checkpoint").stat().st_size
        # Of filters, a layer's are rounded to whole ones.
        assert said == pytest.approx(found, rel=0.02, abs=2000), rounds


def test_living_weights_are_all_that_grows_a_file(tmp_path):
    sizes = {}
    for rounds in (0, 2, 4, 20):
        checkpoint = pruned(rounds)
        save_checkpoint(tmp_path / "packed", checkpoint)
        save_as_before(tmp_path / "whole", checkpoint, initial=None if rounds else initial_of(RUN))
        sizes[rounds] = [(tmp_path / name).stat().st_size for name in ("packed", "whole")]
    prunable = sum(mask.numel() for mask in pruned(0).masks.values())
    others = sum(t.nbytes for n, t in pruned(0).state.items() if n not in pruned(0).masks)
    for rounds, (packed, whole) in sizes.items():
        alive = 4 * prunable * 0.8**rounds
        assert alive < packed < alive + prunable / 8 * bool(rounds) + others + 8000
        assert packed < whole
    assert sizes[0][0] < 0.5 * sizes[0][1]
    assert sizes[20][0] < 0.2 * sizes[20][1]


def initial_of(recipe):
    torch.manual_seed(5)
    return network_state(recipe.model.build(IMAGE, 10))


def test_a_removed_weight_that_is_not_zero_is_not_dropped_in_silence(tmp_path):
    for value in (1e-30, float("nan")):
        checkpoint = pruned(3)
        name, mask = next(iter(checkpoint.masks.items()))
        checkpoint.state[name][~mask] = value
        with pytest.raises(ValueError, match=f"{name}: a removed weight is not zero"):
            save_checkpoint(tmp_path / "checkpoint", checkpoint)
    with pytest.raises(ValueError, match="written with its run's recipe"):
        save_checkpoint(tmp_path / "checkpoint", dataclasses.replace(pruned(3), recipe=None))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_sign_of_a_removed_weights_zero_changes_nothing():
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (24, *IMAGE), dtype=torch.uint8, generator=draws)
    mean, std = torch.full((3, 1, 1), 127.0), torch.full((3, 1, 1), 70.0)
    data = ImageSet(pixels, torch.randint(10, (24,), generator=draws), mean, std)
    for rounds in (4, 30):
        checkpoint, ends = pruned(rounds), []
        for zero in (0.0, -0.0):
            model = RUN.model.build(IMAGE, 10)
            model.load_state_dict(checkpoint.state)
            for name, weight in prunable_weights(model).items():
                weight.data[~checkpoint.masks[name]] = zero
            train(model, checkpoint.masks, data, training(epochs=3, l1=1e-4), stream=("s",))
            ends.append(network_state(model))
        assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
        for name, mask in checkpoint.masks.items():
            assert bits(ends[0][name][mask]) == bits(ends[1][name][mask])


def test_a_file_alone_tells_its_whole_recipe(tmp_path):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, pruned(3))
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["dsd2"])
    assert (about["run"], about["iteration"]) == (run_name(RUN), 3)
    assert from_json(RunRecipe, json.dumps(about["recipe"])) == RUN
    assert load_checkpoint(path).recipe == RUN


def test_the_document_reads_a_checkpoint_in_plain_torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S)
    for rounds in (0, 1, 9):
        checkpoint = pruned(rounds, rewind=rounds == 0)
        save_checkpoint(tmp_path / "checkpoint.safetensors", checkpoint)
        names = {}
        exec(program, names)
        assert names["state"].keys() == checkpoint.state.keys()
        assert all(torch.equal(names["state"][n], t) for n, t in checkpoint.state.items())


def rewritten(path, **changes):
    """The file with another description and the checksum that belongs to it."""
    tensors, about = load_tensors(path, "checkpoint", 2)
    save_tensors(path, {name: tensor.clone() for name, tensor in tensors.items()}, about | changes)


def test_a_checkpoint_of_another_origin_is_refused_with_the_command_that_makes_it(tmp_path):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, pruned(3))
    run, other = run_name(RUN), dataclasses.replace(RUN, seed=1)
    remedy = re.escape(f"; `snakemake --force {path}` makes it anew")
    assert load_checkpoint_of(path, run, 3).iteration == 3
    for expected in ((run, 2), (run_name(other), 3)):
        found = f"is iteration 3 of run {run}, not iteration {expected[1]} of run {expected[0]}"
        with pytest.raises(UserError, match=f"{path}: {re.escape(found)}{remedy}"):
            load_checkpoint_of(path, *expected)
    rewritten(path, recipe=json.loads(to_json(other)))
    found = f"holds the recipe of run {run_name(other)}, not of run {run}"
    with pytest.raises(UserError, match=f"{path}: {re.escape(found)}{remedy}"):
        load_checkpoint_of(path, run, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 3},
        {"recipe": {}},
        {"recipe": None},
        {"recipe": {**json.loads(to_json(RUN)), "more": 1}},
        {"prunable": {}},
        {"prunable": {"0.weight": [16, 3, 3, 4]}},
        {"prunable": {"absent": [3]}},
        {"run": 1},
    ],
)
def test_a_description_that_does_not_fit_is_one_sentence(tmp_path, changes):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, pruned(3))
    rewritten(path, **changes)
    with pytest.raises(UserError, match=f"{path}: .*; `snakemake --force {path}`"):
        load_checkpoint_of(path, run_name(RUN), 3)


def test_files_of_the_first_format_are_read(tmp_path):
    path, initial = tmp_path / "checkpoint", initial_of(RUN)
    for rounds in (0, 3):
        checkpoint = pruned(rounds)
        save_as_before(path, checkpoint, initial)
        loaded = load_checkpoint_of(path, run_name(RUN), rounds)
        assert same(loaded.state, checkpoint.state)
        assert same(loaded.masks, checkpoint.masks)
        assert (loaded.recipe, loaded.model) == (None, RUN.model)
        assert same(loaded.rewind, initial), "what a run that rewinds to step 0 reads"
    later = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    save_as_before(path, dataclasses.replace(checkpoint, rewind=later), initial)
    assert same(load_checkpoint(path).rewind, checkpoint.state), "of a later step"
    with pytest.raises(UserError, match="is iteration 3 of run"):
        load_checkpoint_of(path, "another", 3)


def iterate(place, recipe, i):
    """Train an iteration of a chain whose checkpoints are called by their numbers."""
    rewinds = recipe.perturbation.kind == "rewind"
    files = IterationFiles(
        dataset=place / "dataset",
        labels=place / "labels",
        previous=place / f"{i - 1}" if i else None,
        dense=place / "0" if i > 1 and rewinds else None,
        teacher=None,
        table=None,
        checkpoint=place / f"{i}",
        **{name: place / f"{name}-{i}" for name in ("resume", "metrics", "history")},
    )
    run_iteration(run_name(recipe), i, recipe, files, Given(1), 1e9, time.time())


@pytest.mark.parametrize("step", [None, 0, 5])
def test_a_chain_rewinds_to_what_its_dense_checkpoint_holds(tmp_path, step):
    kind = "none" if step is None else "rewind"
    recipe = run_recipe(
        training=training(epochs=1, batch_size=10),
        perturbation=PerturbationRecipe.of(kind, rewind_step=step or 0),
    )
    run_dataset(recipe.dataset, [], False, tmp_path / "dataset")
    run_labels(tmp_path / "dataset", recipe.dataset, recipe.noise, [], tmp_path / "labels")
    for i in range(3):
        iterate(tmp_path, recipe, i)
    paths = [tmp_path / f"{i}" for i in range(3)]
    dense, *others = (load_checkpoint_of(p, run_name(recipe), i) for i, p in enumerate(paths))
    torch.manual_seed(derived_seed(recipe.seed, "weights", 0))
    fresh = network_state(recipe.model.build((1, 8, 8), 10))
    assert not any(other.rewind for other in others)
    if kind == "none":
        assert not dense.rewind
    else:
        assert same(dense.rewind, fresh) == (step == 0)
        assert dense.rewind.keys() == fresh.keys()
    # An earlier clone's files lead to the same bytes.
    whole = [path.read_bytes() for path in paths]
    save_as_before(paths[0], dataclasses.replace(dense, rewind=dense.rewind if step else {}), fresh)
    iterate(tmp_path, recipe, 1)
    save_as_before(paths[1], load_checkpoint(paths[1]))
    iterate(tmp_path, recipe, 2)
    assert paths[2].read_bytes() == whole[2]
