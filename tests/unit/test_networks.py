"""Networks by name: torchvision's, one's own, what of them is pruned, and their neurons' states."""

import json
import math
import re
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from pictures import image_set
from recipes import training
from torch import nn

from dsd2.compat import import_torchvision
from dsd2.config.studies import load_studies
from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.nn.entropy import counting_states
from dsd2.nn.footprint import footprint, sizes_of
from dsd2.nn.models import depthwise_weights, prunable_weights, pruned_weights
from dsd2.nn.pruning import full_masks, prune
from dsd2.nn.training import train
from dsd2.recipe import ModelRecipe, PruningRecipe, from_json, to_json

OWN = """\
import torch
from torch import nn
import torch.nn.functional as F

class Tiny(nn.Module):
    def __init__(self, image, classes, width=4, act="relu"):
        super().__init__()
        self.first = nn.Conv2d(image[0], width, 3, padding=1)
        self.last = nn.Linear(width, classes)
        self.act = getattr(F, act)

    def forward(self, x):
        return self.last(self.act(self.first(x)).mean((2, 3)))

def no_module(image, classes):
    return 3

def fails(image, classes):
    raise ValueError("on purpose")
"""
BASE = {
    "study": "s",
    "seeds": [0],
    "dataset": {"name": "digits", "train": 100, "validation": 50},
    "pruning": {"fraction": 0.5, "target_sparsity": 0.9},
    "arms": {"a": None},
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(OWN)
    return tmp_path / "net.py"


def model_of(model, **others):
    return load_study({**BASE, "model": model, **others}).arms["all", "a"].model


def test_every_classification_network_of_torchvision_has_a_name():
    models = import_torchvision("torchvision.models")
    for name in models.list_models(module=models):
        recipe = ModelRecipe.of(f"torchvision/{name}")
        assert recipe.name == f"torchvision/{name}"
        assert from_json(ModelRecipe, to_json(recipe)) == recipe


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "regnet_y_400mf"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_of_torchvision_is_torchvisions(name, channels):
    torch.manual_seed(3)
    mine = ModelRecipe.of(f"torchvision/{name}").build((channels, 32, 32), 7)
    torch.manual_seed(3)
    theirs = import_torchvision("torchvision.models").get_model(name, num_classes=7)
    same = [
        torch.equal(a, b)
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True)
        if a.shape == b.shape
    ]
    assert all(same)
    assert len(same) == len(list(theirs.parameters())) - (channels == 1)
    assert mine.eval()(torch.zeros(2, channels, 32, 32)).shape == (2, 7)
    assert footprint(ModelRecipe.of(f"torchvision/{name}"), (channels, 32, 32), 7).states > 5


def test_a_small_vision_transformer_is_torchvisions():
    recipe = model_of({"name": "vit", "patch": 2, "hidden": 24, "blocks": 2, "heads": 3})
    assert recipe.slug == "vit2x24-p2"
    torch.manual_seed(3)
    mine = recipe.build((3, 8, 8), 10)
    torch.manual_seed(3)
    theirs = import_torchvision("torchvision.models").VisionTransformer(
        **{"image_size": 8, "patch_size": 2, "num_layers": 2, "num_heads": 3, "hidden_dim": 24},
        mlp_dim=96,
        num_classes=10,
    )
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(mine.eval()(images), theirs.eval()(images))
    sizes = footprint(recipe, (1, 8, 8), 10)
    assert sizes.states == 2, "the GELU of each block"
    projections = 2 * (3 * 24 * 24 + 24 * 24)
    assert sizes.prunable == 24 * 4 + projections + 2 * 2 * 24 * 96 + 24 * 10
    assert sizes.head == "heads.head.weight"


