"""A pickle that runs code, in every place where a file is read: it never runs.

``PLACES`` lists what the workflow reads. Snakemake's own records below ``.snakemake`` are not
among them: whoever can write there can write the Snakefile.
"""

import dataclasses
import hashlib
import io
import pickle
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pictures import random_images, read_imagefolder
from recipes import as_kind
from test_named_datasets import FLOWERS, IMAGENET, write_flowers, write_imagenet

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.artefacts.resume import ResumeFile
from dsd2.artefacts.teacher_logits import load_teacher_logits
from dsd2.compat import import_torchvision
from dsd2.config.autoconfig import suggestions
from dsd2.config.studies import load_studies
from dsd2.data.dataset import load_dataset
from dsd2.data.human_labels import read_human_labels
from dsd2.data.labels import load_labels
from dsd2.data.metadata import metadata
from dsd2.data.parquet import read_parquet
from dsd2.data.pickles import read_arrays
from dsd2.errors import UserError
from dsd2.files.decision import CHOICE, GATE, read_decision
from dsd2.files.records import CHAIN, HISTORY, METRICS, STUDY, read_table
from dsd2.load_network import load_network
from dsd2.recipe import DatasetRecipe, ModelRecipe
from dsd2.stages.gating import run_gate
from dsd2.stages.planned_runs import read_runs
from dsd2.stopping import Stopping

ROOT = Path(__file__).parents[2]
CIFAR = DatasetRecipe.of("cifar10", train=None, test=None, validation=0.2, split_seed=0)
PARQUET = as_kind(CIFAR, "parquet")


class Evil:
    """When unpickled it makes the file ``ran`` in the working directory."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def as_release(content):
    """As torch writes CIFAR-N's labels and torchvision's ``meta.bin``."""
    data = io.BytesIO()
    torch.save(content, data)
    return data.getvalue()


def in_cifar(root, monkeypatch, evil, file=0, trusted=True):
    """CIFAR-10's original files, one of which is another; with its checksum, if that is known."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(exist_ok=True)
    known = import_torchvision("torchvision.datasets").CIFAR10
    batch = {"data": random_images(3, (3072,)), "labels": [0, 1, 2]}
    contents = [batch, batch, {"label_names": list("abc")}]
    files = []
    for i, (name, content) in enumerate(zip(("train", "test", "meta"), contents, strict=True)):
        data = evil if i == file else pickle.dumps(content)
        (folder / name).write_bytes(data)
        right = data if trusted else pickle.dumps(content)
        files.append([name, hashlib.md5(right).hexdigest()])
    monkeypatch.setattr(known, "train_list", files[:1])
    monkeypatch.setattr(known, "test_list", files[1:2])
    meta = {"filename": "meta", "key": "label_names", "md5": files[2][1]}
    monkeypatch.setattr(known, "meta", meta)
    return CIFAR.read([root], False)


def in_imagenet(root, evil):
    write_imagenet(root)
    (root / "imagenet" / "meta.bin").write_bytes(evil)
    IMAGENET.read([root], False)


