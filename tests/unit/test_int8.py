"""ONNX models with 8-bit integers."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from dsd2.export.forms import form_of, onnx_of
from dsd2.export.int8 import QUANTISED, quantised
from dsd2.export.onnx import run_session, session_of
from dsd2.recipe import ModelRecipe

IMAGE = (3, 16, 16)


def model_of(network, image):
    network.eval()
    mean, std = (torch.full((image[0], 1, 1), value) for value in (120.0, 60.0))
    with torch.no_grad():
        form = form_of(network, image)
        classes = network(torch.zeros(1, *image)).shape[1]
        return onnx_of(form, mean, std, [f"class {i}" for i in range(classes)])


def images_of(image, count=96):
    drawn = torch.Generator().manual_seed(0)
    # Smooth ones, as photos are: the answers to noise are all alike.
    coarse = torch.rand(count, image[0], 2, 2, generator=drawn)
    return (255 * nn.functional.interpolate(coarse, image[1:], mode="bilinear")).byte().numpy()


NETWORKS = {
    "vgg-like": {"depth": 2, "width": 4},
    "resnet18": {},
    "vit": {"patch": 4, "hidden": 32, "blocks": 2, "heads": 2},
}


def dense(kind):
    torch.manual_seed(0)
    network = ModelRecipe.of(kind, **NETWORKS[kind]).build(IMAGE, 10)
    with torch.no_grad():
        # Some heads start at zero.
        for weight in network.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return network, IMAGE


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETWORKS)
def test_integers_answer_nearly_alike_are_smaller_and_made_alike_twice(kind):
    network, image = dense(kind)
    model = model_of(network, image)
    before = model.SerializeToString()
    images = images_of(image)
    made = quantised(model, [images[:48], images[48:]])
    assert model.SerializeToString() == before
    assert (
        made.SerializeToString() == quantised(model, [images[:48], images[48:]]).SerializeToString()
    )
    assert [(p.key, p.value) for p in made.metadata_props] == [
        (p.key, p.value) for p in model.metadata_props
    ]
    exact, rounded = (run_session(session_of(m.SerializeToString()), images) for m in (model, made))
    assert not np.array_equal(exact, rounded)
    spread = (exact - exact.mean(0)).std()
    assert np.sqrt(((rounded - exact) ** 2).mean()) < 0.5 * spread
    single = sum(len(t.raw_data) for t in model.graph.initializer if len(t.dims) > 1)
    integers = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    small = sum(len(t.raw_data) for t in made.graph.initializer if t.data_type in integers)
    assert 0 < small < 0.3 * single


def test_two_products_fit_into_the_16_bits_that_some_processors_add_them_in():
    model = model_of(*dense("vgg-like"))
    made = quantised(model, [images_of(IMAGE)])
    weights = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in made.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) > 1
    ]
    assert weights
    for weight in weights:
        assert 2 * 255 * int(np.abs(weight.astype(int)).max()) < 2**15
        assert np.abs(weight.astype(int)).max() > 2**5, "the bits that there are, are used"


def test_large_products_are_not_cut_off():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
    )
    torch.manual_seed(0)
    with torch.no_grad():
        # All weights of a filter are as large as its largest, and so are all pixels.
        network[0].weight.copy_(torch.ones(8, 3, 3, 3) * torch.randn(8).view(8, 1, 1, 1))
    model = model_of(network, IMAGE)
    images = np.full((16, *IMAGE), 255, np.uint8)
    made = quantised(model, [images, images // 2, 0 * images])
    exact, rounded = (run_session(session_of(m.SerializeToString()), images) for m in (model, made))
    assert np.abs(exact - rounded).max() < 0.05 * np.abs(exact).max()


def test_normalisations_stay_in_single_precision():
    model = model_of(*dense("vgg-like"))
    made = quantised(model, [images_of(IMAGE)])
    kinds = [node.op_type for node in made.graph.node]
    assert kinds.count("BatchNormalization") == sum(
        node.op_type == "BatchNormalization" for node in model.graph.node
    )
    assert "BatchNormalization" not in QUANTISED
