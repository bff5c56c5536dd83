"""What an exported folder says of reading images, and the script in it that classifies files."""

import csv
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from phone_photos import (
    CLASSES,
    COUNT,
    SIZE,
    exported,
    picture,
    save_photo,
    trained_on,
    write_photos,
)
from PIL import Image

from dsd2 import classify, preprocessing
from dsd2.data import scan
from dsd2.data.dataset import load_dataset, save_dataset
from dsd2.export.loading import using
from dsd2.export.reading import compact_json, described_reading
from dsd2.load_network import read_checked
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe
from dsd2.stages.prepare import run_dataset

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with ``photos``, the trained network's data and its ``export``."""
    place = tmp_path_factory.mktemp("place")
    write_photos(place / "photos")
    with pytest.MonkeyPatch.context() as patch:
        trained = trained_on(place / "photos", place)
        for name in ("export", "again"):
            exported(*trained, place / name, patch)
    return place


@pytest.fixture
def own(place, tmp_path):
    """A copy of the export that a test may damage."""
    return shutil.copytree(place / "export", tmp_path / "export")


def dataset_of(place):
    (path,) = place.glob("*.safetensors")
    return load_dataset(path, path.stem)


def run(folder, *arguments):
    return classify.main([str(argument) for argument in arguments], folder)


def stated_accuracy(folder):
    return float(re.search(r"\*\*Accuracy\*\*: ([\d.]+) %", (folder / "card.md").read_text())[1])


def test_the_folder_says_how_images_are_read(place):
    how = json.loads((place / "export" / "preprocessing.json").read_text())
    assert (how["mode"], how["size"], how["fit"]) == ("RGB", SIZE, "square")
    assert (how["known"], how["resized"]) == (True, True)
    assert how["classes"] == list(CLASSES)
    assert how["channels"] == ["red", "green", "blue"]
    steps = {step["do"]: step for step in how["steps"]}
    assert steps["turn"]["by"] == "EXIF orientation"
    assert steps["lay over"]["background"] == [255, 255, 255]
    assert steps["resize"]["filter"] == "bicubic"
    assert how["input"]["shape"] == ["N", 3, SIZE, SIZE]
    model = onnx.load(place / "export" / "network.onnx")
    props = {prop.key: prop.value for prop in model.metadata_props}
    assert json.loads(props["preprocessing"]) == how
    assert props["classes"].splitlines() == list(CLASSES)
    _, about = read_checked(place / "export" / "network.safetensors")
    assert {**about["preprocessing"], "classes": about["classes"]} == how
    for name, module in (("preprocessing.py", preprocessing), ("classify.py", classify)):
        assert (place / "export" / name).read_bytes() == Path(module.__file__).read_bytes()


def test_a_second_export_has_the_same_bytes_and_sums_cover_every_file(place):
    one, two = (
        {file.name: file.read_bytes() for file in (place / name).iterdir() if file.is_file()}
        for name in ("export", "again")
    )
    assert one == two
    named = [line.split("  ")[1] for line in one["SHA256SUMS"].decode().splitlines()]
    assert {*named, "SHA256SUMS"} == one.keys()


def test_pixels_are_those_of_the_dataset(place):
    data = dataset_of(place)
    how = json.loads((place / "export" / "preprocessing.json").read_text())
    held = {image.numpy().tobytes() for image in data.test.images}
    files = [file for file in (place / "photos" / "test").rglob("*") if file.is_file()]
    assert len(files) == len(data.test.labels) == 3 * COUNT
    assert {preprocessing.read_image(file, how).tobytes() for file in files} == held


def test_the_test_files_have_the_cards_accuracy(place, capsys):
    test = place / "photos" / "test"
    assert run(place / "export", "--expect-folders", test) == 0
    out, err = capsys.readouterr()
    right, count = map(int, re.search(r"accuracy: .* \((\d+) of (\d+)\)", out).groups())
    assert count == 3 * COUNT
    assert abs(100 * right / count - stated_accuracy(place / "export")) < 100 / count
    assert 0.6 * count < right < count, "some lie in a wrong folder"
    assert out.count("its folder says") == count - right
    recalls = dict(re.findall(r"recall of (.*): [\d.]+ % \((\d+ of \d+)\)", out))
    assert recalls.keys() == CLASSES.keys()
    assert sum(int(recall.split()[0]) for recall in recalls.values()) == right
    assert err == ""
    # What training was not: another order of channels, and photos not turned.
    how = json.loads((place / "export" / "preprocessing.json").read_text())
    session = classify.Network(place / "export")
    files = [file for file in test.rglob("*") if file.is_file()]
    images = [preprocessing.read_image(file, how)[::-1] for file in files]
    labels = [list(CLASSES).index(file.parent.name) for file in files]
    swapped = (session.probabilities(images).argmax(1) == labels).sum()
    assert swapped < right - 0.2 * count


