"""Corrected labels: what a file may say, what it changes, and what a run with it is called."""

import dataclasses
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from recipes import run_recipe
from rows import row_of

from dsd2 import paths
from dsd2.config.study import load_study
from dsd2.data.corrections import (
    DROPPED,
    apply_corrections,
    emptied_classes,
    read_corrections,
    suspects,
    without_dropped,
)
from dsd2.data.dataset import load_dataset, split_source
from dsd2.data.image_names import image_names
from dsd2.data.labels import Corrected, load_labels, make_labels, save_labels
from dsd2.errors import UserError
from dsd2.files.records import IMAGES
from dsd2.planning.chains import Plan
from dsd2.planning.inputs import Inputs
from dsd2.planning.view import study_view
from dsd2.recipe import CorrectionsRecipe, DatasetRecipe, NoiseRecipe, RunRecipe, from_json, to_json
from dsd2.stages.prepare import run_dataset, run_labels

RECIPE = DatasetRecipe.of("digits", train=20, test=10, validation=10, split_seed=0)
NOISE = NoiseRecipe.of("symmetric", rate=0.3, seed=0, validation="clean")

ROWS = [str(row) for row in range(1797)]


@pytest.fixture(scope="module")
def digits():
    return split_source(RECIPE.read([], download=False), RECIPE)


@pytest.fixture
def labels(digits):
    return make_labels(digits, RECIPE, NOISE, [])


@pytest.fixture
def read(digits, tmp_path):
    """What a CSV file of these lines says."""

    def read(*lines, header="image,split,action,label", **changes):
        path = tmp_path / "corrections.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        data = dataclasses.replace(digits, **changes)
        return read_corrections(
            path, data, image_names(digits, None), [str(i) for i in range(1797)]
        )

    return read


def test_rows_are_found_by_image_and_split(digits, read):
    first, second, third = digits.train_rows[:3].tolist()
    held_out = int(digits.validation_rows[4])
    decisions, unused = read(
        f"{first},train,drop,",
        f"{second},train,Relabel,7",
        f"{third},train,keep,nonsense",
        f"{held_out},validation,drop,3",
        f"{third},train,,",
    )
    assert decisions == {"train": {0: DROPPED, 1: 7}, "validation": {4: DROPPED}}
    assert unused == 0


def test_the_split_may_be_left_out_or_be_that_of_another_draw(digits, read):
    first, held_out = int(digits.train_rows[0]), int(digits.validation_rows[0])
    assert read(f"{first},drop", f"{held_out},drop", header="image,action")[0] == {
        "train": {0: DROPPED},
        "validation": {0: DROPPED},
    }
    assert read(f"{held_out},train,drop,")[0] == {"train": {}, "validation": {0: DROPPED}}
    rest = next(
        row
        for row in range(1797)
        if row not in {*digits.train_rows.tolist(), *digits.validation_rows.tolist()}
        and row not in digits.test_rows.tolist()
    )
    assert read(f"{rest},train,drop,") == ({"train": {}, "validation": {}}, 1)


