"""Random networks, narrow ones of every kind that we build, with random masks and statistics."""

import torch
from torch import nn

from dsd2.compat import import_torchvision
from dsd2.nn.models import prunable_weights
from dsd2.recipe import ModelRecipe


class Of(nn.Module):
    """A network of one function, and of modules that it may use."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


def random_network(kind, seed):
    """A network in double precision and evaluation mode, and the images' (C, H, W).

    Args:
        kind: vgg-like, basic or bottleneck (narrow ResNets of those blocks).
        seed: decides everything.
    """
    torch.manual_seed(seed)
    pick = lambda *values: values[int(torch.randint(len(values), ()))]  # noqa: E731
    channels, classes = pick(1, 3), pick(2, 10)
    if kind == "vgg-like":
        depth = pick(1, 2, 3)
        image = (channels, pick(8, 12, 16), pick(8, 16))
        recipe = ModelRecipe.of(kind, depth=depth, width=pick(1, 2, 3), dropout=pick(0.0, 0.5))
        network = recipe.build(image, classes)
    else:
        image = (channels, 16, 16)
        stem = pick("cifar", "imagenet")
        network = narrow_resnet(kind, stem, channels, classes, pick(2, 3, 5), pick(1, 1, 2))
    return randomised(network.double(), pick).eval(), image


def narrow_resnet(kind, stem, channels, classes, width, blocks):
    """Our ResNet with the same modules in the same places, of few channels."""
    resnet = import_torchvision("torchvision.models.resnet")
    block = {"basic": resnet.BasicBlock, "bottleneck": resnet.Bottleneck}[kind]
    with torch.device("meta"):
        recipe = ModelRecipe.of("resnet18", stem=stem)
        network = recipe.build((channels, 16, 16), classes)
    first = network.conv1
    network.conv1 = nn.Conv2d(
        channels, width, first.kernel_size, first.stride, first.padding, bias=False
    )
    network.bn1 = nn.BatchNorm2d(width)
    network.inplanes = width
    for i in range(4):
        layer = network._make_layer(block, width * (i + 1), blocks, stride=1 if i == 0 else 2)
        setattr(network, f"layer{i + 1}", layer)
    network.fc = nn.Linear(4 * width * block.expansion, classes)
    return network


def randomised(network, pick):
    """Random batch-norm statistics, and masks from none to all but one in ten thousand weights."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.1, 2)
            module.weight.data.normal_()
            module.bias.data.normal_()
            if pick(0, 0, 1):
                module.weight.data[torch.rand(len(module.weight)) < 0.2] = 0
    weights = list(prunable_weights(network).values())
    share = lambda: pick(0.0, float(torch.rand(())), 1 - 10 ** -(4 * float(torch.rand(()))))  # noqa: E731
    everywhere = share()
    uniform = pick(True, False)
    for weight in weights:
        removed = everywhere if uniform else share()
        weight.data *= torch.rand(weight.shape) >= removed
        if pick(0, 0, 1):  # filters and channels as a whole
            rows = torch.rand(weight.shape[:2]) < removed
            weight.data[rows] = 0
    if pick(0, 0, 0, 1):  # a dead layer
        pick(*weights).data.zero_()
    return network