def test_a_file_is_told_with_its_class_and_the_next_ones(place, tmp_path, capsys):
    image = picture(np.random.default_rng(5), 1, 0)
    for kind in ("turned", ".png"):
        save_photo(image, tmp_path / "photo", kind)
    assert run(place / "export", tmp_path / "photo.jpg", tmp_path / "photo.png", "--top", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line, name in zip(lines, ("photo.jpg", "photo.png"), strict=True):
        found = re.fullmatch(
            rf".*/{name}: red bottom ([\d.]+) %, (?:red|=blue) top ([\d.]+) %", line
        )
        assert 50 < float(found[1]) <= 100
        assert float(found[2]) < 50


def test_batches_and_the_order_of_arguments_change_nothing(place, capsys):
    files = sorted(file for file in (place / "photos" / "test").rglob("*") if file.is_file())
    seen = set()
    for arguments in ([*files[:20], "--batch", 7], [place / "photos" / "test", "--batch", 1]):
        run(place / "export", *arguments)
        seen.add(tuple(sorted(capsys.readouterr().out.splitlines())[:20]))
    assert len(seen) == 1


def test_a_table_has_a_row_for_each_image(place, tmp_path, capsys):
    table = tmp_path / "out.csv"
    assert run(place / "export", place / "photos", "--expect-folders", "--csv", table) == 0
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert len(rows) == 6 * COUNT
    shares = [sum(float(row[f"probability {rank}"]) for rank in (1, 2, 3)) for row in rows]
    np.testing.assert_allclose(shares, 1.0, atol=3e-6)
    # A spreadsheet would compute what begins with a sign of a formula.
    assert {row["folder's class"] for row in rows} == {"'=blue top", "red bottom", "red top"}
    assert {row["class 1"] for row in rows} == {"'=blue top", "red bottom", "red top"}
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{rows[0]['path']}: {rows[0]['class 1'].lstrip(chr(39))} ")


def test_what_is_no_image_is_named_and_the_others_are_classified(place, tmp_path, capsys):
    folder = tmp_path / "mixed"
    (folder / ".hidden").mkdir(parents=True)
    (folder / "deep").mkdir()
    good = picture(np.random.default_rng(1), 0, 0)
    for name in ("deep/b.png", ".hidden/no.png", ".no.png"):
        good.save(folder / name)
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "a.jpg").write_bytes(b"\xff\xd8 broken")
    (folder / "loop").symlink_to(folder)
    wide = Image.fromarray(np.full((8, 8), 40_000, np.uint16))
    wide.save(folder / "z.png")
    assert run(place / "export", folder) == 0
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        str(folder / "z.png"),
        str(folder / "deep/b.png"),
    ]
    assert f"{folder / 'a.jpg'}: the image cannot be decoded" in err
    assert err.endswith("\nfiles that could not be read, so are not classified: 1\n")
    assert len(err.splitlines()) == 2
    for named in ("a.jpg", "absent.png"):
        assert run(place / "export", folder / named, folder / "z.png") == 1
        out, err = capsys.readouterr()
        assert named in err
        assert out.startswith(str(folder / "z.png"))


def test_images_of_no_class_are_not_compared(place, tmp_path, capsys):
    picture(np.random.default_rng(1), 0, 0).save(tmp_path / "a.png")
    assert run(place / "export", "--expect-folders", tmp_path / "a.png") == 0
    out, err = capsys.readouterr()
    assert "accuracy: no image" in out
    assert "whose folders have no class's name, so are not compared: 1" in err


def test_what_is_hidden_is_what_is_hidden_in_a_dataset():
    assert preprocessing.SYSTEM == scan.SYSTEM


