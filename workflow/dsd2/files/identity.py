"""What an artefact says it is, compared with what its reader needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsd2.errors import UserError

Identity = Mapping[str, Any]
"""What an artefact belongs to, by kind: its dataset, labels, run, iteration, policy or study."""


def check_identity(path: Path, found: Identity, expected: Identity, remedy: str) -> None:
    """Refuse a valid file that belongs to something else.

    Args:
        path: the file.
        found: what the file says that it is; it may say more than is expected.
        expected: what it must be.
        remedy: how to get the right file, for the message.

    Raises:
        UserError: they differ; the message names the file and both values.
    """
    for key, value in expected.items():
        if found.get(key) != value:
            said = f"is of {key} {found[key]}" if key in found else f"does not say its {key}"
            raise UserError(f"{path}: {said}, but {key} {value} belongs here; {remedy}")
