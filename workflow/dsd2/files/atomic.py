"""Writing files that are whole or absent, whatever kills the writer."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dsd2.errors import UserError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LEAVE = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file to write; make it ``path`` once the ``with`` block ends well.

    The temporary file lies in the same folder, under a fixed name that a next attempt reuses. It
    is flushed to the disk before it is renamed, and the folder after.

    Raises:
        UserError: the disk is full, or the folder may not be written to.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            # Some writers make files for their owner alone; a shared results folder is for all.
            temporary.chmod(0o666 & ~_umask())
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in _NO_ROOM | _NO_LEAVE:
            raise UserError(_cannot_write(path, error)) from error
        raise


def _cannot_write(path: Path, error: OSError) -> str:
    """Why a file could not be written, with the space that is left, and what to do."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    reason = os.strerror(error.errno or 0)
    if error.errno in _NO_LEAVE:
        return f"{path}: cannot be written ({reason}); give {folder} write permission"
    room = shutil.disk_usage(folder)
    return (
        f"{path}: cannot be written ({reason}): {folder} has {room.free / 1e6:.1f} MB"
        f" free of {room.total / 1e6:.0f} MB; make room and run the same command again"
    )


def write_text(path: Path, text: str) -> None:
    """Write a small text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
