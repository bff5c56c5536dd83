"""The target `export`: files that others can use, and a comparison with the dense networks."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from dsd2.data.dataset import load_dataset
from dsd2.export.encoding import load_compact
from dsd2.files.records import LATENCIES, NETWORKS, read_rows

# What a user without torch does; it is told the images and labels alone.
CLASSIFY = """
import sys
sys.modules["torch"] = None  # an import of it fails
import json, numpy, onnxruntime
test = numpy.load(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1])
classes = session.run(None, {"images": test["images"]})[0].argmax(1)
print(json.dumps(float((classes == test["labels"]).mean())))
"""


def test_exports_can_be_used_without_this_workflow(finished):
    folder = finished.folder / "results" / "studies" / "tiny" / "export"
    planned = finished.planned("export")
    assert planned["export_network"] == 6, "the best and the smallest of three arms"
    assert "export_int8" not in planned
    planned = finished.planned("export", "--config", "export={int8: true}")
    assert planned["export_network"] == planned["export_int8"] == 6
    export = {"seconds": 0.01, "int8": True, "arms": ["student"]}
    finished.configure(export=export)
    planned = finished.planned("export")
    names = {"student-best", "student-smallest"}
    assert planned["export_network"] == planned["export_int8"] == len(names)
    assert "train" not in planned
    text = finished.snakemake("export")
    assert "export/student-best/card.md" in text
    assert {path.parent.name for path in folder.glob("*/card.md")} == names

    (dataset,) = finished.folder.glob("results/datasets/*.safetensors")
    test = load_dataset(dataset, dataset.stem).test
    images = test.images
    np.savez(finished.folder / "test.npz", images=images.numpy(), labels=test.labels.numpy())
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    for name in sorted(names):
        card = (folder / name / "card.md").read_text()
        stated = float(re.search(r"\*\*Accuracy\*\*: ([\d.]+) %", card)[1])
        network = load_compact(folder / name / "network.safetensors")
        classes = network(images).argmax(1)
        assert f"{100 * float((classes == test.labels).double().mean()):.2f}" == f"{stated:.2f}"
        session = onnxruntime.InferenceSession(folder / name / "network.onnx")
        answer = session.run(None, {"images": images.numpy()})[0].argmax(1)
        assert torch.equal(torch.from_numpy(answer), classes)
        assert card.count(f"0 of {len(images)} images") == 2
        session = onnxruntime.InferenceSession(folder / name / "network-int8.onnx")
        answer = session.run(None, {"images": images.numpy()})[0].argmax(1)
        page = (folder / name / "int8.md").read_text()
        share = float((torch.from_numpy(answer) == test.labels).double().mean())
        assert f"| test accuracy | {stated / 100:.2%} | {share:.2%} |" in page
        changed = int((torch.from_numpy(answer) != classes).sum())
        assert f"another class to {changed} of {len(images)} test images" in page
        sums = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
        assert subprocess.run(sums, cwd=folder / name, check=False).returncode == 0
    command = [sys.executable, "-c", CLASSIFY, str(folder / name / "network.onnx"), "test.npz"]
    result = subprocess.run(
        command, cwd=finished.folder, env=environment, check=True, capture_output=True, text=True
    )
    assert f"{100 * json.loads(result.stdout):.2f}" == f"{stated:.2f}"

    for row, (image, label) in enumerate(zip(images, test.labels.tolist(), strict=True)):
        place = finished.folder / "digits" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(place / f"{row}.png")
    command = [sys.executable, str(folder / name / "classify.py"), "--expect-folders", "digits"]
    result = subprocess.run(
        command, cwd=finished.folder, env=environment, check=True, capture_output=True, text=True
    )
    assert f"accuracy: {stated:.2f} % (" in result.stdout

    networks = read_rows(folder / "networks.parquet", NETWORKS)
    assert {name for row in networks for name in row["exports"]} == names
    assert all(row["part_parameters"][0] > row["part_parameters"][-1] for row in networks)
    latencies = read_rows(folder / "latencies.parquet", LATENCIES)
    assert {(row["runtime"], row["batch"]) for row in latencies} == {
        (runtime, batch) for runtime in ("torch", "onnxruntime") for batch in (1, 64)
    }
    assert (folder / "pareto.png").stat().st_size > 10_000
    assert "dense, as trained" in (folder / "comparison.md").read_text()

    # What is measured has its own files: timing anew touches no network.
    assert set(finished.planned("export", "--config", "export={seconds: 0.02}")) == {
        "export",
        "export_int8",
        "export_latencies",
        "export_comparison",
    }
    again = finished.planned("export", "--config", "export={precision: fp16, seconds: 0.01}")
    assert again["export_network"] == len(names)
    assert "train" not in again


@pytest.mark.long
def test_each_panel_has_its_own_dense_network_and_cards_judge_whole_curves(fresh):
    stop = {"policy": "accuracy", "accuracy_threshold": 1.0}
    fresh.configure(
        # Another budget of training makes another run, and a wider network another size.
        panels={
            "narrow": {"label": "Narrow"},
            "wide": {"label": "Wide", "model": {"width": 4}},
        },
        arms={"vanilla": {"label": "Plain"}, "stopped": {"like": "vanilla", "stopping": stop}},
        export={"arms": ["vanilla", "stopped"], "choices": ["best"], "seconds": 0.01},
        pruning={"fraction": 0.8, "target_sparsity": 0.999},
    )
    fresh.snakemake("export")
    folder = fresh.folder / "results" / "studies" / "tiny" / "export"
    lines = (folder / "comparison.md").read_text().splitlines()
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    place = header.index("parameters")
    dense = {row[0]: row[place] for row in rows if row[1] == "Plain: dense, as trained"}
    assert dense.keys() == {"Narrow", "Wide"}
    assert "(" not in "".join(dense.values()), "what the others are compared with"
    for row in rows:
        if row[1] != "Plain: dense, as trained":
            parameters, ratio = row[place].replace(",", "").rstrip(")").split(" (")
            whole = float(dense[row[0]].replace(",", ""))
            assert abs(float(ratio) - float(parameters) / whole) <= 0.005 + 1e-9
    for panel in ("narrow", "wide"):
        card = (folder / f"{panel}.stopped-best" / "card.md").read_text()
        assert f"# A compressed network: stopped ({panel.title()})" in card
        whole = (folder / f"{panel}.vanilla-best" / "card.md").read_text()
        for text in (card, whole):
            assert "it lies in: undecided" not in text, "the curve to the wall is in the study"
