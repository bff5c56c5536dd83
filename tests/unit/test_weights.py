"""Pretrained weights: which torchvision has, what of a file is loaded, what a run makes of it."""

import dataclasses
import pickle
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from whole_life import PHOTOS, file_of, make_data, recipe_of, train

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.artefacts.weights import read_weights, start_from_weights
from dsd2.compat import import_torchvision
from dsd2.config.pinned import pinned
from dsd2.config.study import load_study
from dsd2.data.dataset import load_dataset
from dsd2.errors import UserError
from dsd2.nn.models import head_of
from dsd2.nn.pretrained import torchvision_weights
from dsd2.paths import dataset_name, run_name
from dsd2.recipe import ModelRecipe, PerturbationRecipe, digest

pytestmark = pytest.mark.usefixtures("reproducible")

SMALL = "torchvision/shufflenet_v2_x0_5"


def recipe(weights):
    return pinned(ModelRecipe.of(SMALL, weights=str(weights)), None, False)


def built(classes=10, image=(3, 32, 32), seed=0):
    torch.manual_seed(seed)
    return ModelRecipe.of(SMALL).build(image, classes)


def same(one, other, names=None):
    return all(torch.equal(one[name], other[name]) for name in names or one)


@pytest.mark.slow
def test_weights_are_those_that_torchvision_has_by_name():
    models = import_torchvision("torchvision.models")
    for name in models.list_models(module=models):
        members = models.get_model_weights(name)
        for member in members:
            found = torchvision_weights(name, f"torchvision:{member.name}")
            assert (found.name, found.url) == (member.name, member.value.url)
        if "DEFAULT" in members.__members__:
            assert torchvision_weights(name, "torchvision").url == members.DEFAULT.value.url


def test_constants_are_imagenets_as_torchvisions_weights_have_them():
    models = import_torchvision("torchvision.models")
    for name in ("resnet18", "vit_b_16", "mobilenet_v3_small", "inception_v3", "swin_v2_t"):
        for member in models.get_model_weights(name):
            transform = member.transforms()
            mean, std = ModelRecipe.of(f"torchvision/{name}", weights="torchvision").constants
            assert [255 * each for each in transform.mean] == pytest.approx(mean)
            assert [255 * each for each in transform.std] == pytest.approx(std)


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "nested.pth", "ddp.pth"])
def test_files_are_read_and_the_head_is_new_for_other_classes(tmp_path, suffix):
    state, path = built(7).state_dict(), tmp_path / f"w.{suffix}"
    if suffix == "safetensors":
        save_file(state, path)
    elif suffix == "nested.pth":
        torch.save({"epoch": 3, "state_dict": state}, path)
    else:
        prefix = "module." if suffix == "ddp.pth" else ""
        torch.save({f"{prefix}{name}": tensor for name, tensor in state.items()}, path)
    model = built(10, seed=1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    start = start_from_weights(model, recipe(path))
    after = model.state_dict()
    assert start.new == ("fc.weight", "fc.bias")
    assert same(after, before, start.new)
    assert same(after, state, [name for name in state if name not in start.new])
    assert start.loaded == len(state) - 2
    assert f"{start.loaded} of {len(state)} tensors are those of {path}" in start.sentence()
    assert "new: fc.weight, fc.bias; not used of the file: fc.bias, fc.weight" in start.sentence()
    whole = built(7, seed=1)
    assert start_from_weights(whole, recipe(path)).new == ()
    assert same(whole.state_dict(), state)


def test_filters_for_colours_are_summed_for_grey_images(tmp_path):
    state, path = built(10).state_dict(), tmp_path / "w.pth"
    torch.save(state, path)
    model = built(10, (1, 32, 32), seed=1)
    start = start_from_weights(model, recipe(path))
    assert start.adapted == ("conv1.0.weight",)
    grey = torch.randn(2, 1, 32, 32)
    colour = built(10)
    torch.testing.assert_close(
        model.eval()(grey), colour.eval()(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5
    )


class Malicious:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (self.file, "w")


@pytest.mark.parametrize("how", ["torch", "pickle", "list", "text", "cut", "numbers"])
def test_what_is_no_weights_is_refused_and_runs_nothing(tmp_path, how):
    path, ran = tmp_path / "w.pth", tmp_path / "ran"
    if how == "torch":
        torch.save({"fc.weight": Malicious(str(ran))}, path)
    elif how == "pickle":
        path.write_bytes(pickle.dumps(Malicious(str(ran))))
    elif how in ("list", "numbers"):
        torch.save([1, 2] if how == "list" else {"a": 1}, path)
    elif how == "text":
        path.write_text("weights")
    else:
        torch.save(built().state_dict(), path)
        path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match=r"w\.pth: holds no (weights|tensors)") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    assert not ran.exists()


def test_weights_of_another_network_and_changed_ones_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(nn.Linear(3, 4).state_dict(), path)
    with pytest.raises(UserError, match=r"whose tensors do not fit.*shufflenet"):
        start_from_weights(built(), recipe(path))
    named = recipe(path)
    torch.save(nn.Linear(3, 5).state_dict(), path)
    assert digest(named) != digest(recipe(path))
    with pytest.raises(UserError, match=r"w\.pth: has changed since the run was named"):
        start_from_weights(built(), named)


def test_what_cannot_be_started_from_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    base = {"study": "s", "dataset": {"name": "digits"}, "arms": {"a": None}}
    for model, words in (
        ({"name": "vgg-like", "weights": "torchvision"}, "has none of 'vgg-like'"),
        ({"name": "resnet18", "weights": "torchvision:V9"}, "must be torchvision:IMAGENET1K_V1"),
        ({"name": "torchvision/resnet18", "weights": "torchvision"}, "download=true fetch it"),
        ({"name": "resnet18", "weights": "gone.pth"}, "names gone.pth, which is no file"),
        ({"name": "resnet18", "weights": "a.txt"}, r"must be a file .safetensors, .pth"),
    ):
        with pytest.raises(UserError, match=words):
            load_study({**base, "model": model})


def test_a_teacher_and_a_student_are_normalised_alike(tmp_path):
    torch.save(built().state_dict(), tmp_path / "w.pth")
    arms = {
        "teacher": {"model": {"normalise": "imagenet"}},
        "student": {"distillation": {"teacher": "teacher"}},
    }
    config = {"study": "s", "dataset": {"name": "digits"}, "arms": arms}
    with pytest.raises(UserError, match=r"other constants than the student's.*model\.normalise"):
        load_study(config)
    arms["student"]["model"] = {"normalise": "imagenet"}
    assert load_study(config)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Torch's cache with weights of torchvision's, for 1,000 classes, as far as anyone can tell."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    found = torchvision_weights("shufflenet_v2_x0_5", "torchvision")
    found.path.parent.mkdir(parents=True)
    state = built(1000, seed=5).state_dict()
    torch.save(state, found.path)
    return state


@pytest.mark.slow
def test_a_run_from_torchvisions_weights_rewinds_to_them(tmp_path, cached, capsys):
    make_data(tmp_path)
    model = recipe("torchvision")
    assert model.weights_digest == "IMAGENET1K_V1 shufflenetv2_x0.5-f707e7126e.pth"
    run = recipe_of(model, perturbation=PerturbationRecipe.of("rewind"))
    assert "-pretrained-" in run_name(run)
    assert run_name(run) != run_name(dataclasses.replace(run, model=ModelRecipe.of(SMALL)))
    train(tmp_path, run, (0, 1))
    said = capsys.readouterr().out
    loaded = f"{len(cached) - 2} of {len(cached)} tensors are those of torchvision"
    assert f"starts from pretrained weights: {loaded}" in said
    dense, pruned = (load_checkpoint(file_of(tmp_path, run, i)) for i in (0, 1))
    body = [name for name in cached if not name.startswith(head_of(built()))]
    assert same(dense.rewind, cached, body)
    assert not same(dense.state, cached, body)
    assert dense.start == pruned.start
    assert "new: fc.weight, fc.bias" in pruned.start
    data = load_dataset(tmp_path / "dataset", dataset_name(PHOTOS)).normalised_for(model)
    assert data.mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])


