"""Networks of any known layers: traced, shrunk, written and read, they compute the same."""

import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from masked import Of, randomised
from torch import nn

from dsd2.compat import import_torchvision
from dsd2.errors import UserError
from dsd2.export.encoding import load_compact, save_network
from dsd2.export.onnx import onnx_model
from dsd2.export.shrink import STAGES, compress
from dsd2.export.trace import graph_of
from dsd2.files.tensors import load_tensors
from dsd2.nn.models import PooledLinear

IMAGE = (3, 12, 10)
MEAN, STD = torch.full((3, 1, 1), 120.0), torch.full((3, 1, 1), 60.0)
EXACT = 1e-7
"""Largest difference in double precision, as a share of the largest logit; PooledLinear's matrix
has the rounding of single precision."""


pytestmark = pytest.mark.usefixtures("without_gradients")


class Random(nn.Module):
    """Random layers of every kind that is supported, in random places."""

    def __init__(self, pick):
        super().__init__()
        self.layers, self.calls, channels, height, width = nn.ModuleList(), [], 3, *IMAGE[1:]
        for _ in range(pick(3, 5, 7)):
            kind = pick("conv", "conv", "residual", "residual", "twice", "pool")
            if kind == "pool" and min(height, width) < 6:
                kind = "conv"
            if kind in ("residual", "twice"):
                made = self.conv(pick, channels, channels, pick(1, 3))
            elif kind == "conv":
                made = self.conv(pick, channels, pick(2, 4, 6), (pick(1, 3), pick(1, 3)))
            else:
                made = pick(
                    nn.MaxPool2d(2),
                    nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
                    nn.MaxPool2d(3, stride=1, dilation=2, padding=1),
                    nn.AvgPool2d((2, 3), stride=2),
                    nn.AvgPool2d(3, stride=2, padding=1),
                )
            self.layers.append(made)
            self.calls.append((kind, pick(*range(4))))
            channels, height, width = made.eval()(torch.zeros(1, channels, height, width))[0].shape
        self.head = pick(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(channels, 4)
            ),
            nn.Sequential(nn.AvgPool2d((height, width)), nn.Flatten(), nn.Linear(channels, 4)),
            PooledLinear(channels, 3, 4),
            nn.Sequential(
                nn.AdaptiveAvgPool2d(2),
                nn.Conv2d(channels, 3, 1),
                nn.Flatten(),
                nn.Linear(12, 5, bias=False),
                nn.BatchNorm1d(5),
                nn.ReLU(),
                nn.Linear(5, 4),
            ),
        )

    @staticmethod
    def conv(pick, inputs, outputs, size):
        groups = pick(1, 1, 2) if inputs % 2 == outputs % 2 == 0 else 1
        dilation, bias, stride = pick(1, (2, 1)), pick(True, False), pick(1, 1, (2, 1))
        padding = (pick(0, 1), 1)
        if inputs == outputs and isinstance(size, int):
            stride, padding = 1, "same"
        conv = nn.Conv2d(inputs, outputs, size, stride, padding, dilation, groups, bias)
        return nn.Sequential(conv, pick(nn.BatchNorm2d(outputs), nn.Identity()))

    def forward(self, x):
        for (kind, way), layer in zip(self.calls, self.layers, strict=True):
            if kind == "residual":
                y = layer(x)
                x = (lambda x, y: y + x, lambda x, y: x + y, torch.add, lambda x, y: x.add(y))[way](
                    x, y
                )
            elif kind == "twice":
                x = layer(F.relu(layer(x)))
            else:
                x = layer(x)
            if way == 1:
                x = F.relu(x)
            elif way == 2:
                y = x.relu()
                x += y
        return self.head(x)


def random_network(seed):
    torch.manual_seed(seed)
    pick = lambda *values: values[int(torch.randint(len(values), ()))]  # noqa: E731
    return randomised(Random(pick).double(), pick).eval()