def in_devkit(root, evil):
    write_imagenet(root)
    (root / "imagenet" / "meta.bin").unlink()
    (root / "imagenet" / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(evil)
    IMAGENET.read([root], False)


def in_flowers(root, file, evil):
    write_flowers(root)
    (root / "flowers-102" / file).write_bytes(evil)
    FLOWERS.read([root], False)


def in_file(name, read):
    """Whatever reads a file, given the path of one that holds the pickle."""

    def place(root, _, evil):
        (root / name).write_bytes(evil)
        read(root / name)

    return place


def in_images(root, evil):
    for name in "ab":
        (root / name).mkdir()
        (root / name / "x.png").write_bytes(evil)
    read_imagefolder(root, 8).train.images.decode_all()


def in_image_column(root, evil):
    table = pa.table({"image": [{"bytes": evil, "path": None}], "label": [0]})
    pq.write_table(table, root / "train.parquet")
    read_parquet(root, "image", "label")


def in_extension_type(root, evil):
    """Old versions of pyarrow unpickled a type of this name when they read the schema."""
    metadata = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": evil}
    field = pa.field("image", pa.binary(), metadata=metadata)
    labels = pa.field("label", pa.binary())
    table = pa.table([pa.array([b"x"]), pa.array([b"x"])], schema=pa.schema([field, labels]))
    pq.write_table(table, root / "train.parquet")
    read_parquet(root, "image", "label")


def in_study(root, evil):
    (root / "study.yaml").write_bytes(evil)
    load_studies({"studies": ["study.yaml"]})


def in_yaml(root, _):
    (root / "study.yaml").write_text("study: !!python/object/apply:pathlib.Path.touch [ran]")
    load_studies({"studies": ["study.yaml"]})


def in_yte(root, _):
    text = "__use_yte__: true\nstudy: ?__import__('pathlib').Path('ran').touch()"
    (root / "study.yaml").write_text(text)
    load_studies({"studies": ["study.yaml"]})


def in_network(path):
    try:
        load_network(path)
    except ValueError as error:
        raise UserError(str(error)) from error


def in_resume(root, monkeypatch, evil):
    """A resume state that cannot be used is passed over, and said so."""
    (root / "resume").write_bytes(evil)
    network = ModelRecipe.of("vgg-like", depth=1, width=1).build((1, 8, 8), 2)
    assert ResumeFile(root / "resume", "run/0").restore(network) is None
    raise UserError("passed over")


def in_gate(path):
    run_gate("run", 0, path, None, Stopping.of("none"), path.with_name("gate.json"))


PLACES = {
    **{
        f"CIFAR {name}": lambda root, patch, evil, i=i: in_cifar(root, patch, evil, i)
        for i, name in enumerate(("train batch", "test batch", "meta"))
    },
    "CIFAR with another checksum": lambda *given: in_cifar(*given, trusted=False),
    "CIFAR-N .pt": in_file("x.pt", lambda path: read_human_labels(path, "a", torch.zeros(1), 2)),
    "human labels": in_file("x.pq", lambda path: read_human_labels(path, "a", torch.zeros(1), 2)),
    "ImageNet meta.bin": lambda root, _, evil: in_imagenet(root, evil),
    "ImageNet devkit": lambda root, _, evil: in_devkit(root, evil),
    "Flowers labels": lambda root, _, evil: in_flowers(root, "imagelabels.mat", evil),
    "Flowers splits": lambda root, _, evil: in_flowers(root, "setid.mat", evil),
    "image file": lambda root, _, evil: in_images(root, evil),
    "image column": lambda root, _, evil: in_image_column(root, evil),
    "extension type": lambda root, _, evil: in_extension_type(root, evil),
    "parquet dataset": in_file("train.parquet", lambda p: read_parquet(p.parent, "image", "label")),
    "metadata of parquet": in_file(
        "train.parquet", lambda p: metadata(dataclasses.replace(PARQUET, path=str(p.parent)), [])
    ),
    "own parquet": in_file("train.parquet", lambda path: suggestions(str(path.parent))),
    "study": lambda root, _, evil: in_study(root, evil),
    "YAML": lambda root, _, evil: in_yaml(root, evil),
    "YTE": lambda root, _, evil: in_yte(root, evil),
    "exported network": in_file("x", in_network),
    "dataset": in_file("x", lambda path: load_dataset(path, "x")),
    "labels": in_file("x", lambda path: load_labels(path, None, "x")),
    "checkpoint": in_file("x", load_checkpoint),
    "teacher table": in_file("x", lambda path: load_teacher_logits(path, "run", 0, 1)),
    "resume state": in_resume,
    **{
        name: in_file("x", lambda path, schema=schema: read_table(path, schema))
        for name, schema in (
            ("metrics", METRICS),
            ("history", HISTORY),
            ("chain", CHAIN),
            ("study's metrics", STUDY),
        )
    },
    "gate's metrics": in_file("x", in_gate),
    "gate": in_file("x", lambda path: read_decision(path, GATE, {})),
    "choice": in_file("x", lambda path: read_decision(path, CHOICE, {})),
    "plan's runs": in_file("x", read_runs),
}


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("dump", [pickle.dumps, as_release], ids=["pickle", "torch"])
@pytest.mark.parametrize("place", PLACES)
def test_it_never_runs(place, dump, tmp_path, monkeypatch):
    with pytest.raises(UserError):
        PLACES[place](tmp_path, monkeypatch, dump({"data": Evil(), "worse_label": Evil()}))
    assert not Path("ran").exists()


def test_it_would_run_where_it_is_believed():
    pickle.loads(pickle.dumps(Evil()))
    assert Path("ran").exists()


def test_arrays_come_through_in_every_way_that_they_were_pickled(tmp_path, monkeypatch):
    pixels = random_images(3, (3072,))
    for protocol in range(2, 5):
        data = pickle.dumps({"data": pixels, "labels": [0, 1, 2]}, protocol)
        # Python 3 writes bytes for Python 2 as text and a call; CIFAR's files are Python 2's own.
        if protocol > 2:
            assert np.array_equal(read_arrays(data)["data"], pixels)
    old = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    old = re.sub(rb"\x8c.numpy.core.multiarray", b"\x8c\x15numpy.core.multiarray", old)
    old = old[:2] + old[11:] if old[2:3] == b"\x95" else old
    assert np.array_equal(read_arrays(old)["data"], pixels)
    source = in_cifar(tmp_path, monkeypatch, b"", file=None)
    assert source.train.images.shape == (3, 3, 32, 32)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"data": random_images(2, (3072,)), "labels": [0]}, "has 1 labels for 2 images"),
        ({"data": random_images(2, (3071,)), "labels": [0, 1]}, "holds no rows of 3072 bytes"),
        ({"data": random_images(2, (3072,)), "labels": [0, 3]}, "row 1: label 3 is outside 0 to 2"),
        ({"data": [1, 2], "labels": [0, 1]}, "holds no rows of 3072 bytes"),
        ({"labels": [0, 1]}, "holds no rows of 3072 bytes"),
        ([1, 2], "holds no images and labels"),
    ],
)
def test_cifar_files_of_another_shape_are_named(tmp_path, monkeypatch, content, sentence):
    with pytest.raises(UserError, match=f"train.* {sentence}|train:? {sentence}"):
        in_cifar(tmp_path, monkeypatch, pickle.dumps(content, 4))


def test_nothing_else_loads_pickles():
    """What could run code when it reads: each use is one of ours that cannot, or a fault."""
    unsafe = re.compile(
        r"pickle\.loads?\(|torch\.load\(|np\.load\(|joblib|shelve|marshal|yaml\.(unsafe_|full_)?load\("
        r"|read_pickle|(?<![.\w])(eval|exec)\(|os\.system|shell=True"
    )
    found = {
        (path.name, match[0])
        for folder in ("workflow", "docs")
        for path in (ROOT / folder).rglob("*.py")
        for match in unsafe.finditer(path.read_text())
    }
    assert found == {("human_labels.py", "torch.load("), ("weights.py", "torch.load(")}
    for module, name in (("data/human_labels", "path"), ("artefacts/weights", "file")):
        text = (ROOT / f"workflow/dsd2/{module}.py").read_text()
        assert f'torch.load({name}, map_location="cpu", weights_only=True)' in text
