"""Tables and parquet files as images of one's own, from the report to the dataset."""

import pytest
from pictures import png, random_images, write_parquet

from dsd2.config.study import load_study
from dsd2.data.dataset import load_dataset
from dsd2.errors import UserError
from dsd2.files.records import IMAGES, read_rows
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe
from dsd2.stages.data_report import ReportFiles, run_data_report
from dsd2.stages.prepare import run_dataset

ENCODED = [png(image) for image in random_images(24, (9, 9, 3))]
LABELS = [row % 2 for row in range(24)]


def as_table(folder):
    (folder / "images").mkdir(parents=True)
    for row, data in enumerate(ENCODED):
        (folder / "images" / f"{row}.png").write_bytes(data if row else b"no image")
    rows = "".join(f"{row};{'bc'[label]}\r\n" for row, label in enumerate(LABELS))
    (folder / "labels.csv").write_bytes(f"\ufeffImage_ID;Class\r\n{rows}".encode())
    return "images/0.png"


def as_parquet(folder):
    (folder / "data").mkdir(parents=True)
    write_parquet(folder / "data" / "train-0.parquet", [b"no image", *ENCODED[1:]], LABELS)
    write_parquet(folder / "data" / "test-0.parquet", ENCODED[:1], [-1])
    return "data/train-0.parquet#0"


@pytest.mark.parametrize(("kind", "write"), [("csv", as_table), ("parquet", as_parquet)])
def test_a_broken_image_is_told_by_the_report_and_skipped_on_request(tmp_path, kind, write):
    broken = write(tmp_path / "own")
    files = ReportFiles(*(tmp_path / name for name in ("images", "text", "page", "undecodable")))

    def recipe(**keys):
        usual = {"train": None, "test": None, "validation": "auto", "split_seed": 0}
        path = str(tmp_path / "own")
        return DatasetRecipe.of(kind, path=path, image_size=8, **usual, **keys)

    with pytest.raises(UserError, match=rf"1 of 24 images .* the first is {broken}"):
        run_data_report(recipe(), [], [], 1, files)
    skipping = recipe(on_error="skip")
    run_data_report(skipping, [], [], 1, files)
    rows = read_rows(files.output, IMAGES)
    assert [row["file"] for row in rows if row["split"] is None] == [broken]
    run_dataset(skipping, [], False, tmp_path / "dataset", files.output)
    data = load_dataset(tmp_path / "dataset", dataset_name(skipping))
    assert sum(len(part.labels) for part in (data.train, data.validation, data.test)) == 23
    assert data.image == (3, 8, 8)
    left_out = "-1" if kind == "parquet" else "24 found"
    assert left_out in files.text.read_text()


@pytest.mark.parametrize(
    ("kind", "write", "key"),
    [
        ("csv", as_table, "image_column"),
        ("csv", as_table, "table"),
        ("parquet", as_parquet, "image_size"),
    ],
)
def test_a_default_of_null_may_be_said_and_names_the_same(tmp_path, monkeypatch, kind, write, key):
    write(tmp_path / "own")
    monkeypatch.chdir(tmp_path)

    def dataset(**keys):
        section = {"name": kind, "path": "own", **keys}
        return (
            load_study({"study": "s", "arms": {"a": None}, "dataset": section})
            .arms["all", "a"]
            .dataset
        )

    assert dataset_name(dataset(**{key: None})) == dataset_name(dataset())
    with pytest.raises(UserError, match=rf"dataset.{key} .*must be of type .*null"):
        dataset(**{key: []})
