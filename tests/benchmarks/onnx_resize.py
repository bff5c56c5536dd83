"""Whether a resize inside an ONNX graph gives Pillow's pixels, which networks are trained on.

    python tests/benchmarks/onnx_resize.py

Random images are resized by Pillow, by ONNX's operator Resize with antialiasing (opset 18), and by
Pillow's own fixed-point weights as products of integer matrices (opset 17). For each it prints the
largest difference and the share of pixels that differ. The filters are those of the rules square
and imagenet.
"""

import resource
import time

import numpy as np
import onnxruntime
import workloads  # noqa: F401 - finds the library
from onnx import TensorProto, helper
from PIL import Image

from dsd2.preprocessing import fitted

SQUARES = ((20, 64), (28, 32), (33, 32), (48, 32), (224, 32), (301, 64), (1333, 224))
"""Side of an image that is a square, and what it becomes."""
PHOTOS = ((640, 480, 64), (641, 480, 64), (427, 640, 32), (4000, 3000, 64))
"""Width and height of a photo, and the side of its square."""
BILINEAR = Image.Resampling.BILINEAR
BITS = 22
"""Of the fraction of Pillow's weights."""


def session_of(nodes, inputs, constants, opset):
    """A graph with the output ``y``; inputs are type and shape, constants type, shape and value."""
    of = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "resize",
        [of(name, *kind_and_shape) for name, kind_and_shape in inputs.items()],
        [of("y", inputs["x"][0], [None] * 4)],
        [helper.make_tensor(name, *constant) for name, constant in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def resizing(kind, **options):
    """ONNX's Resize to a height and a width."""
    node = helper.make_node("Resize", ["x", "", "", "size"], ["y"], antialias=1, **options)
    inputs = {"x": (kind, [None] * 4), "size": (TensorProto.INT64, [4])}
    session = session_of([node], inputs, {}, 18)

    def resize(pixels, height, width):
        number = np.uint8 if kind == TensorProto.UINT8 else np.float32
        images = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(number))
        feed = {"x": images, "size": np.array([1, 3, height, width])}
        (found,) = session.run(None, feed)
        return np.clip(np.rint(found), 0, 255).astype(int)

    return resize


def weights(length, start, side, size):
    """Pillow's bicubic weights of an axis, int32 [length, size]; it rounds them to 22 bits."""

    def cubic(x):
        x, a = abs(x), -0.5
        if x < 1:
            return ((a + 2) * x - (a + 3)) * x * x + 1
        return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0

    scale = side / size
    wide = max(scale, 1.0)
    table = np.zeros((length, size), np.int32)
    for i in range(size):
        middle = start + (i + 0.5) * scale
        low, high = max(int(middle - 2 * wide + 0.5), 0), min(int(middle + 2 * wide + 0.5), length)
        values = [cubic((x - middle + 0.5) / wide) for x in range(low, high)]
        total = sum(values)
        for x, value in zip(range(low, high), values, strict=True):
            share = value * (1 / total) * (1 << BITS)
            table[x, i] = int(share - 0.5 if share < 0 else share + 0.5)
    return table


def integer_products():
    """Crop and resize by two products of integer matrices, each rounded as Pillow rounds."""
    node = helper.make_node

    def rounded(left, right, output):
        return [
            node("MatMul", [left, right], [f"{output} sum"]),
            node("Add", [f"{output} sum", "half"], [f"{output} up"]),
            node("Max", [f"{output} up", "zero"], [f"{output} positive"]),
            node("Div", [f"{output} positive", "unit"], [f"{output} whole"]),
            node("Min", [f"{output} whole", "top"], [output]),
        ]

    nodes = [
        node("Cast", ["x"], ["numbers"], to=TensorProto.INT32),
        *rounded("numbers", "across", "narrow"),
        *rounded("down", "narrow", "small"),
        node("Cast", ["small"], ["y"], to=TensorProto.UINT8),
    ]
    values = {"half": 1 << (BITS - 1), "zero": 0, "unit": 1 << BITS, "top": 255}
    constants = {name: (TensorProto.INT32, [], [value]) for name, value in values.items()}
    inputs = {"x": (TensorProto.UINT8, [None] * 4)}
    inputs |= dict.fromkeys(("across", "down"), (TensorProto.INT32, [None] * 2))
    session = session_of(nodes, inputs, constants, 17)

    def resize(pixels, size, _):
        height, width, _ = pixels.shape
        side = min(height, width)
        across = weights(width, (width - side) / 2, side, size)
        down = np.ascontiguousarray(weights(height, (height - side) / 2, side, size).T)
        images = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
        start = time.perf_counter()
        (found,) = session.run(None, {"x": images, "across": across, "down": down})
        resize.seconds = time.perf_counter() - start
        return found.astype(int)

    return resize