@pytest.mark.slow
def test_arguments_reach_the_function_and_are_part_of_the_name():
    plain = model_of({"name": "torchvision/mobilenet_v2"})
    narrow = model_of({"name": "torchvision/mobilenet_v2", "arguments": {"width_mult": 0.25}})
    assert to_json(plain) == '{"name":"torchvision/mobilenet_v2"}'
    assert json.loads(to_json(narrow))["arguments"] == {"width_mult": 0.25}
    sizes = [footprint(model, (3, 32, 32), 10).parameters for model in (plain, narrow)]
    assert sizes[1] < sizes[0] / 4
    whole = [ModelRecipe.of("torchvision/resnet34", arguments={"a": n}) for n in (1, 1.0)]
    assert to_json(whole[0]) == to_json(whole[1])
    assert hash(whole[0]) == hash(whole[1])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"name": "torchvision/resnet17"}, "'torchvision/resnet17'.*has not.*resnet18"),
        ({"name": "torchvision/vit_b_16"}, "vit_b_16.*cannot be built for images of 8×8"),
        ({"name": "torchvision/mobilenet_v2", "arguments": {"wide": 3}}, "cannot be built.*wide"),
        ({"name": "vit", "patch": 3}, "model.patch is 3 .* these are 8×8 pixels"),
        ({"name": "vit", "heads": 5}, "model.heads is 5 .* model.hidden, which is 64"),
        ({"name": "timm/resnet10t"}, "timm is missing"),
        ({"name": "net.py:nothing"}, "has no function or class nothing"),
        ({"name": "net.py:no_module"}, "returned a int but must return a torch.nn.Module"),
        ({"name": "net.py:fails"}, r"net.py: fails.* raised ValueError: on purpose"),
        ({"name": "broken.py:f"}, "broken.py: cannot be run: NameError"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(model, words, own):
    own.with_name("broken.py").write_text("undefined\n")
    if model["name"].startswith("timm") and find_spec("timm") is not None:
        pytest.skip("timm is installed")
    with pytest.raises(UserError, match=words) as caught:
        model_of(model).build((1, 8, 8), 10)
    assert "\n" not in str(caught.value)


def test_a_module_of_ones_own_is_named_by_its_content(own):
    before = model_of({"name": "net.py:Tiny", "arguments": {"width": 3}})
    assert before.slug == "net-Tiny"
    assert before.build((1, 8, 8), 10)(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert from_json(ModelRecipe, to_json(before)) == before
    own.write_text(OWN + "# another\n")
    after = model_of({"name": "net.py:Tiny", "arguments": {"width": 3}})
    assert after.code_digest != before.code_digest
    with pytest.raises(UserError, match=r"net\.py: has changed since the run was named"):
        before.build((1, 8, 8), 10)
    own.unlink()
    with pytest.raises(UserError, match=r"model\.name names net\.py, which is no file"):
        model_of({"name": "net.py:Tiny"})


def test_a_listed_study_runs_no_code_that_the_command_does_not_name(own, tmp_path):
    study = {**BASE, "model": {"name": "net.py:Tiny"}}
    (tmp_path / "s.yaml").write_text(json.dumps(study))
    ran = tmp_path / "ran"
    own.write_text(f"open({str(ran)!r}, 'w').close()\n{OWN}")
    listed = {"studies": ["s.yaml"]}
    with pytest.raises(UserError, match=r"s\.yaml: config key model\.name .* --config code="):
        load_studies(listed)
    with pytest.raises(UserError, match=r"only files that config key code lists"):
        load_studies({**listed, "code": ["other.py"]})
    assert not ran.exists()
    (found,) = load_studies({**listed, "code": [str(own)]})
    assert found.arms["all", "a"].model.code == "net.py"
    (tmp_path / "s.yaml").write_text(json.dumps({**study, "code": ["net.py"]}))
    with pytest.raises(UserError, match="which a listed study cannot"):
        load_studies(listed)


class Attention(nn.Module):
    """A transformer's block whose embedding and head share a weight."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 4, stride=4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.position = nn.Embedding(4, 8)
        self.first, self.head = nn.Linear(8, 8), nn.Linear(8, 8)
        self.head.weight = self.first.weight

    def forward(self, x):
        x = self.patch(x).flatten(2).mT + self.position.weight
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = self.norm(self.first(F.silu(x + self.mlp(x))))
        return self.head(x.mean(1))


def test_attentions_projections_are_pruned_and_tied_weights_are_there_once():
    sizes = sizes_of(Attention(), (1, 8, 8))
    assert list(sizes.weights) == [
        "patch.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "mlp.0.weight",
        "mlp.2.weight",
        "first.weight",
    ]
    assert sizes.macs["attention.in_proj_weight"] == 4 * 8 * 24
    assert sizes.macs["attention.out_proj.weight"] == 4 * 8 * 8
    assert sizes.macs["mlp.0.weight"] == 4 * 8 * 16
    assert sizes.macs["first.weight"] == 4 * 64 + 64
    assert sizes.macs["patch.weight"] == 4 * 16 * 8


def test_attention_with_keys_of_another_size_is_counted():
    class Cross(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, kdim=4, vdim=2, batch_first=True)

        def forward(self, x):
            x = x.flatten(2).mT
            return self.attention(x, x[:, :4, :4], x[:, :4, :2])[0].mean(1)

    macs = sizes_of(Cross(), (8, 3, 3)).macs
    assert macs == {
        "attention.q_proj_weight": 9 * 64,
        "attention.k_proj_weight": 4 * 32,
        "attention.v_proj_weight": 4 * 16,
        "attention.out_proj.weight": 9 * 64,
    }


@pytest.mark.parametrize(
    "name", ["swin_t", "swin_v2_t", "vit_b_16", "convnext_tiny", "densenet121"]
)
def test_every_prunable_weight_of_large_networks_is_counted(name):
    sizes = footprint(ModelRecipe.of(f"torchvision/{name}"), (3, 32, 32), 10)
    assert sizes.weights.keys() == sizes.macs.keys()
    assert min(sizes.macs.values()) > 0
    assert sizes.head in sizes.weights


def depthwise():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 1), nn.Conv2d(6, 6, 3, groups=6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5)
    )


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_guarded_depthwise_filter_keeps_its_last_weight(scope):
    model = depthwise()
    assert depthwise_weights(model) == {"1.weight"}
    fates = {}
    for guard in ("guarded", "pruned", "kept"):
        recipe = PruningRecipe(criterion="magnitude", fraction=0.5, scope=scope, depthwise=guard)
        masks = full_masks(pruned_weights(model, recipe))
        total = sum(mask.numel() for mask in masks.values())
        for _ in range(8):
            scores = {name: w.detach().abs() for name, w in prunable_weights(model).items()}
            scores["1.weight"] = scores["1.weight"] * 1e-3
            masks = prune(scores, masks, recipe, depthwise_weights(model))
        fates[guard] = masks, total
    guarded, pruned = fates["guarded"][0], fates["pruned"][0]
    assert guarded["1.weight"].flatten(1).sum(1).tolist() == [1] * 6
    best = scores["1.weight"].flatten(1).argmax(1)
    assert torch.equal(guarded["1.weight"].flatten(1).long().argmax(1), best)
    assert int(pruned["1.weight"].flatten(1).any(1).sum()) < 6
    assert "1.weight" not in fates["kept"][0]
    assert fates["kept"][1] == 6 + 216 * 5
    if scope == "global":
        assert [sum(int(m.sum()) for m in each.values()) for each in (guarded, pruned)] == [6, 4]


def test_what_may_go_is_removed_and_then_a_round_removes_nothing():
    model = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Flatten())
    recipe = PruningRecipe(criterion="magnitude", fraction=0.9)
    masks = full_masks(pruned_weights(model, recipe))
    scores = {name: w.detach().abs() for name, w in prunable_weights(model).items()}
    for _ in range(3):
        masks = prune(scores, masks, recipe, depthwise_weights(model))
    assert int(masks["0.weight"].sum()) == 4


def test_a_head_that_is_kept_loses_nothing():
    model = depthwise()
    recipe = PruningRecipe(criterion="magnitude", fraction=0.5, head="kept")
    assert pruned_weights(model, recipe).keys() == {"0.weight", "1.weight"}
    with pytest.raises(UserError, match=r"pruning\.head of arm a is 'kept' but must be pruned"):
        load_study({**BASE, "pruning": {"structure": "filters", "head": "kept"}})


ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
}


@pytest.mark.parametrize("word", ACTIVATIONS)
@pytest.mark.parametrize("inplace", [False, True])
def test_states_are_the_same_of_modules_and_functions(word, inplace):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3)

        def forward(self, x):
            options = {"inplace": inplace} if word != "gelu" else {}
            return getattr(F, word)(self.conv(x), **options).mean((2, 3))

    torch.manual_seed(0)
    functional = Functional()
    module = ACTIVATIONS[word]() if word == "gelu" else ACTIVATIONS[word](inplace=inplace)
    modular = nn.Sequential(functional.conv, module)
    x = torch.randn(5, 1, 6, 6)
    found = []
    for model in (functional, modular):
        with counting_states(model) as counts, torch.no_grad():
            model(x)
            counts.end_batch(5)
        found.append(dict(counts))
    assert list(found[0]) == [f"{word}:0"]
    assert list(found[1]) == ["1:0"]
    expected = (functional.conv(x) > 0).sum(0)
    assert all(torch.equal(on, expected) for counts in found for on in counts.values())


def test_the_channels_behind_a_linear_layer_are_the_last_axis():
    model = Attention().eval()
    x = torch.randn(6, 1, 8, 8)
    seen = []
    model.mlp[0].register_forward_hook(lambda _m, _i, out: seen.append(out))
    with counting_states(model) as counts, torch.no_grad():
        model(x)
        counts.end_batch(6)
    assert list(counts) == ["mlp.1:0", "silu:0"]
    assert counts["mlp.1:0"].shape == (16, 4)
    assert torch.equal(counts["mlp.1:0"], (seen[0] > 0).sum(0).T)
    assert counts["silu:0"].shape == (8, 4)


def test_what_is_made_from_no_image_has_no_states():
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.Linear(2, 3), nn.Linear(3, 5)

        def forward(self, x):
            bias = F.relu(self.table(torch.ones(7, 2)))
            return self.head(F.gelu(x.flatten(1)[:, :3] + bias.mean(0)))

    model = Table()
    for batches in ((7, 3), (3, 7)):
        with counting_states(model) as counts, torch.no_grad():
            for images in batches:
                model(torch.randn(images, 1, 2, 2))
                counts.end_batch(images)
        assert list(counts) == ["gelu:0"]


def test_an_encoder_layers_function_is_seen_though_torch_would_fuse_it():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with counting_states(model) as counts, torch.no_grad():
        model(torch.randn(3, 4, 8))
        counts.end_batch(3)
    assert list(counts) == ["relu:0"]
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_gate_that_needs_an_entropy_is_refused_where_there_is_none(own):
    own.write_text(OWN.replace('act="relu"', 'act="tanh"'))
    with pytest.raises(UserError, match=re.escape("no activation of 'net.py:Tiny' has neurons")):
        model_of({"name": "net.py:Tiny"}, stopping={"policy": "entropy"})
    assert model_of({"name": "net.py:Tiny"}, stopping={"policy": "accuracy"}) is not None


def test_parameters_that_are_frozen_or_unused_do_not_stop_a_training():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model.unused = nn.Parameter(torch.ones(3))
    model[1].bias.requires_grad_(False)
    before = model[1].bias.clone()
    masks = full_masks(prunable_weights(model))
    progress = train(model, masks, image_set(16, (1, 8, 8)), training(), stream=("frozen",))
    assert torch.equal(model[1].bias, before)
    assert math.isfinite(progress.history[-1]["train_loss"])
