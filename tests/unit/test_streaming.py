"""Images in files: the same bits as in memory, whoever decodes them."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import read_imagefolder
from PIL import Image
from recipes import training

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.compat import import_torchvision
from dsd2.data.dataset import load_dataset, save_dataset, split_source
from dsd2.data.files import image_files, random_view
from dsd2.data.streaming import DecodingStream
from dsd2.devices import Given
from dsd2.errors import UserError
from dsd2.nn.evaluation import evaluate
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.scores import loss_gradients
from dsd2.nn.teacher import Teacher, logits_of
from dsd2.nn.training import network_state, train
from dsd2.paths import dataset_name, run_name
from dsd2.preprocessing import central_square
from dsd2.recipe import (
    DatasetRecipe,
    DistillationRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    RunRecipe,
    to_json,
)
from dsd2.stages.prepare import run_dataset, run_labels
from dsd2.stages.train import IterationFiles, run_iteration

# What multiprocessing and torch say about forks and about machines with few cores.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.usefixtures("reproducible"),
]


LIBRARY = Path(__file__).parents[2] / "workflow"
MODEL = ModelRecipe.of("vgg-like", depth=2, width=2, dropout=0.2)
TRAINING = training(milestones=(1,), augmentation="flip-shift")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of coloured and grey images of different sizes and formats."""
    draws = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("images")
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for row in range(20):
            shape = (*draws.integers(9, 30, 2), 3)[: 2 + (row > 2)]
            image = Image.fromarray(draws.integers(0, 256, shape, np.uint8))
            image.save(root / name / f"{row:02d}.{'png' if row % 2 else 'jpg'}")
    return root


def recipe_of(folder, stream):
    return DatasetRecipe.of(
        "imagefolder",
        train=None,
        test=8,
        validation=6,
        split_seed=0,
        path=str(folder),
        image_size=16,
        stream=stream,
    )


def sets(folder, workers):
    """The training images in memory and in files."""
    data = [split_source(read_imagefolder(folder, 16), recipe_of(folder, s)) for s in (False, True)]
    held, streamed = data
    assert torch.equal(held.mean, streamed.mean)
    assert torch.equal(held.std, streamed.std)
    images = (held.train.images, DecodingStream(streamed.train.images, workers))
    return [ImageSet(i, held.train.labels, held.mean, held.std) for i in images]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.process
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_images_in_memory(folder, workers):
    held, streamed = sets(folder, workers)
    assert len(held) == len(streamed) == 26
    for one, other in zip(held.batches(7), streamed.batches(7), strict=True):
        assert torch.equal(one, other)


@pytest.mark.process
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("augmentation", ["none", "flip-shift"])
def test_trained_weights_are_bitwise_those_of_images_in_memory(folder, augmentation, workers):
    recipe = dataclasses.replace(TRAINING, augmentation=augmentation)
    distillation = DistillationRecipe(
        teacher_run="t", teacher_iteration=0, alpha=0.5, temperature=3.0
    )
    ends = []
    for data in sets(folder, workers):
        torch.manual_seed(0)
        model, teacher = (MODEL.build((3, 16, 16), 2) for _ in range(2))
        taught_by = Teacher(teacher, distillation)
        if augmentation == "none":
            taught_by.table = logits_of(teacher, data, 5)
        masks = full_masks(prunable_weights(model))
        train(model, masks, data, recipe, stream=("s",), teacher=taught_by)
        result = evaluate(model, data)
        ends.append((network_state(model), loss_gradients(model, data), result.loss))
    assert same(ends[0][0], ends[1][0])
    assert same(ends[0][1], ends[1][1])
    assert ends[0][2] == ends[1][2]


@pytest.mark.process
def test_random_crops_do_not_depend_on_the_workers_but_on_the_epochs_generator(folder):
    def epoch(workers, seed):
        streamed = sets(folder, workers)[1]
        draws = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(streamed), generator=draws)
        batches = list(streamed.epochs("resized-crop", 8)(order, draws).batches)
        assert torch.equal(torch.cat([batch.rows for batch in batches]), order)
        return torch.cat([batch.images for batch in batches])

    alone = epoch(0, 0)
    assert alone.shape == (26, 3, 16, 16)
    assert torch.equal(alone, epoch(2, 0))
    assert not torch.equal(alone, epoch(0, 1))


def test_random_crops_of_images_in_memory_are_an_error(folder):
    with pytest.raises(ValueError, match="needs images in files"):
        sets(folder, 0)[0].epochs("resized-crop", 8)


@pytest.mark.parametrize("size", [(50, 41), (41, 50), (90, 10), (10, 90), (3, 3)])
def test_random_views_and_central_squares_are_torchvisions(size):
    transforms = import_torchvision("torchvision.transforms")
    draws = np.random.default_rng(0)
    image = Image.fromarray(draws.integers(0, 256, (size[1], size[0], 3), np.uint8))
    crop = transforms.Compose([transforms.RandomResizedCrop(28), transforms.RandomHorizontalFlip()])
    for seed in range(20):
        torch.manual_seed(seed)
        expected = np.asarray(crop(image))
        assert np.array_equal(np.asarray(random_view(image, 28, seed)), expected)
    centre = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(28)])
    assert np.array_equal(np.asarray(central_square(image, 28)), np.asarray(centre(image)))


