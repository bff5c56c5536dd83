"""Named tensors in a safetensors file, with a checksum and a description.

The format runs no code when loaded; the checksum catches what it does not: a flipped byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dsd2.errors import UserError, remake
from dsd2.files.atomic import replacing
from dsd2.files.reading import check_file, not_read

_KEY = "dsd2"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able description of them, atomically.

    Equal arguments give equal bytes.

    Raises:
        UserError: as :func:`dsd2.files.atomic.replacing`.
    """
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**about, "sha256": _checksum(held, about)}, sort_keys=True)
    with replacing(path) as temporary:
        # One metadata key only: safetensors writes several in no fixed order.
        try:
            save_file(held, temporary, metadata={_KEY: text})
        except SafetensorError as error:
            raise _as_os_error(error) from error


def load_tensors(path: Path, kind: str, version: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save_tensors` wrote; the tensors are backed by the file's memory map.

    Args:
        path: the file.
        kind: what its description's ``kind`` must say.
        version: what its description's ``format`` must say.

    Raises:
        UserError: the file is missing, damaged, or holds something else.
    """
    try:
        check_file(path)
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        expected = about.pop("sha256")
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        damaged = f"{path}: is damaged or no file of this workflow; {remake(path)}"
        raise not_read(error, damaged) from error
    if _checksum(tensors, about) != expected:
        raise UserError(f"{path}: is damaged (its checksum does not match); {remake(path)}")
    if about.get("kind") != kind:
        raise UserError(f"{path}: holds a {about.get('kind')}, not a {kind}; {remake(path)}")
    if about.get("format") != version:
        raise UserError(f"{path}: was written by another version of the workflow; {remake(path)}")
    return tensors, about


def _as_os_error(error: SafetensorError) -> Exception:
    """What the system said of a failed write, which safetensors only has in its message."""
    code = re.search(r"os error (\d+)", str(error))
    return OSError(int(code[1]), os.strerror(int(code[1]))) if code else error


def _checksum(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
