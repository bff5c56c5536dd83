"""Named tensors in a safetensors file, with a checksum and a description.

The format runs no code when loaded; the checksum catches what it does not: a flipped byte. Its one
definition is in ``load_network.py``, which must stand alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from dsd2.errors import UserError, remake
from dsd2.files.atomic import replacing
from dsd2.files.identity import Identity, check_identity
from dsd2.files.reading import check_file, not_read
from dsd2.load_network import CHECKSUM, KEY, checksum, read_checked


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able description of them, atomically.

    Equal arguments give equal bytes.

    Raises:
        UserError: as :func:`dsd2.files.atomic.replacing`.
    """
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**about, CHECKSUM: checksum(held, about)}, sort_keys=True)
    with replacing(path) as temporary:
        # One metadata key only: safetensors writes several in no fixed order.
        try:
            save_file(held, temporary, metadata={KEY: text})
        except SafetensorError as error:
            raise _as_os_error(error) from error


def load_tensors(
    path: Path,
    kind: str,
    version: int,
    identity: Identity | None = None,
    earlier: Collection[int] = (),
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save_tensors` wrote; the tensors are backed by the file's memory map.

    Args:
        path: the file.
        kind: what its description's ``kind`` must say.
        version: what its description's ``format`` must say.
        identity: what else its description must say.
        earlier: formats that it may have instead.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    try:
        check_file(path)
        tensors, about = read_checked(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except (ValueError, OSError) as error:
        raise not_read(error.__cause__ or error, f"{error}; {remake(path)}") from error
    if about.get("kind") != kind:
        raise UserError(f"{path}: holds a {about.get('kind')}, not a {kind}; {remake(path)}")
    if about.get("format") not in (version, *earlier):
        raise UserError(f"{path}: was written by another version of the workflow; {remake(path)}")
    check_identity(path, about, identity or {}, remake(path))
    return tensors, about


def packed_bits(truth: Tensor) -> Tensor:
    """A bit for each position of a tensor of truth values, the lowest of a byte first, uint8."""
    return torch.from_numpy(np.packbits(truth.numpy(), bitorder="little"))


def _as_os_error(error: SafetensorError) -> Exception:
    """What the system said of a failed write, which safetensors only has in its message."""
    code = re.search(r"os error (\d+)", str(error))
    return OSError(int(code[1]), os.strerror(int(code[1]))) if code else error
