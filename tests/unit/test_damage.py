"""Every kind of artefact, damaged in every way: named and not used, or as good as whole."""

import dataclasses
import random
import re
import shutil

import pytest
import torch
from one_stage import RUN, finish, make_data
from rows import row_of

from dsd2.artefacts.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dsd2.artefacts.resume import ResumeFile
from dsd2.artefacts.teacher_logits import load_teacher_logits, save_teacher_logits
from dsd2.data.dataset import load_dataset
from dsd2.data.labels import load_labels
from dsd2.errors import UserError
from dsd2.files.decision import CHOICE, GATE, read_decision, write_decision
from dsd2.files.records import CHAIN, HISTORY, METRICS, STUDY, read_rows, write_table
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks
from dsd2.nn.training import Progress, network_state
from dsd2.paths import dataset_name, labels_name
from dsd2.recipe import ModelRecipe
from dsd2.stages.prepare import run_dataset, run_labels

FLIPS = 40
"""Bytes of each file that are flipped, one at a time."""

TABLES = {"history": HISTORY, "metrics": METRICS, "chain": CHAIN, "study": STUDY}


def _network():
    torch.manual_seed(0)
    return ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10)


def _write_checkpoint(path):
    model = _network()
    rewind = network_state(model)
    masks = {n: mask.clone() for n, mask in full_masks(prunable_weights(model)).items()}
    for mask in masks.values():
        mask.view(-1)[::2] = False
    apply_masks(prunable_weights(model), masks)
    state = network_state(model)
    checkpoint = Checkpoint("run", 1, RUN, RUN.model, (1, 8, 8), 10, state, masks, rewind)
    save_checkpoint(path, checkpoint)


def _write_resume(path):
    rows = [{"epoch": 1, "train_loss": 0.5}]
    ResumeFile(path, "key").after_epoch(_network(), Progress(1, {"0.weight": torch.ones(3)}, rows))


def _restore(path):
    """None where the state cannot be used; else all of it."""
    model = _network()
    progress = ResumeFile(path, "key").restore(model)
    if progress is None:
        raise UserError(f"{path}: is damaged; the training starts again")
    return [model.state_dict(), progress.epoch, progress.moments, progress.history]


def _values(held):
    """Anything that a reader gives, as something that can be compared."""
    if isinstance(held, torch.Tensor):
        return held.tolist()
    if isinstance(held, dict):
        return {name: _values(value) for name, value in held.items()}
    if isinstance(held, list | tuple):
        return [_values(value) for value in held]
    if hasattr(held, "__dataclass_fields__"):
        return {name: _values(getattr(held, name)) for name in held.__dataclass_fields__}
    return held


def _load_labels(path, dataset):
    loaded = load_dataset(dataset, dataset_name(RUN.dataset))
    return load_labels(path, loaded, labels_name(RUN.dataset, RUN.noise))


KINDS = {
    "dataset": (None, lambda path: load_dataset(path, dataset_name(RUN.dataset))),
    "labels": (None, lambda path: _load_labels(path, path.with_name("dataset"))),
    "checkpoint": (_write_checkpoint, load_checkpoint),
    "resume": (_write_resume, _restore),
    "views": (
        lambda path: save_teacher_logits(path, torch.rand(20, 3, 10), "run", 0),
        lambda path: load_teacher_logits(path, "run", 0, 20),
    ),
    "gate": (
        lambda path: write_decision(path, GATE, {"run": "run", "iteration": 3, "stop": False}),
        lambda path: read_decision(path, GATE, {"run": "run"}),
    ),
    "choice": (
        lambda path: write_decision(path, CHOICE, {"run": "run", "iteration": 3}),
        lambda path: read_decision(path, CHOICE, {"run": "run"}),
    ),
    **{
        name: (
            lambda path, schema=schema: write_table(path, schema, [row_of(schema)] * 3),
            lambda path, schema=schema: read_rows(path, schema),
        )
        for name, schema in TABLES.items()
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_named_or_harmless(data, tmp_path, kind):
    write, read = KINDS[kind]
    path = (tmp_path if write else data) / kind
    if write:
        write(path)
    whole = path.read_bytes()
    good = _values(read(path))
    draws = random.Random(kind)
    positions = draws.sample(range(len(whole)), min(FLIPS, len(whole)))
    flipped = [
        whole[:at] + bytes([whole[at] ^ (1 << draws.randrange(8))]) + whole[at + 1 :]
        for at in positions
    ]
    noticed = 0
    for damaged in (b"", whole[: len(whole) // 2], whole[:-1], *flipped):
        path.write_bytes(damaged)
        try:
            # Parquet's description of a column, say, may change without changing what is read.
            assert _values(read(path)) == good
        except UserError as error:
            assert f"{path}: is damaged" in str(error) or "has other columns" in str(error)  # noqa: PT017
            noticed += 1
    path.write_bytes(whole)
    assert _values(read(path)) == good
    assert noticed >= 3 + FLIPS // 4, "truncations and flips in what is read"


def test_one_kind_of_file_is_not_taken_for_another(data):
    files = {kind: data / kind for kind in KINDS}
    for kind, (write, _) in KINDS.items():
        if write:
            write(files[kind])
    for kind, (_, read) in KINDS.items():
        for other, path in files.items():
            if other != kind:
                with pytest.raises(UserError, match=r"damaged|holds a|has other columns"):
                    read(path)


@pytest.mark.process
def test_a_valid_file_of_something_else_is_named_with_the_command_that_remakes_it(data, tmp_path):
    other = dataclasses.replace(RUN.dataset, split_seed=1)
    noisier = dataclasses.replace(RUN.noise, rate=0.6)
    run_dataset(other, [], False, tmp_path / "dataset")
    run_labels(data / "dataset", RUN.dataset, noisier, [], tmp_path / "labels")
    for name in ("dataset", "labels"):
        folder = tmp_path / f"swapped-{name}"
        folder.mkdir()
        for file in ("dataset", "labels"):
            shutil.copy((tmp_path if file == name else data) / file, folder)
        done = finish(folder / "run")
        assert done.returncode == 1
        assert re.fullmatch(
            f"error: {folder / name}: is of {name} (.+), but {name} (.+) belongs here;"
            f" `snakemake --force {folder / name}` makes it anew, and it alone\n",
            done.stderr,
        ), done.stderr
        assert not (folder / "run").exists(), "nothing was written"


def test_labels_of_another_dataset_are_refused(data, tmp_path):
    recipe = dataclasses.replace(RUN.dataset, split_seed=1)
    run_dataset(recipe, [], False, tmp_path / "other")
    other = load_dataset(tmp_path / "other", dataset_name(recipe))
    name = labels_name(RUN.dataset, RUN.noise)
    with pytest.raises(UserError, match=r"labels: is of another dataset than the run's;"):
        load_labels(data / "labels", other, name)