@pytest.mark.slow
def test_a_checkpoint_of_a_run_is_weights(tmp_path):
    make_data(tmp_path)
    run = recipe_of(ModelRecipe.of(SMALL))
    train(tmp_path, run, (0, 1))
    path = tmp_path / "start.safetensors"
    path.write_bytes(file_of(tmp_path, run, 1).read_bytes())
    model = built(seed=9)
    start = start_from_weights(model, recipe(path))
    assert start.new == start.unused == ()
    assert same(model.state_dict(), load_checkpoint(path).state)


def test_grey_images_have_the_mean_of_the_colours_constants(tmp_path):
    make_data(tmp_path)
    data = load_dataset(tmp_path / "dataset", dataset_name(PHOTOS))
    assert data.normalised_for(ModelRecipe.of("resnet18")) is data
    grey = dataclasses.replace(
        data, train=dataclasses.replace(data.train, images=data.train.images[:, :1])
    )
    wanted = grey.normalised_for(ModelRecipe.of("resnet18", normalise="imagenet"))
    assert wanted.mean.shape == wanted.std.shape == (1, 1, 1)
    assert float(wanted.mean) == pytest.approx((123.675 + 116.28 + 103.53) / 3)


def test_position_embeddings_are_interpolated_as_torchvision_does(tmp_path):
    models = import_torchvision("torchvision.models.vision_transformer")
    small = {"patch": 4, "hidden": 8, "blocks": 1, "heads": 2}
    of_16, of_32 = (ModelRecipe.of("vit", **small).build((3, side, side), 10) for side in (16, 32))
    torch.nn.init.normal_(of_16.encoder.pos_embedding)
    state = {name: tensor.clone() for name, tensor in of_16.state_dict().items()}
    expected = models.interpolate_embeddings(32, 4, OrderedDict(state))
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    named = ModelRecipe.of("vit", **small, weights=str(path))
    start = start_from_weights(of_32, pinned(named, None, False))
    assert start.resized == ("encoder.pos_embedding",)
    assert "interpolated for the image size: encoder.pos_embedding" in start.sentence()
    assert same(of_32.state_dict(), expected, expected)
