"""Small decisions as JSON that people can read: gates, and which iteration teaches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsd2.errors import DELETE, UserError
from dsd2.files.atomic import write_text
from dsd2.files.reading import check_file

GATE = "gate"
CHOICE = "teacher choice"

_FORMAT = 1


def write_decision(path: Path, kind: str, decision: Mapping[str, Any]) -> None:
    """Write a decision of a kind atomically, with its checksum."""
    content = {**decision, "kind": kind, "format": _FORMAT}
    write_text(path, _text({**content, "sha256": _checksum(content)}))


def read_decision(path: Path, kind: str) -> dict[str, Any]:
    """Read what :func:`write_decision` wrote, without kind, format and checksum.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it may not be read, is damaged, of another kind or of another version.
    """
    check_file(path)
    try:
        decision = json.loads(path.read_bytes())
        expected = decision.pop("sha256")
        found, version = decision["kind"], decision["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: is damaged or no file of this workflow; {DELETE}") from error
    if _checksum(decision) != expected:
        raise UserError(f"{path}: is damaged (its checksum does not match); {DELETE}")
    if found != kind:
        raise UserError(f"{path}: holds a {found}, not a {kind}; {DELETE}")
    if version != _FORMAT:
        raise UserError(f"{path}: was written by another version of the workflow; {DELETE}")
    del decision["kind"], decision["format"]
    return decision


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True) + "\n"


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(content).encode()).hexdigest()
