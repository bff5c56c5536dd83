"""Writing files that are whole or absent, whatever kills the writer."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dsd2.errors import UserError
from dsd2.processes import Identity

OLD = 3600.0
"""Seconds after which nobody writes a temporary file any more."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LEAVE = {errno.EROFS, errno.EACCES, errno.EPERM}
_NO_PLACE = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file to write; make it ``path`` once the ``with`` block ends well.

    The temporary file lies in the same folder, under a name of this process alone. It is flushed
    to the disk before it is renamed, and the folder after. What killed writers of the same file
    left is removed.

    Raises:
        UserError: the disk is full, the folder may not be written to, or there is a folder where
            the file belongs, or a file where its folder does.
    """
    temporary = path.with_name(f"{_beginning(path)}{Identity.own()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
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
        if error.errno in _NO_ROOM | _NO_LEAVE | _NO_PLACE:
            raise UserError(_cannot_write(path, error)) from error
        raise


def remove(path: Path) -> None:
    """Remove a file if it is there, and what killed writers of it left."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        _remove_leftovers(path)


def _beginning(path: Path) -> str:
    """What the names of a file's temporary files begin with; a name has 255 letters at most."""
    return f".{path.name[:180]}."


def _remove_leftovers(path: Path) -> None:
    """Remove what dead processes left of a file, and what lies there too long to be written."""
    beginning, end = _beginning(path), ".tmp"
    for entry in list(os.scandir(path.parent)):
        if not (entry.name.startswith(beginning) and entry.name.endswith(end)):
            continue
        writer = Identity.parse(entry.name[len(beginning) : -len(end)])
        with suppress(OSError):
            dead = writer.lives() is False if writer else False
            if dead or time.time() - entry.stat().st_mtime > OLD:
                Path(entry.path).unlink()


def _cannot_write(path: Path, error: OSError) -> str:
    """Why a file could not be written, with the space that is left, and what to do."""
    reason = os.strerror(error.errno or 0)
    if error.errno in _NO_PLACE:
        return (
            f"{path}: cannot be written ({reason}): there is a folder where a file belongs, or a"
            " file where a folder does; move it away"
        )
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if error.errno in _NO_LEAVE:
        return f"{path}: cannot be written ({reason}); give {folder} write permission"
    usage = shutil.disk_usage(folder)
    return (
        f"{path}: cannot be written ({reason}): {folder} has {usage.free / 1e6:.1f} MB"
        f" free of {usage.total / 1e6:.0f} MB; make room and run the same command again"
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