def test_rows_of_own_validation_images_are_not_those_of_training_images(digits, read):
    first = int(digits.train_rows[0])
    assert read(f"{first},validation,drop,", own_validation=True)[1] == 1
    assert read(f"{first},train,drop,", own_validation=True)[0]["train"] == {0: DROPPED}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "{train},train,delete,",
            "line 2: action is 'delete' but must be one of keep, drop, r",
        ),
        ("{train},train,relabel,ten", "line 2: label is 'ten' but must be one of 0, 1, 2, 3"),
        ("{train},train,relabel,", "line 2: label is '' but must be one of 0"),
        ("cat.png,train,drop,", r"line 2: image 'cat\.png' is none of the dataset's"),
        ("9999,train,drop,", "line 2: image '9999' is none of the dataset's"),
        ("{train},all,drop,", "line 2: split is 'all' but must be train, validation or test"),
        ("{test},test,drop,", "line 2: image '{test}' is a test image, and test labels are never"),
        ("{test},,drop,", "line 2: image '{test}' is a test image"),
        ("{train},train,drop,\n{train},train,relabel,1", "line 3: .* stands there twice"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(digits, read, line, words):
    rows = {"train": int(digits.train_rows[0]), "test": int(digits.test_rows[0])}
    with pytest.raises(UserError, match=words.format(**rows)):
        read(line.format(**rows))


def test_a_file_needs_its_columns(read):
    with pytest.raises(UserError, match=r"corrections\.csv: has no column action"):
        read("1,train", header="image,split")


def test_a_parquet_file_says_the_same(digits, tmp_path):
    path = tmp_path / "edited.parquet"
    image = str(int(digits.train_rows[2]))
    table = {"image": [image, image], "action": ["relabel", "keep"], "label": ["4", None]}
    pq.write_table(pa.table(table), path)
    names = image_names(digits, None)
    assert read_corrections(path, digits, names, [])[0]["train"] == {2: 4}
    pq.write_table(pa.table({**table, "action": ["gone", "keep"]}), path)
    with pytest.raises(UserError, match="row 0: action is 'gone'"):
        read_corrections(path, digits, names, [])


def test_names_and_classes_may_be_as_a_spreadsheet_shows_them(digits, tmp_path):
    names = {"train": ["=a.png", "b.png", "=a .png", "c", " c"], "validation": [], "test": []}
    data = dataclasses.replace(digits, classes=("+one", "two"))
    path = tmp_path / "corrections.csv"
    path.write_text(
        "image,action,label\n'=a.png,drop,\n=a .png,relabel,'+one\nb.png,relabel,+one\n"
    )
    assert read_corrections(path, data, names, [])[0]["train"] == {0: DROPPED, 2: 0, 1: 0}
    path.write_text("image,action\nc,drop\n")
    with pytest.raises(UserError, match="line 2: image 'c' is the name of several images"):
        read_corrections(path, data, names, [])


def test_labels_change_and_are_counted(digits, labels):
    given = labels.train.given
    other = (int(given[1]) + 1) % 10
    decisions = {"train": {0: DROPPED, 1: other, 2: int(given[2])}, "validation": {3: DROPPED}}
    made = apply_corrections(labels, decisions)
    assert made.corrected == Corrected(dropped=1, relabelled=1, held_out=1)
    assert made.train.given.tolist() == [DROPPED, other, *given[2:].tolist()]
    assert torch.equal(made.train.clean, labels.train.clean)
    assert int(made.validation.given[3]) == DROPPED
    assert labels.train.given is given, "the labels before stay as they are"


def test_dropped_images_are_gone(digits, labels):
    assert without_dropped(digits, labels) == (digits, labels, None)
    made = apply_corrections(
        labels, {"train": {0: DROPPED, 5: DROPPED}, "validation": {9: DROPPED}}
    )
    data, left, kept = without_dropped(digits, made)
    assert kept.tolist() == [row for row in range(20) if row not in (0, 5)]
    assert len(data.train.images) == len(left.train.given) == len(data.train_rows) == 18
    assert torch.equal(data.train.images, digits.train.images[kept])
    assert torch.equal(left.train.given, labels.train.given[kept])
    assert len(data.validation.labels) == len(data.validation_rows) == 9
    assert left.corrected == Corrected(2, 0, 1)
    assert data.test is digits.test


def test_an_emptied_class_is_named():
    before, classes = torch.tensor([0, 0, 1]), ("a", "b", "c")
    assert emptied_classes(before, torch.tensor([0, 0, DROPPED]), classes) == ["b"]
    assert emptied_classes(before, torch.tensor([0, 1, DROPPED]), classes) == []


def test_suspects_are_dropped_or_get_what_is_suggested():
    assert suspects([4, 2], [7, 8], "drop") == {"train": {4: DROPPED, 2: DROPPED}}
    assert suspects([4, 2], [7, 8], "relabel") == {"train": {4: 7, 2: 8}}


def test_counts_and_dropped_images_are_kept_in_the_file(digits, labels, tmp_path):
    made = apply_corrections(labels, {"train": {0: DROPPED, 1: 3}})
    save_labels(tmp_path / "labels", made, digits, "name")
    again = load_labels(tmp_path / "labels", digits, "name")
    assert again.corrected == made.corrected
    assert torch.equal(again.train.given, made.train.given)


def test_own_images_are_corrected_by_their_files(digits, tmp_path):
    files = [f"photos/{i}.png" for i in range(1797)]
    rows = [row_of(IMAGES, file=file, given_split="train", split="train") for file in files]
    names = image_names(digits, rows)
    assert names["train"] == [files[row] for row in digits.train_rows.tolist()]
    assert names["test"] == [files[row] for row in digits.test_rows.tolist()]
    path = tmp_path / "corrections.csv"
    path.write_text(f"image,action\n{names['train'][7]},drop\n")
    assert read_corrections(path, digits, names, files)[0]["train"] == {7: DROPPED}


def test_own_test_images_are_counted_apart(digits):
    parts = {"train": 1797, "validation": 1797, "test": 1797}
    rows = [
        row_of(IMAGES, file=f"{part}/{i}", given_split=part)
        for part, count in parts.items()
        for i in range(count)
    ]
    names = image_names(dataclasses.replace(digits, own_validation=True), rows)
    for split, own in names.items():
        assert all(name.startswith(f"{split}/") for name in own), split
    assert "test" not in image_names(dataclasses.replace(digits, test_rows=None), rows)


def test_the_labels_stage_corrects(tmp_path, capsys):
    run_dataset(RECIPE, [], False, tmp_path / "dataset")
    data = load_dataset(tmp_path / "dataset", paths.dataset_name(RECIPE))
    row = int(data.train_rows[3])
    (tmp_path / "mine.csv").write_text(f"image,action\n{row},drop\n")
    corrections = CorrectionsRecipe(file=str(tmp_path / "mine.csv"))
    noise = dataclasses.replace(NOISE, corrections=corrections)
    run_labels(tmp_path / "dataset", RECIPE, noise, [], tmp_path / "labels")
    assert "1 training images dropped, 0 relabelled" in capsys.readouterr().out
    made = load_labels(tmp_path / "labels", data, paths.labels_name(RECIPE, noise))
    assert (made.train.given == DROPPED).nonzero().flatten().tolist() == [3]
    missing = dataclasses.replace(noise, corrections=CorrectionsRecipe(file="nowhere.csv"))
    with pytest.raises(UserError, match=r"dataset\.corrections is 'nowhere\.csv', which is no"):
        run_labels(tmp_path / "dataset", RECIPE, missing, [], tmp_path / "labels")


CONFIG = {
    "study": "s",
    "seeds": [0, 1],
    "dataset": {"name": "digits"},
    "noise": {"kind": "symmetric"},
    "model": {"name": "vgg-like", "depth": 1, "width": 2},
    "arms": {"judge": None, "student": {"distillation": {"teacher": "judge", "select": "best"}}},
}


def with_arms(**arms):
    return {**CONFIG, "arms": {**CONFIG["arms"], **arms}}


def corrected_by(arm, action="drop", **more):
    return {"dataset": {"corrections": {"arm": arm, "action": action}}, **more}


def test_a_files_content_names_the_run_and_nothing_else_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(text, file="mine.csv"):
        (tmp_path / file).write_text(text)
        plan = Plan(load_study(with_arms(fixed={"dataset": {"corrections": file}})))
        names = {chain.arm.name: chain.run for chain in plan.chains(plan.study("s"))}
        return names["judge"], names["fixed"], plan

    judge, one, plan = run("image,action\n1,drop\n")
    assert "-corrected-" in one
    assert run("image,action\n1,drop\n", "other.csv")[:2] == (judge, one)
    assert run("image,action\n2,drop\n")[:2] != (judge, one)
    recipe = plan.recipe(one)
    assert recipe.dataset.corrections is None, "images are shared with runs without corrections"
    assert recipe.dataset == plan.recipe(judge).dataset
    again = from_json(RunRecipe, to_json(recipe))
    assert again.noise.corrections.manifest == recipe.noise.corrections.manifest
    assert paths.run_name(again) == one
    assert "mine.csv" not in to_json(recipe)
    assert plan.places[recipe.noise.corrections.manifest] == "mine.csv"


def test_a_run_without_corrections_is_called_as_before():
    assert "corrections" not in json.loads(to_json(run_recipe()))["noise"]


def test_the_seed_of_an_arm_is_corrected_by_the_same_seed_of_another():
    plan = Plan(load_study(with_arms(fixed=corrected_by("judge", "relabel"))))
    chains = {(c.arm.name, c.seed): c for c in plan.chains(plan.study("s"))}
    names = set()
    for seed in (0, 1):
        run, judge = chains["fixed", seed].run, chains["judge", seed].run
        corrections = plan.recipe(run).noise.corrections
        assert (corrections.run, corrections.action) == (judge, "relabel")
        assert "-relabelled-" in run
        labels = paths.labels_name(plan.recipe(run).dataset, plan.recipe(run).noise)
        names.add(labels)
        scores = paths.LABEL_SCORES.format(
            run=judge, stop="none", last=chains["judge", seed].arm.last
        )
        assert Inputs(plan).labels(labels)["scores"] == scores
    assert len(names) == 2


def test_who_waits_for_a_teacher_is_waited_for():
    plan = Plan(load_study(with_arms(fixed=corrected_by("student"))))
    chains = {(c.arm.name, c.seed): c for c in plan.chains(plan.study("s"))}
    assert chains["fixed", 0].choices == chains["student", 0].choices != ()


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (
            {"fixed": corrected_by("nobody")},
            r"corrections\.arm is 'nobody' but must be one of the a",
        ),
        (
            {"fixed": corrected_by("judge"), "again": corrected_by("fixed")},
            "arms.again.* is 'fixed', whose own labels are corrected",
        ),
        (
            {"fixed": corrected_by("judge", noise={"rate": 0.4})},
            "arms.fixed.* is 'judge', whose dataset or noise differs",
        ),
        ({"fixed": corrected_by("judge", "delete")}, "corrections.action is 'delete' but must be"),
        (
            {"fixed": {"dataset": {"corrections": {"arm": "judge"}}}},
            "dataset.corrections.action of arm fixed is missing",
        ),
        (
            {"fixed": {"dataset": {"corrections": {"arms": "judge"}}}},
            "dataset.corrections.arms is unknown: did you mean arm",
        ),
        ({"fixed": {"dataset": {"corrections": 3}}}, "corrections is 3 but must be of type string"),
        (
            {
                "fixed": corrected_by("judge"),
                "pupil": {"distillation": {"teacher": "fixed", "select": "dense"}},
            },
            "pupil.*teacher is 'fixed', whose dataset or noise differs",
        ),
    ],
)
def test_an_arm_that_cannot_correct_is_refused(arms, words):
    with pytest.raises(UserError, match=words):
        load_study(with_arms(**arms))


def test_what_is_corrected_stands_among_the_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("image,action\n")
    study = load_study(
        with_arms(fixed=corrected_by("judge"), own={"dataset": {"corrections": "mine.csv"}})
    )
    settings = {entry["name"]: entry["settings"] for entry in study_view(study).settings}
    assert "networks of judge are dropped" in settings["fixed"]["dataset.corrections"]
    assert "mine.csv" in settings["own"]["dataset.corrections"]
    assert "dataset.corrections" not in settings["judge"]
