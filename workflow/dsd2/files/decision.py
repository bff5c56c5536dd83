"""Small decisions as JSON that people can read: gates, and which iteration teaches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsd2.errors import DELETE, UserError
from dsd2.files.atomic import write_text
from dsd2.files.identity import Identity, check_identity
from dsd2.files.reading import check_file

GATE = "gate"
CHOICE = "teacher choice"

_FORMAT = 2


def gate_identity(run: str, policy: str, iteration: int) -> Identity:
    """What a gate belongs to; the policy is as folders name it."""
    return {"run": run, "policy": policy, "iteration": iteration}


def chain_identity(run: str, policy: str, last: int) -> Identity:
    """What a chain's table and its choice of a teacher belong to.

    Args:
        run: the chain's.
        policy: as folders name it.
        last: the last iteration before the target sparsity.
    """
    return {"run": run, "policy": policy, "last": last}


def write_decision(path: Path, kind: str, decision: Mapping[str, Any]) -> None:
    """Write a decision of a kind atomically, with its checksum."""
    content = {**decision, "kind": kind, "format": _FORMAT}
    write_text(path, _text({**content, "sha256": _checksum(content)}))


def read_decision(path: Path, kind: str, identity: Identity) -> dict[str, Any]:
    """Read what :func:`write_decision` wrote, without kind, format and checksum.

    Args:
        path: the file.
        kind: what it must be.
        identity: what it must belong to.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it may not be read, is damaged, of another kind or version, or belongs to
            something else.
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
    check_identity(path, decision, identity, DELETE)
    del decision["kind"], decision["format"]
    return decision


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True) + "\n"


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_text(content).encode()).hexdigest()
