"""Networks are counted once: by another process where there is no torch, and kept in a file."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from dsd2.nn.footprint import footprint, sizes_of
from dsd2.recipe import ModelRecipe, to_json

LIBRARY = Path(__file__).parents[2] / "workflow"
IMAGE = (3, 33, 47)
MODELS = [
    ModelRecipe.of("vgg-like", depth=3, width=4, dropout=0.5),
    ModelRecipe.of("resnet18"),
    ModelRecipe.of("resnet50", stem="imagenet", dropout=0.2),
]


def counted(folder, models, image=IMAGE, library=LIBRARY, cache="/dev/null"):
    """The sizes of networks as a process without torch has them, and whether it asked another."""
    program = (
        "import dataclasses, json, sys\n"
        "from dsd2.errors import UserError\n"
        "from dsd2.nn import sizes\n"
        "from dsd2.recipe import ModelRecipe, from_json\n"
        "found = []\n"
        "for text in sys.argv[1:]:\n"
        "    try:\n"
        f"        found.append(sizes.network_sizes(from_json(ModelRecipe, text), {image}, 7))\n"
        "    except UserError as error:\n"
        "        sys.exit(f'refused: {error}')\n"
        "assert 'torch' not in sys.modules\n"
        "asked = sizes._counter._process is not None\n"
        "print(json.dumps([asked, *map(dataclasses.asdict, found)]))\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", program, *map(to_json, models)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(library), "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    return made.stderr if made.returncode else json.loads(made.stdout)


@pytest.mark.process
def test_a_process_without_torch_gets_the_same_sizes_once_and_from_files_then(tmp_path):
    expected = [dataclasses.asdict(footprint(model, IMAGE, 7)) for model in MODELS]
    assert counted(tmp_path, MODELS) == [True, *expected]
    files = sorted(tmp_path.glob("results/networks/*.json"))
    assert len(files) == len(MODELS)
    assert counted(tmp_path, MODELS) == [False, *expected]
    for file, damaged in zip(
        files, (b"", b"{}", files[2].read_bytes().replace(b"1", b"2", 1)), strict=True
    ):
        file.write_bytes(damaged)
    assert counted(tmp_path, MODELS) == [True, *expected]
    assert all(len(file.read_bytes()) > 2 for file in files)
    assert counted(tmp_path, MODELS) == [False, *expected]


@pytest.mark.process
def test_another_clone_finds_them_in_the_users_cache(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    first, second = (counted(f, MODELS[:1], cache=tmp_path / "cache") for f in folders)
    assert (first[0], second[0]) == (True, False)
    assert first[1] == second[1]
    assert len([*tmp_path.rglob("*.json")]) == 1
    assert not any((folder / "results").exists() for folder in folders)


@pytest.mark.process
def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path):
    (tmp_path / "results").write_text("no folder")
    expected = dataclasses.asdict(footprint(MODELS[0], IMAGE, 7))
    assert counted(tmp_path, MODELS[:1]) == [True, expected]


@pytest.mark.process
def test_a_network_whose_module_has_changed_is_counted_again(tmp_path):
    library = tmp_path / "workflow"
    library.symlink_to(LIBRARY)
    assert counted(tmp_path, MODELS[:1], library=library)[0]
    (file,) = tmp_path.glob("results/networks/*.json")
    held = json.loads(file.read_text())
    assert held["source"] != "another"
    assert not counted(tmp_path, MODELS[:1], library=library)[0]
    from dsd2.files.cached import write_cached

    del held["sha256"]
    write_cached(file, {**held, "source": "another"})
    assert counted(tmp_path, MODELS[:1], library=library)[0]


@pytest.mark.process
def test_a_network_that_cannot_be_built_is_refused_in_one_sentence(tmp_path):
    refusal = counted(tmp_path, MODELS[:1], image=(1, 4, 4))
    assert "refused: model.depth: 3 max-pools need images of at least 8 pixels" in refusal
    assert "Traceback" not in refusal


def test_grouped_convolutions_cost_what_they_multiply():
    whole, grouped = (nn.Conv2d(8, 16, 3, padding=1, groups=groups) for groups in (1, 4))
    assert sizes_of(whole, (8, 6, 5)).dense == 16 * 8 * 9 * 30
    assert sizes_of(grouped, (8, 6, 5)).dense == 16 * 2 * 9 * 30
    output = grouped(torch.zeros(1, 8, 6, 5))
    # Each value of the output is a product with every weight of its filter.
    assert sizes_of(grouped, (8, 6, 5)).dense == output.numel() * grouped.weight[0].numel()


@pytest.mark.parametrize("model", MODELS)
def test_all_weights_that_pruning_may_remove_have_their_operations(model):
    found = footprint(model, IMAGE, 7)
    assert found.macs.keys() == found.weights.keys()
    assert found.prunable < found.parameters