@pytest.mark.parametrize(
    ("classes", "folders", "label"),
    [
        (["cat", "dog"], "cat/dog", 0),
        (["cat", "dog"], "train/dog", 1),
        (["cat", "dog"], "photos", None),
        (["n01440764 tench", "n01443537 goldfish"], "n01443537", 1),
        (["e\u0301", "b"], "\u00e9", 0),
    ],
)
def test_the_uppermost_folder_of_a_class_says_it(tmp_path, classes, folders, label):
    class Known:
        reader = preprocessing

    Known.classes = classes
    (tmp_path / "all" / folders).mkdir(parents=True)
    (tmp_path / "all" / folders / "x.png").touch()
    (found,) = classify.found_files([tmp_path / "all"], Known)
    assert found.label == label
    (found,) = classify.found_files([tmp_path / "all" / folders], Known)
    assert label is None or found.label is not None


@pytest.mark.parametrize(
    "name", ["network.onnx", "preprocessing.json", "preprocessing.py", "classify.py"]
)
def test_a_damaged_file_is_refused(place, own, capsys, name):
    content = bytearray((own / name).read_bytes())
    content[len(content) // 2] ^= 1
    (own / name).write_bytes(content)
    expected = 0 if name == "classify.py" else 2
    assert run(own, place / "photos" / "test") == expected
    if expected:
        assert f"{name}: is damaged (its checksum is not that in SHA256SUMS)" in (
            capsys.readouterr().err
        )


def test_files_of_other_exports_are_refused(place, own, capsys):
    (own / "SHA256SUMS").unlink()
    assert run(own, place / "photos" / "test") == 0
    capsys.readouterr()
    (own / "preprocessing.py").write_bytes(b"# another\n" + (own / "preprocessing.py").read_bytes())
    assert run(own, place / "photos") == 2
    assert "preprocessing.py: is not the copy that was exported" in capsys.readouterr().err
    how = json.loads((own / "preprocessing.json").read_text())
    (own / "preprocessing.json").write_text(json.dumps({**how, "size": 8}))
    assert run(own, place / "photos") == 2
    assert "preprocessing.json: belongs to another network" in capsys.readouterr().err
    (own / "preprocessing.json").write_text("[]")
    assert run(own, place / "photos") == 2
    assert "preprocessing.json: does not say how images are read" in capsys.readouterr().err
    (own / "network.onnx").write_bytes(b"nothing")
    assert run(own, place / "photos") == 2
    assert "network.onnx: ONNX Runtime cannot load it" in capsys.readouterr().err
    (own / "network.onnx").unlink()
    assert run(own, place / "photos") == 2
    assert "network.onnx: cannot be read (No such file" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["numpy", "onnxruntime", "PIL"])