def agree(network, image, folder):
    """Check every form of a network; returns its steps and the format of its file."""
    uint8 = torch.randint(0, 256, (3, *image), dtype=torch.uint8)
    images = (uint8.double() - MEAN) / STD
    expected = network(images)
    scale = max(1.0, float(expected.abs().max()))
    graph = graph_of(network, image)
    for name, stage in STAGES.items():
        assert (stage(graph)(images) - expected).abs().max() <= EXACT * scale, name
    small = compress(graph)
    described = (MEAN, STD, [str(i) for i in range(small.classes)])
    save_network(folder / "network", small, *described, "fp32", {})
    rounding = 1e-4 * scale
    assert (load_compact(folder / "network")(uint8) - expected).abs().max() <= rounding
    model = onnx_model(small, *described).SerializeToString()
    (answer,) = onnxruntime.InferenceSession(model).run(None, {"images": uint8.numpy()})
    assert (torch.from_numpy(answer) - expected).abs().max() <= rounding
    _, about = load_tensors(folder / "network", "network", 2, earlier=(1,))
    return graph, about["format"]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_random_networks_compute_the_same_in_every_form(part, tmp_path):
    for seed in range(6 * part, 6 * (part + 1)):
        agree(random_network(seed), IMAGE, tmp_path)


HEAD = {"fc": nn.Linear(3, 2)}
WRITTEN = {
    "view": (lambda m, x: m.fc(F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)), HEAD),
    "reshape": (lambda m, x: m.fc(F.avg_pool2d(x, (12, 10)).reshape(x.shape[0], 3)), HEAD),
    "pool of the map's size": (
        lambda m, x: m.fc(F.avg_pool2d(x, (x.size(2), x.shape[3])).flatten(1)),
        HEAD,
    ),
    "pool of a part of the shape": (
        lambda m, x: m.fc(F.avg_pool2d(x, kernel_size=x.shape[2:]).view(x.size()[:2])),
        HEAD,
    ),
    "mean of axes that are counted": (
        lambda m, x: m.fc(x.mean((x.dim() - 1, x.dim() - 2))),
        HEAD,
    ),
    "mean": (lambda m, x: m.fc(x.mean(dim=(2, 3))), HEAD),
    "mean, kept": (lambda m, x: m.fc(torch.mean(x, [-1, -2], keepdim=True).flatten(1)), HEAD),
    "a layer beside": (
        lambda m, x: m.fc(torch.flatten(F.max_pool2d(x, 2), 1)),
        {"fc": nn.Linear(90, 2), "b": nn.GRU(2, 2)},
    ),
    "sum of flat and linear": (
        lambda m, x: m.fc(m.square(x.mean((2, 3))) + x.mean((2, 3))),
        {**HEAD, "square": nn.Linear(3, 3)},
    ),
    "flat norm": (
        lambda m, x: m.fc(m.norm(F.relu(F.max_pool2d(x, 4).flatten(1)))),
        {"fc": nn.Linear(18, 2), "norm": nn.BatchNorm1d(18)},
    ),
    "norm that others read around": (
        lambda m, x: m.fc((m.conv(x) + m.norm(m.conv(x))).mean((2, 3))),
        {**HEAD, "conv": nn.Conv2d(3, 3, 3), "norm": nn.BatchNorm2d(3)},
    ),
    "images of the sum": (
        lambda m, x: m.fc((x + m.conv(x) + x.relu()).mean((2, 3))),
        {**HEAD, "conv": nn.Conv2d(3, 3, 3, padding=1)},
    ),
    "twice the same term": (lambda m, x: m.fc((x + x).mean((2, 3))), HEAD),
    "no head": (lambda m, x: m.conv(x).mean((2, 3)), {"conv": nn.Conv2d(3, 5, 3)}),
    "names that collide": (
        lambda m, x: m.logits(m.relu(m.relu1(m.relu(m.images(x)))).mean((2, 3))),
        {
            "images": nn.Conv2d(3, 3, 1),
            "relu": nn.ReLU(),
            "relu1": nn.ReLU(),
            "logits": nn.Linear(3, 2),
        },
    ),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_network_may_be_written_in_many_ways(way, tmp_path):
    torch.manual_seed(0)
    function, modules = WRITTEN[way]
    network = Of(function, **modules).double()
    agree(randomised(network, lambda *values: values[0]).eval(), IMAGE, tmp_path)


def changed_in_place(m, x):
    y = m.conv(x)
    z = F.relu(y, inplace=True)
    y += x
    return m.fc((z + y).mean((2, 3)))


def test_what_is_changed_in_place_is_read_changed(tmp_path):
    torch.manual_seed(0)
    network = Of(changed_in_place, conv=nn.Conv2d(3, 3, 1), fc=nn.Linear(3, 2)).double().eval()
    graph, _ = agree(network, IMAGE, tmp_path)
    assert graph.steps[-3].inputs == ("add1", "add1"), "both names are of one tensor"


