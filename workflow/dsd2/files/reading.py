"""What may be opened: files alone, for whatever else bears a file's name may keep one waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dsd2.errors import UnreadableError, UserError, out_of_memory

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_file(path: Path | str) -> None:
    """See that a path is a file that may be read, before anything opens it and waits.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: it is a folder, a pipe, a socket or a device, or may not be read.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116 - a path or its text
        if kind == stat.S_IFREG:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            return
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise UnreadableError(
            f"{path}: may not be read ({error.strerror}); give yourself read permission"
        ) from error
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror})") from error
    raise UnreadableError(f"{path}: is {_KINDS.get(kind, 'no file')}, where a file belongs")


def not_read(error: BaseException, otherwise: str) -> BaseException:
    """What to raise where a file could not be read: that memory was short, or a sentence on it.

    Args:
        error: what the reader of the file raised.
        otherwise: the sentence where the file is at fault.
    """
    return error if out_of_memory(error) else UserError(otherwise)
