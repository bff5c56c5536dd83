"""Files that are whole or absent, and are not believed when damaged."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from one_stage import environment

from dsd2.config.recipe import ModelRecipe
from dsd2.errors import UserError
from dsd2.files.atomic import replacing, write_text
from dsd2.files.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dsd2.files.records import HISTORY, METRICS, STUDY, read_rows, write_table
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.nn.models import build_model, prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.training import network_state

ROW = {
    "run": "r",
    "iteration": 0,
    "epoch": 1,
    "learning_rate": 0.1,
    "train_loss": 2.5,
    "train_accuracy": 0.25,
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


def test_two_writers_of_one_file_do_not_meet(tmp_path, writer):
    process, temporary = writer
    write_text(tmp_path / "file", "whole")
    assert temporary.read_text() == "half", "it is another process's, which lives"
    process.communicate("")
    assert process.returncode == 0
    assert (tmp_path / "file").read_text() == "half", "the last that ends is the file"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


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
    recipe = ModelRecipe(name="vgg-like", depth=1, width=2)
    torch.manual_seed(0)
    model = build_model(recipe, (1, 8, 8), 10)
    masks = full_masks(prunable_weights(model))
    masks["0.weight"][0] = False
    return Checkpoint(
        run="run",
        iteration=3,
        model=recipe,
        image=(1, 8, 8),
        classes=10,
        state=network_state(model),
        masks=masks,
        initial=network_state(model),
    )


def test_a_checkpoint_comes_back_as_it_was(tmp_path, checkpoint):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint)
    loaded = load_checkpoint(path)
    assert (loaded.run, loaded.iteration, loaded.model) == ("run", 3, checkpoint.model)
    for part in ("state", "masks", "initial", "rewind"):
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


def test_rows_that_do_not_fit_are_not_written(tmp_path):
    path = tmp_path / "history.parquet"
    for row in ({**ROW, "more": 1}, {**ROW, "run": None}, {**ROW, "train_loss": float("nan")}):
        with pytest.raises(ValueError, match=r".+"):
            write_table(path, HISTORY, [row])
    with pytest.raises(pa.ArrowException):
        write_table(path, HISTORY, [{**ROW, "epoch": "two"}])
    assert not path.exists()


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
