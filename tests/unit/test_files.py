"""Files that are whole or absent, and are not believed when damaged."""

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from one_stage import environment
from recipes import run_recipe
from rows import row_of

from dsd2.artefacts.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dsd2.errors import UserError
from dsd2.files.atomic import replacing, write_text
from dsd2.files.records import (
    CHAIN,
    HISTORY,
    LATER,
    METRICS,
    STUDY,
    read_rows,
    read_table,
    write_columns,
    write_table,
)
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks
from dsd2.nn.training import network_state
from dsd2.recipe import ModelRecipe

ROW = {
    "run": "r",
    "iteration": 0,
    "epoch": 1,
    "learning_rate": 0.1,
    "train_loss": 2.5,
    "train_accuracy": 0.25,
    "held_out_accuracy": None,
    "seconds": 1.0,
}


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    path = tmp_path / "folder" / "file"

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list(path.parent.iterdir()) == []


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(TypeError):
        write_text(path, None)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


WRITE_AND_WAIT = (
    "import sys, pathlib; from dsd2.files.atomic import replacing\n"
    "with replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
    "    temporary.write_text('half')\n"
    "    print(temporary, flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def writer(tmp_path):
    """A process in the middle of writing a file, and the temporary file that it writes."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_AND_WAIT, str(tmp_path / "file")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


@pytest.mark.process
def test_two_writers_of_one_file_do_not_meet(tmp_path, writer):
    process, temporary = writer
    write_text(tmp_path / "file", "whole")
    assert temporary.read_text() == "half", "it is another process's, which lives"
    process.communicate("")
    assert process.returncode == 0
    assert (tmp_path / "file").read_text() == "half", "the last that ends is the file"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.process
def test_a_leftover_of_a_killed_writer_is_removed(tmp_path, writer):
    process, temporary = writer
    process.kill()
    process.wait()
    assert temporary.exists()
    write_text(tmp_path / "file", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_of_writers_that_cannot_be_seen_old_leftovers_alone_are_removed(tmp_path):
    elsewhere = tmp_path / ".file.12-12-345-0123abcd.tmp"
    former, others = tmp_path / ".file.tmp", tmp_path / ".file2.12-12-345-0123abcd.tmp"
    for path in (elsewhere, former, others):
        path.write_text("half")
    write_text(tmp_path / "file", "whole")
    assert len(list(tmp_path.iterdir())) == 4, "another machine may be writing now"
    for path in (elsewhere, former, others):
        os.utime(path, (0, 0))
    write_text(tmp_path / "file", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"file", others.name}


def test_a_name_of_full_length_can_be_written(tmp_path):
    write_text(tmp_path / ("a" * 255), "whole")
    assert (tmp_path / ("a" * 255)).read_text() == "whole"


def test_a_folder_where_a_file_belongs_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("text")
    for path in (tmp_path / "folder", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match=r"cannot be written \(.+\): there is a folder where"):
            write_text(path, "text")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_files_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        save_tensors(tmp_path / "tensors", {"a": torch.zeros(1)}, {"kind": "x"})
    finally:
        os.umask(old)
    assert (tmp_path / "tensors").stat().st_mode & 0o777 == 0o640


@pytest.fixture
def checkpoint():
    recipe = run_recipe(model=ModelRecipe.of("vgg-like", depth=1, width=2))
    torch.manual_seed(0)
    model = recipe.model.build((1, 8, 8), 10)
    rewind, masks = network_state(model), full_masks(prunable_weights(model))
    for mask in masks.values():
        mask[::2] = False
    apply_masks(prunable_weights(model), masks)
    return Checkpoint(
        run="run",
        iteration=3,
        recipe=recipe,
        model=recipe.model,
        image=(1, 8, 8),
        classes=10,
        state=network_state(model),
        masks=masks,
        rewind=rewind,
    )


def test_a_checkpoint_comes_back_as_it_was(tmp_path, checkpoint):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint)
    loaded = load_checkpoint(path)
    assert (loaded.run, loaded.iteration, loaded.model) == ("run", 3, checkpoint.model)
    for part in ("state", "masks", "rewind"):
        mine, theirs = getattr(checkpoint, part), getattr(loaded, part)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    network = loaded.network(torch.device("cpu"))
    assert not network.training
    assert torch.equal(network.state_dict()["0.weight"], checkpoint.state["0.weight"])


def test_equal_checkpoints_are_equal_bytes(tmp_path, checkpoint):
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, checkpoint)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_flipped_byte_goes_unnoticed(tmp_path, checkpoint):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint)
    whole = path.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 60)):
        damaged = bytearray(whole)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"checkpoint.safetensors: (is damaged|holds)"):
            load_checkpoint(path)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_truncated_checkpoint_is_refused(tmp_path, checkpoint, length):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match="is damaged"):
        load_checkpoint(path)


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "file"
    save_tensors(path, {"a": torch.zeros(2)}, {"kind": "dataset", "format": 1})
    with pytest.raises(UserError, match="holds a dataset, not a checkpoint"):
        load_tensors(path, "checkpoint", 1)
    with pytest.raises(UserError, match="was written by another version of the workflow"):
        load_tensors(path, "dataset", 2)
    with pytest.raises(UserError, match="no such file"):
        load_tensors(tmp_path / "absent", "checkpoint", 1)


def test_a_table_comes_back_as_it_was_with_units(tmp_path):
    path = tmp_path / "history.parquet"
    write_table(path, HISTORY, [ROW, {**ROW, "epoch": 2}])
    assert read_rows(path, HISTORY) == [ROW, {**ROW, "epoch": 2}]
    field = pa.parquet.read_schema(path).field("train_loss")
    assert field.metadata[b"unit"] == b"nats"


@pytest.mark.parametrize("schema", [HISTORY, METRICS, CHAIN, STUDY])
def test_a_table_of_an_earlier_version_is_read_and_its_damage_is_seen(tmp_path, schema):
    """Earlier versions kept a checksum of the rows as JSON."""
    path = tmp_path / "table.parquet"
    rows = [row_of(schema, run=run) for run in ("a", "b")]
    write_table(path, schema, rows)
    table = read_table(path, schema)
    text = json.dumps(table.to_pydict(), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    pa.parquet.write_table(table.replace_schema_metadata({"sha256": digest}), path)
    assert read_rows(path, schema) == rows
    pa.parquet.write_table(table.replace_schema_metadata({"sha256": digest[::-1]}), path)
    with pytest.raises(UserError, match="checksum does not match"):
        read_rows(path, schema)
    pa.parquet.write_table(table.replace_schema_metadata(None), path)
    with pytest.raises(UserError, match="checksum does not match"):
        read_rows(path, schema)


@pytest.mark.parametrize("schema", [METRICS, CHAIN, STUDY])
def test_columns_that_came_later_are_null_in_a_file_without_them(tmp_path, schema):
    path = tmp_path / "table.parquet"
    rows = [row_of(schema, run=run) for run in ("a", "b")]
    earlier = pa.Table.from_pylist(rows, schema=schema).drop_columns(sorted(LATER))
    write_columns(path, earlier, {"study": "a"})
    table = read_table(path, schema, {"study": "a"})
    assert table.schema.equals(schema)
    assert table.to_pylist() == [{**row, **dict.fromkeys(LATER)} for row in rows]
    with pytest.raises(UserError, match="is of study a, but study b"):
        read_table(path, schema, {"study": "b"})
    # What was read can be written again, as a chain or a study is.
    write_table(tmp_path / "again.parquet", schema, table.to_pylist())
    assert read_table(tmp_path / "again.parquet", schema).to_pylist() == table.to_pylist()


def test_no_other_column_may_be_missing_or_unknown(tmp_path):
    path = tmp_path / "metrics.parquet"
    whole = pa.Table.from_pylist([row_of(METRICS)], schema=METRICS)
    earlier = whole.drop_columns(sorted(LATER))
    unknown = earlier.append_column("more", pa.array([1]))
    for other in (earlier.drop_columns(["seed"]), whole.drop_columns(["seed"]), unknown):
        write_columns(path, other)
        with pytest.raises(UserError, match="has other columns"):
            read_rows(path, METRICS)


def test_a_class_without_images_has_no_recall(tmp_path):
    path = tmp_path / "metrics.parquet"
    row = row_of(METRICS, classes=["a", "b"], class_images=[3, 0], class_recall=[0.5, None])
    write_table(path, METRICS, [row])
    assert read_rows(path, METRICS) == [row]
    write_table(path, METRICS, [{**row, "class_recall": [0.5, 0.25]}])
    assert read_rows(path, METRICS)[0]["class_recall"] == [0.5, 0.25]


def pa_table(rows):
    return pa.Table.from_pylist(rows, schema=STUDY)


def changed(row, name):
    """The row with another value in a column."""
    value = row[name]
    if isinstance(value, list):
        return {**row, name: value * 2}
    return {**row, name: {str: "other", int: 7, float: -0.25, bool: True}[type(value)]}


@pytest.mark.slow
def test_every_value_and_the_metadata_count_for_the_checksum(tmp_path):
    path = tmp_path / "table.parquet"
    row = row_of(STUDY)
    write_columns(path, pa_table([row, row]), {"study": "a"})
    carried = read_table(path, STUDY).schema.metadata
    assert carried[b"identity"] == b'{"study": "a"}'
    for name in STUDY.names:
        other = pa_table([row, changed(row, name)]).replace_schema_metadata(carried)
        pa.parquet.write_table(other, path)
        with pytest.raises(UserError, match="checksum does not match"):
            read_table(path, STUDY)
    pa.parquet.write_table(
        pa_table([row, row]).replace_schema_metadata({**carried, b"identity": b"{}"}), path
    )
    with pytest.raises(UserError, match="checksum does not match"):
        read_table(path, STUDY)


def test_a_checksum_does_not_depend_on_how_a_table_is_stored(tmp_path):
    path = tmp_path / "table.parquet"
    rows = [row_of(STUDY, run=str(i), layers=["x"] * i, teacher_run=None) for i in range(4)]
    tables = [
        pa_table(rows),
        pa.concat_tables([pa_table(rows[:1]), pa_table(rows[1:])]),
        pa.concat_tables([pa_table(rows * 2).slice(2, 2), pa_table(rows * 2).slice(4, 2)]),
    ]
    digests = []
    for table in tables:
        write_columns(path, table)
        digests.append(read_table(path, STUDY).schema.metadata)
    assert digests[0] == digests[1] != digests[2]
    write_columns(path, pa_table(rows * 2).slice(4, 4))
    assert read_table(path, STUDY).schema.metadata == digests[0]
    write_columns(path, pa_table([]))
    assert read_rows(path, STUDY) == []


def test_rows_that_do_not_fit_are_not_written(tmp_path):
    path = tmp_path / "history.parquet"
    for row in ({**ROW, "more": 1}, {**ROW, "run": None}, {**ROW, "train_loss": float("nan")}):
        with pytest.raises(ValueError, match=r".+"):
            write_table(path, HISTORY, [row])
    with pytest.raises(pa.ArrowException):
        write_table(path, HISTORY, [{**ROW, "epoch": "two"}])
    assert not path.exists()


def test_only_an_entropy_may_be_no_number(tmp_path):
    path, nan = tmp_path / "metrics.parquet", float("nan")
    write_table(path, METRICS, [row_of(METRICS, entropy=nan, entropy_channel=nan)])
    (row,) = read_rows(path, METRICS)
    assert math.isnan(row["entropy"])
    assert math.isnan(row["entropy_channel"])
    for column in ("test_accuracy", "noise_rate"):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_table(path, METRICS, [row_of(METRICS, **{column: nan})])


def test_a_damaged_or_foreign_table_is_refused(tmp_path):
    path = tmp_path / "history.parquet"
    write_table(path, HISTORY, [ROW] * 50)
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="is damaged"):
            read_rows(path, HISTORY)
    path.write_bytes(whole)
    with pytest.raises(UserError, match="has other columns"):
        read_rows(path, METRICS)


def test_every_column_says_what_it_is():
    for schema in (HISTORY, STUDY):
        for field in schema:
            assert field.metadata[b"meaning"], field.name
            assert b"unit" in field.metadata
