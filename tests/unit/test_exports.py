"""What is exported: the choice, the card, the small file and the ONNX model."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from compare_networks import table_in_markdown
from masked import random_network
from rows import row_of
from safetensors.torch import save_file

from dsd2 import load_network
from dsd2.analysis.classes import proportion_interval
from dsd2.analysis.pareto import comparison, pareto_front
from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.export.agreement import Agreement
from dsd2.export.choice import LEAST, allowed_loss, choose, networks_to_compare
from dsd2.export.encoding import encode, load_compact, save_network
from dsd2.export.model_card import CardData, card, label_noise, phase_of
from dsd2.export.onnx import onnx_model, save_onnx
from dsd2.export.reading import described_reading
from dsd2.export.shrink import compress
from dsd2.export.trace import graph_of
from dsd2.files.records import LATENCIES, NETWORKS, STUDY
from dsd2.files.tensors import save_tensors
from dsd2.load_network import decode
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.long)])
def test_the_loader_refuses_flipped_bits_and_cuts(tmp_path, step):
    """Every byte of the header, which is JSON, in the long test every bit; some of each tensor."""
    graph, described, *_ = compressed("vgg-like", 0)
    file = tmp_path / "network.safetensors"
    # A small number, which has two spellings: 1e-05 and, one bit further, 1E-05.
    save_network(file, graph, *described, "fp32", {"sparsity": 1e-05})
    whole = file.read_bytes()
    load_network.load_network(file)
    header = 8 * (8 + int.from_bytes(whole[:8], "little"))
    cuts = [whole[:size] for size in range(0, len(whole), len(whole) // 50)]
    bits = [*range(0, header, step), *range(header, 8 * len(whole), 97)]
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


@pytest.mark.process
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


@pytest.mark.process
def test_the_onnx_file_runs_where_there_is_no_torch(tmp_path):
    graph, described, images, logits = compressed("vgg-like", 3)
    save_onnx(tmp_path / "network.onnx", onnx_model(graph, *described))
    np.save(tmp_path / "images.npy", images.numpy())
    program = (
        "import json, numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession('network.onnx')\n"
        "logits = session.run(None, {'images': numpy.load('images.npy')})[0]\n"
        "print(json.dumps(logits.tolist()))\n"
    )
    answer = in_a_process_without({"torch", "dsd2", "safetensors", "onnx"}, program, tmp_path)
    np.testing.assert_allclose(answer, logits.numpy(), atol=ROUNDING)


@pytest.mark.process
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
    assert choose(curve, "best", 100, 0.015)["iteration"] == 0
    assert choose(curve, "smallest", 100, 0.015)["iteration"] == 2
    assert choose(curve, "smallest", 100, 0.0)["iteration"] == 0
    assert choose(rows(0.5, 0.9, 0.7), "smallest", 100, 0.01)["iteration"] == 1
    assert choose(rows(0.5, 0.9, returned=1), "best", 100, 0.01)["iteration"] == 1


def test_few_validation_images_cannot_tell_nearly_equal_networks_apart():
    """The one-standard-error rule: with 100 images 0.8 has an error of 0.04."""
    assert allowed_loss(0.8, 100, None) == pytest.approx(0.04)
    assert allowed_loss(0.8, 100, 0.02) == 0.02, "what is said stands"
    assert allowed_loss(0.8, 10**6, None) == LEAST
    curve = rows(0.80, 0.77, 0.75)
    assert choose(curve, "smallest", 100, None)["iteration"] == 1
    assert choose(curve, "smallest", 10_000, None)["iteration"] == 0


def test_a_network_that_always_answers_the_frequent_class_is_not_as_good():
    """98 of 100 images are of one class."""
    curve = rows(0.99, 0.98, 0.98)
    for row, balanced in zip(curve, (0.99, 0.74, 0.5), strict=True):
        row |= {"validation_balanced_accuracy": balanced, "classes": ["bad", "good"]}
    assert choose(curve, "smallest", 100, 0.02)["iteration"] == 0
    curve[1]["validation_balanced_accuracy"] = 0.75
    assert choose(curve, "smallest", 100, 0.02)["iteration"] == 1
    curve[0]["validation_balanced_accuracy"] = 0.5
    assert choose(curve, "smallest", 100, 0.02)["iteration"] == 2, "the best tells none, either"
    curve[2]["validation_balanced_accuracy"] = None
    assert choose(curve, "smallest", 100, 0.02)["iteration"] == 2, "not measured"


def test_wilsons_interval():
    low, high = proportion_interval(0.5, 100, 0.95)
    assert low == pytest.approx(0.4038, abs=1e-4)
    assert high == pytest.approx(0.5962, abs=1e-4)
    assert proportion_interval(1.0, 10, 0.95)[1] == pytest.approx(1.0)


def reading_of_card():
    square = {"mode": "RGB", "size": 8, "fit": "square"}
    flat = torch.full((3, 1, 1), 100.0)
    return described_reading(
        SimpleNamespace(image=(3, 8, 8), reading=square, classes=("a", "b"), mean=flat, std=flat)
    )


def card_data(**changes):
    same = Agreement(accuracy=0.395, differing=0, difference=1e-6, scale=4.0)
    usual = {
        "label": "student",
        "noise": "symmetric; it changed 30.0 % of the training labels.",
        "corrections": None,
        "issues": None,
        "tested": False,
        "licence": "CC0",
        "choice": "smallest",
        "tolerance": 0.015,
        "standard_error_of": None,
        "confidence": 0.9,
        "flat_tolerance": 0.02,
        "test_images": 200,
        "image": (3, 8, 8),
        "reading": reading_of_card(),
        "precision": "fp16",
        "parts": [("dense", 100, 1000), ("head folded", 10, 200)],
        "nonzero": 5,
        "file_bytes": (50, 80, 400),
        "agreements": (same, same),
    }
    return CardData(**{**usual, **changes})


def test_the_card_says_what_the_network_is():
    curve = rows(0.80, 0.70, 0.79)
    text = card(curve[2], curve, card_data())
    for part in (
        "| test accuracy | 39.50 % | 40.00 % | 40.00 % |",
        "| sparsity | 75.00 % | 0.00 % | 0.00 % |",
        "at most 1.5 %",
        "The test accuracy played no part in the choice.",
        "symmetric; it changed 30.0 % of the training labels.",
        "CC0",
        "| `network.safetensors` | 50 | 12.5 % | 39.50 % | 0 of 200 images |",
        "| head folded | 10 | 200 |",
    ):
        assert part in text, part


def test_the_card_says_what_so_few_validation_images_can_tell():
    curve = rows(0.80, 0.77)
    told = card(curve[1], curve, card_data(tolerance=0.04, standard_error_of=100))
    assert "at most 4 % (of all images) below the best. With 100 validation images that" in told
    for changes in ({"tolerance": 0.04}, {"tolerance": LEAST, "standard_error_of": 10**6}):
        assert "standard error" not in card(curve[1], curve, card_data(**changes))


def test_small_costs_and_several_devices_are_told_as_they_are():
    curve = [
        {**row, "device": device, "total_flops_dense": 3e6, "teacher_flops_dense": 1.2e6}
        for row, device in zip(rows(0.80, 0.70), ("cpu", "NVIDIA H100"), strict=True)
    ]
    text = card(curve[0], curve, card_data())
    assert "**Cost**: 4.2 MFLOP" in text
    assert "on NVIDIA H100 and cpu." in text
    alone = [{**row, "teacher_run": None} for row in curve]
    assert "teacher's" not in card(alone[0], alone, card_data())


def test_a_choice_by_the_test_images_is_called_one():
    curve = rows(0.80, 0.70)
    text = card(curve[0], curve, card_data(tested=True))
    assert "the test accuracy made the choice" in text
    assert "played no part" not in text


@pytest.mark.parametrize(
    ("kind", "own", "stand_in", "expected"),
    [
        ("none", True, False, "none was added. How many of the dataset's own labels are wrong is"),
        ("none", False, False, "none was added. How many of the dataset's own labels are wrong is"),
        ("symmetric", False, False, "symmetric; it changed 30.0 % of the training labels."),
        (
            "symmetric",
            True,
            False,
            "changed 30.0 % of the training labels. How many of the dataset's",
        ),
        ("human", False, False, "labels that people gave; 30.0 % of the training labels differ"),
        ("human", False, True, "random labels stand in for those that people gave; 30.0 % of"),
    ],
)
def test_nothing_is_said_of_labels_that_nobody_knows(kind, own, stand_in, expected):
    text = label_noise(kind, 0.0 if kind == "none" else 0.3, own=own, stand_in=stand_in)
    assert expected in text
    assert " 0.0 %" not in text
    assert text.endswith("not known.") == (own or kind == "none")


DESCENT = [0.80, 0.80, 0.70, 0.65, 0.75, 0.85, 0.40, 0.10]


def curve_of(
    accuracies, arm="whole", stopping="none", reason="reached the target sparsity", run="r"
):
    return [
        row_of(
            STUDY,
            panel="all",
            arm=arm,
            run=run,
            stopping=stopping,
            stop_reason=reason,
            iteration=i,
            test_accuracy=accuracy,
        )
        for i, accuracy in enumerate(accuracies)
    ]


def test_the_phase_is_that_of_the_longest_curve_of_the_run():
    cut = curve_of(DESCENT[:4], "gated", "entropy-te0.9-ta0.95", "accuracy 0.65 not above 0.76")
    whole = curve_of(DESCENT)
    assert phase_of(cut[3], cut + whole, 0.02) == "critical", "alone it looks collapsed"
    assert phase_of(cut[3], whole + cut, 0.02) == "critical"
    longer = curve_of(DESCENT[:6], "later", "entropy-te0.9-ta0.8", "accuracy 0.4 not above 0.68")
    for study in (cut, cut + longer, cut + curve_of(DESCENT, run="another")):
        assert phase_of(cut[3], study, 0.02).startswith("undecided")
    ended = curve_of(DESCENT, "gated", "entropy-te0.9-ta0.95")
    assert phase_of(ended[3], ended, 0.02) == "critical", "no gate stopped it"
    text = card(cut[3], cut, card_data())
    assert "**Phase** of the curve over sparsity that it lies in: undecided" in text


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


def compared_table(networks):
    """The comparison of networks that are given as panel, arm, run, iteration, parameters."""
    made = [
        row_of(
            NETWORKS,
            panel=panel,
            arm=arm,
            run=run,
            iteration=i,
            exports=[] if i == 0 else [f"{panel}.{arm}-best"],
            part_parameters=[float(parameters), float(parameters)],
            part_macs=[1000.0, 500.0],
        )
        for panel, arm, run, i, parameters in networks
    ]
    times = [
        row_of(LATENCIES, run=run, iteration=i, form=f, runtime=r, batch=b, median=0.002)
        for run, i in {(run, i) for _, _, run, i, _ in networks}
        for f in (("trained", "compressed") if i == 0 else ("compressed",))
        for r in ("torch", "onnxruntime")
        for b in (1, 64)
    ]
    return comparison(pd.DataFrame(made), pd.DataFrame(times))


def test_each_panel_is_compared_with_its_own_dense_network_and_named():
    table = compared_table(
        [
            ("low", "a", "r1", 0, 100),
            ("low", "a", "r1", 1, 50),
            ("high", "a", "r2", 0, 10_000),
            ("high", "a", "r2", 1, 50),
        ]
    )
    text = table_in_markdown(
        table, {"a": "A"}, {"low": "ε = 10 %", "high": "ε = 50 %"}, "a processor"
    )
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()]
    header, low, high = (
        next(x for x in lines if word in x) for word in ("panel", "low.a-best", "high.a-best")
    )
    place = header.index("parameters")
    assert (low[0], low[place]) == ("ε = 10 %", "50 (0.50)")
    assert (high[0], high[place]) == ("ε = 50 %", "50 (0.01)"), "0.5 would be of another panel"
    one = table_in_markdown(
        table[table["panel"] == "low"], {"a": "A"}, {"low": "Low"}, "a processor"
    )
    assert "panel" not in one


def studied(*chains):
    """Rows of a study of chains that are given as panel, arm, seed, run and length."""
    return [
        row_of(STUDY, panel=panel, arm=arm, seed=seed, run=run, iteration=i)
        for panel, arm, seed, run, length in chains
        for i in range(length)
    ]


def compared(rows):
    return [(row["panel"], row["arm"], row["run"], row["iteration"]) for row in rows]


def test_a_shared_network_stands_beside_its_dense_one_in_every_panel():
    study = studied(
        ("low", "gated", 0, "r", 2),
        ("low", "whole", 0, "r", 3),
        ("high", "whole", 0, "r", 3),
    )
    arms = [("low", "gated"), ("low", "whole"), ("high", "whole")]
    found = compared(networks_to_compare(study, arms, [("low", "r", 1)], 0))
    assert found == [(panel, "whole", "r", i) for panel in ("low", "high") for i in range(3)]


def test_every_arm_that_is_compared_has_a_dense_network():
    # The first seed's student is that of the dense teacher; what is exported is the second's.
    study = studied(
        ("all", "dense", 0, "shared", 3),
        ("all", "dense", 1, "d1", 3),
        ("all", "best", 0, "shared", 3),
        ("all", "best", 1, "b1", 3),
    )
    arms = [("all", "dense"), ("all", "best")]
    found = compared(networks_to_compare(study, arms, [("all", "b1", 2)], 0))
    shared = [("all", "dense", "shared", i) for i in range(3)]
    assert found == [*shared, ("all", "best", "b1", 0), ("all", "best", "b1", 2)]


def test_an_arm_to_export_must_exist():
    config = {"study": "own", "arms": {"a": None}, "export": {"arms": ["b"]}}
    with pytest.raises(UserError, match=r"config key export\.arms has 'b' but may have the arms a"):
        load_study(config)
