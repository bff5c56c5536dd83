"""Small JSON files of what can be worked out again: it is no error if one is damaged or missing."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from dsd2.errors import UserError
from dsd2.files.atomic import write_text


def user_cache() -> list[Path]:
    """The folder of the user's own for what can be worked out again; none where there is no home.

    It is ``dsd2`` below ``XDG_CACHE_HOME``, which is ``~/.cache`` by default.
    """
    if given := os.environ.get("XDG_CACHE_HOME"):
        return [Path(given) / "dsd2"]
    home = os.environ.get("HOME")
    return [Path(home) / ".cache" / "dsd2"] if home else []


def read_cached(path: Path) -> dict[str, Any] | None:
    """What a file holds; None where there is none, or its checksum is another."""
    try:
        held = dict(json.loads(path.read_bytes()))
        return held if held.pop("sha256") == _checksum(held) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write_cached(path: Path, content: dict[str, Any]) -> bool:
    """Write a file; whether its folder could be written to."""
    try:
        write_text(path, json.dumps({**content, "sha256": _checksum(content)}))
    except UserError:
        return False
    return True


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
