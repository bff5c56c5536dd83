"""What is in a file that a configuration names, as digits of its name."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from dsd2.errors import UserError
from dsd2.files.reading import check_file


def content_digest(path: str, key: str) -> str:
    """Sixteen hexadecimal digits of a file's bytes.

    A file that has not changed since this process read it is not read again.

    Args:
        path: of the file.
        key: configuration key that names it.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    file = Path(path).expanduser()
    try:
        check_file(file)
        state = file.stat()
        return _digest(file, state.st_size, state.st_mtime_ns, state.st_ino)
    except FileNotFoundError as error:
        raise UserError(f"config key {key} names {path}, which is no file") from error


@lru_cache(maxsize=64)
def _digest(file: Path, *_state: int) -> str:
    digest = hashlib.blake2b(digest_size=8)
    with file.open("rb") as opened:
        while block := opened.read(2**20):
            digest.update(block)
    return digest.hexdigest()