def compare(name, found, expected):
    """Print how the pixels of an image differ."""
    difference = np.abs(found[0].transpose(1, 2, 0) - expected)
    share = 100 * (difference > 0).mean()
    print(f"{name}: largest difference {difference.max()}, {share:.3f} % of the pixels")


def imagenets_rule(resize, draws):
    """Compare on whole photos whose shorter side becomes 256."""
    shares = []
    for _ in range(100):
        height, width = map(int, draws.integers(20, 700, 2))
        pixels = draws.integers(0, 256, (height, width, 3), np.uint8)
        scale = 256 / min(height, width)
        height, width = int(scale * height), int(scale * width)
        expected = np.asarray(Image.fromarray(pixels).resize((width, height), BILINEAR), int)
        found = resize(pixels, height, width)[0].transpose(1, 2, 0)
        shares.append(100 * (found != expected).mean())
    print(
        f"Resize of uint8, bilinear, photos to 256: {np.count_nonzero(shares)} of {len(shares)}"
        f" differ, the worst in {max(shares):.1f} % of the pixels"
    )


def main():
    """Compare on squares, then on photos, whose middle is cut out."""
    draws = np.random.default_rng(0)
    bilinear = {"mode": "linear", "exclude_outside": 1}
    bicubic = {**bilinear, "mode": "cubic", "cubic_coeff_a": -0.5}
    ways = {
        "Resize of uint8, bicubic": (resizing(TensorProto.UINT8, **bicubic), "BICUBIC"),
        "Resize of floats, bicubic": (resizing(TensorProto.FLOAT, **bicubic), "BICUBIC"),
        "Resize of uint8, bilinear": (resizing(TensorProto.UINT8, **bilinear), "BILINEAR"),
        "integer products, bicubic": (integer_products(), "BICUBIC"),
    }
    for name, (resize, kind) in ways.items():
        for side, size in SQUARES:
            pixels = draws.integers(0, 256, (side, side, 3), np.uint8)
            image = Image.fromarray(pixels).resize((size, size), Image.Resampling[kind])
            compare(f"{name}, {side} to {size}", resize(pixels, size, size), np.asarray(image, int))
    imagenets_rule(ways["Resize of uint8, bilinear"][0], draws)
    cropped, whole = (ways[name][0] for name in ("Resize of uint8, bicubic", list(ways)[-1]))
    for width, height, size in PHOTOS:
        pixels = draws.integers(0, 256, (height, width, 3), np.uint8)
        start = time.perf_counter()
        expected = np.asarray(fitted(Image.fromarray(pixels), size, "square"), int)
        pillow = time.perf_counter() - start
        side = min(width, height)
        top, left = (height - side) // 2, (width - side) // 2
        middle = pixels[top : top + side, left : left + side]
        photo = f"{width}×{height} to {size}"
        compare(f"crop, then Resize of uint8, {photo}", cropped(middle, size, size), expected)
        compare(f"integer products, {photo}", whole(pixels, size, size), expected)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  {1e3 * whole.seconds:.1f} ms, Pillow {1e3 * pillow:.1f} ms; {memory:.0f} MiB")


if __name__ == "__main__":
    main()