@pytest.mark.process
def test_decoding_leaves_the_trainings_generator_alone(folder):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    streamed = sets(folder, 2)[1]
    list(streamed.images.batches(torch.arange(4), 2, torch.arange(4)))
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.process
@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_is_gone_is_named_in_one_sentence(tmp_path, workers):
    stream = DecodingStream(image_files(tmp_path, ["gone.png"], "RGB", 8), workers)
    with pytest.raises(UserError, match=r"gone.png: the image cannot be decoded") as fault:
        list(stream.batches(torch.arange(1), 1))
    assert "\n" not in str(fault.value)


def test_the_artefact_holds_names_and_comes_back(folder, tmp_path):
    recipe = recipe_of(folder, True)
    data = split_source(read_imagefolder(folder, 16), recipe)
    save_dataset(tmp_path / "dataset", data, recipe)
    assert (tmp_path / "dataset").stat().st_size < 10_000, "no pixels"
    loaded = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    assert loaded.image == (3, 16, 16)
    for split in ("train", "validation", "test"):
        mine, theirs = getattr(data, split), getattr(loaded, split)
        assert torch.equal(mine.labels, theirs.labels)
        paths = [[part.images.path(r) for r in range(len(part.labels))] for part in (mine, theirs)]
        assert paths[0] == paths[1]


def test_names_of_any_letters_come_back(tmp_path):
    names = ["über/ß.png", "a b/ .png", "long" * 30 + ".png"]
    files = image_files(tmp_path, names, "RGB", 8)
    assert [files.path(row) for row in range(3)] == [str(tmp_path / name) for name in names]
    assert files[torch.tensor([2, 0])].path(1) == str(tmp_path / names[0])


def run_of(folder, stream, **training):
    return RunRecipe(
        dataset=recipe_of(folder, stream),
        noise=NoiseRecipe.of("symmetric", rate=0.2, seed=0, validation="clean"),
        model=MODEL,
        training=dataclasses.replace(TRAINING, **training),
        pruning=PruningRecipe(criterion="gradient", fraction=0.5),
        perturbation=PerturbationRecipe.of("none"),
        seed=0,
    )


def prepared(place, recipe):
    place.mkdir(exist_ok=True)
    run_dataset(recipe.dataset, [], False, place / "dataset")
    run_labels(place / "dataset", recipe.dataset, recipe.noise, [], place / "labels")


def iteration(place, recipe, number, threads):
    outputs = {
        name: place / f"{name}-{number}" for name in ("resume", "checkpoint", "metrics", "history")
    }
    previous = place / f"checkpoint-{number - 1}" if number else None
    inputs = {"dataset": place / "dataset", "labels": place / "labels", "previous": previous}
    files = IterationFiles(**inputs, **outputs, dense=None, teacher=None, table=None)
    run_iteration(run_name(recipe), number, recipe, files, Given(threads), 1e9, time.time())
    return load_checkpoint(outputs["checkpoint"]).state


@pytest.mark.process
def test_stages_give_the_same_weights_streamed_or_not_with_any_threads(folder, tmp_path):
    ends = []
    for name, stream, threads in (("held", False, 1), ("alone", True, 1), ("more", True, 3)):
        recipe = run_of(folder, stream)
        prepared(tmp_path / name, recipe)
        ends.append([iteration(tmp_path / name, recipe, i, threads) for i in range(2)])
    for other in ends[1:]:
        assert all(same(one, two) for one, two in zip(ends[0], other, strict=True))


def command(place, recipe, out):
    outputs = [f"--{n}={out / n}" for n in ("resume", "checkpoint", "metrics", "history")]
    inputs = [f"--{name}={place / name}" for name in ("dataset", "labels")]
    names = ["--run", "run", "--iteration", "0", "--recipe", to_json(recipe), "--threads", "3"]
    return [sys.executable, "-m", "dsd2", "train", *names, *inputs, *outputs, "--save-every", "0"]


@pytest.mark.long
@pytest.mark.process
def test_a_killed_streamed_training_leaves_no_worker_and_resumes_to_the_same_bytes(
    folder, tmp_path
):
    recipe = run_of(folder, True, epochs=20, augmentation="resized-crop")
    prepared(tmp_path, recipe)
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = command(tmp_path, recipe, whole)
    subprocess.run(arguments, env=environment, check=True, stdout=subprocess.DEVNULL)
    arguments = command(tmp_path, recipe, killed)
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert any(line.startswith("epoch 3/") for line in process.stdout)
        process.kill()
    end = time.monotonic() + 60
    while _alive(process.pid):
        assert time.monotonic() < end, "workers outlive their stage"
        time.sleep(0.1)
    assert not (killed / "checkpoint").exists()
    last = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True)
    assert last.stdout.startswith("resuming after epoch")
    assert (killed / "checkpoint").read_bytes() == (whole / "checkpoint").read_bytes()


def _alive(group):
    """Whether any process of a session's group is there and not a zombie."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    states = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            states.append(fields[0])
    return any(state != "Z" for state in states)


@pytest.mark.process
def test_idle_workers_die_with_their_stage(folder):
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
    program = (
        "import sys, time, torch\n"
        "from pathlib import Path\n"
        "from dsd2.data.files import image_files\n"
        "from dsd2.data.streaming import DecodingStream\n"
        f"files = image_files(Path({str(folder)!r}), {names!r}, 'RGB', 8)\n"
        "batches = DecodingStream(files, 2).batches(torch.arange(40), 1)\n"
        "next(batches)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while _alive(process.pid):
        assert time.monotonic() < end, "workers outlive their stage"
        time.sleep(0.05)