def test_torchvisions_blocks_of_separable_convolutions(tmp_path):
    torch.manual_seed(0)
    block = import_torchvision("torchvision.models.mobilenetv2").InvertedResidual
    blocks = [block(3, 4, 2, 3), block(4, 4, 1, 3)]
    for layers in [block.conv for block in blocks]:
        for layer in layers:
            if isinstance(layer, nn.Sequential):
                layer[2] = nn.ReLU()
    network = nn.Sequential(*blocks, PooledLinear(4, 1, 2)).double().eval()
    _, form = agree(network, IMAGE, tmp_path)
    assert form == 2, "old copies of the loader know no groups"


def test_old_loaders_read_networks_that_need_nothing_new(tmp_path):
    torch.manual_seed(0)
    hidden = [nn.Linear(36, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3), nn.BatchNorm1d(3)]
    layers = [nn.Conv2d(3, 4, 3), nn.AvgPool2d((10, 8)), nn.Conv2d(4, 4, 1)]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), *hidden)
    graph, form = agree(network.double().eval(), IMAGE, tmp_path)
    assert form == 1
    assert graph.classes == 3


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (nn.Conv2d(3, 3, 3, padding_mode="reflect"), "padding_mode is not zeros"),
        (nn.Conv2d(3, 3, 2, padding="same"), "padding differs from side to side"),
        (nn.ConvTranspose2d(3, 3, 1), "is a ConvTranspose2d,"),
        (nn.BatchNorm2d(3, track_running_stats=False), "without running statistics"),
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode is not False"),
        (nn.AvgPool2d(3, padding=1, count_include_pad=False), "does not count its padding"),
        (nn.AvgPool2d(3, divisor_override=2), "divisor_override is not None"),
        (nn.AdaptiveAvgPool2d((1, 2)), "to 1×2 cells"),
        (nn.GELU(), "is a GELU,"),
        (nn.Linear(10, 3), "of a map that was not flattened"),
        (nn.Flatten(0), "mixes images"),
        (nn.Conv2d(4, 3, 3), "cannot be computed for these images"),
        (Of(lambda m, x: x + 1), "add of something"),
        (Of(lambda m, x: x * x), "is a mul,"),
        (Of(lambda m, x: torch.add(x, x, alpha=2)), "alpha is not 1"),
        (Of(lambda m, x: x + x.mean((2, 3), keepdim=True)), "of two shapes"),
        (Of(lambda m, x: x + m.bias, bias=nn.Parameter(torch.zeros(1))), "that no layer made"),
        (Of(lambda m, x: F.dropout(x)), "training is not False"),
        (Of(lambda m, x: x.mean()), "mixes images"),
        (Of(lambda m, x: x.mean(1)), "other axes"),
        (Of(lambda m, x: x.view(-1, 10)), "mixes images"),
        (Of(lambda m, x: torch.cat([x, x])), "is a cat,"),
        (
            Of(lambda m, x: F.conv2d(x, m.weight), weight=nn.Parameter(torch.ones(3, 3, 1, 1))),
            "is a conv2d,",
        ),
        (Of(lambda m, x: x if x.sum() > 0 else -x), "cannot trace its forward pass"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_supported_is_refused_in_one_sentence(layer, named):
    network = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(2))
    with pytest.raises(UserError) as raised:
        graph_of(network, IMAGE)
    message = str(raised.value)
    assert named in message
    assert "\n" not in message
    if "trace" not in named:
        assert message.startswith("layer 0")
        assert "supported are convolutions" in message


def test_layers_that_do_something_else_than_their_class_are_refused():
    class Other(nn.Conv2d):
        def _conv_forward(self, x, weight, bias):
            return super()._conv_forward(x, weight.abs(), bias)

    hooked = nn.Conv2d(3, 3, 1)
    hooked.register_forward_hook(lambda module, inputs, output: output * 2)
    for layer in (Other(3, 3, 1), hooked):
        with pytest.raises(UserError, match=r"layer 0.* is a "):
            graph_of(nn.Sequential(layer, PooledLinear(3, 1, 2)), IMAGE)


def test_a_parametrised_weight_is_exported_as_it_is_computed():
    parametrised = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 1).double())
    network = nn.Sequential(parametrised, PooledLinear(3, 1, 2).double()).eval()
    parametrised.parametrizations.weight.original0.mul_(2)
    images = torch.randn(2, *IMAGE, dtype=torch.float64)
    assert (graph_of(network, IMAGE)(images) - network(images)).abs().max() <= EXACT


def test_a_network_must_return_logits():
    for function in (lambda m, x: x.relu(), lambda m, x: (x, x)):
        with pytest.raises(UserError, match=r"logits \[N, classes\]"):
            graph_of(Of(function), IMAGE)