def test_a_missing_package_is_one_sentence(place, capsys, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert run(place / "export", place / "photos") == 2
    err = capsys.readouterr().err
    assert err == f"{package} is missing: pip install numpy pillow onnxruntime\n"


def test_options_that_make_no_sense_are_refused(place, capsys):
    for option in ("--top", "--batch"):
        with pytest.raises(SystemExit, match="2"):
            run(place / "export", "x", option, 0)
    assert "--top and --batch take whole numbers from 1 on" in capsys.readouterr().err
    assert run(place / "export", "x", "--csv", place / "nowhere" / "x.csv") == 2
    assert "x.csv: cannot be written (No such file" in capsys.readouterr().err


def test_the_cards_lines_say_what_training_says(place, own, tmp_path, capsys, monkeypatch):
    """Its Python runs as it stands; other names for the file are all that a test puts in."""
    card = (own / "card.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", card, re.S)
    assert len(blocks) == 2
    files = sorted(f for f in (place / "photos" / "test").rglob("*") if f.is_file())[::3]
    assert run(own, *files, "--top", 1) == 0
    expected = [re.search(r": (.*) [\d.]+ %$", x)[1] for x in capsys.readouterr().out.splitlines()]
    monkeypatch.chdir(own)
    monkeypatch.syspath_prepend(str(own))
    for block in blocks:
        for file in files:
            shutil.copyfile(file, own / "photo.jpg")
            exec(compile(block, "card", "exec"), {})
        assert capsys.readouterr().out.splitlines() == expected
    assert len({*expected}) == 3
    (command,) = re.findall(r"```sh\n(.*?)\n```", card, re.S)
    shutil.copytree(place / "photos" / "test", own / "folder")
    python, script, *arguments = command.split()
    assert (python, script) == ("python", "classify.py")
    assert run(own, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3 * COUNT
    assert lines[0].startswith(f"photo.jpg: {expected[-1]} ")


ISOLATED = """
import runpy, sys

ALLOWED = {"numpy", "PIL", "onnxruntime", "flatbuffers", "google", "packaging", "preprocessing"}

class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Only())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.process
def test_numpy_pillow_and_onnxruntime_are_all_that_it_takes(place, tmp_path):
    test = place / "photos" / "test"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    # From elsewhere by its path, and beside its network.
    for script, cwd in (
        (place / "export" / "classify.py", tmp_path),
        ("classify.py", place / "export"),
    ):
        command = [sys.executable, "-c", ISOLATED, str(script), "--expect-folders", str(test)]
        done = subprocess.run(
            command, cwd=cwd, env=environment, check=True, capture_output=True, text=True
        )
        right, count = map(int, re.search(r"accuracy: .* \((\d+) of (\d+)\)", done.stdout).groups())
        assert count == 3 * COUNT
        assert abs(100 * right / count - stated_accuracy(place / "export")) < 100 / count


def test_an_artefact_that_does_not_say_how_it_was_read_is_told_so(place, tmp_path):
    data = dataset_of(place)
    assert data.reading == {"mode": "RGB", "size": SIZE, "fit": "square"}
    recipe = DatasetRecipe.of("digits", train=100, test=50, validation=20, split_seed=0)
    older = dataclasses.replace(data, reading=None)
    save_dataset(tmp_path / "older", older, recipe)
    loaded = load_dataset(tmp_path / "older", dataset_name(recipe))
    assert loaded.reading is None
    how = described_reading(loaded)
    assert (how["known"], how["resized"], how["fit"]) == (False, None, "square")
    assert (how["mode"], how["size"]) == ("RGB", SIZE)
    assert "**How the training images were read is not known**" in using(how)


def test_arrays_are_read_unchanged_and_others_are_said_to_be_resized(tmp_path, capsys):
    recipe = DatasetRecipe.of("digits", train=100, test=50, validation=20, split_seed=0)
    run_dataset(recipe, [], False, tmp_path / "digits")
    data = load_dataset(tmp_path / "digits", dataset_name(recipe))
    how = described_reading(data)
    assert (how["mode"], how["size"], how["fit"]) == ("L", 8, "square")
    assert (how["known"], how["resized"], how["channels"]) == (True, False, ["grey"])
    assert "all had 8×8 pixels and were not resized" in using(how)
    for image in data.test.images[:20]:
        file = tmp_path / "digit.png"
        Image.fromarray(image[0].numpy()).save(file)
        assert torch.equal(torch.from_numpy(preprocessing.read_image(file, how)), image)
        assert not preprocessing.is_resized(file, how)
    Image.new("L", (9, 8)).save(file)
    assert preprocessing.is_resized(file, how)
    assert not preprocessing.is_resized(file, {**how, "resized": True})


def test_images_that_are_no_squares_keep_their_shape(tmp_path):
    how = {"mode": "RGB", "size": [12, 20], "fit": "square"}
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert (preprocessing.read_image(tmp_path / "x.png", how) == pixels.transpose(2, 0, 1)).all()
    Image.new("RGB", (90, 31)).save(tmp_path / "y.png")
    assert preprocessing.read_image(tmp_path / "y.png", how).shape == (3, 12, 20)
    with pytest.raises(preprocessing.ImageError, match="square or imagenet, not letterbox"):
        preprocessing.read_image(tmp_path / "x.png", {**how, "fit": "letterbox"})


def test_imagenets_rule_is_spelt_out(place):
    data = dataclasses.replace(
        dataset_of(place), reading={"mode": "RGB", "size": SIZE, "fit": "imagenet"}
    )
    how = described_reading(data)
    resize, crop = how["steps"][-2:]
    assert (resize["shorter side"], resize["filter"], crop["size"]) == (18, "bilinear", [16, 16])
    assert "the shorter side is scaled to 18 pixels" in using(how)
    assert compact_json(how) == compact_json(json.loads(compact_json(how)))
