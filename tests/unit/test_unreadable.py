"""Whatever is no readable file is named, never waited for, and never called damaged."""

import errno
import os
import signal
import socket
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from dsd2.artefacts.resume import ResumeFile
from dsd2.data.datasets.cifar import _read_file
from dsd2.data.decoding import open_image
from dsd2.data.human_labels import _read_release
from dsd2.data.inspection import inspect_image
from dsd2.data.parquet_io import parquet_schema, read_foreign_parquet, row_count
from dsd2.errors import UnreadableError, UserError, out_of_memory
from dsd2.files.decision import GATE, read_decision, write_decision
from dsd2.files.records import HISTORY, read_rows
from dsd2.files.tensors import load_tensors, save_tensors

READERS = {
    "image": open_image,
    "parquet": read_foreign_parquet,
    "rows": row_count,
    "columns": parquet_schema,
    "human labels": _read_release,
    "cifar": lambda path: _read_file(path, "0", "CIFAR-10"),
    "table": lambda path: read_rows(path, HISTORY),
    "tensors": lambda path: load_tensors(path, "checkpoint", 1),
    "decision": lambda path: read_decision(path, GATE, {}),
}
reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


@pytest.fixture(autouse=True)
def impatient():
    """A reader that waits is interrupted."""

    def interrupt(*_):
        raise AssertionError("it waits for what nobody writes")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@reader
def test_what_is_no_file_is_named_at_once(tmp_path, read, monkeypatch):
    pipe, folder = tmp_path / "pipe.png", tmp_path / "folder.png"
    os.mkfifo(pipe)
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        for path, kind in (
            (pipe, "named pipe"),
            (folder, "folder"),
            (tmp_path / "socket.png", "socket"),
            (Path("/dev/zero"), "device"),
        ):
            with pytest.raises(UserError, match=f"{path}: is a {kind}, where a file belongs$"):
                read(path)


@pytest.fixture
def forbidden(tmp_path, monkeypatch):
    """A file that may not be read, though root, who runs these tests in places, reads all."""
    path, opening = tmp_path / "file.png", os.open
    path.write_bytes(b"whatever")

    def refuse(file, *arguments, **more):
        if Path(os.fsdecode(file)) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opening(file, *arguments, **more)

    monkeypatch.setattr(os, "open", refuse)
    return path


@reader
def test_what_may_not_be_read_is_not_called_damaged(forbidden, read):
    with pytest.raises(UserError, match=r"may not be read .Permission denied.; give") as caught:
        read(forbidden)
    assert "damaged" not in str(caught.value)
    assert "--force" not in str(caught.value)


@pytest.mark.process
def test_another_users_file_may_not_be_read(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    path = tmp_path / "decision"
    write_decision(path, GATE, {})
    path.chmod(0o600)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            read_decision(path, GATE, {})
        except UnreadableError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_resume_state_that_may_not_be_read_is_not_trained_over(forbidden):
    with pytest.raises(UnreadableError, match="may not be read"):
        ResumeFile(forbidden, "key").restore(torch.nn.Linear(1, 1))


def test_a_pipe_among_images_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    found = inspect_image(tmp_path / "x.png", "x.png")
    assert "is a named pipe" in found["error"]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        pa.ArrowMemoryError("malloc of size 64 failed"),
        pa.ArrowException("Unknown error: Failed to launch worker thread"),
        RuntimeError("could not create a primitive"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("Bus error. It is possible that workers are out of shared memory."),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
    ids=str,
)
def test_whoever_finds_no_memory_is_understood(error):
    assert out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("could not create a primitive descriptor for a convolution"),
        RuntimeError("size mismatch"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        UserError("out of memory.png: is damaged"),
    ],
    ids=str,
)
def test_other_errors_are_not_taken_for_it(error):
    assert not out_of_memory(error)


@pytest.mark.parametrize("error", [MemoryError(), pa.ArrowMemoryError("malloc of size 64 failed")])
def test_a_file_is_not_called_damaged_where_memory_is_short(tmp_path, monkeypatch, error):
    path = tmp_path / "file"
    save_tensors(path, {"a": torch.zeros(1)}, {"kind": "checkpoint", "format": 1})

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("dsd2.files.records.pq.ParquetFile", fail)
    monkeypatch.setattr("dsd2.load_network.safe_open", fail)
    for read in (READERS["table"], READERS["tensors"]):
        with pytest.raises(type(error)):
            read(path)
