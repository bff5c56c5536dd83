"""A folder of photos as phones and drawing programs write them, and a network trained on it."""

from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from recipes import training
from rows import row_of

from dsd2 import paths
from dsd2.config.export_options import Export, Exported
from dsd2.data.dataset import load_dataset
from dsd2.files.records import STUDY
from dsd2.nn.evaluation import evaluate
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.training import train
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe, ModelRecipe
from dsd2.stages import export
from dsd2.stages.prepare import run_dataset

CLASSES = {"=blue top": ((0, 2),), "red bottom": ((1, 0),), "red top": ((0, 0),)}
"""Which half, upper or lower, has which channel: orientation and channel order both count."""
SIZE, COUNT, WRONG = 16, 24, 5


def picture(draws, half, channel):
    """A picture of random size that is bright in one channel of one half."""
    height, width = draws.integers(20, 70, 2)
    pixels = draws.integers(0, 120, (height, width, 3))
    rows = slice(0, height // 2) if half == 0 else slice(height // 2, None)
    pixels[rows, :, channel] += 120
    return Image.fromarray(pixels.astype(np.uint8))


def save_photo(image, path, kind):
    """Save it upright, as a phone that was turned does, cut out, or in one of many formats."""
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(
            path.with_suffix(".jpg"), exif=exif, quality=95
        )
    elif kind == "cut out":
        image.putalpha(200)
        image.save(path.with_suffix(".png"))
    else:
        image.save(path.with_suffix(kind))


def write_photos(folder):
    """Class folders in ``train`` and ``test``; some test images lie in a wrong one."""
    draws = np.random.default_rng(0)
    names = list(CLASSES)
    for split in ("train", "test"):
        for i in range(COUNT):
            for label, name in enumerate(names):
                image = picture(draws, *CLASSES[name][0])
                wrong = split == "test" and label == 0 and i < WRONG
                place = folder / split / (names[1] if wrong else name)
                place.mkdir(parents=True, exist_ok=True)
                kind = ("turned", "cut out", ".png", ".jpg", ".webp")[i % 5]
                save_photo(image, place / f"{label}-{i}", kind)
    return folder


def trained_on(folder, dataset):
    """A network trained on the artefact that is written, the artefact's path and the accuracy."""
    recipe = DatasetRecipe.of(
        "imagefolder",
        train=None,
        test=None,
        validation=6,
        split_seed=0,
        path=str(folder),
        image_size=SIZE,
        stream=False,
    )
    path = dataset / f"{dataset_name(recipe)}.safetensors"
    run_dataset(recipe, [], False, path)
    data = load_dataset(path, path.stem)
    torch.manual_seed(0)
    model = ModelRecipe.of("vgg-like", depth=1, width=2).build(data.image, len(CLASSES))
    parts = [ImageSet(p.images, p.labels, data.mean, data.std) for p in (data.train, data.test)]
    masks = full_masks(prunable_weights(model))
    train(model, masks, parts[0], training(epochs=8, learning_rate=0.02), stream=("s",))
    return model.eval(), path, evaluate(model, parts[1]).accuracy


def exported(model, dataset, accuracy, folder, monkeypatch):
    """Export the network into a folder, as the stage does."""
    row = row_of(STUDY, panel="all", arm="a", returned=True, iteration=0, test_accuracy=accuracy)
    data = load_dataset(dataset, dataset.stem)
    checkpoint = SimpleNamespace(
        network=lambda device: model,
        image=data.image,
        model=ModelRecipe.of("vgg-like", depth=1, width=2),
        start=None,
    )
    monkeypatch.setattr(export, "read_rows", lambda *_: [row])
    monkeypatch.setattr(export, "checkpoint_of", lambda *_: checkpoint)
    names = {
        field: folder / pattern.rpartition("/")[2]
        for field, pattern in (
            ("network", paths.EXPORTED_NETWORK),
            ("onnx", paths.EXPORTED_ONNX),
            ("loader", paths.EXPORTED_LOADER),
            ("preprocessing", paths.EXPORTED_PREPROCESSING),
            ("reader", paths.EXPORTED_READER),
            ("classifier", paths.EXPORTED_CLASSIFIER),
            ("card", paths.EXPORTED_CARD),
            ("sums", paths.EXPORTED_SUMS),
        )
    }
    arm = {"label": "A", "noise": "none", "own": True, "stand_in": False, "tested": False}
    arm["corrections"] = None
    export.run_export(
        "study",
        folder.parent / "results" / "studies" / "study" / "metrics.parquet",
        dataset,
        None,
        Exported("all", "a", "best"),
        Export(arms=("a",)),
        arm,
        {"confidence": 0.95, "tolerance": 0.02},
        export.ExportFiles(**names),
    )
    return folder
