"""Channels that leave together, in networks of all kinds: what is removed reaches no logit."""

import pytest
import torch
import torch.nn.functional as F
from masked import Of, narrow_resnet, randomised
from torch import nn

from dsd2.config.chain_length import chains_end
from dsd2.errors import UserError
from dsd2.export.shrink import compress
from dsd2.export.trace import graph_of
from dsd2.nn.channels import coupled_channels, couplings_of
from dsd2.nn.models import depthwise_weights, prunable_weights
from dsd2.nn.pruning import apply_masks, densities, full_masks, prune, scheduled_densities
from dsd2.nn.sizes import network_couplings
from dsd2.recipe import DatasetRecipe, ModelRecipe, PruningRecipe

IMAGE = (3, 16, 16)
FILTERS = PruningRecipe(criterion="magnitude", fraction=0.4, structure="filters")
DIGITS = DatasetRecipe.of("digits", train=None, test=None, validation=200, split_seed=0)


pytestmark = pytest.mark.usefixtures("without_gradients")


def conv(inputs, outputs, **options):
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


def shuffled(m, x):
    one, two = m.first(x).chunk(2, dim=1)
    x = torch.cat((one, m.second(two)), dim=1)
    n, c, height, width = x.size()
    x = x.view(n, 2, c // 2, height, width).transpose(1, 2).contiguous().view(n, -1, height, width)
    return m.fc(x.mean((2, 3)))


def squeezed(m, x):
    x = m.first(x)
    scale = torch.sigmoid(m.out(F.relu(m.into(F.adaptive_avg_pool2d(x, 1)))))
    return m.fc((x * scale).mean([2, 3]))


def of_tokens(m, x):
    x = m.first(x).flatten(2).transpose(1, 2)
    x = x + m.attention(x, x, x)[0]
    return m.fc((x + m.down(F.gelu(m.up(m.norm(x))))).mean(1))


def hooked():
    layer = conv(3, 4)
    layer.register_forward_hook(lambda module, inputs, output: output.flip(1))
    return layer


NETWORKS = {
    "a sum": (
        lambda m, x: m.fc((m.one(x) + m.two(F.relu(m.one(x)))).mean((2, 3))),
        {"one": conv(3, 4), "two": conv(4, 4), "fc": nn.Linear(4, 2)},
        [(4, {"one", "two"}, {"two", "fc"})],
    ),
    "a sum with the images": (
        lambda m, x: m.fc((x + m.one(x)).mean((2, 3))),
        {"one": conv(3, 3), "fc": nn.Linear(3, 2)},
        [],
    ),
    "a concatenation": (
        lambda m, x: m.fc(torch.cat([m.one(x), m.two(x)], 1).mean((2, 3))),
        {"one": conv(3, 4), "two": conv(3, 6), "fc": nn.Linear(10, 2)},
        [(4, {"one"}, {"fc"}), (6, {"two"}, {"fc"})],
    ),
    "a depthwise convolution of two filters a channel": (
        lambda m, x: m.fc(F.relu(m.norm(m.deep(m.one(x)))).mean((2, 3))),
        {
            "one": conv(3, 4),
            "deep": conv(4, 8, groups=4),
            "norm": nn.BatchNorm2d(8),
            "fc": nn.Linear(8, 2),
        },
        [(4, {"one", "deep"}, {"fc"})],
    ),
    "a grouped convolution": (
        lambda m, x: m.fc(m.grouped(m.one(x)).mean((2, 3))),
        {"one": conv(3, 8), "grouped": conv(8, 12, groups=4), "fc": nn.Linear(12, 2)},
        [(2, {"one"}, {"grouped"}), (3, {"grouped"}, {"fc"})],
    ),
    "a squeeze and excitation": (
        squeezed,
        {
            "first": conv(3, 6),
            "into": nn.Conv2d(6, 2, 1),
            "out": nn.Conv2d(2, 6, 1),
            "fc": nn.Linear(6, 2),
        },
        [(6, {"first", "out"}, {"into", "fc"}), (2, {"into"}, {"out"})],
    ),
    "one map for all channels": (
        lambda m, x: m.fc((m.first(x) * m.gate(x)).mean((2, 3))),
        {"first": conv(3, 4), "gate": conv(3, 1), "fc": nn.Linear(4, 2)},
        [(4, {"first"}, {"fc"})],
    ),
    "a shuffle of halves": (
        shuffled,
        {"first": conv(3, 8), "second": conv(4, 4), "fc": nn.Linear(8, 2)},
        [(8, {"first"}, {"second", "fc"}), (4, {"second"}, {"fc"})],
    ),
    "attention and a norm over channels": (
        of_tokens,
        {
            "first": nn.Conv2d(3, 8, 4, 4),
            "attention": nn.MultiheadAttention(8, 2, batch_first=True),
            "norm": nn.LayerNorm(8),
            "up": nn.Linear(8, 12),
            "down": nn.Linear(12, 8),
            "fc": nn.Linear(8, 2),
        },
        [(12, {"up"}, {"down"})],
    ),
    "a shortcut with channels of zeros": (
        lambda m, x: m.fc(
            (F.pad(m.one(x)[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)) + m.two(x)).sum((2, 3))
        ),
        {"one": conv(3, 4), "two": conv(3, 8, stride=2), "fc": nn.Linear(8, 2)},
        [(8, {"one", "two"}, {"fc"})],
    ),
    "an average pool as large as the map": (
        lambda m, x: m.fc(F.avg_pool2d(m.one(x), m.one(x).size(3)).view(x.size(0), -1)),
        {"one": conv(3, 4), "fc": nn.Linear(4, 2)},
        [(4, {"one"}, {"fc"})],
    ),
    "borders of zeros": (
        lambda m, x: m.fc(m.two(F.pad(m.border(m.one(x)), (0, 1, 1, 0), value=2.0)).mean((2, 3))),
        {
            "one": conv(3, 4),
            "border": nn.ZeroPad2d(1),
            "two": nn.Conv2d(4, 5, 3),
            "fc": nn.Linear(5, 2),
        },
        [(4, {"one"}, {"two"}), (5, {"two"}, {"fc"})],
    ),
    "a border of the map itself": (
        lambda m, x: m.fc(F.pad(m.one(x), (1, 1, 1, 1), mode="reflect").mean((2, 3))),
        {"one": conv(3, 4), "fc": nn.Linear(4, 2)},
        [],
    ),
    "a map that is flattened": (
        lambda m, x: m.fc(F.max_pool2d(m.one(x), 4).flatten(1)),
        {"one": conv(3, 4), "fc": nn.Linear(64, 2)},
        [(4, {"one"}, {"fc"})],
    ),
    "a norm over groups": (
        lambda m, x: m.fc(m.norm(m.one(x)).mean((2, 3))),
        {"one": conv(3, 4), "norm": nn.GroupNorm(2, 4), "fc": nn.Linear(4, 2)},
        [],
    ),
    "a mean over channels": (
        lambda m, x: m.fc(m.one(x).mean(1).flatten(1)),
        {"one": conv(3, 4), "fc": nn.Linear(256, 2)},
        [],
    ),
    "a hook": (
        lambda m, x: m.fc(m.one(x).mean((2, 3))),
        {"one": hooked(), "fc": nn.Linear(4, 2)},
        [],
    ),
    "a weight that is computed": (
        lambda m, x: m.fc(m.two(m.one(x)).mean((2, 3))),
        {
            "one": conv(3, 4),
            "two": nn.utils.parametrizations.weight_norm(conv(4, 4)),
            "fc": nn.Linear(4, 2),
        },
        [],
    ),
    "a weight that another call reads": (
        lambda m, x: m.fc(F.conv2d(m.one(x), m.two.weight).mean((2, 3)) + m.two(m.one(x)).mean()),
        {"one": conv(3, 4), "two": nn.Conv2d(4, 4, 1), "fc": nn.Linear(4, 2)},
        [],
    ),
    "a layer that is called twice": (
        lambda m, x: m.fc(m.again(F.relu(m.again(m.one(x)))).mean((2, 3))),
        {"one": conv(3, 4), "again": conv(4, 4), "fc": nn.Linear(4, 2)},
        [(4, {"one", "again"}, {"again", "fc"})],
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_channels_that_leave_together(kind):
    function, modules, expected = NETWORKS[kind]
    network = Of(function, **modules)
    found = [
        (one.count, *({name.removesuffix(".weight") for name in part} for part in parts(one)))
        for one in coupled_channels(network, IMAGE)
    ]
    assert found == expected
    for seed in range(20 if found else 0):
        torch.manual_seed(seed)
        check(with_new_weights(network), IMAGE)


def with_new_weights(network):
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return network


@pytest.mark.parametrize("weak", [slice(0, 4), slice(4, 8)])
def test_a_layer_that_reads_half_of_the_channels_keeps_the_best_of_them(weak):
    """Without any it would be a constant, whose channels would leave in the next round."""
    function, modules, _ = NETWORKS["a shuffle of halves"]
    network = with_new_weights(Of(function, **modules)).float()
    network.first.weight[weak] *= 0.01
    network.first.weight[weak.start + 2] *= 2
    masks = pruned(network, coupled_channels(network, IMAGE), 1, 0.5)
    rows = masks["first.weight"].flatten(1).any(1)
    assert int(rows.sum()) == 4
    reads = masks["second.weight"].transpose(0, 1).flatten(1).any(1)
    assert torch.equal(reads, rows[4:])
    assert reads.tolist() == ([False, False, True, False] if weak.start else [True] * 4)


def parts(one):
    return one.rows, one.columns


def pruned(network, channels, rounds, fraction=0.4):
    """The masks after some rounds, which are applied to the network."""
    weights = prunable_weights(network)
    scores, masks = {n: w.abs() for n, w in weights.items()}, full_masks(weights)
    recipe = PruningRecipe(criterion="magnitude", fraction=fraction, structure="filters")
    for _ in range(rounds):
        masks = prune(scores, masks, recipe, depthwise_weights(network), channels)
    apply_masks(weights, masks)
    return masks


def check(network, image, rounds=2):
    """That what is removed is read by nothing: whatever it holds, the logits are the same."""
    torch.manual_seed(0)
    network = network.double().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.normal_()
            module.bias.normal_()
    channels = coupled_channels(network, image)
    masks = pruned(network, channels, rounds)
    images = torch.randn(2, *image, dtype=torch.float64)
    before = network(images)
    weights = prunable_weights(network)
    changed = 0
    for one in channels:
        gone = torch.ones(one.count, dtype=torch.bool)
        for name, places in one.rows.items():
            gone[places[masks[name].flatten(1).any(1)]] = False
        changed += int(gone.sum())
        for name, places in one.rows.items():
            rows = gone[places]
            weights[name][rows] = torch.randn_like(weights[name][rows])
    assert changed
    torch.testing.assert_close(network(images), before, rtol=1e-12, atol=1e-12)
    return channels, masks


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "groups"),
    [
        pytest.param("torchvision/vgg11_bn", 10, marks=pytest.mark.long),
        ("torchvision/mobilenet_v2", 25),
        ("torchvision/mobilenet_v3_small", 27),
        ("torchvision/shufflenet_v2_x0_5", 26),
        ("torchvision/squeezenet1_1", 25),
        ("torchvision/densenet121", 120),
        ("torchvision/googlenet", 57),
        ("torchvision/efficientnet_b0", 40),
    ],
)
def test_networks_of_torchvision_lose_channels(name, groups):
    torch.manual_seed(0)
    network = ModelRecipe.of(name).build((3, 64, 64), 10)
    channels, masks = check(network, (3, 64, 64), rounds=1)
    assert len(channels) == groups
    names = {name for one in channels for name in one.rows}
    head = list(prunable_weights(network))[-1]
    assert {*prunable_weights(network)} - names == {head}, "all layers but the classifier"
    readers = {name for one in channels for name in one.columns}
    assert all(density < 1 for name, density in densities(masks).items() if name in readers)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_what_is_left_of_a_resnet_is_exported_without_the_channels(kind):
    torch.manual_seed(0)
    network = narrow_resnet(kind, "cifar", 3, 10, 8, 2)
    network = randomised(network, lambda *values: values[0])
    _, masks = check(network, IMAGE)
    apply_masks(prunable_weights(network), masks)
    dense, small = (form(graph_of(network, IMAGE)) for form in (lambda graph: graph, compress))
    images = torch.randn(3, *IMAGE, dtype=torch.float64)
    assert (small(images) - network(images)).abs().max() <= 1e-10
    living = sum(int(mask.sum()) for mask in masks.values())
    held = sum(t.numel() for name, t in small.tensors.items() if name.endswith("weight"))
    # A plane of ones for what constants leave at the border is one more channel.
    assert living <= held <= 1.35 * living
    assert small.macs() < 0.3 * dense.macs()


def test_residual_sums_of_resnet18_lose_whole_channels():
    with torch.device("meta"):
        network = ModelRecipe.of("resnet18").build((3, 32, 32), 10)
    found = coupled_channels(network, (3, 32, 32))
    first = found[0]
    sums = ["conv1", "layer1.0.conv2", "layer1.1.conv2"]
    assert list(first.rows) == [f"{name}.weight" for name in sums]
    readers = ["layer1.0.conv1", "layer1.1.conv1", "layer2.0.conv1", "layer2.0.downsample.0"]
    assert list(first.columns) == [f"{name}.weight" for name in readers]
    assert [one.count for one in found] == [64] * 3 + [128] * 3 + [256] * 3 + [512] * 3


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("kind", ["a sum", "a concatenation", "a squeeze and excitation", "basic"])
def test_a_plan_knows_how_many_rounds_remove_anything(kind, fraction):
    torch.manual_seed(0)
    if kind == "basic":
        network = narrow_resnet(kind, "cifar", 3, 10, 4, 1)
    else:
        network = Of(NETWORKS[kind][0], **NETWORKS[kind][1])
    channels = coupled_channels(network, IMAGE)
    planned = sum(1 for _ in couplings_of(channels).rounds(fraction))
    weights = prunable_weights(network)
    scores, masks, rounds = {n: w.abs() for n, w in weights.items()}, full_masks(weights), -1
    recipe = PruningRecipe(criterion="magnitude", fraction=fraction, structure="filters")
    before = None
    while before is None or any(not torch.equal(masks[n], before[n]) for n in masks):
        before, masks = masks, prune(scores, masks, recipe, (), channels)
        rounds += 1
    assert rounds == planned > 0


def test_a_plan_knows_the_densities_of_a_resnet():
    network = narrow_resnet("basic", "cifar", 3, 10, 8, 1)
    channels = coupled_channels(network, IMAGE)
    halves = PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters")
    for rounds in (1, 2):
        masks = pruned(network, channels, rounds, 0.5)
        known = couplings_of(channels)
        assert densities(masks) == scheduled_densities(list(masks), halves, rounds, (), known)


def test_a_chain_is_planned_by_the_traced_network():
    model = ModelRecipe.of("resnet18")
    known = network_couplings(model, (1, 8, 8), 10)
    assert list(known.counts) == [64] * 3 + [128] * 3 + [256] * 3 + [512] * 3
    assert chains_end(FILTERS, 0.9, model, DIGITS, [], "arm a") == (4, False)


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        (
            "linear",
            "def build(image, classes):\n    return nn.Linear(8, classes)",
            "no channel of 'linear.py:build' can leave it",
        ),
        (
            "branching",
            "class build(nn.Module):\n    def __init__(self, image, classes):\n"
            "        super().__init__()\n        self.inner = nn.Conv2d(1, classes, 8)\n"
            "    def forward(self, x):\n"
            "        return self.inner(x if x.sum() > 0 else -x).flatten(1)",
            "torch.fx cannot trace",
        ),
    ],
)
def test_a_network_that_can_lose_no_filters_is_refused_in_a_sentence(
    file, code, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{file}.py").write_text(f"from torch import nn\n{code}\n")
    with pytest.raises(UserError, match=r"structure of arm a is 'filters', which this") as raised:
        chains_end(FILTERS, 0.9, ModelRecipe.of(f"{file}.py:build"), DIGITS, [], "arm a")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
