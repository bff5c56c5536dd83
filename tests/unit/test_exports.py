"""What is exported: the choice, the card, the small file and the ONNX model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from masked import random_network
from rows import row_of
from safetensors.torch import save_file

from dsd2.analysis.exports import Agreement, Facts, card, choose, proportion_interval
from dsd2.analysis.pareto import comparison, pareto_front
from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.files import load_network
from dsd2.files.compact import encode, load_compact, save_network
from dsd2.files.load_network import decode
from dsd2.files.onnx_file import onnx_model, save_onnx
from dsd2.files.records import LATENCIES, NETWORKS, STUDY
from dsd2.files.tensors import save_tensors
from dsd2.nn.graph import graph_of
from dsd2.nn.shrinking import compress
from dsd2.stages.export import checksums

ROUNDING = 1e-4


def compressed(kind, seed):
    network, image = random_network(kind, seed)
    graph = compress(graph_of(network, image))
    mean, std = torch.full((image[0], 1, 1), 120.0), torch.full((image[0], 1, 1), 60.0)
    classes = [f"class {i}" for i in range(len(graph.weight(graph.steps[-1])))]
    images = torch.randint(0, 256, (5, *image), dtype=torch.uint8)
    with torch.no_grad():
        logits = network((images.double() - mean) / std)
    return graph, (mean, std, classes), images, logits


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("shape", [(7,), (3, 5, 3, 3), (40, 1000)])
def test_a_tensor_comes_back_from_its_smallest_form(share, shape):
    torch.manual_seed(0)
    tensor = torch.randn(shape) * (torch.rand(shape) < share)
    forms = encode("w", tensor)
    assert torch.equal(decode("w", forms, shape), tensor)
    size = sum(part.nbytes for part in forms.values())
    living, position = int(tensor.count_nonzero()), 2 if tensor.numel() <= 2**15 else 4
    sizes = (tensor.nbytes, 4 * living - (-tensor.numel() // 8), (4 + position) * living)
    assert size == min(sizes)


@pytest.mark.parametrize("kind", ["vgg-like", "basic", "bottleneck"])
def test_the_small_file_and_the_onnx_model_answer_as_the_network(kind, tmp_path):
    for seed in range(12):
        graph, described, images, logits = compressed(kind, seed)
        file = tmp_path / "network.safetensors"
        save_network(file, graph, *described, "fp32", {"run": "x"})
        network = load_compact(file)
        scale = max(1.0, float(logits.abs().max()))
        assert (network(images) - logits).abs().max() <= ROUNDING * scale
        session = onnxruntime.InferenceSession(onnx_model(graph, *described).SerializeToString())
        (answer,) = session.run(None, {"images": images.numpy()})
        assert np.abs(answer - logits.numpy()).max() <= ROUNDING * scale, (kind, seed)
        assert network.classes == tuple(described[2])


def test_half_precision_halves_the_values_and_rounds_them(tmp_path):
    graph, described, images, logits = compressed("basic", 1)
    for precision in ("fp32", "fp16"):
        save_network(tmp_path / precision, graph, *described, precision, {})
    network = load_compact(tmp_path / "fp16")
    assert all(t.dtype == torch.float32 for t in network.buffers())
    assert (tmp_path / "fp16").stat().st_size < (tmp_path / "fp32").stat().st_size
    assert (network(images) - logits).abs().max() > 0


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    graph, described, *_ = compressed("vgg-like", 0)
    file = tmp_path / "network.safetensors"
    save_network(file, graph, *described, "fp32", {})
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="checksum does not match"):
        load_compact(file)


def flipped(whole, bit):
    damaged = bytearray(whole)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_the_loader_refuses_every_flipped_bit_and_every_cut(tmp_path):
    """All bits of the header, which is JSON, and some of each tensor."""
    graph, described, *_ = compressed("vgg-like", 0)
    file = tmp_path / "network.safetensors"
    # A small number, which has two spellings: 1e-05 and, one bit further, 1E-05.
    save_network(file, graph, *described, "fp32", {"sparsity": 1e-05})
    whole = file.read_bytes()
    load_network.load_network(file)
    header = 8 * (8 + int.from_bytes(whole[:8], "little"))
    cuts = [whole[:size] for size in range(0, len(whole), len(whole) // 50)]
    bits = [*range(header), *range(header, 8 * len(whole), 97)]
    for content in (*cuts, whole + b"\0", *(flipped(whole, bit) for bit in bits)):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"^\S+: is damaged(, was cut short| \(its checksum)"):
            load_network.load_network(file)


def test_the_loader_refuses_what_is_no_network(tmp_path):
    save_tensors(tmp_path / "x", {"a": torch.ones(1)}, {"kind": "dataset", "format": 1})
    with pytest.raises(ValueError, match=r"x: holds no network that this version"):
        load_network.load_network(tmp_path / "x")
    save_file({"a": torch.ones(1)}, tmp_path / "x")
    with pytest.raises(ValueError, match=r"x: is damaged, was cut short, or was not made by the"):
        load_network.load_network(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        load_network.load_network(tmp_path / "y")


def test_sums_are_what_sha256sum_checks(tmp_path):
    files = [tmp_path / "a b", tmp_path / "c"]
    for file in files:
        file.write_bytes(file.name.encode())
    (tmp_path / "SHA256SUMS").write_text(checksums(files))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    files[1].write_bytes(flipped(b"c", 0))
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 1


BLOCKED = (
    "import sys\n"
    "class Blocked:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.partition('.')[0] in {names}:\n"
    "            raise ImportError(f'{{name}} is blocked')\n"
    "sys.meta_path.insert(0, Blocked())\n"
)


def in_a_process_without(names, program, folder):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", BLOCKED.format(names=names) + program]
    result = subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return np.array(json.loads(result.stdout))


def test_the_onnx_file_runs_where_there_is_no_torch(tmp_path):
    graph, described, images, logits = compressed("vgg-like", 3)
    save_onnx(tmp_path / "network.onnx", graph, *described)
    np.save(tmp_path / "images.npy", images.numpy())
    program = (
        "import json, numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession('network.onnx')\n"
        "logits = session.run(None, {'images': numpy.load('images.npy')})[0]\n"
        "print(json.dumps(logits.tolist()))\n"
    )
    answer = in_a_process_without({"torch", "dsd2", "safetensors", "onnx"}, program, tmp_path)
    np.testing.assert_allclose(answer, logits.numpy(), atol=ROUNDING)


def test_the_loader_stands_alone(tmp_path):
    graph, described, images, logits = compressed("basic", 2)
    save_network(tmp_path / "network.safetensors", graph, *described, "fp32", {})
    loader = Path(load_network.__file__).read_bytes()
    (tmp_path / "load_network.py").write_bytes(loader)
    torch.save(images, tmp_path / "images.pt")
    program = (
        "import json, sys, torch\n"
        "sys.path.insert(0, '')\n"
        "from load_network import load_network\n"
        "network = load_network('network.safetensors')\n"
        "print(json.dumps(network(torch.load('images.pt')).tolist()))\n"
    )
    answer = in_a_process_without({"dsd2", "torchvision", "onnx", "pandas"}, program, tmp_path)
    np.testing.assert_allclose(answer, logits.numpy(), atol=ROUNDING)


def rows(*accuracies, returned=0):
    return [
        row_of(
            STUDY,
            panel="all",
            arm="student",
            seed=0,
            iteration=i,
            sparsity=1 - 0.5**i,
            validation_accuracy=accuracy,
            test_accuracy=accuracy / 2,
            returned=i == returned,
        )
        for i, accuracy in enumerate(accuracies)
    ]


def test_the_best_is_what_the_arm_returns_and_the_smallest_is_within_the_tolerance():
    curve = rows(0.80, 0.70, 0.79, 0.60)
    assert choose(curve, "best", 0.015)["iteration"] == 0
    assert choose(curve, "smallest", 0.015)["iteration"] == 2
    assert choose(curve, "smallest", 0.0)["iteration"] == 0
    assert choose(rows(0.5, 0.9, 0.7), "smallest", 0.01)["iteration"] == 1
    assert choose(rows(0.5, 0.9, returned=1), "best", 0.01)["iteration"] == 1


def test_wilsons_interval():
    low, high = proportion_interval(0.5, 100, 0.95)
    assert low == pytest.approx(0.4038, abs=1e-4)
    assert high == pytest.approx(0.5962, abs=1e-4)
    assert proportion_interval(1.0, 10, 0.95)[1] == pytest.approx(1.0)


def test_the_card_says_what_the_network_is():
    curve = rows(0.80, 0.70, 0.79)
    same = Agreement(accuracy=0.395, differing=0, difference=1e-6, scale=4.0)
    facts = Facts(
        label="student",
        noise="symmetric",
        licence="CC0",
        choice="smallest",
        tolerance=0.015,
        confidence=0.9,
        flat_tolerance=0.02,
        test_images=200,
        image=(3, 8, 8),
        precision="fp16",
        parts=[("dense", 100, 1000), ("head folded", 10, 200)],
        nonzero=5,
        file_bytes=(50, 80, 400),
        agreements=(same, same),
    )
    text = card(curve[2], curve, facts)
    for part in (
        "| test accuracy | 39.50 % | 40.00 % | 40.00 % |",
        "| sparsity | 75.00 % | 0.00 % | 0.00 % |",
        "at most 1.5 %",
        "TMAC",
        "CC0",
        "| `network.safetensors` | 50 | 12.5 % | 39.50 % | 0 of 200 images |",
        "| head folded | 10 | 200 |",
    ):
        assert part in text, part


def test_the_pareto_front_has_what_nothing_beats():
    costs, accuracies = [3.0, 1.0, 2.0, 2.0, 4.0], [0.9, 0.5, 0.7, 0.8, 0.85]
    assert pareto_front(costs, accuracies) == [1, 3, 0]


def test_the_comparison_has_the_dense_network_and_the_compressed_one():
    network = row_of(
        NETWORKS,
        run="r",
        iteration=0,
        exports=["a-best"],
        part_parameters=[100.0, 40.0],
        part_macs=[1000.0, 300.0],
        dense_bytes=400,
        file_bytes=90,
    )
    times = [
        row_of(LATENCIES, run="r", iteration=0, form=f, runtime=r, batch=b, median=0.002)
        for f in ("trained", "compressed")
        for r in ("torch", "onnxruntime")
        for b in (1, 64)
    ]
    table = comparison(pd.DataFrame([network]), pd.DataFrame(times))
    assert table["form"].tolist() == ["trained", "compressed"]
    assert table["parameters"].tolist() == [100, 40]
    assert table["file [byte]"].tolist() == [400, 90]
    assert table["torch, batch 64 [ms]"].tolist() == [2.0, 2.0]


def test_an_arm_to_export_must_exist():
    config = {"study": "own", "arms": {"a": None}, "export": {"arms": ["b"]}}
    with pytest.raises(UserError, match=r"config key export\.arms has 'b' but may have the arms a"):
        load_study(config)
