"""Networks of all kinds through everything: trained, pruned, gated, distilled, exported, used."""

import json
import math
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from whole_life import collect, export, file_of, gate, make_data, recipe_of, taught, train

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.config.pinned import pinned
from dsd2.export.shrink import compress
from dsd2.export.trace import graph_of
from dsd2.files.records import STUDY, read_rows
from dsd2.load_network import load_state
from dsd2.nn.footprint import footprint
from dsd2.recipe import ModelRecipe, PruningRecipe
from dsd2.stopping import Stopping

pytestmark = [pytest.mark.usefixtures("reproducible"), pytest.mark.process]

DOCUMENT = Path(__file__).parents[2] / "docs" / "extending.md"
(OWN,) = re.findall(r"```python\n# gated.py\n(.*?)```", DOCUMENT.read_text(), re.S)
"""The module of one's own that the page shows."""
LARGE = (
    "torchvision/efficientnet_b0",
    "torchvision/densenet121",
    "torchvision/convnext_tiny",
    "torchvision/vgg11_bn",
    "torchvision/shufflenet_v2_x0_5",
    "torchvision/vit_b_16",
    "torchvision/swin_t",
    "torchvision/googlenet",
    "torchvision/regnet_y_400mf",
)
POLICY = Stopping.of("entropy", entropy_threshold=0.8, accuracy_threshold=0.1)


def live(folder, model):
    """A dense network, a pruned one, and a student of that, which is exported."""
    make_data(folder)
    teacher = recipe_of(model)
    train(folder, teacher, (0, 1))
    gate(folder, teacher, 2, POLICY)
    student = taught(teacher)
    train(folder, student, (0, 1))
    gate(folder, student, 2, POLICY)
    study = collect(folder, {"teacher": (teacher, 1), "student": (student, 1)}, POLICY)
    return student, study, export(folder, study, "student")


def check(folder, model):
    """Everything that a network must come through."""
    student, study, place = live(folder, model)
    rows = [row for row in read_rows(study, STUDY, {"study": "s"}) if row["arm"] == "student"]
    sizes = footprint(model, (3, 32, 32), 10)
    assert [round(row["sparsity"], 2) for row in rows] == [0, 0.5][: len(rows)]
    assert math.isfinite(rows[0]["entropy"])
    assert len(rows[0]["states"]) == sizes.states
    assert {*rows[0]["layers"]} == {*sizes.weights}
    checkpoint = load_checkpoint(file_of(folder, student, 1))
    for name, mask in checkpoint.masks.items():
        assert not bool(checkpoint.state[name][~mask].any())
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    session = onnxruntime.InferenceSession(place / "network.onnx")
    for size in (1, 3):
        answer = session.run(None, {"images": images[:size].numpy()})[0]
        assert answer.shape == (size, 10)
    card = (place / "card.md").read_text()
    for number in range(3):
        Image.fromarray(images[number].permute(1, 2, 0).numpy()).save(place / f"{number}.png")
    command = [sys.executable, "classify.py", "0.png", "1.png", "2.png", "--csv", "found.csv"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    assert done.stdout.count(".png") == 3
    return card, place, session, images


def test_a_module_of_ones_own_from_training_to_photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(OWN)
    model = pinned(ModelRecipe.of("net.py:Gated", arguments={"width": 6}), None, False)
    card, place, session, images = check(tmp_path, model)
    assert "**Its shapes are the dense ones**" in card
    assert "which cannot be exported. So no channel was removed" in card
    state, about = load_state(place / "network.safetensors")
    network = model.build((3, 32, 32), 10).eval()
    network.load_state_dict(state)
    mean, std = (torch.tensor(about[key]).view(-1, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        logits = network((images - mean) / std)
    answer = session.run(None, {"images": images.numpy()})[0]
    np.testing.assert_allclose(answer, logits.numpy(), atol=1e-5)
    how = json.loads((place / "preprocessing.json").read_text())
    assert session.get_modelmeta().custom_metadata_map["classes"].split("\n") == how["classes"]


def test_half_precision_of_a_network_that_is_exported_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(OWN)
    model = pinned(ModelRecipe.of("net.py:Gated"), None, False)
    make_data(tmp_path)
    run = recipe_of(model)
    train(tmp_path, run, (0,))
    gate(tmp_path, run, 1, POLICY)
    study = collect(tmp_path, {"alone": (run, 0)}, POLICY)
    sizes = {}
    for precision in ("fp32", "fp16"):
        place = export(tmp_path, study, "alone", precision=precision)
        sizes[precision] = (place / "network.safetensors").stat().st_size
        assert f"stores numbers as {precision}" in (place / "card.md").read_text()
    assert sizes["fp16"] < sizes["fp32"]


@pytest.mark.slow
def test_a_trained_resnet_without_half_its_filters_is_exported_without_them(tmp_path):
    make_data(tmp_path)
    halves = PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters")
    run = recipe_of(ModelRecipe.of("resnet18"), pruning=halves)
    train(tmp_path, run, (0, 1))
    checkpoint = load_checkpoint(file_of(tmp_path, run, 1))
    network = checkpoint.network(torch.device("cpu")).eval()
    dense = graph_of(network, checkpoint.image)
    small = compress(dense)
    assert small.macs() < 0.27 * dense.macs()
    assert small.tensors["conv1.weight"].shape[0] == 32
    images = torch.randn(8, *checkpoint.image)
    with torch.no_grad():
        logits = network(images)
        differ = (small.to(torch.float32)(images) - logits).abs().max()
    assert differ <= 1e-5 * max(1.0, float(logits.abs().max()))


@pytest.mark.slow
def test_mobilenet_from_training_to_photos(tmp_path):
    check(tmp_path, ModelRecipe.of("torchvision/mobilenet_v3_small"))


@pytest.mark.long
@pytest.mark.parametrize("name", LARGE)
def test_large_networks_from_training_to_photos(tmp_path, name):
    card, *_ = check(tmp_path, ModelRecipe.of(name))
    assert ("Its shapes are the dense ones" in card) != (name == "torchvision/vgg11_bn")


@pytest.mark.long
@pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")
def test_a_network_of_timm_from_training_to_photos(tmp_path):
    check(tmp_path, ModelRecipe.of("timm/resnet10t"))
